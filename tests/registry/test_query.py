"""Filters, order and limit of a listing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from cardgen.errors import QueryError
from cardgen.record import Displayed, Durations, Evaluation, Hyperparameters, LogEvent, Model, Run
from cardgen.registry import Registry
from cardgen.registry.query import COLUMNS

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def library(registry: Registry, make_run: Callable[..., Run]) -> Registry:
    """Four runs: `one` to `four`, created on the first to third of January, and never."""

    def model(title: str | None, base: str | None = None) -> Model:
        return Model(type="CrossEncoder", title=title, base_model=base)

    def scored(value: Any) -> tuple[Evaluation, ...]:
        return (Evaluation(evaluator="E", primary_metric="ndcg@10", metrics={"dev_ndcg@10": value}),)

    registry.save(
        make_run(
            name="one",
            project="rerankers",
            group="a",
            created=DAY,
            model=model("Über Modell", "org/bert"),
            evaluations=scored(0.5),
            durations=Durations(total_seconds=3.5),
        )
    )
    registry.save(
        make_run(
            name="two",
            project="rerankers",
            group="b",
            tags=("best 100%", "x_y"),
            status="failed",
            created=DAY + dt.timedelta(days=1),
            model=model("Title"),
            evaluations=scored(Displayed("0.9", 0.9)),
        )
    )
    registry.save(
        make_run(
            name="three",
            project="embedders",
            status="finished",
            created=DAY + dt.timedelta(days=2),
            started=DAY,
            evaluations=scored(float("nan")),
        )
    )
    registry.save(make_run(name="four", status="interrupted", created=None))
    return registry


def names(registry: Registry, *arguments: Any, **filters: Any) -> list[str]:
    """The names that both kinds of listing give."""
    found = [row.name for row in registry.listing(*arguments, **filters)]
    assert [run.name for run in registry.runs(*arguments, **filters)] == found
    return found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["three", "two", "one", "four"]),
        ({"project": "rerankers"}, ["two", "one"]),
        ({"project": "RERANKERS"}, []),
        ({"group": "a"}, ["one"]),
        ({"status": "failed"}, ["two"]),
        ({"status": "running"}, ["one"]),
        ({"since": DAY + dt.timedelta(days=1)}, ["three", "two"]),
        ({"since": dt.datetime(2026, 1, 3)}, ["three"]),
        ({"query": "rerank"}, ["two", "one"]),
        ({"query": "RERANK Two"}, ["two"]),
        ({"query": "ÜBER"}, ["one"]),
        ({"query": "ORG/bert"}, ["one"]),
        ({"query": '"best 100%"'}, ["two"]),
        ({"query": "100%"}, ["two"]),
        ({"query": "1%0"}, []),
        ({"query": "x_y"}, ["two"]),
        ({"query": "o_e"}, []),
        ({"query": '"\' OR 1=1 --"'}, []),
        ({"query": "t", "project": "rerankers", "status": "failed", "limit": 1}, ["two"]),
        ({"limit": 2}, ["three", "two"]),
        ({"limit": 0}, []),
        ({"limit": 10**30}, ["three", "two", "one", "four"]),
    ],
)
def test_filters(library: Registry, filters: dict[str, Any], found: list[str]) -> None:
    """All filters must hold; words are found in any case, and are no patterns."""
    assert names(library, **filters) == found


@pytest.mark.parametrize(
    ("order_by", "found"),
    [
        ("created", ["one", "two", "three", "four"]),
        ("-created", ["three", "two", "one", "four"]),
        ("name", ["four", "one", "three", "two"]),
        ("-name", ["two", "three", "one", "four"]),
        ("metric", ["one", "two", "three", "four"]),
        ("-metric", ["two", "one", "four", "three"]),
        ("-seconds", ["one", "four", "three", "two"]),
        ("status", ["two", "three", "four", "one"]),
        ("title", ["two", "one", "three", "four"]),
    ],
)
def test_order(library: Registry, order_by: str, found: list[str]) -> None:
    """Runs sort by any column; equals keep the order they were saved in, and what is missing or NaN comes last."""
    assert names(library, order_by=order_by) == found


def test_every_column_sorts(library: Registry) -> None:
    """A listing can be sorted by each of its columns, both ways."""
    for column in COLUMNS:
        assert len(library.listing(order_by=column)) == len(library.listing(order_by=f"-{column}")) == 4


def test_a_row_has_the_facts(library: Registry) -> None:
    """A listing shows a run without decoding its document."""
    row = library.listing("one")[0]
    assert (row.metric_name, row.metric, row.seconds) == ("dev_ndcg@10", 0.5, 3.5)
    assert (row.title, row.base_model, row.model_type) == ("Über Modell", "org/bert", "CrossEncoder")
    assert (row.created, row.started, row.tags) == (DAY, None, ())
    assert library.listing("three")[0].metric is None
    assert library.listing("two")[0].metric == 0.9


@pytest.mark.parametrize(
    ("filters", "hint"),
    [
        ({"status": "done"}, "finished"),
        ({"order_by": "names"}, "name"),
        ({"order_by": ""}, "missing"),
        ({"order_by": "--created"}, "created"),
        ({"order_by": "name; DROP TABLE run"}, "one key"),
        ({"order_by": "metrics.ndcg@"}, "metrics.dev_ndcg@10"),
        ({"limit": -1}, "0 or more"),
        ({"after": "x"}, "page before"),
        ({"columns": ["nmae"]}, "name"),
    ],
)
def test_what_cannot_be_understood(library: Registry, filters: dict[str, Any], hint: str) -> None:
    """An unknown status, key, limit or cursor is an error that says what would be right."""
    with pytest.raises(QueryError) as caught:
        library.listing(**filters)
    assert hint in (caught.value.hint or "")


def test_keys_behind_the_first_thousands_are_offered(registry: Registry, make_run: Callable[..., Run]) -> None:
    """However many arguments runs have, those that begin with what was typed are found."""
    values = {f"p{number:04}": number for number in range(2500)}
    registry.save(make_run(hyperparameters=Hyperparameters(values={**values, "zoom": 1, "my key": 2})))
    assert registry.key_names("params.zo") == ["params.zoom"]
    assert registry.key_names("params.p249") == [f"params.p249{digit}" for digit in range(10)]
    assert 'params."my key"' in registry.key_names('params."my')


def test_results_of_rerankers_are_numbers(registry: Registry, make_run: Callable[..., Run]) -> None:
    """`0.6812 (+0.0412)` is asked, sorted and shown as the number that it displays, in results and in the log."""
    for name, text in (("a", "0.6812 (+0.0412)"), ("b", "0.7000 (+0.0600)"), ("c", "0.1 or so")):
        evaluation = Evaluation(evaluator="CE", primary_metric="ndcg@10", metrics={"ndcg@10": text})
        run = registry.save(make_run(name=name, evaluations=(evaluation,)))
        registry.append(run.id, [LogEvent(seq=0, kind="evaluator", step=1, values={"ndcg@10": text})])
    found = registry.listing("metrics.ndcg@10 > 0.5", order_by="-metric", columns=["name", "metric", "metrics.ndcg@10"])
    assert [row["name"] for row in found] == ["b", "a"]
    assert found[1]["metric"] == found[1]["metrics.ndcg@10"] == Displayed("0.6812 (+0.0412)", 0.6812)
    assert [row.name for row in registry.listing("best(metrics.ndcg@10) <= 0.6812")] == ["a"]
    assert [row.name for row in registry.listing('metrics.ndcg@10 = "0.6812 (+0.0412)"')] == ["a"]
    assert [row.name for row in registry.listing(order_by="-metrics.ndcg@10")] == ["b", "a", "c"]
