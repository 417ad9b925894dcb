"""What a log says of each of its names: least, greatest and last value. Pure functions of the log."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cardgen.measures import measured
from cardgen.registry import rows


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

    Every event that is written passes here, so nothing is made for a value but what it changes.
    """
    found: dict[str, list[Any]] = {}  # the fields of Figures
    for seq, values in events:
        for key, value in values.items():
            name = _searchable(key) if type(key) is str else rows.searchable(repr(key))
            number = rows.number(value if type(value) is not str else measured(value))
            one = found.get(name)
            if one is None:
                found[name] = [number, number, number, seq]
                continue
            if number is not None:
                if one[0] is None or number < one[0]:
                    one[0] = number
                if one[1] is None or number > one[1]:
                    one[1] = number
            if seq >= one[3]:
                one[2:] = number, seq
    return {name: Figures(*fields) for name, fields in found.items()}


_searchable = functools.lru_cache(maxsize=1024)(rows.searchable)
