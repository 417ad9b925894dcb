"""Errors of queries: what is wrong, with the character pointed at, and the nearest name that there is."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from cardgen.errors import QueryError

_AROUND = 60
"""Characters shown at each side of the place."""


def problem(message: str, query: str, at: int, hint: str | None = None) -> QueryError:
    """The error for something wrong at a character of a query, which it shows with a caret below."""
    start = max(0, at - _AROUND)
    line = "".join(char if char.isprintable() else "·" for char in query[start : at + _AROUND])
    before = line[: at - start]
    width = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in before)
    return QueryError(f"{message}\n  {line}\n  {' ' * width}^", hint=hint, query=query, position=at)


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """The names most like this one, best first; those that end with it go before all others."""
    known = list(dict.fromkeys(names))
    ends = [other for other in known if other != name and other.endswith(f".{name}")]
    close = difflib.get_close_matches(name, known, n=count)
    return list(dict.fromkeys([*ends[:count], *close]))[:count]
