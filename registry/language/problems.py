"""Errors of queries: what is wrong, with the character pointed at, and the nearest name that there is."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from cardgen.errors import QueryError

_AROUND = 36
"""Cells of a terminal that are shown at each side of the place, so that the line fits an ordinary one."""


def problem(message: str, query: str, at: int, hint: str | None = None) -> QueryError:
    """The error for something wrong at a character of a query, which it shows with a caret below."""
    before, after = (
        [char if char.isprintable() else "·" for char in part]
        for part in (query[max(0, at - 100) : at], query[at : at + 100])
    )
    while sum(map(_cells, before)) > _AROUND:
        del before[0]
    while sum(map(_cells, after)) > _AROUND:
        del after[-1]
    line = "".join([*before, *after])
    return QueryError(f"{message}\n  {line}\n  {' ' * sum(map(_cells, before))}^", hint=hint, query=query, position=at)


def _cells(char: str) -> int:
    """How many cells of a terminal a character takes."""
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """The names most like this one, best first; those that end with it go before all others."""
    known = list(dict.fromkeys(names))
    ends = [other for other in known if other != name and other.endswith(f".{name}")]
    close = difflib.get_close_matches(name, known, n=count)
    return list(dict.fromkeys([*ends[:count], *close]))[:count]
