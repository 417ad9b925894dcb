"""Where blocks of code begin and end, by the rules of CommonMark for fences.

Three or more backticks or tildes open a block, up to three blanks may stand before them and an info string behind
(which has no backtick if the fence is of backticks). Only a fence of the same characters, at least as long and with
nothing behind it, closes the block; without one it goes on to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_OPENING = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})", re.DOTALL)
_DEEPEST = 3
"""Blanks before a fence; a line with more is code by its indentation."""


def opening(line: str) -> str:
    """The fence that a line opens a block with; empty if it opens none."""
    found = _OPENING.match(line)
    return found[1] if found else ""


def closes(line: str, fence: str) -> bool:
    """Whether a line closes the block that a fence opened."""
    stripped = line.strip(" ")
    if not stripped.startswith(fence) or line.find(fence[0]) > _DEEPEST:
        return False
    return not stripped.rstrip(" \t\r").strip(fence[0])


def outside_code(lines: Iterable[str]) -> Iterator[str]:
    """The lines that stand in no block of code."""
    fence = ""
    for line in lines:
        if fence:
            fence = "" if closes(line, fence) else fence
        elif not ("```" in line or "~~~" in line) or not (fence := opening(line)):
            yield line
