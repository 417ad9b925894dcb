"""The keys of a query, and what each of them means: which column, fact or history it reads.

A registry says which facts it has through a `Catalog`; nothing here knows a database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from cardgen import measures
from cardgen.errors import QueryError
from cardgen.registry import rows
from cardgen.registry.language.grammar import parse_key, written_key
from cardgen.registry.language.problems import nearest, problem
from cardgen.registry.language.tree import Direction, Key

Kind: TypeAlias = Literal["text", "number", "time", "any", "version"]
"""How the values of a key are compared; `any` are numbers and texts side by side."""

Moment: TypeAlias = Literal["lowest", "highest", "last"]

COLUMNS: Final[dict[str, Kind]] = {
    "id": "text",
    "name": "text",
    "project": "text",
    "group": "text",
    "status": "text",
    "origin": "text",
    "model_type": "text",
    "title": "text",
    "base_model": "text",
    "created": "time",
    "started": "time",
    "ended": "time",
    "seconds": "number",
    "metric_name": "text",
    "metric": "number",
    "revision": "number",
}
"""What every run has one of, or none."""

RUN_FACTS: Final = ("tags", "loss", "evaluator", "job", "weights", "parent")
"""What a run may have several of."""

FAMILIES: Final = ("params", "metrics", "dataset", "versions")
"""What stands before the dot of a key."""

LOG: Final = "log"
"""The kind under which the keys of the log are numbered."""

BEST: Final = "best"
"""The kind of the facts that say of a metric that its least value is the best one. Nobody asks for them."""

_SHOWN = 10
_CONSIDERED = 2000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a run's row."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Fact:
    """The facts of one name; `family` is `run` for those without a dot."""

    family: str
    name: str

    @property
    def kind(self) -> Kind:
        """How its values are compared."""
        return "version" if self.family == "versions" else "any"


@dataclass(frozen=True, slots=True)
class History:
    """One figure over all log events that have a value of this name."""

    name: str
    moment: Moment

    @property
    def kind(self) -> Kind:
        """Its values are numbers."""
        return "number"


Operand: TypeAlias = Column | Fact | History


class Catalog(Protocol):
    """Which names of facts there are; `family` is that of a `Fact`, or `LOG`."""

    def has(self, family: str, name: str) -> bool:
        """Whether a run has a fact of this name."""

    def ending(self, family: str, end: str, limit: int) -> Sequence[str]:
        """The names that end so, sorted, at most `limit`."""

    def beginning(self, family: str, start: str, limit: int) -> Sequence[str]:
        """The names that begin so, sorted, at most `limit`."""


def resolve(key: Key, query: str, catalog: Catalog) -> Operand:
    """What a key of a query reads.

    Raises:
        QueryError: there is no such key, or several, or it takes no function.
    """
    family, _, name = key.name.partition(".")
    if key.function is not None:
        if family != "metrics" or not name:
            raise problem(f"{key.function}( ) takes a metric", query, key.at, f"write: {key.function}(metrics.NAME)")
        if key.direction is not None and key.function != "best":
            raise problem(f"{key.function}( ) has no direction", query, key.at, f"write: {key.function}({key.name})")
        found = _full(LOG, name, key, query, catalog)
        return History(found, _moment(key, found, query, catalog))
    if key.name in COLUMNS:
        return Column(key.name, COLUMNS[key.name])
    if key.name in RUN_FACTS:
        return Fact("run", key.name)
    if family not in FAMILIES or not name:
        raise _unknown(key, query, catalog)
    if family == "metrics":
        return Fact(family, _full(family, name, key, query, catalog))
    name = rows.searchable(name)
    if family == "dataset" and name in rows.DATASET_FIELDS:
        return Fact(family, name)
    if not catalog.has(family, name):
        raise _unknown(key, query, catalog)
    return Fact(family, name)


def written(operand: Operand) -> str:
    """The key of an operand in full, as a query takes it."""
    if isinstance(operand, Column):
        return operand.name
    if isinstance(operand, Fact):
        return operand.name if operand.family == "run" else written_key(f"{operand.family}.{operand.name}")
    function = {"lowest": "min", "highest": "max", "last": "last"}[operand.moment]
    return f"{function}({written_key(f'metrics.{operand.name}')})"


def best_direction(name: str, catalog: Catalog) -> Direction | None:
    """Which end of a metric is the better one, as an evaluator of some run or else the name says; None if neither is.

    A log may have a metric behind the prefix of the trainer, `eval_`.
    """
    told = any(catalog.has(BEST, full) for full in (name, name.removeprefix("eval_")))
    return "min" if told else measures.best_direction(name)


def _moment(key: Key, name: str, query: str, catalog: Catalog) -> Moment:
    if key.function == "last":
        return "last"
    end: str | None = key.function
    if key.function == "best":
        end = key.direction or best_direction(name, catalog)
        if end is None:
            full = written_key(f"metrics.{name}")
            raise problem(
                f"neither end of {full:.100} is the better one", query, key.at, f"say which: best({full}, max)"
            )
    return "lowest" if end == "min" else "highest"


def metrics_ending(text: str, catalog: Catalog) -> tuple[list[str], list[str]]:
    """The full names of metrics that a name or key means: itself, else all that end so; and what else ends so.

    Raises:
        QueryError: there is none.
    """
    name = rows.searchable(text)
    if not catalog.has("metrics", name) and text.startswith("metrics."):
        name = rows.searchable(parse_key(text).name.removeprefix("metrics."))
    found = _candidates("metrics", name, catalog)
    if found:
        others = [other for other in _ending("metrics", name, catalog) if other not in found]
        return found, others
    if _candidates(LOG, name, catalog):
        hint = f"logs have it: cardgen runs list --sort 'best({written_key(f'metrics.{name}')})'"
        raise problem(f"no evaluator gave {name!r:.100}", name, 0, hint)
    raise _unknown(Key(f"metrics.{name}", 0), name, catalog)


def _candidates(family: str, name: str, catalog: Catalog) -> list[str]:
    """The full names of metrics: the name itself, else those that end so, whole words before parts of words."""
    return [name] if catalog.has(family, name) else _ending(family, name, catalog)


def _ending(family: str, name: str, catalog: Catalog) -> list[str]:
    longer = [other for other in catalog.ending(family, name, _CONSIDERED) if other != name]
    return [other for other in longer if name and not other[-len(name) - 1].isalnum()] or longer


def _full(family: str, name: str, key: Key, query: str, catalog: Catalog) -> str:
    """The full name of a metric: itself, or the only one that ends so."""
    name = rows.searchable(name)
    candidates = _candidates(family, name, catalog)
    if not candidates:
        raise _unknown(key, query, catalog)
    if len(candidates) > 1:
        shown = ", ".join(written_key(f"metrics.{other}") for other in candidates[:_SHOWN])
        more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
        raise problem(f"{key.name!r:.100} could be one of {len(candidates)} metrics", query, key.at, f"{shown}{more}")
    return candidates[0]


def _unknown(key: Key, query: str, catalog: Catalog) -> QueryError:
    names = known(catalog, logs=key.function is not None)
    family, dot, rest = key.name.partition(".")
    if dot and family in FAMILIES:  # the right family says nothing of how near the rest is
        start = family + dot
        near = [start + name for name in nearest(rest, (name.removeprefix(start) for name in names))]
        near = [name for name in near if name in names]
        if not near and family == "metrics":
            near = _nearest_end(rest, [name for name in names if name.startswith(start)])
    else:
        near = nearest(key.name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else "`cardgen runs keys` lists what can be asked"
    what = "no log has" if key.function is not None else "no run has"
    return problem(f"{what} {key.name!r:.100}", query, key.at, hint)


def _nearest_end(end: str, names: Iterable[str]) -> list[str]:
    """The names that have an end, from the beginning of a word, which is most like this one."""
    ends: dict[str, list[str]] = {}
    for name in names:
        for place in re.finditer(r"(?<![A-Za-z0-9])[A-Za-z0-9]", name):
            ends.setdefault(name[place.start() :], []).append(name)
    return list(dict.fromkeys(name for near in nearest(end, ends) for name in ends[near]))[:3]


def known(catalog: Catalog, *, logs: bool = False, start: str = "") -> list[str]:
    """The keys that can be asked, as a query takes them; `logs`: those that `best( )` and its like take.

    Of very many, all that begin with `start` are among them.
    """
    if logs:
        return _named("metrics", catalog.ending(LOG, "", _CONSIDERED))
    names = [*COLUMNS, *RUN_FACTS, *_named("dataset", rows.DATASET_FIELDS)]
    for family in ("metrics", "params", "versions"):
        if start.startswith(f"{family}.") and '"' not in start:
            begins = rows.searchable(start.removeprefix(f"{family}."))
            names.extend(_named(family, catalog.beginning(family, begins, _CONSIDERED)))
        else:
            names.extend(_named(family, catalog.ending(family, "", _CONSIDERED)))
    return names


def _named(family: str, names: Iterable[str]) -> list[str]:
    return [written_key(f"{family}.{name}") for name in names]
