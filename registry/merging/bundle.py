"""All that a registry says of one run but its log, read for many runs at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from cardgen.record import Run
from cardgen.registry.codec import decode_run
from cardgen.registry.exporting.kinds import is_shared
from cardgen.registry.parts import parts
from cardgen.registry.tables import audit, card_text, document, human_fact, log_event, run

_EVENTS_AT_ONCE = 1000


class HumanFact(NamedTuple):
    """What a person said of a field and when, as it is stored."""

    at: int
    value: str


class CardPair(NamedTuple):
    """A card's pair at one place, as it is stored."""

    at: int
    base: str
    text: str
    deleted: str


class Entry(NamedTuple):
    """A line of the audit."""

    at: int
    actor: str
    action: str
    run_id: str | None
    name: str | None
    detail: str | None


class Event(NamedTuple):
    """An event of a log, as it is stored, in the order of the table's columns."""

    seq: int
    segment: int
    step: int
    epoch: str | None
    kind: str
    at: int | None
    values: str


@dataclass(slots=True)
class Bundle:
    """A run as one registry has it. `number` is that of its row, `events` counts its log, `run` is the record in `text`
    if that was decoded."""

    number: int
    id: str
    name: str
    asked_name: str
    origin: str
    created: int | None
    heartbeat: int | None
    deleted: int | None
    revision: int
    folded: int
    text: str | None = None
    human: dict[str, HumanFact] = field(default_factory=dict)
    cards: dict[str, CardPair] = field(default_factory=dict)
    events: int = 0
    run: Run | None = None

    @property
    def record(self) -> Run:
        """Its record.

        Raises:
            DocumentError: it cannot be decoded.
        """
        if self.run is None:
            self.run = decode_run(self.text or "")
        return self.run


_RUN = ("number", "id", "name", "asked_name", "origin", "created", "heartbeat", "deleted", "revision", "folded")


def bundles(connection: sa.Connection, ids: Collection[str]) -> dict[str, Bundle]:
    """The runs of these ids that there are."""
    found: dict[int, Bundle] = {}
    for some in parts(list(ids)):
        query = sa.select(*(run.c[name] for name in _RUN)).where(run.c.id.in_(some))
        found.update({row.number: Bundle(**row._mapping) for row in connection.execute(query)})
    for numbers in parts(sorted(found)):
        for row in connection.execute(sa.select(document).where(document.c.run.in_(numbers))):
            found[row.run].text = row.text
        for row in connection.execute(sa.select(human_fact).where(human_fact.c.run.in_(numbers))):
            found[row.run].human[row.field] = HumanFact(row.at, row.value)
        for row in connection.execute(sa.select(card_text).where(card_text.c.run.in_(numbers))):
            found[row.run].cards[row.target] = CardPair(row.at, row.base, row.text, row.deleted)
        counts = sa.select(log_event.c.run, sa.func.count()).where(log_event.c.run.in_(numbers))
        for number, count in connection.execute(counts.group_by(log_event.c.run)):
            found[number].events = count
    return {bundle.id: bundle for bundle in found.values()}


def entries(connection: sa.Connection, ids: Collection[str]) -> dict[str, set[Entry]]:
    """What the audit says of these runs, but that they were merged."""
    found: dict[str, set[Entry]] = {}
    for some in parts(list(ids)):
        query = sa.select(*(audit.c[name] for name in Entry._fields)).where(audit.c.run_id.in_(some), is_shared())
        for row in connection.execute(query):
            found.setdefault(row.run_id, set()).add(Entry(*row))
    return found


def log(connection: sa.Connection, number: int) -> Iterator[Event]:
    """The log of a run, in order, as it is read."""
    query = sa.select(*(log_event.c[name] for name in Event._fields)).where(log_event.c.run == number)
    found = connection.execute(query.order_by(log_event.c.seq), execution_options={"yield_per": _EVENTS_AT_ONCE})
    for part in found.partitions():
        yield from (Event(*row) for row in part)
