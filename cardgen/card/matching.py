"""Which lines of two texts are the same, in bounded time: what merging and comparing stand on.

`difflib` alone takes quadratic time and more on texts of many equal lines. Here lines that are unique on both sides
come first (patience); `difflib` gets what is left between them, if that is little.
"""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Callable, Iterator, Sequence

SMALL = 60_000
"""Pairs of lines up to which `difflib` may compare each with each."""

Block = tuple[int, int, int]


class Matcher:
    """Matching blocks of two sequences, with the interface of `difflib.SequenceMatcher` that merge3 uses."""

    def __init__(
        self,
        isjunk: Callable[[str], bool] | None = None,
        a: Sequence[str] = (),
        b: Sequence[str] = (),
        autojunk: bool = False,
    ) -> None:
        self.a, self.b = a, b

    def get_matching_blocks(self) -> list[Block]:
        """Triples (start in a, start in b, length) in order, and an empty one at the end."""
        blocks = sorted(_blocks(self.a, self.b))
        merged: list[Block] = []
        for first, second, length in blocks:
            if merged and (last := merged[-1])[0] + last[2] == first and last[1] + last[2] == second:
                merged[-1] = (last[0], last[1], last[2] + length)
            else:
                merged.append((first, second, length))
        return [*_slid(self.a, self.b, merged), (len(self.a), len(self.b), 0)]


def _slid(a: Sequence[str], b: Sequence[str], blocks: Sequence[Block]) -> list[Block]:
    """The blocks with what was only added or only taken away between two of them as far down as it fits.

    A section and a blank line may be found as one behind the other or the other way round. Two texts with the same
    section must have it found alike, or merging them would put it in twice.
    """
    slid: list[Block] = []
    for first, second, length in blocks:
        while length and slid:
            before, other, size = slid[-1]
            end, other_end = before + size, other + size
            alone = (end == first) != (other_end == second)
            if not alone or (a[end] if end < first else b[other_end]) != a[first]:
                break
            slid[-1] = before, other, size + 1
            first, second, length = first + 1, second + 1, length - 1
        if length:
            slid.append((first, second, length))
    return slid


def _blocks(a: Sequence[str], b: Sequence[str]) -> Iterator[Block]:
    todo = [(0, len(a), 0, len(b))]
    while todo:
        a_low, a_high, b_low, b_high = todo.pop()
        start = a_low, b_low
        while a_low < a_high and b_low < b_high and a[a_low] == b[b_low]:
            a_low, b_low = a_low + 1, b_low + 1
        if a_low > start[0]:
            yield *start, a_low - start[0]
        end = a_high
        while a_low < a_high and b_low < b_high and a[a_high - 1] == b[b_high - 1]:
            a_high, b_high = a_high - 1, b_high - 1
        if a_high < end:
            yield a_high, b_high, end - a_high
        if a_low == a_high or b_low == b_high:
            continue
        anchors = _anchors(a, a_low, a_high, b, b_low, b_high)
        if anchors:
            for first, second in anchors:
                yield first, second, 1
                todo.append((a_low, first, b_low, second))
                a_low, b_low = first + 1, second + 1
            todo.append((a_low, a_high, b_low, b_high))
        elif (a_high - a_low) * (b_high - b_low) <= SMALL:
            matcher = difflib.SequenceMatcher(None, a[a_low:a_high], b[b_low:b_high], autojunk=False)
            for first, second, length in matcher.get_matching_blocks()[:-1]:
                yield a_low + first, b_low + second, length


def _anchors(
    a: Sequence[str], a_low: int, a_high: int, b: Sequence[str], b_low: int, b_high: int
) -> list[tuple[int, int]]:
    """Places of lines that stand once on each side, as many as are in the same order on both."""
    there = _unique(b, b_low, b_high)
    pairs = [(first, there[line]) for line, first in _unique(a, a_low, a_high).items() if line in there]
    # the longest run of pairs whose second places increase
    ends: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        length = bisect.bisect_left(ends, second)
        ends[length : length + 1] = [second]
        places[length : length + 1] = [index]
        before.append(places[length - 1] if length else -1)
    found: list[tuple[int, int]] = []
    index = places[-1] if places else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _unique(lines: Sequence[str], low: int, high: int) -> dict[str, int]:
    """Line -> place of the lines that stand once in a range, in order."""
    places: dict[str, int] = {}
    for place in range(low, high):
        places[lines[place]] = -1 if lines[place] in places else place
    return {line: place for line, place in places.items() if place >= 0}
