"""How values become text: numbers, tables, lists of names, tensors, durations. Pure functions of their arguments."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from cardgen.record import Displayed, Matrix

TORCH_WIDTH = 80
NUMPY_WIDTH = 75
"""Columns after which torch and numpy wrap a printed row (their defaults)."""


def value_text(value: Any) -> str:
    """A plain value as Python prints it; a displayed number as it was displayed."""
    return value.text if isinstance(value, Displayed) else str(value)


def number_of(value: Any) -> float | int | None:
    """The number in a value that is a number or a displayed number; None otherwise (bool included)."""
    if isinstance(value, Displayed):
        return value.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def rounded_text(value: Any) -> str:
    """A metric as tables of results show it: floats rounded to 4 decimals, shortest form (`0.883`)."""
    return str(round(value, 4)) if isinstance(value, float) else value_text(value)


def cell_text(value: Any) -> str:
    """A value as a table cell: a float with more than 4 digits behind its first point gets exactly 4."""
    if isinstance(value, float):
        text = str(value)
        _, point, digits = text.partition(".")
        return f"{value:.4f}" if point and len(digits) > 4 else text
    return value_text(value)


def markdown_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, centred: bool = False) -> str:
    """A padded markdown table; widths are counted in characters, as Python's `len` does.

    `rows` lack no column. A data table's ruler is left-aligned, by replacing `-:|` in the *whole* table text:
    cells that hold these three characters change as well, in the format's own way. The text ends in a newline.
    """
    cells = [[cell_text(row[column]) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    lines = [_table_line(columns, widths), "|" + "".join(f":{'-' * width}:|" for width in widths)]
    lines += [_table_line(row, widths) for row in cells]
    table = "".join(line + "\n" for line in lines)
    return table if centred else table.replace("-:|", "--|")


def _table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "|" + "".join(f" {cell.ljust(width)} |" for cell, width in zip(cells, widths, strict=True))


def indented(text: str, prefix: str = "  ") -> str:
    """Every line that is not blank behind `prefix`; a line is what `str.splitlines` says, CR and U+2028 included."""
    return textwrap.indent(text, prefix)


def joined(names: Sequence[str], *, comma: bool = False) -> str:
    """`a`, `a and b`, `a, b and c`; with `comma` there is one before the last `and` of three or more."""
    if len(names) < 2:
        return "".join(names)
    head = ", ".join(names[:-1])
    return f"{head}{',' if comma and len(names) > 2 else ''} and {names[-1]}"


def duration_text(seconds: float) -> str:
    """`4.0 seconds`, `1.5 minutes`, `2.0 hours`, `3.1 days`: the largest unit below the next one's start."""
    for limit, size, unit in ((60, 1, "seconds"), (3600, 60, "minutes"), (86400, 3600, "hours")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} days"


def matrix_lines(matrix: Matrix) -> list[str]:
    """The lines that printing the tensor or array gives."""
    if matrix.source == "torch":
        return _torch_lines(matrix)
    return _numpy_lines(matrix)


def _torch_lines(matrix: Matrix) -> list[str]:
    width = max((len(cell.text) for row in matrix.rows for cell in row), default=0)
    opening = "tensor([" if matrix.vector else "tensor([["
    per_line = max(1, (TORCH_WIDTH - len(opening) + 1) // (width + 2))
    return _bracketed(
        [[cell.text.rjust(width) for cell in row] for row in matrix.rows],
        first=opening,
        separator=", ",
        row_end="]," if not matrix.vector else "",
        close="])" if matrix.vector else "]])",
        lines_of=lambda cells: [cells[i : i + per_line] for i in range(0, len(cells), per_line)],
    )


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
    rows: Sequence[list[str]], *, first: str, separator: str, row_end: str, close: str, lines_of: Any
) -> list[str]:
    """Rows of cells between brackets; continuation lines stand under the first cell."""
    lines: list[str] = []
    for number, row in enumerate(rows):
        start = first if number == 0 else " " * (len(first) - 1) + "["
        groups: list[list[str]] = lines_of(row)
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
