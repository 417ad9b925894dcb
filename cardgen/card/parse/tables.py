"""Markdown tables back to cells.

A generated table is padded: every row is as long as its ruler, so cells are cut by position, and a bar, a line
break or a tag inside a cell harms nothing. A table that somebody changed is cut at its bars instead.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

_RULER = re.compile(r"\|(?::?-+:?\|)+")
_BAR = re.compile(r"(?<!\\)\|")
MOST_COLUMNS = 2_000
MOST_CELLS = 1_000_000
"""Bounds of a table that is still read."""
MOST_LINES = 50
"""Lines that one row may stand on."""


@dataclass(frozen=True, slots=True)
class Table:
    """Column names and rows of cell texts, padding taken off."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_table(lines: Sequence[str], start: int) -> tuple[Table, int] | None:
    """The table whose header is line `start`, and the line behind it; None if no table starts there."""
    if start + 1 >= len(lines) or not lines[start].startswith("|") or not _RULER.fullmatch(lines[start + 1]):
        return None
    ruler = lines[start + 1]
    columns = ruler.count("|") - 1
    if columns > MOST_COLUMNS:
        return None
    edges = [match.start() for match in re.finditer(r"\|", ruler)]
    rows: list[tuple[str, ...]] = []
    index = start + 2
    while index < len(lines) and lines[index].startswith("|") and len(rows) * columns < MOST_CELLS:
        row = lines[index]
        index += 1
        if len(row) < len(ruler):
            end = _row_end(lines, index, len(ruler) - len(row))
            if end is not None:
                row, index = "\n".join(lines[index - 1 : end]), end
        rows.append(_cells(row, edges))
    return Table(_cells(lines[start], edges), tuple(rows)), index


def _row_end(lines: Sequence[str], index: int, missing: int) -> int | None:
    """A cell that holds a line break goes on in the next lines: where these make up the row's length, or None."""
    for ahead in range(index, min(index + MOST_LINES, len(lines))):
        missing -= 1 + len(lines[ahead])
        if missing <= 0:
            return ahead + 1 if missing == 0 and lines[ahead].endswith("|") else None
    return None


def first_table(lines: Sequence[str]) -> Table | None:
    """The first table in these lines."""
    for position, line in enumerate(lines):
        if line.startswith("|") and (found := read_table(lines, position)):
            return found[0]
    return None


def _cells(row: str, edges: Sequence[int]) -> tuple[str, ...]:
    if len(row) == edges[-1] + 1 and all(row[edge] == "|" for edge in edges):
        return tuple(row[a + 2 : b - 1].rstrip(" ") for a, b in itertools.pairwise(edges))
    count = len(edges) - 1
    cells = [cell.strip(" ") for cell in _BAR.split(row.strip())[1:]]
    if row.rstrip().endswith("|"):
        cells = cells[:-1]
    return tuple((cells + [""] * count)[:count])


def unindented(text: str, prefix: str = "  ") -> str:
    """Undo `format.indented`: what Python takes for a line loses `prefix` at its start."""
    return "".join(line.removeprefix(prefix) for line in text.splitlines(keepends=True))
