"""The keys of a registry, as queries ask for them."""

from __future__ import annotations

import functools
from typing import Any

import sqlalchemy as sa

from cardgen.registry.engine import Database
from cardgen.registry.language.keys import LOG
from cardgen.registry.tables import fact, history, key, run


class StoredKeys:
    """The keys that runs of a registry have, hidden runs left out, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._numbers: dict[tuple[str, str], int | None] = {}

    def has(self, family: str, name: str) -> bool:
        """Whether a run has a fact of this name."""
        return self.number(family, name) is not None

    def number(self, family: str, name: str) -> int | None:
        """The number of a key; None if no run has it."""
        if (family, name) not in self._numbers:
            query = _named(family == LOG)
            number = self._connection.execute(query, {"family": family, "wanted": name}).scalar_one_or_none()
            self._numbers[family, name] = number
        return self._numbers[family, name]

    def ending(self, family: str, end: str, limit: int) -> list[str]:
        """The names that end so, sorted, at most `limit`."""
        size = sa.func.length(key.c.name)
        ends = sa.and_(size >= len(end), sa.func.substr(key.c.name, size - len(end) + 1) == end)
        return self._names(family, ends if end else sa.true(), limit)

    def beginning(self, family: str, start: str, limit: int) -> list[str]:
        """The names that begin so, sorted, at most `limit`."""
        begins = sa.and_(key.c.name >= start, sa.func.substr(key.c.name, 1, len(start)) == start)
        return self._names(family, begins, limit)

    def _names(self, family: str, condition: sa.ColumnElement[bool], limit: int) -> list[str]:
        query = sa.select(key.c.name).where(key.c.kind == family, in_use(family == LOG), condition)
        return list(self._connection.execute(query.order_by(key.c.name).limit(limit)).scalars())


@functools.cache
def _named(log: bool) -> sa.Select[Any]:
    wanted = key.c.kind == sa.bindparam("family", type_=sa.Text), key.c.name == sa.bindparam("wanted", type_=sa.Text)
    return sa.select(key.c.number).where(*wanted, in_use(log))


def in_use(log: bool) -> sa.ColumnElement[bool]:
    """Whether a run that is not hidden has a key, or its log. Keys stay when their last run is purged."""
    if log:
        return _some(history, history.c.run)
    return sa.or_(_some(fact, fact.c.number), _some(fact, fact.c.text))


def _some(table: sa.Table, indexed: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether there is a row of the key: the first in an index's order, for to find any PostgreSQL would read all."""
    joined = table.join(run, run.c.number == table.c.run)
    wanted = sa.and_(table.c.key == key.c.number, indexed.is_not(None), run.c.deleted.is_(None))
    first = sa.select(table.c.run).select_from(joined).where(wanted).order_by(indexed).limit(1)
    return first.correlate(key).scalar_subquery().is_not(None)


def texts(connection: sa.Connection, number: int) -> list[str]:
    """The different texts of a fact, sorted. It jumps from one to the next, however many runs have it."""
    first = sa.select(sa.func.min(fact.c.text).label("text")).where(fact.c.key == number, fact.c.text.is_not(None))
    seen = first.cte("seen", recursive=True)
    after = sa.select(sa.func.min(fact.c.text)).where(
        fact.c.key == number, fact.c.text.is_not(None), fact.c.text > seen.c.text
    )
    step = sa.select(after.correlate(seen).scalar_subquery()).where(seen.c.text.is_not(None))
    everything = seen.union_all(step)
    query = sa.select(everything.c.text).where(everything.c.text.is_not(None))
    return list(connection.execute(query).scalars())


def among(database: Database, column: sa.ColumnElement[str], wanted: list[str]) -> sa.ColumnElement[bool]:
    """Whether a column is one of any number of texts, which go to the database as one parameter."""
    return column.in_(sa.select(_items(database, wanted)))


def _items(database: Database, wanted: list[str]) -> sa.ColumnElement[Any]:
    import json

    text = sa.literal(json.dumps(wanted, ensure_ascii=False), sa.Text)
    if database.is_sqlite:
        return sa.func.json_each(text).table_valued("value").c.value
    from sqlalchemy.dialects.postgresql import JSON

    return sa.func.json_array_elements_text(sa.cast(text, JSON)).table_valued("value").c.value
