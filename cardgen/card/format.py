"""How values become text: numbers, tables, lists of names, durations. Pure functions of their arguments."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from cardgen.record import Displayed, Opaque

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def value_text(value: Any) -> str:
    """A plain value as Python prints it; a displayed number, also inside of others, as it was displayed."""
    return str(_printable(value) if isinstance(value, list | tuple | dict) else value)


def _printable(value: Any) -> Any:
    """The value with a text instead of each displayed number, which Python prints without quotes."""
    if isinstance(value, Displayed):
        return Opaque(value.text)
    if isinstance(value, list):
        return [*map(_printable, value)]
    if isinstance(value, tuple):
        return tuple(map(_printable, value))
    if isinstance(value, dict):
        return {_printable(key): _printable(entry) for key, entry in value.items()}
    return value


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
    widths = [max([len(column), *(len(row[i]) for row in cells)]) for i, column in enumerate(columns)]
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
