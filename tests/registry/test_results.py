"""The runs that have a result of a metric, from a registry: names, filters, and what is not read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import sqlalchemy as sa

import cardgen
from cardgen.errors import DocumentError, QueryError
from cardgen.record import Evaluation, LogEvent, Run
from cardgen.registry import Registry, listing

MakeRun = Callable[..., Run]
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def scored(make_run: MakeRun, name: str, **metrics: float) -> Run:
    """A run with these results."""
    return make_run(
        name=name, status="finished", evaluations=(Evaluation(evaluator="IR", dataset_name="dev", metrics=metrics),)
    )


@pytest.fixture
def filled(registry: Registry, make_run: MakeRun) -> Registry:
    """Four runs with results, and one without."""
    registry.save(scored(make_run, "a", dev_map=0.5, dev_ndcg=0.5))
    registry.save(scored(make_run, "b", dev_map=0.75, remap=1.0))
    registry.save(scored(make_run, "c", test_map=0.25))
    registry.save(scored(make_run, "d", map=0.1, **{"odd \ud800": 1.0}))
    registry.append(registry.save(make_run(name="e")).id, [LogEvent(seq=0, kind="eval", step=1, values={"eval_x": 1})])
    return registry


@pytest.mark.parametrize(
    ("name", "found", "others"),
    [
        ("dev_map", ["dev_map"], []),
        ("dev_ndcg", ["dev_ndcg"], []),
        ("ndcg", ["dev_ndcg"], []),
        ("map", ["map"], ["dev_map", "test_map"]),
        ("ap", ["dev_map", "map", "remap", "test_map"], []),
        ("metrics.dev_map", ["dev_map"], []),
        ('metrics."odd \\\\ud800"', ["odd \\ud800"], []),
        ("odd \ud800", ["odd \\ud800"], []),
    ],
)
def test_the_metrics_that_a_name_means(filled: Registry, name: str, found: list[str], others: list[str]) -> None:
    """The full name alone, else whole words at the end of names, else any end; with or without the word of a query."""
    assert filled.metric_names(name) == (found, others)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("dev_mpa", "metrics.dev_map"),
        ("ndgc", "metrics.dev_ndcg"),
        ("zebra", "runs keys"),
        ("eval_x", "best(metrics.eval_x)"),
        ("", "runs keys"),
        (" ", "runs keys"),
    ],
)
def test_a_metric_that_is_not_there(filled: Registry, name: str, hint: str) -> None:
    """The nearest is offered, also for an end; what only logs have is said."""
    with pytest.raises(QueryError) as caught:
        filled.metric_names(name)
    assert hint in (caught.value.hint or "")


def test_runs_of_a_query_with_their_status(filled: Registry) -> None:
    """Newest first, by query and filters; deleted runs and those without the metric are left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "STREAMED", 1)
        found = list(filled.results(["dev_map", "test_map"]))
        assert [(status, run.name) for status, run in found] == [(("finished"), name) for name in "cba"]
        assert [run.name for _, run in filled.results(["dev_map"], "metrics.dev_map > 0.6")] == ["b"]
        assert [run.name for _, run in filled.results(["dev_map"], status="failed")] == []
        filled.delete("b")
        assert [run.name for _, run in filled.results(["dev_map"])] == ["a"]
        filled.set_facts("a", {"name": "renamed"})
        assert [run.name for _, run in filled.results(["dev_map"])] == ["renamed"]
    assert list(filled.results([])) == []
    assert cardgen.leaderboard("dev_map", registry=filled).rankings[0].total == 1


def test_documents_of_runs_without_the_metric_are_not_read(filled: Registry) -> None:
    """A damaged document is in nobody's way as long as its run has no such result."""
    with filled._database.write() as connection:
        connection.execute(
            sa.text("UPDATE document SET text = '{}' WHERE run IN (SELECT number FROM run WHERE name <> 'a')")
        )
    assert [run.name for _, run in filled.results(["dev_ndcg"])] == ["a"]
    with pytest.raises(DocumentError, match="run b"):
        list(filled.results(["dev_map"]))
