"""Tensors and arrays as torch and numpy print them: read into numbers, and printed again to the letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from cardgen.record import Displayed, Matrix

TORCH_WIDTH = 80
NUMPY_WIDTH = 75
"""Columns after which torch and numpy wrap a printed row (their defaults)."""

_TENSOR = re.compile(r"tensor\((\[.*\])(?:,\s*dtype=(torch\.\w+))?\)", re.DOTALL)
_ROW = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[+-]?(?:nan|inf|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)", re.ASCII)


def read_matrix(text: str) -> Matrix:
    """A printed tensor or array of one or two dimensions, its numbers as they were displayed.

    Raises:
        ValueError: the text is something else.
    """
    source: Literal["torch", "numpy"] = "numpy"
    body, dtype = text, None
    if text.startswith("tensor("):
        source = "torch"
        match = _TENSOR.fullmatch(text)
        if match is None:
            raise ValueError(f"no printed tensor: {text[:80]!r}")
        body, dtype = match[1], match[2]
    vector = not body.startswith("[[")
    inner = body[1:-1]
    rows = [inner] if vector else _ROW.findall(inner)
    between = inner if vector else _ROW.sub("", inner)
    words = [row.replace(",", " ").split() for row in rows]
    if (
        not (body.startswith("[") and body.endswith("]"))
        or (not vector and between.replace(",", " ").strip())
        or not words
        or not all(_NUMBER.fullmatch(word) for row in words for word in row)
    ):
        raise ValueError(f"no printed tensor or array: {text[:80]!r}")
    cells = tuple(tuple(Displayed(word, float(word)) for word in row) for row in words)
    return Matrix(source=source, rows=cells, vector=vector, dtype=dtype)


def matrix_lines(matrix: Matrix) -> list[str]:
    """The lines that printing the tensor or array gives."""
    if matrix.source == "torch":
        return _torch_lines(matrix)
    return _numpy_lines(matrix)


def _torch_lines(matrix: Matrix) -> list[str]:
    width = max((len(cell.text) for row in matrix.rows for cell in row), default=0)
    opening = "tensor([" if matrix.vector else "tensor([["
    per_line = max(1, (TORCH_WIDTH - len(opening) + 1) // (width + 2))
    lines = _bracketed(
        [[cell.text.rjust(width) for cell in row] for row in matrix.rows],
        first=opening,
        separator=", ",
        row_end="]," if not matrix.vector else "",
        close="]" if matrix.vector else "]]",
        lines_of=lambda cells: [cells[i : i + per_line] for i in range(0, len(cells), per_line)],
    )
    if matrix.dtype is None:
        return [*lines[:-1], lines[-1] + ")"]
    suffix = f"dtype={matrix.dtype}"
    if len(lines[-1]) + len(suffix) + 4 > TORCH_WIDTH:  # torch counts two columns more than there are
        return [*lines[:-1], lines[-1] + ",", " " * len("tensor(") + suffix + ")"]
    return [*lines[:-1], f"{lines[-1]}, {suffix})"]


def _numpy_lines(matrix: Matrix) -> list[str]:
    texts = [cell.text for row in matrix.rows for cell in row]
    finite = [text.partition(".") for text in texts if "." in text]
    left = max((len(whole) for whole, _, _ in finite), default=0)
    right = max((len(part) for _, _, part in finite), default=0)
    width = max([left + 1 + right if finite else 0, *(len(text) for text in texts)], default=0)

    def cell(text: str) -> str:
        whole, point, part = text.partition(".")
        return (f"{whole.rjust(left)}.{part.ljust(right)}" if point else text).rjust(width)

    opening = "[" if matrix.vector else "[["
    fits = NUMPY_WIDTH - len(opening) - (0 if matrix.vector else 1) - 1

    def lines_of(cells: list[str]) -> list[list[str]]:
        lines: list[list[str]] = [[]]
        for text in cells:
            if lines[-1] and len(" ".join([*lines[-1], text])) > fits + 1:
                lines.append([])
            lines[-1].append(text)
        return lines

    return _bracketed(
        [[cell(entry.text) for entry in row] for row in matrix.rows],
        first=opening,
        separator=" ",
        row_end="]" if not matrix.vector else "",
        close="]" if matrix.vector else "]]",
        lines_of=lines_of,
    )


def _bracketed(
    rows: Sequence[list[str]],
    *,
    first: str,
    separator: str,
    row_end: str,
    close: str,
    lines_of: Callable[[list[str]], list[list[str]]],
) -> list[str]:
    """Rows of cells between brackets; continuation lines stand under the first cell."""
    lines: list[str] = []
    for number, row in enumerate(rows):
        start = first if number == 0 else " " * (len(first) - 1) + "["
        groups = lines_of(row)
        for index, group in enumerate(groups):
            text = (start if index == 0 else " " * len(first)) + separator.join(group)
            if index < len(groups) - 1:
                text = (text + separator).rstrip()
            elif number < len(rows) - 1:
                text += row_end
            else:
                text += close
            lines.append(text)
    return lines or [first + close]
