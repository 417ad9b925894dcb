"""How values become text."""

from __future__ import annotations

from typing import Any

import pytest

from cardgen.card.format import (
    cell_text,
    duration_text,
    indented,
    joined,
    markdown_table,
    rounded_text,
    value_text,
)
from cardgen.record import Displayed


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Displayed("0.50", 0.5), "0.50"),
        ([Displayed("0.50", 0.5), "a"], "[0.50, 'a']"),
        ((1, (Displayed("1e3", 1000.0),)), "(1, (1e3,))"),
        ({"a": [Displayed("0.50", 0.5)], 1: None}, "{'a': [0.50], 1: None}"),
        ([1, "x", None], "[1, 'x', None]"),
    ],
)
def test_a_displayed_number_is_its_text_everywhere(value: Any, text: str) -> None:
    """Also inside of lists and dictionaries, and for Python itself."""
    assert value_text(value) == text
    assert f"{Displayed('0.50', 0.5)}" == "0.50"


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


def test_a_table_without_rows_is_its_head() -> None:
    """An evaluator that found nothing breaks no card."""
    assert markdown_table(["Metric", "Value"], []) == "| Metric | Value |\n|:-------|:------|\n"


def test_indentation_follows_every_line_break_that_python_knows() -> None:
    """A CR or U+2028 in a cell starts a line, a blank line stays blank."""
    assert indented("a\rb\u2028c\n\nd") == "  a\r  b\u2028  c\n\n  d"
