"""Printed tensors and arrays, read back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cardgen.capture.problems import Problems
from cardgen.capture.usage import capture_usage, parse_matrix
from cardgen.matrix import matrix_lines
from cardgen.record import Displayed, Matrix, Usage


def printed(value: Any) -> str:
    """The value as the library keeps it."""
    if isinstance(value, torch.Tensor):
        with torch._tensor_str.printoptions(precision=4, sci_mode=False):
            text = str(value)
    else:
        with np.printoptions(precision=4):
            text = str(value)
    return "\n".join(f"# {line}" for line in text.splitlines())


numbers = st.floats(-100, 100, width=32).map(lambda number: round(number, 3) + 0.0)


@settings(deadline=None)
@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=1, max_size=4)))
def test_a_tensor_prints_as_before(rows: list[list[float]]) -> None:
    """From the parsed numbers the very lines can be made again."""
    text = printed(torch.tensor(rows))
    matrix = parse_matrix(text)
    assert matrix is not None
    assert "\n".join(f"# {line}" for line in matrix_lines(matrix)) == text
    for row, cells in zip(rows, matrix.rows, strict=True):
        assert [cell.value for cell in cells] == pytest.approx(row, abs=1e-3)


@settings(deadline=None)
@given(st.lists(numbers, min_size=1, max_size=5), st.integers(0, 3))
def test_an_array_prints_as_before(row: list[float], labels: int) -> None:
    """One score a pair, or one for each label."""
    array = np.array(row if not labels else [row[:1] * labels] * 3, dtype=np.float32)
    text = printed(array)
    matrix = parse_matrix(text)
    assert matrix is not None
    assert (matrix.source, matrix.vector) == ("numpy", not labels)
    assert [len(r) for r in matrix.rows] == ([len(row)] if not labels else [labels] * 3)
    assert [cell.value for cell in matrix.rows[0]] == pytest.approx(
        list(array.reshape(-1)[: len(matrix.rows[0])]), abs=1e-3
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            torch.tensor([[1.0, float("nan")]]),
            Matrix(source="torch", rows=((Displayed("1.", 1.0), Displayed("nan", 0)),)),
        ),
        (torch.tensor([0.5]), Matrix(source="torch", rows=((Displayed("0.5000", 0.5),),), vector=True)),
        (
            torch.tensor([[0.5]], dtype=torch.bfloat16),
            Matrix(source="torch", rows=((Displayed("0.5000", 0.5),),), dtype="torch.bfloat16"),
        ),
        (np.array([1e-9]), Matrix(source="numpy", rows=((Displayed("1.e-09", 1e-9),),), vector=True)),
        (np.array([-np.inf]), Matrix(source="numpy", rows=((Displayed("-inf", -np.inf),),), vector=True)),
    ],
)
def test_special_numbers_are_read(value: Any, expected: Matrix) -> None:
    """Not-a-number, infinity, exponents, and the type that torch prints behind halves."""
    found = parse_matrix(printed(value))
    assert repr(found) == repr(expected).replace("value=0)", "value=nan)")


@pytest.mark.parametrize(
    "text", ["# tensor(", "# [[[1.]]]", "# hello", "# [1. ... 2.]", "# tensor([[1.]], device='cuda:0')"]
)
def test_another_form_is_a_problem(text: str) -> None:
    """What cannot be read is noted and left out, never guessed."""
    with pytest.raises(ValueError, match="no printed tensor"):
        parse_matrix(text)
    problems = Problems()
    card = SimpleNamespace(similarities=text, usage_examples=None, widget=[])
    usage = capture_usage(card, "SentenceTransformer", problems, retrieval=False, samples=True, builtin=True)
    assert usage.similarities is None
    assert len(problems.texts) == 1


def test_nothing_is_no_problem() -> None:
    """Without a save there are no similarities."""
    assert parse_matrix(None) is None


def test_examples_are_cut_as_the_library_cuts_them_when_saving() -> None:
    """Three sentences, a query with its documents, four for late interaction; all of them if the snippet is not run."""
    card = SimpleNamespace(
        usage_examples=["a", "b", "c", "d", "e"], similarities=None, widget=[], generate_widget_examples=True
    )

    def count(kind: Any, *, retrieval: bool = False) -> int:
        usage = capture_usage(card, kind, Problems(), retrieval=retrieval, samples=True, builtin=False)
        return len(usage.examples or ())

    assert count("SentenceTransformer") == 3
    assert count("SentenceTransformer", retrieval=True) == 5
    assert count("SparseEncoder", retrieval=True) == 3
    assert count("MultiVectorEncoder", retrieval=True) == 4
    assert count("CrossEncoder") == 5
    card.generate_widget_examples = False
    assert count("SentenceTransformer") == 5


def test_without_samples_nothing_of_a_row_is_kept() -> None:
    """Not the texts, and not the scores, which would stand under other texts."""
    card = SimpleNamespace(usage_examples=["secret"], similarities="# [0.5]", widget=[{"text": "secret"}])
    options = {"retrieval": False, "samples": False}
    assert capture_usage(card, "CrossEncoder", Problems(), builtin=False, **options) == Usage()
    kept = capture_usage(card, "CrossEncoder", Problems(), builtin=True, **options)
    assert kept.similarities is not None
    assert kept.widget == ()
