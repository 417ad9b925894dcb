"""Facts as a person reads them, on a terminal and in Markdown; the same wherever runs are laid side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cardgen.card.format import value_text
from cardgen.cli.escape import visible
from cardgen.record import Displayed, Opaque

LONGEST = 300
"""Characters of a value that a person is shown; JSON has all of it."""

LONG_LIST = 100
"""Characters of lists from which on only the items are shown that another has not."""


def fact_text(value: Any) -> str:
    """A fact in words: exact numbers in full, displayed ones behind a ≈, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Displayed):
        return f"≈ {value.text}"
    if isinstance(value, (list, tuple)) and value:
        return ", ".join("None" if item is None else fact_text(item) for item in value)
    if isinstance(value, dict):
        return value_text(value)
    return (str(value) if isinstance(value, (str, Opaque)) else repr(value)) or "''"


def short(text: str) -> str:
    """A text of at most `LONGEST` characters, and a mark where it was longer."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def fact_texts(values: Sequence[Any], *, digits: int | None = None) -> list[str]:
    """Facts side by side: of long texts and lists only what not all of them have. None is one that is missing.

    Of floats at most so many digits are shown, where that does not make two different ones look alike.
    """
    known = [value for value in values if value is not None]
    texts = [f"{value:.{digits}g}" if digits and type(value) is float else fact_text(value) for value in values]
    if len(known) > 1 and all(isinstance(value, str) and "\n" in value for value in known):
        texts = _without_common([value and [line.strip() for line in value.split("\n")] for value in values], " / ")
    elif len(known) > 1 and all(isinstance(value, tuple) for value in known) and len("".join(texts)) > LONG_LIST:
        texts = _without_common([None if value is None else list(value) for value in values], ", ")
    kinds: dict[str, set[str]] = {}
    for value, text in zip(values, texts, strict=True):
        if value is not None:
            kinds.setdefault(text, set()).add(repr(value))
    return [
        short(text if value is None or len(kinds[text]) == 1 or isinstance(value, Displayed) else repr(value))
        for value, text in zip(values, texts, strict=True)
    ]


def _without_common(parts: Sequence[list[Any] | None], separator: str) -> list[str]:
    given = [part for part in parts if part is not None]
    common = [item for item in given[0] if all(item in part for part in given[1:])]
    if all(len(common) == len(part) for part in given):
        common = []
    mark = ["…"] if common and separator != " / " else []
    return [
        "" if part is None else separator.join([*mark, *(fact_text(item) for item in part if item not in common)])
        for part in parts
    ]


def code_span(text: str) -> str:
    """Text as a code span in a cell of a Markdown table: nothing in it is Markdown, HTML or a mention."""
    if not text:
        return ""
    safe = visible(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", safe)), default=0) + 1)
    pad = " " if safe[0] in "` " or safe[-1] in "` " else ""
    return f"{ticks}{pad}{safe}{pad}{ticks}"
