"""Texts back to values: each of these undoes what the views print, and keeps the text where it cannot."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from typing import Any

from cardgen.card.format import cell_text
from cardgen.record import Displayed, Opaque

LONGEST_LITERAL = 200_000
"""Characters of a literal that are still read as one; longer ones stay text (Python's parser is slow on them)."""

DEEPEST_LITERAL = 40
"""Brackets in each other up to which a literal is read."""

SHORT = 40
"""Characters of a text whose value is remembered: most arguments of a trainer are `False` or `None`."""

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf|nan)", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,4000}", re.ASCII)
_CONSTANTS = {"None": None, "True": True, "False": False}
_OPENING = ("[", "{", "(", "'", '"', "b")
_BRACKETS = re.compile(r"[\[\](){}]")


def number(text: str) -> int | float | None:
    """The number that a text says, or None."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def exact(text: str) -> Any:
    """A value whose `str` is `text`: a number, a bool, None, a list, a dict … or the text itself."""
    if len(text) <= SHORT and not text.startswith(_OPENING):
        return _short(text)
    value = literal(text)
    return value if value is text or str(value) == text else text


@functools.lru_cache(maxsize=2048)
def _short(text: str) -> Any:
    value = literal(text)
    return value if str(value) == text else text


def literal(text: str) -> Any:
    """The Python literal that a text is, or the text itself. Nothing is evaluated."""
    found = number(text)
    if found is not None:
        return found
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text.startswith(_OPENING) or len(text) > LONGEST_LITERAL or _depth(text) > DEEPEST_LITERAL:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _depth(text: str) -> int:
    """Brackets that are open at most, those inside of texts included."""
    if sum(map(text.count, "[({")) <= DEEPEST_LITERAL:
        return 0
    steps = (1 if bracket in "[({" else -1 for bracket in _BRACKETS.findall(text))
    return max(itertools.accumulate(steps))


@functools.lru_cache(maxsize=2048)
def displayed(text: str, *, decimals: int = 4) -> Any:
    """A number as a table shows it: exact where no digit can have been cut, else a `Displayed`.

    A float with `decimals` digits behind its point may have had more; every other text is kept as it is.
    """
    value = number(text)
    if value is None:
        return text
    if isinstance(value, float):
        _, _, digits = text.partition(".")
        if len(digits) >= decimals or cell_text(value) != text:
            return Displayed(text, value)
    return value if str(value) == text else Displayed(text, value)


def cell(text: str, dtype: str | None, *, escaped_pipes: bool) -> Any:
    """A sample as its cell shows it: typed by the column's dtype where the text says the same again.

    A list of which the card shows the first entries only ends in one that stands for the rest.
    """
    if dtype == "list" and text.endswith(", ...]"):
        shown = literal(text[: -len(", ...]")] + "]")
        if isinstance(shown, list):
            return [*shown, Opaque("...")]
    if escaped_pipes:
        text = text.replace("\\|", "|")
    text = text.replace("<br>", "\n")
    if dtype in (None, "string", ""):
        return text
    value = literal(text)
    if value is not text and str(value) == text:
        return value
    return text if dtype == "str" else Opaque(text) if dtype not in ("int", "float", "bool", "list") else text
