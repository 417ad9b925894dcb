"""The figures of logs as rows, kept up to date as events come: a query for the best of a metric reads no log."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from cardgen.errors import DocumentError
from cardgen.registry.codec import decode_value
from cardgen.registry.figures import Figures, figures
from cardgen.registry.parts import STATEMENT_LIMIT, parts
from cardgen.registry.tables import history, key, log_event

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

LOG = "log"
"""The kind under which the names of logs are numbered."""


def add(connection: sa.Connection, number: int, events: Iterable[tuple[int, Mapping[Any, Any]]]) -> None:
    """Take new events into the figures of a run, whose row the caller has locked.

    Args:
        number: of the run's row.
        events: `seq` and values of events that were not there before.
    """
    new = figures(events)
    if not new:
        return
    names = sorted(new)
    numbers: dict[str, int] = {}
    for some in parts(names):
        for name, key_number, *there in connection.execute(_THERE, {"run": number, "names": some}):
            numbers[name] = key_number
            if there[-1] is not None:
                new[name] = Figures(*there).joined(new[name])
    missing = [name for name in names if name not in numbers]
    if missing:
        numbers.update(_numbered(connection, missing))
    connection.execute(
        _upsert(connection.dialect.name),
        [
            {
                "key": numbers[name],
                "run": number,
                "lowest": one.lowest,
                "highest": one.highest,
                "last": one.last,
                "seq": one.seq,
            }
            for name, one in new.items()
        ],
    )


def rebuild(connection: sa.Connection, number: int) -> None:
    """Make the figures of a run anew from its log."""
    connection.execute(history.delete().where(history.c.run == number))
    query = sa.select(log_event.c.seq, log_event.c["values"]).where(log_event.c.run == number)
    for part in connection.execute(query.order_by(log_event.c.seq)).partitions(STATEMENT_LIMIT):
        add(connection, number, ((row.seq, _values(row.values)) for row in part))


def _values(text: str) -> Mapping[Any, Any]:
    try:
        values = decode_value(text)
    except DocumentError:
        return {}
    return values if isinstance(values, dict) else {}


def _there() -> sa.Select[Any]:
    """The numbers of names, and the figures that the run has of them."""
    joined = key.outerjoin(history, sa.and_(history.c.key == key.c.number, history.c.run == sa.bindparam("run")))
    columns = [history.c.lowest, history.c.highest, history.c.last, history.c.seq]
    wanted = sa.and_(key.c.kind == LOG, key.c.name.in_(sa.bindparam("names", expanding=True)))
    return sa.select(key.c.name, key.c.number, *columns).select_from(joined).where(wanted)


_THERE = _there()  # made once: a recorder asks several times a second


@functools.cache
def _upsert(dialect: str) -> sa.Insert:
    insert = _insert(dialect, history)
    columns = {name: insert.excluded[name] for name in ("lowest", "highest", "last", "seq")}
    return insert.on_conflict_do_update(index_elements=["key", "run"], set_=columns)


def _numbered(connection: sa.Connection, names: Sequence[str]) -> dict[str, int]:
    insert = _insert(connection.dialect.name, key).on_conflict_do_nothing()
    connection.execute(insert, [{"kind": LOG, "name": name} for name in names])
    found: dict[str, int] = {}
    for some in parts(names):
        query = sa.select(key.c.name, key.c.number).where(key.c.kind == LOG, key.c.name.in_(some))
        found.update({row.name: row.number for row in connection.execute(query)})
    return found


def _insert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
