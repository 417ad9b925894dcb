"""Tensors and arrays as torch and numpy print them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cardgen.matrix import matrix_lines, read_matrix

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
    assert matrix_lines(read_matrix(text)) == text.split("\n")


@settings(max_examples=150, deadline=None)
@given(tables, st.booleans())
def test_arrays_print_as_numpy_prints_them(rows: list[list[float]], vector: bool) -> None:
    """Reading a printed array and printing it again gives the same lines, wrapped ones included."""
    array = np.array(rows[0] if vector else rows, dtype=np.float32)
    with np.printoptions(precision=4):
        text = str(array)
    assert matrix_lines(read_matrix(text)) == text.split("\n")


@pytest.mark.parametrize("count", [1, 5, 6, 7, 8, 20])
def test_the_type_of_half_precision_is_printed(count: int) -> None:
    """torch names every type but its default one, on a line of its own where the last line is full."""
    for tensor in (torch.rand(count), torch.rand(3, count)):
        with torch._tensor_str.printoptions(precision=4, sci_mode=False):
            text = str(tensor.to(torch.bfloat16))
        assert read_matrix(text).dtype == "torch.bfloat16"
        assert matrix_lines(read_matrix(text)) == text.split("\n")


@pytest.mark.parametrize(
    "text", ["", "tensor(1.)", "[a b]", "[[1 2] x [3]]", "[1 2", "tensor([1, 2], device='cuda')", "[]]"]
)
def test_what_is_no_matrix_is_refused(text: str) -> None:
    """Nothing is guessed from a text of another form."""
    with pytest.raises(ValueError, match="no printed tensor"):
        read_matrix(text)
