"""How the databases answer: by an index where there is one, and never by going through all facts or logs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.record import Environment, Evaluation, Hyperparameters, LogEvent, Run
from cardgen.registry import Registry

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RUNS = 400

MakeRun = Callable[..., Run]


@pytest.fixture
def large(registry: Registry, make_run: MakeRun) -> Registry:
    """So many runs that an index is worth it, written past the registry's methods: one run is saved, and multiplied."""
    values = {f"param_{number}": number for number in range(30)} | {"optimizer": "adamw", "rare": "a"}
    run = registry.save(
        make_run(
            name="first",
            project="rerankers",
            created=DAY,
            hyperparameters=Hyperparameters(values=values),
            evaluations=(Evaluation(evaluator="IR", metrics={"map": 0.5, "ndcg": 0.25}),),
            environment=Environment(versions={"torch": "2.10.0"}),
        )
    )
    registry.append(run.id, [LogEvent(seq=0, kind="eval", step=1, values={"map": 0.5, "loss": 1.0})])
    with registry._database.write() as connection:
        columns = [("run", "number"), *((table, "run") for table in ("fact", "history", "log_event", "document"))]
        for table, column in columns:
            multiply(connection, table, column)
        if not registry._database.is_sqlite:
            connection.execute(sa.text("ANALYZE"))
    return registry


def multiply(connection: sa.Connection, table: str, column: str) -> None:
    """Copy the rows of the first run for as many others, each with values of its own."""
    names = [f'"{found["name"]}"' for found in sa.inspect(connection).get_columns(table)]
    own = {
        f'"{column}"': "n.n",
        '"id"': "r.id || '-' || n.n",
        '"name"': "r.name || '-' || n.n",
        '"created"': "r.created + n.n * 1000000",
        '"project"': "'project-' || (n.n % 10)",
    }
    if table == "fact":
        own = {'"run"': "n.n", '"number"': "r.number + n.n", '"text"': "r.text || (n.n % 50)"}
    numbers = f"WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {RUNS})"
    shown = ", ".join(own.get(name, f"r.{name}") for name in names)
    connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(names)}) {numbers} SELECT {shown} FROM {table} r, n"))


@contextmanager
def plans(registry: Registry) -> Iterator[list[str]]:
    """The plans of all statements inside the block; PostgreSQL is to show what it can, though its tables are small."""
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
            if not registry._database.is_sqlite:
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


QUERIES = [
    ("params.optimizer = adamw7 and metrics.map > 10", "-metrics.map"),
    ("params.param_3 = 12", "-created"),
    ("metrics.map > 380", "metrics.ndcg"),
    ("metrics.map < 3 or params.optimizer = adamw3", "-created"),
    ("not params.rare = a4", "-metrics.map"),
    ("versions.torch >= 2.9", "-metrics.map"),
    ("best(metrics.map) > 0.4", "-created"),
    ("params.optimizer ~ ADAMW1", "metrics.map"),
    ("", "-created"),
    ("", "-metrics.map"),
    ("", "params.optimizer"),
    ("project = project-3", "-created"),
]


def test_facts_and_logs_are_never_gone_through(large: Registry) -> None:
    """For the usual filters and orders no plan goes through all facts, histories, log events or documents."""
    tables = "fact|sorted|history|log_event|document"
    whole = rf"SCAN ({tables})\b(?!.*INDEX)" if large._database.is_sqlite else rf"Seq Scan on ({tables})\b"
    for query, order_by in QUERIES:
        with plans(large) as found:
            page = large.listing(query, order_by=order_by, limit=20)
            large.listing(query, order_by=order_by, limit=20, after=page.next)
        assert page, query
        assert found
        assert not [line for line in found if re.search(whole, line)], "\n".join([query, *found])


def test_a_page_sorts_nothing(large: Registry) -> None:
    """A page in the order of an index is read off it: no part of the registry is sorted, on the first page or later."""
    for order_by in ("-created", "-metrics.map", "params.optimizer"):
        with plans(large) as found:
            page = large.listing(order_by=order_by, limit=20)
            large.listing(order_by=order_by, limit=20, after=page.next)
        sorts = [line for line in found if "TEMP B-TREE" in line or line.strip().startswith(("Sort", "->  Sort"))]
        assert not sorts, "\n".join(found)


def test_sqlite_begins_with_the_check_that_few_runs_pass(large: Registry) -> None:
    """Few matches are looked up and sorted; where many match, the order's index is followed until the page is full."""
    if not large._database.is_sqlite:
        pytest.skip("PostgreSQL has statistics")
    with plans(large) as few:
        large.listing("params.optimizer = adamw7 and params.param_1 > 3", order_by="-metrics.map", limit=5)
    with plans(large) as many:
        large.listing("params.param_1 > 3 and params.param_2 > 3", order_by="-metrics.map", limit=5)
    assert any("USE TEMP B-TREE FOR ORDER BY" in line for line in few)
    assert not any("USE TEMP B-TREE FOR ORDER BY" in line for line in many)
    for found in (few, many):  # the other check: at one run's facts, not at all facts with such a value
        assert any("SEARCH fact USING PRIMARY KEY (run=? AND key=?" in line for line in found), "\n".join(found)


def test_results_of_a_metric_are_looked_up(large: Registry) -> None:
    """The runs that have a result are told by the facts of each, and only their documents are read."""
    whole = r"SCAN (fact|document)\b(?!.*INDEX)" if large._database.is_sqlite else r"Seq Scan on (fact|document)\b"
    with plans(large) as found:
        next(iter(large.results(["ndcg", "map"], "params.param_3 = 12")))
    assert found
    assert not [line for line in found if re.search(whole, line)], "\n".join(found)
