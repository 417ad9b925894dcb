"""What differs between two runs or cards: as facts, and as text."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.edit import standing_text
from cardgen.actions.fact_list import Fact, aligned_data, listed_facts, listed_run_facts, number_of, same_fact
from cardgen.actions.read import read_card
from cardgen.card.layout import render
from cardgen.card.parse.document import undress
from cardgen.card.parse.read import parse
from cardgen.errors import RegistryNotFound, RunNotFound
from cardgen.record import Displayed, LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry

KINDS = ("arguments", "data", "metrics", "architecture", "versions", "other")
"""The kinds of facts, in the order in which they are told."""

ALL = "(all)"
MOST_UNKNOWN = 3
"""Facts of a kind that are told one by one where the other side knows nothing of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: `run` is None for a text that is no generated card."""

    name: str
    text: str
    run: Run | None
    log: Sequence[LogEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact that differs. `a` or `b` is None where only the other has the fact.

    `delta` is b - a of two numbers; `approximate` says that one of them is known only as a card displayed it.
    """

    key: str
    a: Fact | None
    b: Fact | None
    delta: float | int | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The differences of one of `KINDS`."""

    name: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between `a` and `b`.

    `groups` are those with differences. `text` are the lines of a unified diff of the cards. `opaque` names the sides
    that are no generated card, whose facts are not known.
    """

    a: str
    b: str
    groups: tuple[Group, ...]
    text: tuple[str, ...]
    opaque: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is any difference."""
        return bool(self.groups or self.text)


def diff(
    a: str | os.PathLike[str], b: str | os.PathLike[str], *, registry: Registry | str | os.PathLike[str] | None = None
) -> Comparison:
    """Compare two cards or runs.

    Args:
        a: a reference to a run, a file, a folder with a README.md, or hf://REPO[@REV]. A run goes before a file of the
            same name: write ./NAME for the file.
        b: as `a`.
        registry: where the runs are, if not in the registry of the settings; it is not opened for files alone.

    Raises:
        RunNotFound, AmbiguousRun: neither a run nor a file, or several runs.
        FileProblem, HubError: a file or repository cannot be read.
        RegistryError: the registry cannot be read.
    """
    return compare(_side(os.fspath(a), registry), _side(os.fspath(b), registry))


def compare(a: Side, b: Side) -> Comparison:
    """Compare two sides. Pure."""
    groups: tuple[Group, ...] = ()
    if a.run is not None and b.run is not None:
        groups = compare_facts(a.run, a.log, b.run, b.log)
        if a.run.origin != b.run.origin:  # a record and a card
            groups = _as_shown(groups, a, b)
    opaque = tuple(side.name for side in (a, b) if side.run is None)
    return Comparison(a=a.name, b=b.name, groups=groups, text=_text_diff(a, b), opaque=opaque)


def _as_shown(groups: Sequence[Group], a: Side, b: Side) -> tuple[Group, ...]:
    """The groups of a record and a card without what no card of the record would show, or not otherwise."""
    assert a.run is not None
    assert b.run is not None
    (a_run, a_log), (b_run, b_log) = as_card_shows(a.run, a.log), as_card_shows(b.run, b.log)
    shown = compare_facts(a_run, a_log, b_run, b_log)
    differing = {(group.name, found.key) for group in shown for found in group.differences}
    found = [
        Group(name=group.name, differences=tuple(d for d in group.differences if (group.name, d.key) in differing))
        for group in groups
    ]
    return tuple(group for group in found if group.differences)


def as_card_shows(run: Run, log: Sequence[LogEvent]) -> tuple[Run, Sequence[LogEvent]]:
    """A run and its log as the run's card tells them."""
    if run.origin == "imported":
        return run, log
    card = parse(render(run, log))
    return (run, log) if card.run is None else (card.run, card.log)


def compare_facts(a: Run, a_log: Sequence[LogEvent], b: Run, b_log: Sequence[LogEvent]) -> tuple[Group, ...]:
    """The facts in which two runs differ, by kind; a kind without any is not there. Pure."""
    kinds = facts_by_kind([a, b], [a_log, b_log])
    found = [Group(name=name, differences=_differences(*kinds[name])) for name in KINDS]
    return tuple(group for group in found if group.differences)


def facts_by_kind(runs: Sequence[Run], logs: Sequence[Sequence[LogEvent]]) -> dict[str, list[dict[str, Fact]]]:
    """The facts of each of the runs, by kind. Pure."""
    lists = [listed_facts(run, log) for run, log in zip(runs, logs, strict=True)]
    if all(run.origin == "captured" for run in runs):  # else a card lacks what it does not show
        for facts, run in zip(lists, runs, strict=True):
            facts["other"].update(listed_run_facts(run))
    data = aligned_data(runs)
    return {name: data if name == "data" else [facts[name] for facts in lists] for name in KINDS}


def _side(name: str, registry: Registry | str | os.PathLike[str] | None) -> Side:
    is_path = name.startswith("hf://") or os.sep in name or name in (".", "..") or name.endswith(".md")
    if not is_path:
        try:
            return _stored(name, registry)
        except (RunNotFound, RegistryNotFound):
            if not os.path.exists(name):
                raise
    from cardgen.actions.sources import read_source

    card = read_card(read_source(name).data, name)
    return Side(name=name, text=card.text, run=card.run, log=card.log)


def _stored(reference: str, registry: Registry | str | os.PathLike[str] | None) -> Side:
    from cardgen.registry.store import Registry

    if not isinstance(registry, Registry):
        with Registry(registry, mode="read") as opened:
            return _stored(reference, opened)
    run = registry.run(reference)
    log = registry.log(run.id)
    return Side(name=run.name, text=standing_text(registry, run, log), run=run, log=log)


def _differences(a: Mapping[str, Fact], b: Mapping[str, Fact]) -> tuple[Difference, ...]:
    if not (a and b) and len(a) + len(b) > MOST_UNKNOWN:
        left, right = (f"{len(facts)} known" if facts else None for facts in (a, b))
        return (Difference(key=ALL, a=left, b=right),)
    found = []
    for key in dict.fromkeys([*a, *b]):
        if key in a and key in b and same_fact(a[key], b[key]):
            continue
        delta = _delta(a.get(key), b.get(key))
        approximate = delta is not None and any(isinstance(facts[key], Displayed) for facts in (a, b))
        # None is a value of an argument; of a fact that is not there, too, so an argument's is given as text
        left, right = ("None" if key in facts and facts[key] is None else facts.get(key) for facts in (a, b))
        found.append(Difference(key=key, a=left, b=right, delta=delta, approximate=approximate))
    return tuple(found)


def _delta(a: Fact | None, b: Fact | None) -> float | int | None:
    old, new = number_of(a), number_of(b)
    return None if old is None or new is None else number_of(new - old)


def _text_diff(a: Side, b: Side) -> tuple[str, ...]:
    """A unified diff of both bodies; mark, line ends and final newline are no part of it."""
    old, new = (undress(side.text).body.split("\n") for side in (a, b))
    return tuple(difflib.unified_diff(old, new, fromfile=a.name, tofile=b.name, lineterm=""))
