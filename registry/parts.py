"""Long lists, asked for in parts: a statement takes so many parameters and not more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

STATEMENT_LIMIT = 300
"""Values that one statement asks for; SQLite takes 32,766 parameters, older ones 999."""

Item = TypeVar("Item")


def parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items, in their order, at most `STATEMENT_LIMIT` together."""
    for start in range(0, len(items), STATEMENT_LIMIT):
        yield items[start : start + STATEMENT_LIMIT]
