"""Large registries, written past the registry's methods, and how a database answers what it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cardgen.registry import Registry

OF_A_RUN = [("run", "number"), *((table, "run") for table in ("fact", "history", "log_event", "document"))]
"""The tables that `multiply` fills, each with the column that has the run's number."""


def multiply(connection: sa.Connection, table: str, column: str, count: int, **own: str) -> None:
    """Copy the rows of the first run until there are so many runs, each with values of its own; `n.n` is its number."""
    names = [f'"{found["name"]}"' for found in sa.inspect(connection).get_columns(table)]
    values = {
        f'"{column}"': "n.n",
        '"id"': "r.id || '-' || n.n",
        '"name"': "r.name || '-' || n.n",
        '"created"': "r.created + n.n * CAST(1000000 AS BIGINT)",
        '"project"': "'project-' || (n.n % 10)",
    }
    if table == "fact":
        values = {'"run"': "n.n", '"number"': "r.number + n.n", '"text"': "r.text || (n.n % 50)"}
    values.update({f'"{name}"': value for name, value in own.items()})
    numbers = f"WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {count})"
    shown = ", ".join(values.get(name, f"r.{name}") for name in names)
    connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(names)}) {numbers} SELECT {shown} FROM {table} r, n"))


@contextmanager
def plans(registry: Registry, *, small: bool = False) -> Iterator[list[str]]:
    """The plans of all statements inside the block; of a `small` registry PostgreSQL is to show what it can."""
    found: list[str] = []
    asking = False

    def explain(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        nonlocal asking
        if asking or not re.match(r"\s*(SELECT|WITH)", statement):
            return
        asking = True
        try:
            prefix = "EXPLAIN QUERY PLAN " if registry._database.is_sqlite else "EXPLAIN "
            if small and not registry._database.is_sqlite:
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            rows = connection.exec_driver_sql(prefix + statement, parameters).all()
            found.extend(str(row[-1]) for row in rows)
        finally:
            asking = False

    engine = registry._database._engine
    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)
