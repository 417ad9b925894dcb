"""How the databases answer: by an index where there is one, and never by going through all facts or logs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from cardgen.record import Environment, Evaluation, Hyperparameters, LogEvent, Run
from cardgen.registry import Registry
from tests.registry.plans import OF_A_RUN, multiply, plans

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
        for table, column in OF_A_RUN:
            multiply(connection, table, column, RUNS)
        if not registry._database.is_sqlite:
            connection.execute(sa.text("ANALYZE"))
    return registry


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
        with plans(large, small=True) as found:
            page = large.listing(query, order_by=order_by, limit=20)
            large.listing(query, order_by=order_by, limit=20, after=page.next)
        assert page, query
        assert found
        assert not [line for line in found if re.search(whole, line)], "\n".join([query, *found])


def test_a_page_sorts_nothing(large: Registry) -> None:
    """A page in the order of an index is read off it: no part of the registry is sorted, on the first page or later."""
    for order_by in ("-created", "-metrics.map", "params.optimizer"):
        with plans(large, small=True) as found:
            page = large.listing(order_by=order_by, limit=20)
            large.listing(order_by=order_by, limit=20, after=page.next)
        sorts = [line for line in found if "TEMP B-TREE" in line or line.strip().startswith(("Sort", "->  Sort"))]
        assert not sorts, "\n".join(found)


def test_sqlite_begins_with_the_check_that_few_runs_pass(large: Registry) -> None:
    """Few matches are looked up and sorted; where many match, the order's index is followed until the page is full."""
    if not large._database.is_sqlite:
        pytest.skip("PostgreSQL has statistics")
    with plans(large, small=True) as few:
        large.listing("params.optimizer = adamw7 and params.param_1 > 3", order_by="-metrics.map", limit=5)
    with plans(large, small=True) as many:
        large.listing("params.param_1 > 3 and params.param_2 > 3", order_by="-metrics.map", limit=5)
    assert any("USE TEMP B-TREE FOR ORDER BY" in line for line in few)
    assert not any("USE TEMP B-TREE FOR ORDER BY" in line for line in many)
    for found in (few, many):  # the other check: at one run's facts, not at all facts with such a value
        assert any("SEARCH fact USING PRIMARY KEY (run=? AND key=?" in line for line in found), "\n".join(found)


def test_results_of_a_metric_are_looked_up(large: Registry) -> None:
    """The runs that have a result are told by the facts of each, and only their documents are read."""
    whole = r"SCAN (fact|document)\b(?!.*INDEX)" if large._database.is_sqlite else r"Seq Scan on (fact|document)\b"
    with plans(large, small=True) as found:
        next(iter(large.results(["ndcg", "map"], "params.param_3 = 12")))
    assert found
    assert not [line for line in found if re.search(whole, line)], "\n".join(found)
