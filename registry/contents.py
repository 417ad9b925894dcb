"""What the tables of a registry hold, read in one order and form on every engine, and hashed.

A row is a tuple in the order of the table's columns; rows come in the order of the primary key. The hash is that of the
rows as JSON, so two registries hold the same if and only if their hashes agree, whatever engine they are on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sqlalchemy as sa

from cardgen.registry.tables import metadata

ROWS_AT_ONCE = 1000

Rows: TypeAlias = "list[tuple[Any, ...]]"

_ZERO: sa.ColumnElement[float] = sa.literal_column("0.0", sa.Double)


def tables() -> Sequence[sa.Table]:
    """The tables that hold what a registry knows, those first that others refer to."""
    return metadata.sorted_tables


def count(connection: sa.Connection, table: sa.Table) -> int:
    """How many rows a table has."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def counts(connection: sa.Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {table.name: count(connection, table) for table in tables()}


def rows(connection: sa.Connection, table: sa.Table) -> Iterator[Rows]:
    """All rows of a table, some at a time."""
    columns = [_as_stored(column) for column in table.columns]
    statement = sa.select(*columns).order_by(*table.primary_key.columns)
    streamed = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
    for part in streamed.partitions():
        yield [tuple(row) for row in part]


def _as_stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """SQLite knows no negative zero."""
    return column + _ZERO if isinstance(column.type, sa.Double) else column


@dataclass(slots=True)
class Digest:
    """The number of rows, and their hash as they are added."""

    rows: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, some: Rows) -> None:
        """Take more rows.

        Raises:
            TypeError: a value is neither text nor a number.
        """
        self.rows += len(some)
        self._hash.update(json.dumps(some, separators=(",", ":")).encode()[1:-1] + b",")

    def hexdigest(self) -> str:
        """The hash of the rows so far."""
        return str(self._hash.hexdigest())


def digest(connection: sa.Connection, table: sa.Table) -> Digest:
    """Number and hash of the rows of a table."""
    found = Digest()
    for some in rows(connection, table):
        found.add(some)
    return found
