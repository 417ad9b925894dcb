"""What the value of a metric says, and which end of it is the better one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cardgen.measures import best_direction, direction_of, half_step, measured, primary_key, span
from cardgen.record import Displayed, Evaluation


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.6812 (+0.0412)", 0.6812),
        ("-0.1 (-0.25)", -0.1),
        ("1 (+0)", 1.0),
        ("0.0000 (+0.0000)", 0.0),
    ],
)
def test_a_number_with_a_gain_is_that_number_as_displayed(text: str, number: float) -> None:
    """Rerankers that are compared with a first ranking have such results."""
    assert measured(text) == Displayed(text, number)


@pytest.mark.parametrize(
    "value", ["0.5", "0.5 (x)", "0.5 (+0.1) ", "(+0.1)", "nan (+0.1)", "", 0.5, 1, None, True, [1]]
)
def test_everything_else_is_itself(value: Any) -> None:
    """A text is no number only because one stands in it."""
    assert measured(value) is value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, (1, 1)),
        (0.25, (0.25, 0.25)),
        (math.inf, (math.inf, math.inf)),
        (2**1100, (2**1100, 2**1100)),
        (math.nan, None),
        (True, None),
        ("0.5", None),
        (None, None),
        (Displayed("-", None), None),
        (Displayed("nan", math.nan), None),
        (Displayed("inf", math.inf), (math.inf, math.inf)),
        (Displayed("1", 2**1100), (2**1100, 2**1100)),
    ],
)
def test_what_a_value_can_be(value: Any, found: Any) -> None:
    """An exact number is itself; NaN, truth values and texts are no numbers."""
    assert span(value) == found


@pytest.mark.parametrize(
    ("text", "step"),
    [("0.88", 0.005), ("1.5e-05", 5e-07), ("12", 0.5), ("0.6812 (+0.0412)", 5e-05), ("1.5 minutes", 0.0)],
)
def test_a_displayed_number_may_be_half_a_digit_off(text: str, step: float) -> None:
    """Half of the last digit that it shows; words do not say how they were rounded."""
    assert half_step(Displayed(text, 0.0)) == pytest.approx(step)


@pytest.mark.parametrize(
    "name",
    [
        *("eval_loss", "loss", "last training loss", "dev mse", "RMSE", "dev_mae", "error@10", "perplexity"),
        *(
            "kl_divergence",
            "dev_kl_divergence",
            "query_active_dims",
            "avg_flops",
            "eval_runtime",
            "latency",
            "negative_active_dims",
        ),
    ],
)
def test_less_is_better_where_the_last_word_says_so(name: str) -> None:
    """Losses, errors, divergences, costs."""
    assert best_direction(name) == "min"


@pytest.mark.parametrize(
    "name",
    ["negative_mse", "dev_negative_mse", "neg_loss", "ndcg@10", "glosses", "loss_reduction", "", "\ud800", "x\0"],
)
def test_more_is_better_of_all_others(name: str) -> None:
    """As the library's own evaluators have it; a word counts only as the last one, and negated it is none."""
    assert best_direction(name) == "max"


@pytest.mark.parametrize("name", ["cosine_accuracy_threshold", "f1_threshold", "threshold", "epoch", "learning_rate"])
def test_of_some_values_neither_end_is_better(name: str) -> None:
    """A threshold is where something is best, and not how good it is."""
    assert best_direction(name) is None


def test_an_evaluator_that_says_so_goes_before_the_name() -> None:
    """Only of its primary metric, and only that lower is better: the other is inherited, and says nothing."""
    metrics = {"dev_gap": 1.0, "dev_other": 2.0, "dev_loss": 3.0}
    lower = Evaluation(evaluator="x.E", primary_metric="gap", metrics=metrics, greater_is_better=False)
    assert primary_key(lower) == "dev_gap"
    assert [direction_of(lower, name) for name in metrics] == ["min", "max", "min"]
    inherited = Evaluation(evaluator="x.E", primary_metric="dev_loss", metrics=metrics, greater_is_better=True)
    assert direction_of(inherited, "dev_loss") == "min"
