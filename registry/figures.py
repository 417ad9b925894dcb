"""What a log says of each of its names: least, greatest and last value. Pure functions of the log."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cardgen.measures import measured
from cardgen.registry import rows

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one name: the least and the greatest number, and the value of the last event that has one.

    None where there is no number; `last` is None if the last value is none (NaN, a text). `seq` is that event's.
    """

    lowest: float | None
    highest: float | None
    last: float | None
    seq: int

    def joined(self, other: Figures) -> Figures:
        """The figures of both logs together."""
        low = [number for number in (self.lowest, other.lowest) if number is not None]
        high = [number for number in (self.highest, other.highest) if number is not None]
        later = self if self.seq > other.seq else other
        return Figures(min(low, default=None), max(high, default=None), later.last, later.seq)


def figures(events: Iterable[tuple[int, Mapping[Any, Any]]]) -> dict[str, Figures]:
    """The figures of each name, from pairs of a `seq` and the values of that event.

    Every event that is written passes here, so those with the same names are looked at together, column by column.
    """
    found: dict[str, Figures] = {}
    iterator = iter(events)
    while some := list(itertools.islice(iterator, _AT_ONCE)):
        alike: dict[tuple[Any, ...], list[tuple[int, Mapping[Any, Any]]]] = {}
        for event in some:
            alike.setdefault(tuple(event[1]), []).append(event)
        for keys, group in alike.items():
            seqs = [seq for seq, _ in group]
            for key, column in zip(keys, zip(*[values.values() for _, values in group], strict=True), strict=True):
                name = _searchable(key) if isinstance(key, str) else rows.searchable(repr(key))
                new = _of_column(seqs, column)
                found[name] = found[name].joined(new) if name in found else new
    return found


def _of_column(seqs: Sequence[int], column: Sequence[Any]) -> Figures:
    """The figures of the values of one name."""
    newest = len(seqs) - 1 - seqs[::-1].index(max(seqs))
    if set(map(type, column)) == {float} and not math.isnan(sum(column)):  # nearly always
        return Figures(min(column), max(column), column[newest], seqs[newest])
    numbers = [rows.number(value if type(value) is not str else measured(value)) for value in column]
    there = [number for number in numbers if number is not None]
    return Figures(min(there, default=None), max(there, default=None), numbers[newest], seqs[newest])


_searchable = functools.lru_cache(maxsize=1024)(rows.searchable)
