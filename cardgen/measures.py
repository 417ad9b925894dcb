"""What a metric's value says, and which end of it is the better one.

The library's evaluators return numbers, but rerankers that are compared with a first ranking show `0.6812 (+0.0412)`:
a number as displayed, and what was gained.

Which end is better is known from three sources, the stronger first: an evaluator that says that lower is better of its
primary metric; the last word of the name; and the library's own rule that an evaluator's results are better the
greater they are. That an evaluator says `greater_is_better` is no source, because each inherits it. Of some values
neither end is better: thresholds, and what a trainer logs of its own state.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal, TypeAlias

from cardgen.record import Displayed, Evaluation

Direction: TypeAlias = Literal["min", "max"]

_WITH_GAIN = re.compile(r"([+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?) \([+-][0-9.]{1,40}\)")
_STARTS = r"(?:^|[_\s/.:-])"
_LOWER = re.compile(
    rf"(?:(?<!negative)(?<!neg){_STARTS}(?:loss|mse|mae|rmse|error|perplexity|divergence)"
    rf"|{_STARTS}(?:runtime|latency|flops|active_dims))(?:@[0-9]+)?$",  # negative_active_dims: those of negatives
    re.IGNORECASE,
)
_NEITHER = re.compile(rf"{_STARTS}(?:threshold|epoch|step|learning_rate|grad_norm)$", re.IGNORECASE)


def measured(value: Any) -> Any:
    """The value of a metric, a text with a gain as the number that it displays; others as they are."""
    found = _WITH_GAIN.fullmatch(value) if type(value) is str else None
    return value if found is None else Displayed(value, float(found[1]))


def half_step(displayed: Displayed) -> float:
    """By how much a displayed number may be off: half of the last digit that it shows; 0 where words are shown."""
    text = displayed.text.strip()
    gain = _WITH_GAIN.fullmatch(text)
    digits, _, exponent = (gain[1] if gain else text).lower().partition("e")
    try:
        return 0.5 * 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    except (ValueError, OverflowError):
        return 0.0


def span(value: Any) -> tuple[float | int, float | int] | None:
    """The least and the greatest number that a value can be; None for NaN and for what is no number."""
    value = measured(value)
    number = value.value if isinstance(value, Displayed) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number != number:
        return None
    if not isinstance(value, Displayed) or (isinstance(number, float) and math.isinf(number)):
        return number, number
    off = half_step(value) * (1 - 1e-9)  # 0.12 is less than 0.13, though both may have been 0.125
    try:
        return number - off, number + off
    except OverflowError:  # an integer that no float can hold
        return number, number


def best_direction(name: str) -> Direction | None:
    """Which end of a metric is the better one by its name; None if neither is."""
    if _NEITHER.search(name):
        return None
    return "min" if _LOWER.search(name) else "max"


def direction_of(evaluation: Evaluation, name: str) -> Direction | None:
    """Which end of a metric of an evaluation is the better one; None if neither is."""
    if evaluation.greater_is_better is False and name == primary_key(evaluation):
        return "min"
    return best_direction(name)


def primary_key(evaluation: Evaluation) -> str | None:
    """The full key of an evaluation's primary metric; None if it names none, or none that it has."""
    wanted = evaluation.primary_metric
    if wanted is None or wanted in evaluation.metrics:
        return wanted
    ends = [key for key in evaluation.metrics if isinstance(key, str) and key.endswith(f"_{wanted}")]
    return ends[0] if len(ends) == 1 else None
