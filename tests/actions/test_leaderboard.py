"""Runs ranked by a metric: what is ranked together, in which order, and what rounding leaves open."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardgen.actions import leaderboard as module
from cardgen.actions.leaderboard import Ranked, Ranking, rank
from cardgen.errors import QueryError
from cardgen.record import Checkpoint, Displayed, Environment, Evaluation, Model, Run

WHEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
NAME = "dev_ndcg"


def scored(name: str, value: Any, **facts: Any) -> Run:
    """A run with one result."""
    fields = {"evaluator": "x.E", "dataset_name": "dev", "metrics": {NAME: value}, **facts}
    return Run(id=name, name=name, model=Model(type="CrossEncoder"), evaluations=(Evaluation(**fields),))


def ranked(*runs: Run, metrics: tuple[str, ...] = (NAME,), **options: Any) -> tuple[Ranking, ...]:
    """The rankings of finished runs."""
    return rank((("finished", run) for run in runs), metrics, **options).rankings


def places(ranking: Ranking) -> list[tuple[str, int | None]]:
    """Names and ranks, in order."""
    return [(result.run, result.rank) for result in ranking.results]


def test_the_best_comes_first_and_equals_share_a_rank() -> None:
    """By the metric's direction; NaN and texts have no rank and come last; runs without the metric are not there."""
    values = {"a": 0.5, "b": float("nan"), "c": 1, "d": 1.0, "e": "text", "f": float("inf"), "g": True, "h": 2**1100}
    runs = [scored(name, value) for name, value in values.items()]
    [found] = ranked(*runs, scored("z", 1, metrics={"other": 1}))
    assert (found.direction, found.total) == ("max", 8)
    assert places(found) == [("f", 1), ("h", 2), ("c", 3), ("d", 3), ("a", 5), ("b", None), ("e", None), ("g", None)]
    [found] = ranked(*runs, direction="min")
    assert places(found)[:4] == [("a", 1), ("c", 2), ("d", 2), ("h", 4)]
    [found] = ranked(scored("a", 1, metrics={"x_loss": 1}), scored("b", 0, metrics={"x_loss": 0}), metrics=("x_loss",))
    assert (found.direction, places(found)) == ("min", [("b", 1), ("a", 2)])


def test_a_limit_holds_for_each_ranking() -> None:
    """The best so many of each; the total counts all."""
    runs = [scored(str(number), number, dataset_name=f"set-{number % 2}") for number in range(10)]
    found = ranked(*runs, limit=2)
    assert [(ranking.dataset, ranking.total, places(ranking)) for ranking in found] == [
        ("set-0", 5, [("8", 1), ("6", 2)]),
        ("set-1", 5, [("9", 1), ("7", 2)]),
    ]
    assert ranked(*runs, limit=2, direction="min")[0].results[0].run == "0"


def test_what_was_made_differently_is_ranked_apart() -> None:
    """By evaluator, data set, configuration and metric; configurations are compared by value, in any order."""
    library = "sentence_transformers.evaluation.E"
    same = {"evaluator": library, "configuration": {"truncate_dim": 64, "at_k": [1, 3]}}
    runs = [
        scored("a", 1, **same),
        scored("b", 2, **{**same, "configuration": {"at_k": (1.0, 3), "truncate_dim": 64.0}}),
        scored("c", 3, **{**same, "evaluator": "sentence_transformers.sentence_transformer.evaluation.e.E"}),
        scored("d", 4, **{**same, "configuration": {"truncate_dim": 32, "at_k": [1, 3]}}),
        scored("e", 5, **{**same, "configuration": {"truncate_dim": True, "at_k": [1, 3]}}),
        scored("f", 6, **{**same, "evaluator": "mine.E"}),
        scored("g", 7, **{**same, "dataset_name": "test"}),
        scored("h", 8, evaluator=library),
        scored("i", 9, evaluator=library, configuration={}),
        scored("j", 10, evaluator=library, dataset_name=None),
        scored("k", 11, evaluator=library, dataset_name=""),
        scored("l", 12, evaluator=library, metrics={"test_ndcg": 1}),
        scored("m", 13, evaluator=library, configuration=None, configuration_text="object()"),
    ]
    found = ranked(*runs, metrics=(NAME, "test_ndcg"))
    assert sorted("".join(sorted(result.run for result in ranking.results)) for ranking in found) == [
        *("abc", "d", "e", "f", "g", "hi", "jk", "l", "m")
    ]
    assert found[-1].metric == "test_ndcg"


@pytest.mark.parametrize(
    ("version", "configuration", "together"),
    [("3.4.1", None, False), ("4.1.0", None, True), ("5.1.0", None, True), ("3.4.1", {"truncate_dim": 8}, False)],
)
def test_a_configuration_that_a_card_cannot_show_is_not_known(version: str, configuration: Any, together: bool) -> None:
    """Before 4.0 no card shows one: such a result is not ranked with those that have none."""
    card = dataclasses.replace(
        scored("card", 1, configuration=configuration),
        origin="imported",
        environment=Environment(versions={"sentence_transformers": version}),
    )
    model = Model(type="SentenceTransformer")
    found = ranked(scored("run", 2), dataclasses.replace(card, model=model))
    assert (len(found) == 1) is together
    assert [ranking.configuration_known for ranking in found] == [True] * (len(found) - 1) + [
        together or configuration is not None
    ]


