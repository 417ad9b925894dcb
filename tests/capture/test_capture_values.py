"""Any value becomes a plain one that prints the same."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cardgen.capture.values import as_json, exact_json, plain, pure_number
from cardgen.record import Displayed, Opaque


class Colour(enum.Enum):
    """Prints its class."""

    RED = "red"


class Number(enum.IntEnum):
    """Prints its number."""

    ONE = 1


class Word(str):
    """Prints as a text does."""

    __slots__ = ()


class Loud(str):
    """Does not print as a text does."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (1, 1),
        (5e-05, 5e-05),
        (2**70, 2**70),
        (None, None),
        ([1, (2.0, {"a": None})], [1, (2.0, {"a": None})]),
        (np.float64(0.1), 0.1),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.float32(0.1), Displayed("0.1", float(np.float32(0.1)))),
        ([np.float32(0.5)], [Opaque("np.float32(0.5)")]),
        ([np.float64(0.5)], [Opaque("np.float64(0.5)")]),
        (torch.tensor(2), Displayed("tensor(2)", 2)),
        (torch.tensor([1, 2]), Opaque("tensor([1, 2])")),
        (torch.float16, Opaque("torch.float16")),
        (Colour.RED, Opaque("Colour.RED")),
        (Number.ONE, 1),
        ([Number.ONE], [Opaque("<Number.ONE: 1>")]),
        (Word("w"), "w"),
        ([Word("w")], ["w"]),
        (Loud("w"), Opaque("W")),
        (
            OrderedDict(a=1),
            Opaque("OrderedDict({'a': 1})" if "({" in repr(OrderedDict(a=1)) else "OrderedDict([('a', 1)])"),
        ),
        (Pair(1, 2), Opaque("Pair(a=1, b=2)")),
        ({1}, Opaque("{1}")),
        (Path("/a"), Opaque("/a")),
        ({Path("/a"): 1}, {Opaque("PosixPath('/a')"): 1}),
        ({(1, "a"): 1}, {(1, "a"): 1}),
        (Displayed("1.0", 1), Displayed("1.0", 1)),
    ],
)
def test_a_value_keeps_its_text_and_if_it_can_its_type(value: Any, expected: Any) -> None:
    """Top-level values print with `str`, nested ones with `repr`; the plain value prints the same."""
    result = plain(value)
    assert result == expected
    assert (result.text if isinstance(result, Displayed) else str(result)) == str(
        value.text if isinstance(value, Displayed) else value
    )
    assert type(result) is type(expected)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(values)
def test_plain_values_stay_what_they_are(value: Any) -> None:
    """Type and printed form of every nested part survive."""
    assert repr(plain(value)) == repr(value)


def test_depth_and_cycles_end() -> None:
    """What is nested without end is cut, not followed."""
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert isinstance(plain(deep), list)
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    assert isinstance(plain(cycle), dict)


def test_a_metric_becomes_a_python_number() -> None:
    """As the library does it for its tables of results: `item()` of whatever has a dtype."""
    assert pure_number(np.float32(0.5)) == 0.5
    assert type(pure_number(torch.tensor(0.5))) is float
    assert pure_number("0.5 (x)") == "0.5 (x)"
    assert pure_number(torch.tensor([1.0, 2.0])) == Opaque("tensor([1., 2.])")
    assert math.isnan(pure_number(np.float64("nan")))


def test_a_configuration_is_json_only_if_it_prints_the_same() -> None:
    """The text that JSON makes of a configuration must come out of the stored one again."""
    assert as_json({"a": (1, 2), 3: 1e5, "n": math.nan}) is not None
    assert repr(as_json({"a": (1, 2), 3: 1e5})) == "{'a': [1, 2], '3': 100000.0}"
    assert as_json({"a": {1}}) is None
    assert as_json({1: 1, "1": 2}) is None
    assert exact_json('{\n    "a": 1\n}') == {"a": 1}
    assert exact_json('{"a": 1}') is None
    assert exact_json("[1]") is None
    assert exact_json("{'a': 1}") is None
