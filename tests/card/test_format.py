"""How values become text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cardgen.card.format import (
    cell_text,
    duration_text,
    indented,
    joined,
    markdown_table,
    matrix_lines,
    rounded_text,
)
from cardgen.record import Displayed
from tests.golden.facts import matrix


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.375, "0.375"),
        (0.88299, "0.8830"),
        (1.0, "1.0"),
        (5e-05, "5e-05"),
        (1.23e-05, "0.0000"),
        (-1, "-1"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "True"),
        ("0.123456", "0.123456"),
        (Displayed("0.8830", 0.883), "0.8830"),
    ],
)
def test_cells_of_the_log(value: Any, text: str) -> None:
    """A float with more than four digits behind its point gets four; everything else is as Python prints it."""
    assert cell_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.88299, "0.883"), (0.5, "0.5"), (12, "12"), ("3 of 4", "3 of 4")])
def test_results_are_rounded_and_short(value: Any, text: str) -> None:
    """Tables of results show the shortest form of four decimals."""
    assert rounded_text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 seconds"), (59.97, "60.0 seconds"), (60, "1.0 minutes"), (3600, "1.0 hours"), (86400, "1.0 days")],
)
def test_durations(seconds: float, text: str) -> None:
    """The unit is chosen before rounding."""
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("names", "comma", "text"),
    [([], False, ""), (["a"], True, "a"), (["a", "b"], True, "a and b"), (["a", "b", "c"], True, "a, b, and c")],
)
def test_names_are_joined(names: list[str], comma: bool, text: str) -> None:
    """Two names never have a comma."""
    assert joined(names, comma=comma) == text


def test_tables_count_characters_and_rule_to_the_left() -> None:
    """Widths are characters, not display columns; `-:|` changes inside cells too."""
    table = markdown_table(["", "é"], [{"": "x", "é": "漢字"}, {"": "-:|", "é": "b"}])
    assert table == "|     | é  |\n|:----|:---|\n| x   | 漢字 |\n| --| | b  |\n"


def test_indentation_follows_every_line_break_that_python_knows() -> None:
    """A CR or U+2028 in a cell starts a line, a blank line stays blank."""
    assert indented("a\rb\u2028c\n\nd") == "  a\r  b\u2028  c\n\n  d"


# torch does not count the sign of a zero as width: no negative zeros
values = st.one_of(
    st.floats(-2000, 2000, width=32), st.sampled_from([0.0, 1.0, 0.5, -0.25]), st.floats(0, 1, width=32)
).map(lambda value: value + 0.0)
tables = st.integers(1, 14).flatmap(
    lambda count: st.lists(st.lists(values, min_size=count, max_size=count), min_size=1, max_size=5)
)


@settings(max_examples=150, deadline=None)
@given(tables, st.booleans())
def test_tensors_print_as_torch_prints_them(rows: list[list[float]], vector: bool) -> None:
    """Reading a printed tensor and printing it again gives the same lines, wrapped ones included."""
    tensor = torch.tensor(rows[0] if vector else rows, dtype=torch.float32)
    with torch._tensor_str.printoptions(precision=4, sci_mode=False):
        text = str(tensor)
    assert matrix_lines(matrix(text)) == text.split("\n")


@settings(max_examples=150, deadline=None)
@given(tables, st.booleans())
def test_arrays_print_as_numpy_prints_them(rows: list[list[float]], vector: bool) -> None:
    """Reading a printed array and printing it again gives the same lines, wrapped ones included."""
    array = np.array(rows[0] if vector else rows, dtype=np.float32)
    with np.printoptions(precision=4):
        text = str(array)
    assert matrix_lines(matrix(text)) == text.split("\n")