def test_only_results_that_stand_are_ranked() -> None:
    """A result on other weights than the run's is left out, one on the run's own goes before that of the training."""
    points = (
        Checkpoint(path="out/checkpoint-4", weights="w1", step=4, saved=WHEN),
        Checkpoint(path="out/final", weights="w1", step=None, saved=WHEN + dt.timedelta(1)),
        Checkpoint(path="old", weights="w0", step=2),
    )
    during = Evaluation(evaluator="x.E", metrics={NAME: 0.5}, epoch=1.0, step=3)
    later = dataclasses.replace(during, metrics={NAME: 0.75}, epoch=None, step=4, weights="w1", at=WHEN)
    other = dataclasses.replace(later, metrics={NAME: 0.875}, step=2, weights="w0")
    run = Run(
        id="a", name="a", model=Model(type="CrossEncoder"), evaluations=(during, later, other), checkpoints=points
    )
    [found] = ranked(run)
    assert found.results == (
        Ranked(
            rank=1,
            run_id="a",
            run="a",
            value=0.75,
            step=4,
            checkpoint="out/checkpoint-4",
            weights="w1",
            at=WHEN,
            status="finished",
            project=None,
            created=None,
        ),
    )
    after = dataclasses.replace(during, step=-1, epoch=-1)
    assert ranked(dataclasses.replace(run, evaluations=(after,)))[0].results[0].step is None


def test_an_evaluator_says_which_end_is_the_better_one() -> None:
    """Of its primary metric; what has no better end must be told."""
    lower = [scored(name, value, primary_metric=NAME, greater_is_better=False) for name, value in (("a", 2), ("b", 1))]
    [found] = ranked(*lower, scored("c", 3))
    assert (found.direction, places(found)) == ("min", [("b", 1), ("a", 2), ("c", 3)])
    threshold = scored("a", 1, metrics={"f1_threshold": 1})
    with pytest.raises(QueryError, match="neither end") as caught:
        ranked(threshold, metrics=("f1_threshold",))
    assert "--ascending" in (caught.value.hint or "")
    assert ranked(threshold, metrics=("f1_threshold",), direction="max")[0].direction == "max"


def test_rounding_may_leave_ranks_open() -> None:
    """A displayed number is anything that rounds to it: what it may equal or pass is uncertain, the rest is not."""
    values = {
        "a": 0.95,
        "b": 0.8812,
        "c": Displayed("0.881", 0.881),
        "d": 0.8809,
        "e": 0.88,
        "f": 0.88,
        "g": Displayed("0.5", 0.5),
        "h": "0.2000 (+0.1000)",
        "i": "0.2000 (+0.1500)",
    }
    [found] = ranked(*(scored(name, value) for name, value in values.items()))
    assert [result.run for result in found.results] == list("abcdefghi")
    assert "".join(result.run for result in found.results if result.uncertain) == "bcdhi"
    assert [result.rank for result in found.results] == [1, 2, 3, 4, 5, 5, 7, 8, 8]
    [exact_first] = ranked(scored("shown", Displayed("0.50", 0.5)), scored("exact", 0.5))
    assert [result.run for result in exact_first.results] == ["exact", "shown"]


numbers = st.sampled_from([0.5, 0.25, -1, 3, float("nan"), Displayed("0.5", 0.5), Displayed("0.3", 0.3), "x"])


@given(values=st.lists(numbers, max_size=40), limit=st.integers(1, 5), least=st.booleans())
def test_what_is_let_go_is_never_missed(values: list[Any], limit: int, least: bool) -> None:
    """With a limit the results are the first of all results, however few are kept while they come."""
    direction: Any = "min" if least else "max"
    runs = [scored(str(number), value) for number, value in enumerate(values)]
    whole = ranked(*runs, direction=direction)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SPARE", 0)
        some = ranked(*runs, direction=direction, limit=limit)
    for few, every in zip(some, whole, strict=True):
        assert few.total == every.total
        assert places(few) == places(every)[:limit]


def test_many_runs_are_ranked_in_bounded_memory() -> None:
    """Of runs that come one by one, only the first so many of each ranking are kept."""
    kept = 0

    def many() -> Iterator[tuple[str, Run]]:
        rng = random.Random(1)
        for number in range(20_000):
            yield "finished", scored(str(number), rng.random())

    with pytest.MonkeyPatch.context() as patch:
        original = module._Group.add

        def add(self: Any, result: Ranked) -> None:
            nonlocal kept
            original(self, result)
            kept = max(kept, len(self._numbers) + len(self._others))

        patch.setattr(module._Group, "add", add)
        found = rank(many(), [NAME], limit=10).rankings[0]
    assert (found.total, len(found.results)) == (20_000, 10)
    assert kept < 5_000
