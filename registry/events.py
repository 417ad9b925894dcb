"""The log of a run: events as rows, and their way into the table and into the figures of their names.

All that a training logs goes this way, so little is made for an event: a tuple in the order of the table's columns,
which are integers and text and need no processing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cardgen.errors import DocumentError
from cardgen.record import LogEvent
from cardgen.registry import history, ordinary, rows
from cardgen.registry.codec import decode_event, encode_value
from cardgen.registry.ordinary import EventRow
from cardgen.registry.tables import log_event

_INTEGER_LIMIT = 1 << 63
_COLUMNS = tuple(column.name for column in log_event.columns)


def event_row(event: LogEvent) -> EventRow:
    """A log event as it is stored.

    Raises:
        DocumentError: it cannot be stored.
    """
    for name in ("seq", "step", "segment"):
        value = getattr(event, name)
        if not isinstance(value, int) or not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
            raise DocumentError(f"LogEvent.{name} cannot be stored: {value!r:.80}")
    epoch = None if event.epoch is None else encode_value(event.epoch)
    at, values = rows.microseconds(event.at), encode_value(event.values)
    columns = event.seq, event.segment, event.step, epoch, event.kind, at, values
    return EventRow(event.seq, columns, event.values)


def rows_of_texts(texts: Sequence[str]) -> list[EventRow | DocumentError]:
    """The same from the texts of events; an error for a text that is of no event, or of one that cannot be stored."""
    found = ordinary.to_rows(texts)
    return [_row_of_text(text) if row is None else row for text, row in zip(texts, found, strict=True)]


def _row_of_text(text: str) -> EventRow | DocumentError:
    try:
        return event_row(decode_event(text))
    except DocumentError as error:
        return error


def put(connection: sa.Connection, number: int, events: Sequence[EventRow]) -> int:
    """Append the events whose `seq` is not there yet; the caller has locked the run's row, so nobody else appends.

    Returns:
        how many events were new.
    """
    if not events:
        return 0
    numbers = [event.seq for event in events]
    first, last = min(numbers), max(numbers)
    there = sa.select(log_event.c.seq).where(log_event.c.run == number, log_event.c.seq.between(first, last))
    known = set(connection.execute(there).scalars())
    if known or len(set(numbers)) < len(numbers):  # seldom: of two with one number the first counts
        given = {event.seq: event for event in reversed(events)}
        new = [given[seq] for seq in sorted(given.keys() - known)]
    else:
        new = list(events)
    if new:
        insert_rows(connection, [(number, *event.columns) for event in new])
        history.add(connection, number, ((event.seq, event.values) for event in new))
    return len(new)


def insert_rows(connection: sa.Connection, new: list[tuple[Any, ...]]) -> None:
    """Insert rows in the order of the columns of the table."""
    insert = log_event.insert()
    if connection.dialect.positional:
        connection.exec_driver_sql(str(insert.compile(dialect=connection.dialect)), new)
    else:
        connection.execute(insert, [dict(zip(_COLUMNS, row, strict=True)) for row in new])
