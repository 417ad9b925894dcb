"""One run of what two registries have of it, but for its name and log. Pure: nothing is read or written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cardgen.registry import rows
from cardgen.registry.merging import documents, names
from cardgen.registry.merging.bundle import Bundle, CardPair, Entry, HumanFact
from cardgen.registry.merging.documents import Record, Side
from cardgen.registry.merging.fate import Fate, come_back, fate
from cardgen.registry.merging.names import Claim

NAME = "name"
"""The field of what a person says that is settled with the names."""

Stamped = TypeVar("Stamped", HumanFact, CardPair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What becomes of a run. `own` and `other` are what the registries have, None where they have it not.

    `record` is None for a run that is gone. `entries` are those that the own audit lacks. `claim` is the name that it
    asks for.
    """

    id: str
    own: Bundle | None
    other: Bundle | None
    fate: Fate
    entries: frozenset[Entry]
    record: Record | None
    claim: Claim | None
    created: int | None
    asked_name: str
    heartbeat: int | None
    human: Mapping[str, HumanFact]
    cards: Mapping[str, CardPair]

    @property
    def side(self) -> Side | None:
        """Whose record it is; None if both say the same."""
        return None if self.record is None else self.record.side


def combined(
    run_id: str, own: Bundle | None, other: Bundle | None, own_entries: set[Entry], other_entries: set[Entry]
) -> Combined:
    """What becomes of a run of which at least one registry knows.

    Raises:
        DocumentError: a document cannot be decoded.
    """
    back = {
        entry
        for bundle, found in ((own, own_entries), (other, other_entries))
        if (entry := come_back(bundle, found)) is not None
    }
    entries = own_entries | other_entries | back
    sides = [bundle for bundle in (own, other) if bundle is not None]
    decision = fate(entries, sides)
    standing = [] if decision.gone else sides
    record = _record(own, other) if standing else None
    claims = [_claim(bundle) for bundle in standing]
    winner = own if record is not None and record.side == "own" else other
    asked = [bundle.asked_name for bundle in standing]
    if record is not None and record.side is not None and winner is not None:
        asked = [winner.asked_name]
    return Combined(
        id=run_id,
        own=own,
        other=other,
        fate=decision,
        entries=frozenset(entries - own_entries),
        record=record,
        claim=max(claims, default=None),
        created=None if record is None else _created(record),
        asked_name=max(asked, default=""),
        heartbeat=max((bundle.heartbeat for bundle in standing if bundle.heartbeat is not None), default=None),
        human=_newest([bundle.human for bundle in standing]),
        cards=_newest([bundle.cards for bundle in standing]),
    )


def _record(own: Bundle | None, other: Bundle | None) -> Record:
    if own is not None and other is not None:
        return documents.merged(own, other)
    only = own or other
    assert only is not None
    return Record(only.record, "own" if other is None else "other", only.revision, only.folded)


def _created(record: Record) -> int | None:
    return rows.microseconds(record.run.created)


def _claim(bundle: Bundle) -> Claim:
    said = bundle.human.get(NAME)
    return names.claim(bundle.id, bundle.name, -1 if said is None else said.at)


def _newest(sides: list[dict[str, Stamped]]) -> dict[str, Stamped]:
    """By place what is newest, of one moment what is greater as text."""
    found: dict[str, Stamped] = {}
    for side in sides:
        for place, item in side.items():
            if place not in found or item > found[place]:
                found[place] = item
    return found
