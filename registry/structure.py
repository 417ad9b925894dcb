"""Whether a file that somebody else made is built as a registry is: what reading it relies on."""

from __future__ import annotations

import functools
from typing import Any

import sqlalchemy as sa

from cardgen.errors import NotARegistry
from cardgen.registry.engine import Database
from cardgen.registry.tables import (
    audit,
    card_text,
    document,
    human_fact,
    log_event,
    metadata,
    model_event,
    model_version,
    pending,
    publication,
    run,
)

TABLES = (
    run,
    document,
    log_event,
    human_fact,
    card_text,
    audit,
    publication,
    pending,
    model_version,
    model_event,
)
"""The tables that are read of somebody else's registry; all others follow from them, or are of one registry alone."""

_SHOWN = 300


def check_whole(database: Database) -> None:
    """Look at the file itself, before anything of it is used.

    Raises:
        NotARegistry: it is damaged, or has triggers, views or virtual tables.
    """
    with database.read() as connection:
        kinds = "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') LIMIT 5"
        strange = [f"{kind} {name}" for kind, name in connection.exec_driver_sql(kinds)]
        if strange:
            raise _refused(database, f"it has {', '.join(strange)}")
        found = connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
        problems = [str(line) for line in found if line != "ok"]
        if problems:
            raise _refused(database, f"it is damaged: {'; '.join(problems)}")


def check(database: Database) -> None:
    """Compare the tables that are read with those of a new registry.

    Raises:
        NotARegistry: they are built in another way.
    """
    with database.read() as connection:
        for name, description in _wanted().items():
            if _described(connection, name) != description:
                raise _refused(database, f"its table {name} is not built as that of a registry")


@functools.cache
def _wanted() -> dict[str, Any]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        wanted = {table.name: _described(connection, table.name) for table in TABLES}
    engine.dispose()
    return wanted


def _described(connection: sa.Connection, table: str) -> Any:
    """Columns and indexes of a table: names, what may be null, what is unique, and nothing that is computed."""
    kind = sa.text("SELECT rootpage > 0 FROM sqlite_master WHERE type = 'table' AND name = :name")
    real = connection.execute(kind, {"name": table}).scalars().all()
    columns = sa.text('SELECT name, "notnull", pk, hidden FROM pragma_table_xinfo(:name)')
    indexes = sa.text(
        'SELECT l.name, l."unique", l.partial, x.seqno, x.cid, x.name AS of, x."desc", x.coll '
        "FROM pragma_index_list(:name) AS l, pragma_index_xinfo(l.name) AS x WHERE x.key"
    )
    built: dict[str, list[Any]] = {}
    for row in connection.execute(indexes, {"name": table}):
        built.setdefault(row.name, [row.unique, row.partial]).append((row.seqno, row.of, row.desc, row.coll))
    return (
        real,
        sorted(tuple(row) for row in connection.execute(columns, {"name": table})),
        sorted(map(repr, built.values())),
    )


def _refused(database: Database, why: str) -> NotARegistry:
    return NotARegistry(
        f"{database.location.path} is no registry that can be read: {why[:_SHOWN]}",
        hint="look what is wrong where it came from: cardgen registry verify",
    )
