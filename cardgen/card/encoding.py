"""Repair of text that was decoded wrongly: UTF-8 bytes read with another code page and written as UTF-8 again.

A whole file is repaired by one code page, or not at all: encoding it with that page must give UTF-8. Correct
text never does, for every generated card holds a character (the Hub's face) that no such page has, and other
correct text is not valid UTF-8 once it is encoded with a page of single bytes.

Where bytes were thrown away on the wrong way (a page has no character for some), what is left of a character
becomes U+FFFD, one for each. Nothing is guessed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

CODE_PAGES = ("cp1252", "mac_roman", "cp1254", "latin-1", "cp1250", "cp1251", "cp1253", "cp437", "cp850", "cp866")
"""The pages that are tried, in this order."""

FACE = "\N{HUGGING FACE}"
LOST = "\ufffd"
MOST_LOST = 0.25
"""Share of characters that may be lost in a text that is still taken for damaged."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A repaired text, the code page it had been read with, and how many of its characters are lost."""

    text: str
    code_page: str
    lost: int

    def __str__(self) -> str:
        lost = f"; {self.lost} characters are lost (U+FFFD)" if self.lost else ""
        return f"UTF-8 that was read as {self.code_page}, repaired{lost}"


def repair(text: str) -> Repair | None:
    """The text as it was before it was decoded wrongly; None if it was not."""
    if text.isascii() or FACE in text:
        return None
    characters = set(text)
    best: Repair | None = None
    for page in CODE_PAGES:
        table = _bytes_of(page)
        if not characters <= table.keys():
            continue
        data = bytes(map(table.__getitem__, text))
        repaired = data.decode("utf-8", "replace")
        lost = repaired.count(LOST) - data.count(LOST.encode())
        found = sum(not character.isascii() for character in repaired) - lost
        if lost and (lost > MOST_LOST * (found + lost) or FACE not in repaired):
            continue
        if best is None or lost < best.lost:
            best = Repair(repaired, page, lost)
    return best


@functools.cache
def _bytes_of(page: str) -> dict[str, int]:
    """Character -> byte; a byte that the page leaves undefined is read as the control character of its number."""
    table: dict[str, int] = {}
    for byte in range(256):
        try:
            character = bytes([byte]).decode(page)
        except UnicodeDecodeError:
            character = chr(byte)
        table.setdefault(character, byte)
    return table
