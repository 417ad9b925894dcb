"""Any number of runs side by side: what differs, and the best of each metric."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.diff import ALL, KINDS, MOST_UNKNOWN, as_card_shows, facts_by_kind
from cardgen.actions.evaluated import evaluated
from cardgen.actions.fact_list import Fact, listed_metrics, same_fact
from cardgen.errors import SettingsError
from cardgen.measures import Direction, best_direction, direction_of, span
from cardgen.record import Displayed, LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry

LIMIT = 20
"""Runs that a query brings in, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the runs; `status` is the derived one."""

    id: str
    name: str
    status: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFact:
    """A fact of the runs. `values` has it by the run's id, but for the runs that lack it; those of the runs in
    `approximate` are numbers that are only known as a card displays them.

    `differs`: two of the values are not the same, or some runs lack it, which does not count for an argument that is
    the default where it is known. `defaults` are the runs whose argument is the default.

    Of a metric, `direction` says which end is the better one (None: neither is known to be) and `best` which runs have
    that value; `rounded` says that any of several may be the best, for what a card displays is rounded. `comparable`
    is False if the values were made by different evaluators or configurations: then none is the best.
    """

    fact: str
    values: Mapping[str, Fact]
    approximate: tuple[str, ...] = ()
    differs: bool = True
    defaults: tuple[str, ...] = ()
    direction: Direction | None = None
    best: tuple[str, ...] = ()
    rounded: bool = False
    comparable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The facts of one of `KINDS`; there is one for each kind that was asked for."""

    name: str
    facts: tuple[ComparedFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Runs side by side. `left_out` says that the query finds more runs than were taken."""

    runs: tuple[ComparedRun, ...]
    sections: tuple[Section, ...]
    left_out: bool = False


def compare_runs(
    *runs: Run | str,
    query: str | None = None,
    limit: int = LIMIT,
    everything: bool = False,
    sections: Collection[str] = KINDS,
    registry: Registry | str | os.PathLike[str] | None = None,
) -> RunComparison:
    """Lay runs side by side.

    Args:
        runs: references to runs (id, name, prefix, `latest`), or records; each counts once.
        query: brings in the newest runs that it finds, at most `limit`, see docs/queries.md.
        everything: also what is the same in all runs.
        sections: of `arguments`, `data`, `metrics`, `architecture`, `versions` and `other`.
        registry: where the runs are, if not in the registry of the settings; it is not opened for records alone.

    Raises:
        RunNotFound, AmbiguousRun: a reference names no run, or several.
        QueryError: the query cannot be right.
        SettingsError: fewer than two runs, or a section that there is not.
        RegistryError: the registry cannot be read.
    """
    for name in sections:
        if name not in KINDS:
            raise SettingsError(f"there is no section {name!r:.60}", hint=f"use some of: {', '.join(KINDS)}")
    sides, left_out = _sides(runs, query, limit, registry)
    if len(sides) < 2:
        found = "one run" if sides else "no run"
        raise SettingsError(f"there is {found} to compare", hint="name two runs or more, or --query QUERY")
    found_sections = compare(sides, everything=everything, sections=sections)
    listed = (
        ComparedRun(id=run.id, name=run.name, status=status or run.status, origin=run.origin)
        for run, _, status in sides
    )
    return RunComparison(runs=tuple(listed), sections=found_sections, left_out=left_out)


Side = tuple[Run, Sequence[LogEvent], str | None]
"""A run, its log, and its derived status where that is known."""


def compare(
    sides: Sequence[Side], *, everything: bool = False, sections: Collection[str] = KINDS
) -> tuple[Section, ...]:
    """The sections of a comparison. Pure."""
    runs, logs = [run for run, _, _ in sides], [log for _, log, _ in sides]
    ids = [run.id for run in runs]
    kinds = facts_by_kind(runs, logs)
    for (_, _, status), facts in zip(sides, kinds["other"], strict=True):
        if status is not None and "run.status" in facts:
            facts["run.status"] = status
    shown = None
    if len({run.origin for run in runs}) > 1:  # records and cards: a record may differ only in what a card shows, too
        cards = [as_card_shows(run, log) for run, log in zip(runs, logs, strict=True)]
        shown = facts_by_kind([run for run, _ in cards], [log for _, log in cards])
    found = []
    for name in KINDS:
        if name not in sections:
            continue
        compared = _compared(ids, kinds[name], None if shown is None else shown[name])
        if name == "arguments":
            compared = [_with_defaults(fact, runs) for fact in compared]
        if name == "metrics":
            compared = _with_best(compared, runs, logs)
        kept = tuple(fact for fact in compared if everything or fact.differs)
        found.append(Section(name=name, facts=kept))
    return tuple(found)


def _sides(
    runs: Sequence[Run | str], query: str | None, limit: int, registry: Registry | str | os.PathLike[str] | None
) -> tuple[list[Side], bool]:
    """The runs, each once, in the order in which they were named; those of the query follow."""
    if query is None and all(isinstance(run, Run) for run in runs):
        return _once([(run, (), None) for run in runs if isinstance(run, Run)]), False
    from cardgen.registry.store import Registry

    if not isinstance(registry, Registry):
        with Registry(registry, mode="read") as opened:
            return _sides(runs, query, limit, opened)
    sides = [(run, (), None) if isinstance(run, Run) else _stored(registry, run) for run in runs]
    left_out = False
    if query is not None:
        page = registry.listing(query, columns=["id"], limit=limit)
        sides += [_stored(registry, row["id"]) for row in page]
        left_out = page.next is not None
    return _once(sides), left_out


def _stored(registry: Registry, reference: str) -> Side:
    run = registry.run(reference)
    return run, registry.log(run.id), registry.state(run.id).status


def _once(sides: Sequence[Side]) -> list[Side]:
    first: dict[str, Side] = {}
    for side in sides:
        first.setdefault(side[0].id, side)
    return list(first.values())


# Facts


def _compared(
    ids: Sequence[str], facts: Sequence[Mapping[str, Fact]], shown: Sequence[Mapping[str, Fact]] | None
) -> list[ComparedFact]:
    """The facts of a kind, in the order of the first run that has them.

    A run that knows nothing of a kind lacks it as a whole, and not fact by fact.
    """
    knowing = [bool(some) for some in facts]
    whole = not all(knowing) and max(map(len, facts)) > MOST_UNKNOWN
    found = []
    if whole:
        known = {run: f"{len(some)} known" for run, some in zip(ids, facts, strict=True) if some}
        found.append(ComparedFact(fact=ALL, values=known))
    for key in dict.fromkeys(key for some in facts for key in some):
        values = {run: some[key] for run, some in zip(ids, facts, strict=True) if key in some}
        sides = [some.get(key, _MISSING) for some, knows in zip(facts, knowing, strict=True) if knows or not whole]
        differs = _differ(sides)
        if differs and shown is not None:
            cards = [card.get(key, _MISSING) for card, knows in zip(shown, knowing, strict=True) if knows or not whole]
            differs = _differ(cards)
        approximate = tuple(run for run, value in values.items() if isinstance(value, Displayed))
        found.append(ComparedFact(fact=key, values=values, approximate=approximate, differs=differs))
    return found


class _Missing:
    def __repr__(self) -> str:
        return "missing"


_MISSING = _Missing()


def _differ(values: Sequence[Fact]) -> bool:
    """Whether two of the values are not the same; a rounded number may be the same as two that are not."""
    distinct = list({(type(value), repr(value)): value for value in values}.values())
    return any(
        a is _MISSING or b is _MISSING or not same_fact(a, b)
        for index, a in enumerate(distinct)
        for b in distinct[index + 1 :]
    )


def _with_defaults(fact: ComparedFact, runs: Sequence[Run]) -> ComparedFact:
    """The fact with the runs whose argument is the default.

    One that nobody set is no difference where other library versions do not have it.
    """
    defaults = tuple(
        run.id
        for run in runs
        if run.hyperparameters is not None
        and fact.fact in run.hyperparameters.values
        and fact.fact not in run.hyperparameters.defaults
    )
    if fact.differs and len(defaults) == len(fact.values) < len(runs):
        return dataclasses.replace(fact, defaults=defaults, differs=_differ(list(fact.values.values())))
    return dataclasses.replace(fact, defaults=defaults)


# Metrics


def _with_best(
    facts: Sequence[ComparedFact], runs: Sequence[Run], logs: Sequence[Sequence[LogEvent]]
) -> list[ComparedFact]:
    made: dict[str, dict[str, object]] = {}
    directions: dict[str, set[Direction | None]] = {}
    for run, log in zip(runs, logs, strict=True):
        for name, _, evaluation in listed_metrics(run, log):
            own = None if evaluation is None else evaluated(run, evaluation)
            made.setdefault(name, {})[run.id] = own
            key = name if evaluation is None or name in evaluation.metrics else name.partition(": ")[2]
            end = best_direction(key) if evaluation is None else direction_of(evaluation, key)
            directions.setdefault(name, set()).add(end)
    found = []
    for fact in facts:
        if fact.fact not in made:
            found.append(fact)
            continue
        ends = directions[fact.fact]
        direction = ends.pop() if len(ends) == 1 else None
        comparable = len({made[fact.fact][run] for run in fact.values}) == 1
        best, rounded = best_of(fact.values, direction) if comparable else ((), False)
        found.append(dataclasses.replace(fact, direction=direction, best=best, rounded=rounded, comparable=comparable))
    return found


def best_of(values: Mapping[str, Fact], direction: Direction | None) -> tuple[tuple[str, ...], bool]:
    """Which of two or more numbers is the best, all of equal ones; and whether rounding lets any of several be it."""
    spans = {run: found for run, value in values.items() if (found := span(value)) is not None}
    if direction is None or len(spans) < 2:
        return (), False
    if direction == "max":
        border = max(low for low, _ in spans.values())
        best = tuple(run for run, (_, high) in spans.items() if high >= border)
    else:
        border = min(high for _, high in spans.values())
        best = tuple(run for run, (low, _) in spans.items() if low <= border)
    rounded = len(best) > 1 and any(isinstance(values[run], Displayed) for run in best)
    return best, rounded
