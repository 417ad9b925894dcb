"""The sections that a card leaves for a person to write, each a commented stub until somebody fills it.

Filling is what a person does by hand: the comment marks go, the heading stays, and words take the place of the
instructions. A section that was filled before gets new words; one that was removed comes back in its place.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from cardgen.card.format import LONE_SURROGATE
from cardgen.card.parse.document import Section, sections, undress
from cardgen.card.parse.fences import closes, opening
from cardgen.errors import SettingsError

HEADINGS = {
    "direct use": "### Direct Usage (Transformers)",
    "downstream use": "### Downstream Usage (Sentence Transformers)",
    "out-of-scope use": "### Out-of-Scope Use",
    "bias": "## Bias, Risks and Limitations",
    "recommendations": "### Recommendations",
    "glossary": "## Glossary",
    "authors": "## Model Card Authors",
    "contact": "## Model Card Contact",
}
"""The sections by the names that people give them, in the order of the card."""

_OTHER_NAMES = {
    "intended use": "direct use",
    "direct usage": "direct use",
    "downstream usage": "downstream use",
    "out of scope": "out-of-scope use",
    "risks": "bias",
    "limitations": "bias",
}
_FILLED = tuple(HEADINGS.values())
_ORDER = (*_FILLED[:3], "## Evaluation", *_FILLED[3:5], "## Training Details", *_FILLED[5:])
"""Where the sections stand among those that a card always has."""


def section_name(section: str) -> str:
    """The name of a section in `HEADINGS`, from any of its names or its heading.

    Raises:
        SettingsError: there is no such section.
    """
    names = {heading: name for name, heading in HEADINGS.items()} | {name: name for name in HEADINGS} | _OTHER_NAMES
    known = {_letters(given): name for given, name in names.items()}
    if _letters(section) not in known:
        raise SettingsError(f"there is no section {section!r:.100} to fill", hint=f"use one of: {', '.join(HEADINGS)}")
    return known[_letters(section)]


def filled(card: str, notes: Mapping[str, str]) -> str:
    """The card with the words of a record in their sections; what is no section, or does not fit, is left out."""
    for section, words in notes.items():
        with contextlib.suppress(SettingsError):
            card = fill(card, section, words)
    return card


def fill(card: str, section: str, words: str) -> str:
    """The card with a person's words in a section.

    Headings in the words are moved below the section's own, so that they end no section of the card.

    Args:
        card: the text, with any line ends.
        section: one of `HEADINGS`, `intended use`, or the heading itself.
        words: Markdown.

    Raises:
        SettingsError: there is no such section or there are no words, or the words leave a comment or a code block
            open and would swallow what follows.
    """
    name = section_name(section)
    heading = HEADINGS[name]
    dress = undress(card)
    lines = dress.body.split("\n")
    new = [heading, "", *_fitting(words, name)]
    place = _place(lines, heading)
    start, end = place or _gap(lines, heading)
    if place is None:
        new = [*new, ""] if start < len(lines) else ["", *new]
    filled = [*lines[:start], *new, *lines[end:]]
    within = range(start, start + len(new))
    if _outline(filled, within) != _outline(lines, range(start, end)):
        raise SettingsError(
            f"the words for {name} would swallow what follows them",
            hint="they leave a comment (<!--) or a code block (``` or ~~~) open",
        )
    if any(found.start in within for found in _stubs(filled)):
        raise SettingsError(
            f"the words for {name} hold the stub of a section", hint="fill that section by its own name"
        )
    return dress.restore("\n".join(filled))


def _letters(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))


def _fitting(words: str, name: str) -> list[str]:
    """The lines of the words, headings below that of the section."""
    text = LONE_SURROGATE.sub("\ufffd", words.replace("\r\n", "\n")).removeprefix("\ufeff")
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        raise SettingsError(f"there are no words for {name}")
    headings = sections(lines)
    deeper = max(0, HEADINGS[name].index(" ") + 1 - min((found.level for found in headings), default=6))
    while deeper < 6 and any(_heading(found, deeper) in _ORDER for found in headings):
        deeper += 1  # nor may one be taken for another section of the card
    for found in headings if deeper else ():
        lines[found.start] = _heading(found, deeper)
    return lines


# Where a section stands


def _place(lines: list[str], heading: str) -> tuple[int, int] | None:
    """The lines of a section: its stub, or heading and words without the blank lines behind them."""
    stubs = _stubs(lines)
    stub = next((stub for stub in stubs if stub.heading == heading), None)
    if stub is not None:
        return stub.start, stub.end
    known = sections(lines)
    found = next((section for section in known if _heading(section) == heading), None)
    if found is None:
        return None
    starts = [stub.start for stub in stubs]
    starts += [section.start for section in known if _heading(section) in _ORDER]
    end = min((start for start in starts if found.start < start < found.end), default=found.end)
    while not lines[end - 1].strip():
        end -= 1
    return found.start, end


def _gap(lines: list[str], heading: str) -> tuple[int, int]:
    """Where a section that is not there belongs: before the next one that is, else at the end."""
    for later in _ORDER[_ORDER.index(heading) + 1 :]:
        place = _place(lines, later)
        if place is not None:
            return place[0], place[0]
    return len(lines), len(lines)


class _Stub(NamedTuple):
    start: int
    end: int
    heading: str


def _stubs(lines: list[str]) -> list[_Stub]:
    """The commented stubs outside of code."""
    found = []
    fence = ""
    start: int | None = None
    for number, line in enumerate(lines):
        if start is not None:
            if "-->" in line:
                heading = lines[start + 1].rstrip()
                if heading in _FILLED:
                    found.append(_Stub(start, number + 1, heading))
                start = None
        elif fence:
            fence = "" if closes(line, fence) else fence
        elif not (fence := opening(line)) and line.lstrip().startswith("<!--") and "-->" not in line:
            start = number
    return found


def _outline(lines: list[str], but: range) -> list[str]:
    """The headings and stubs in order, without those in some lines. A last heading tells whether anything is open."""
    closed = [*lines, "## end"]
    places = [(section.start, _heading(section)) for section in sections(closed)]
    places += [(stub.start, f"stub of {stub.heading}") for stub in _stubs(closed)]
    return [title for number, title in sorted(places) if number not in but]


def _heading(section: Section, deeper: int = 0) -> str:
    return f"{'#' * min(6, section.level + deeper)} {section.title.rstrip()}"
