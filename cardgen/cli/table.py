"""A plain table: columns are aligned by terminal cells, and made narrower until they fit.

Written by hand, because the console of rich costs a listing a tenth of its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

GAP = 2
NARROWEST = 2
FEW, LEAST = 8, 6
"""So few columns are squeezed; of more, each has this many cells at least, or it is left out."""


def table_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, *, kept: int = 1
) -> Iterator[str]:
    """The lines of a table, headings first; `width` is in cells, None does not limit it.

    Where it does not fit, the widest column gives way first; the `kept` first ones say what it is about, and give way
    last.
    """
    lines = [list(headings), *(list(row) for row in rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(headings))]
    if width is not None:
        _fit(widths, width, kept)
    for line in lines:
        cells = (_cell(text, size) for text, size in zip(line, widths, strict=True))
        yield (" " * GAP).join(cells).rstrip()


def columns_that_fit(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, kept: int = 1) -> int:
    """How many of the columns, from the first on, have room to say something; the `kept` first ones have all."""
    least = NARROWEST if len(headings) <= FEW else LEAST
    used = -GAP
    for column, heading in enumerate(headings):
        natural = max(cell_len(heading), max((cell_len(row[column]) for row in rows), default=0))
        used += GAP + min(natural, width // 2 if column < kept else least)
        if used > width and column >= kept:
            return column
    return len(headings)


def _fit(widths: list[int], width: int, kept: int) -> None:
    def excess() -> int:
        return sum(widths) + GAP * (len(widths) - 1) - width

    for columns in (range(kept, len(widths)), range(min(kept, len(widths)))):
        while excess() > 0:
            widest = max(columns, key=lambda column: widths[column], default=None)
            if widest is None or widths[widest] <= NARROWEST:
                break
            widths[widest] -= 1


def cut(text: str, size: int) -> str:
    """The text, with a mark at its end if it takes more cells than this."""
    return text if cell_len(text) <= size else set_cell_size(text, size - 1) + "…"


def _cell(text: str, size: int) -> str:
    return set_cell_size(cut(text, size), size)
