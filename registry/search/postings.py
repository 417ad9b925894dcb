"""Tokens laid out for an index: four columns of them, with positions that both engines count alike.

A phrase is tokens at positions that follow each other, so a gap stands between texts. What a token is made of (see
`segment`) stands at the end of its column, behind gaps of its own, where it breaks no phrase. PostgreSQL has 16,383
positions and a megabyte for a run, and 255 positions for a token of it: what goes beyond is left out, on both engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from cardgen.registry.search.segment import words
from cardgen.registry.search.texts import PARTS, Part, Text

GAP: Final = "·"
"""Stands where no token is; no token has it in it."""

ROOM: Mapping[Part, int] = {"names": 1000, "about": 3000, "cards": 9000, "samples": 3000}
"""Positions of each part, a fifth of them for what its tokens are made of."""

MOST_OF_ONE = 250
"""How often one token of a run is counted."""

MOST_BYTES = 800_000
"""Bytes of all different tokens of a run."""

Columns = tuple[list[str], ...]
"""The tokens and gaps of each part, in the order of `PARTS`."""


def columns(texts: Iterable[Text]) -> Columns:
    """The tokens of a run's texts as they are indexed."""
    mains: dict[Part, list[str]] = {part: [] for part in PARTS}
    apart: dict[Part, list[str]] = {part: [] for part in PARTS}
    for text in texts:
        _add(text, mains[text.part], apart[text.part])
    found = tuple([*mains[part], *apart[part]] for part in PARTS)
    _limit(found)
    return found


def _add(text: Text, main: list[str], apart: list[str]) -> None:
    limit = ROOM[text.part] * 4 // 5
    if len(main) >= limit - 1:
        return
    if main:
        main.append(GAP)
    known: set[tuple[str, ...]] = set()
    for token, parts in words(text.text):
        if len(main) == limit:
            break
        main.append(token)
        if parts and parts not in known and len(apart) + len(parts) < ROOM[text.part] - limit:
            known.add(parts)
            apart += [GAP, *parts]


def _limit(found: Columns) -> None:
    """Put gaps where a token stands too often, or where the tokens are too many bytes."""
    if sum(map(len, found)) <= MOST_OF_ONE:
        return
    counts: Counter[str] = Counter()
    size = 0
    for column in found:
        for index, token in enumerate(column):
            if token == GAP:
                continue
            if not counts[token]:
                size += len(token.encode())
            counts[token] += 1
            if counts[token] > MOST_OF_ONE or size > MOST_BYTES:
                column[index] = GAP
