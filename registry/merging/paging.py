"""The ids of another registry's runs, in pages that can be held in memory, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cardgen.registry.merging.report import MergeReport
from cardgen.registry.tables import audit, card_text, document, human_fact, log_event, run

RUNS_AT_ONCE = 200

HELD_EVENTS = 20_000
"""Log events of a page that are held in memory; a longer log is read again each time."""

PAGE_BYTES = 32 << 20
"""Bytes of a page's documents, texts, facts and events: a page of more has one run."""

RUN_BYTES = 512 << 20
"""Bytes that a run may have but for its log: the texts of a few of the largest cards."""

EVENT_BYTES = 1 << 20
"""Bytes of one event."""

_ROW_BYTES = 500  # what a row costs besides its texts


class Weight(NamedTuple):
    """What a run takes to read: its id, the number and bytes of its events, the longest of them, and other bytes."""

    id: Any
    events: int
    log: int
    longest: int
    rest: int

    @property
    def bytes(self) -> int:
        """What a page holds of it."""
        return self.rest + (self.log if self.events <= HELD_EVENTS else 0)


def pages(connection: sa.Connection, report: MergeReport) -> Iterator[list[str]]:
    """First the runs that are gone but told of, then those that are there, each in order; what is too large is said."""
    yield from _paged(_gone(connection), report)
    yield from _paged(_there(connection), report)


def is_small(connection: sa.Connection, run_id: str) -> bool:
    """Whether a run is no larger than may be."""
    found = connection.execute(_WEIGHT.where(run.c.id == run_id)).one_or_none()
    return found is None or _is_small(Weight(*found))


def _is_small(weight: Weight) -> bool:
    return weight.longest <= EVENT_BYTES and weight.rest <= RUN_BYTES


def _paged(weights: Iterator[Weight], report: MergeReport) -> Iterator[list[str]]:
    page: list[str] = []
    events = size = 0
    for weight in weights:
        if not _is_small(weight):
            report.skip(f"it is too large: {weight.rest:,} bytes, or {weight.longest:,} for one event", weight.id)
            continue
        full = events + weight.events > HELD_EVENTS or size + weight.bytes > PAGE_BYTES or len(page) >= RUNS_AT_ONCE
        if page and full:
            yield page
            page, events, size = [], 0, 0
        page.append(weight.id)
        events, size = events + weight.events, size + weight.bytes
    if page:
        yield page


def _there(connection: sa.Connection) -> Iterator[Weight]:
    last: Any = None
    while True:
        query = _WEIGHT.order_by(run.c.id).limit(RUNS_AT_ONCE)
        rows = connection.execute(query if last is None else query.where(run.c.id > last)).all()
        yield from (Weight(*row) for row in rows)
        if len(rows) < RUNS_AT_ONCE:
            return
        last = rows[-1].id


def _gone(connection: sa.Connection) -> Iterator[Weight]:
    last: Any = ""
    size = sa.func.sum(_ROW_BYTES + _length(audit.c.detail))
    zero = sa.literal(0)
    gone = sa.select(audit.c.run_id, zero.label("events"), zero.label("log"), zero.label("longest"), size).where(
        audit.c.run_id.not_in(sa.select(run.c.id))
    )
    while True:
        query = gone.where(audit.c.run_id > last).group_by(audit.c.run_id).order_by(audit.c.run_id)
        rows = connection.execute(query.limit(RUNS_AT_ONCE)).all()
        yield from (Weight(*row) for row in rows)
        if len(rows) < RUNS_AT_ONCE:
            return
        last = rows[-1].run_id


def _length(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.length(column), 0)


def _total(table: sa.Table, belongs: sa.ColumnElement[bool], *texts: str) -> sa.ColumnElement[Any]:
    size = sum((_length(table.c[name]) for name in texts), sa.literal(_ROW_BYTES))
    return sa.select(sa.func.coalesce(sa.func.sum(size), 0)).where(belongs).scalar_subquery()


def _weight() -> sa.Select[Any]:
    log = log_event.c.run == run.c.number
    rest: Sequence[sa.ColumnElement[Any]] = (
        _total(document, document.c.run == run.c.number, "text"),
        _total(card_text, card_text.c.run == run.c.number, "base", "text", "deleted"),
        _total(human_fact, human_fact.c.run == run.c.number, "value"),
        _total(audit, audit.c.run_id == run.c.id, "detail"),
    )
    size = sa.func.length(log_event.c["values"])
    return sa.select(
        run.c.id,
        sa.select(sa.func.count()).where(log).scalar_subquery().label("events"),
        sa.select(sa.func.coalesce(sa.func.sum(size), 0)).where(log).scalar_subquery().label("log"),
        sa.select(sa.func.coalesce(sa.func.max(size), 0)).where(log).scalar_subquery().label("longest"),
        (rest[0] + rest[1] + rest[2] + rest[3]).label("rest"),
    )


_WEIGHT = _weight()
