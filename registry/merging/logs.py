"""The log of a run that two registries have: all events of both. Logs are read as they come, and never held whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from cardgen.errors import DocumentError
from cardgen.registry import history
from cardgen.registry.codec import decode_value
from cardgen.registry.events import insert_rows
from cardgen.registry.merging.bundle import Event, log
from cardgen.registry.merging.combining import Combined
from cardgen.registry.tables import log_event

EVENTS_AT_ONCE = 2000

Read: TypeAlias = Callable[[], Iterable[Event]]
"""Gives the other registry's log of a run from its beginning, as often as it is called."""


class LogPlan(NamedTuple):
    """What becomes of a log: it stays, gets the events that it lacks, or gives way to the other registry's.

    `new` and `other` count the events that are added, and those that are there with another content and give way.
    """

    way: Literal["keep", "add", "replace"]
    new: int = 0
    other: int = 0


KEEP = LogPlan("keep")


def plan(connection: sa.Connection, run: Combined, read: Read) -> LogPlan:
    """What is to be done with the log of a run."""
    if run.record is None or run.other is None:
        return KEEP
    if run.own is None:
        return LogPlan("add", run.other.events) if run.other.events else KEEP
    if not run.own.events and not run.other.events:
        return KEEP
    if run.record.run.origin == "imported":
        return _plan_imported(connection, run, read)
    new = other = 0
    for mine, theirs in _both(log(connection, run.own.number), read()):
        new += mine is None
        other += mine is not None and theirs is not None and _gives_way(mine, theirs, run)
    return LogPlan("add", new, other) if new or other else KEEP


def _plan_imported(connection: sa.Connection, run: Combined, read: Read) -> LogPlan:
    """The log of an imported run belongs to its record, as a whole: what was completed by files is another log."""
    assert run.own is not None
    assert run.other is not None
    replace = LogPlan("replace", run.other.events, run.own.events)
    if run.side == "own":
        return KEEP
    if run.side is None and run.own.events > run.other.events:
        return KEEP
    for mine, theirs in _both(log(connection, run.own.number), read()):
        if mine != theirs:
            greater = run.side == "other" or run.own.events < run.other.events or _text(theirs) > _text(mine)
            return replace if greater else KEEP
    return KEEP


def store(connection: sa.Connection, number: int, run: Combined, done: LogPlan, read: Read) -> None:
    """Do it; the caller has locked the run's row."""
    if done.way == "keep":
        return
    if done.way == "replace":
        connection.execute(log_event.delete().where(log_event.c.run == number))
        _add(connection, number, read())
    elif run.own is None:
        _add(connection, number, read())
    else:
        _add(connection, number, _missing(connection, number, run, read))
    if done.way == "replace" or done.other:
        history.rebuild(connection, number)


def _missing(connection: sa.Connection, number: int, run: Combined, read: Read) -> Iterator[Event]:
    """The events that are not there; those that give way are removed."""
    # What is read is what was there before: it is read a part at a time while others are written.
    pairs = _both(_in_parts(connection, number), read())
    for mine, theirs in pairs:
        if theirs is None:
            continue
        if mine is None:
            yield theirs
        elif _gives_way(mine, theirs, run):
            where = sa.and_(log_event.c.run == number, log_event.c.seq == mine.seq)
            connection.execute(log_event.delete().where(where))
            yield theirs


def _in_parts(connection: sa.Connection, number: int) -> Iterator[Event]:
    last = -(1 << 63)
    columns = [log_event.c[name] for name in Event._fields]
    while True:
        query = sa.select(*columns).where(log_event.c.run == number, log_event.c.seq > last)
        part = [Event(*row) for row in connection.execute(query.order_by(log_event.c.seq).limit(EVENTS_AT_ONCE))]
        yield from part
        if len(part) < EVENTS_AT_ONCE:
            return
        last = part[-1].seq


def _both(own: Iterable[Event], other: Iterable[Event]) -> Iterator[tuple[Event | None, Event | None]]:
    """Both logs side by side, by number."""
    mine, theirs = iter(own), iter(other)
    one, two = next(mine, None), next(theirs, None)
    while one is not None or two is not None:
        if two is None or (one is not None and one.seq < two.seq):
            yield one, None
            one = next(mine, None)
        elif one is None or two.seq < one.seq:
            yield None, two
            two = next(theirs, None)
        else:
            yield one, two
            one, two = next(mine, None), next(theirs, None)


def _gives_way(mine: Event, theirs: Event, run: Combined) -> bool:
    """Whether of two events of one number the other registry's stands: that of the record that stands."""
    if mine == theirs or run.side == "own":
        return False
    return run.side == "other" or _text(theirs) > _text(mine)


def _text(event: Event | None) -> str:
    return "" if event is None else repr(tuple(event))


def _add(connection: sa.Connection, number: int, events: Iterable[Event]) -> None:
    iterator = iter(events)
    while some := list(itertools.islice(iterator, EVENTS_AT_ONCE)):
        insert_rows(connection, [(number, *event) for event in some])
        history.add(connection, number, ((event.seq, _values(event)) for event in some))


def _values(event: Event) -> dict[str, object]:
    try:
        values = decode_value(event.values)
    except DocumentError:
        return {}
    return values if isinstance(values, dict) else {}
