"""Evaluators and their results."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from cardgen.capture.library import full_name, is_a
from cardgen.capture.problems import Problems
from cardgen.capture.values import as_json, plain, pure_number, text_of
from cardgen.record import Evaluation


def capture_evaluation(
    evaluator: Any,
    metrics: Mapping[Any, Any],
    problems: Problems,
    *,
    epoch: int | float | None = None,
    step: int | None = None,
    weights: str | None = None,
    at: dt.datetime | None = None,
) -> Evaluation:
    """The result of one evaluator; it needs none of the attributes that evaluators usually have."""
    what = f"the evaluator {type(evaluator).__name__}"
    configuration, text = problems.attempt(
        f"{what}: its configuration", lambda: _configuration(evaluator), (None, None)
    )
    name = getattr(evaluator, "name", None)
    primary = getattr(evaluator, "primary_metric", None)
    greater = getattr(evaluator, "greater_is_better", None)
    return Evaluation(
        evaluator=full_name(evaluator),
        description=problems.attempt(f"{what}: its description", lambda: _own_description(evaluator), None)
        or _class_words(evaluator),
        dataset_name=None if name is None else str(name),
        primary_metric=primary if isinstance(primary, str) else None,
        configuration=configuration,
        configuration_text=text,
        metrics={key if isinstance(key, str) else text_of(key): pure_number(value) for key, value in metrics.items()},
        greater_is_better=greater if isinstance(greater, bool) else None,
        epoch=epoch,
        step=step,
        weights=weights,
        at=at,
    )


def logged_metrics(evaluator: Any, metrics: Mapping[Any, Any]) -> dict[str, Any] | None:
    """What the library's log table takes from one call: the primary metrics; None if the call makes no row."""
    primary = getattr(evaluator, "primary_metric", None)
    if not primary:
        return None
    if is_a(evaluator, "SequentialEvaluator"):
        primary = [part.primary_metric for part in evaluator.evaluators]
    names = [primary] if isinstance(primary, str) else primary
    return {str(key): plain(value) for key, value in metrics.items() if key in names}


@functools.lru_cache(maxsize=1024)
def is_validation(names: tuple[Any, ...]) -> bool:
    """Whether a log entry of these names is that of a validation: it tells how fast it was, as `eval_dev_runtime`."""
    prefixes = [str(name).removesuffix("runtime") for name in names if str(name).endswith("_runtime")]
    return "loss" not in names and any(
        prefix != "train_" and (f"{prefix}samples_per_second" in names or f"{prefix}steps_per_second" in names)
        for prefix in prefixes
    )


def single_evaluators(evaluator: Any) -> list[Any]:
    """The evaluators that a sequence of them calls, at any depth; another evaluator alone."""
    if not is_a(evaluator, "SequentialEvaluator"):
        return [evaluator]
    return [single for part in evaluator.evaluators for single in single_evaluators(part)]


def _own_description(evaluator: Any) -> str | None:
    own = getattr(evaluator, "description", None)
    return own if isinstance(own, str) else None


def _class_words(evaluator: Any) -> str:
    """The words in the name of its class."""
    name = type(evaluator).__name__
    name = "CrossEncoder" + name[2:] if name.startswith("CE") else name
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", name.partition("Evaluator")[0])


def _configuration(evaluator: Any) -> tuple[dict[str, Any] | None, str | None]:
    look = getattr(evaluator, "get_config_dict", None)
    value = look() if callable(look) else None
    if not value:
        return None, None
    configuration = as_json(value)
    if configuration is not None:
        return configuration, None
    try:
        return None, json.dumps(value, indent=4)
    except (TypeError, ValueError, RecursionError):
        return None, text_of(value)
