"""The card that is checked, with what is known about it; what rules share is worked out once, when first asked for."""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cardgen.card.parse.document import Section, Text, front_matter_span, sections, undress
from cardgen.card.parse.read import Parsed, parse
from cardgen.card.yaml_nodes import Mapping, Node, UnreadableAt, load_nodes
from cardgen.record import Run

_ESCAPE = re.compile(r"\\[nrt]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A fact that the card and the record of its run tell differently.

    `kind` is `metrics`, `arguments`, `data`, `architecture`, `versions` or `other`. `by_hand`: somebody changed it in
    the card since it was rendered; False: the record has changed since; None: nobody knows.
    """

    kind: str
    key: str
    card: Any
    record: Any
    by_hand: bool | None = None


@dataclass(kw_only=True, eq=False)
class Subject:
    """A card and what is known about it.

    `run` is the record it was rendered from, `changed` the facts in which both differ. `public` says that everybody may
    read where it goes, `known_public` which data sets are known to be public (None: each with a Hub id counts as such).
    `weights` is the hash of the weights that are published with it. `damaged` is the line of the first byte, from 1,
    that is no UTF-8. `min_score` is the score that is wanted.
    """

    text: str
    run: Run | None = None
    changed: Sequence[Changed] = ()
    public: bool = True
    known_public: Collection[str] | None = None
    weights: str | None = None
    damaged: int | None = None
    min_score: int | None = None

    @cached_property
    def dress(self) -> Text:
        """The text without mark, CRLF and final newlines; lines keep their numbers."""
        return undress(self.text)

    @cached_property
    def lines(self) -> list[str]:
        """The lines, split at LF only."""
        return self.dress.body.split("\n")

    @cached_property
    def span(self) -> tuple[int, int] | None:
        """The numbers, from 0, of the lines around the front matter."""
        return front_matter_span(self.lines)

    @cached_property
    def body_start(self) -> int:
        """The number, from 0, of the first line of the body."""
        return self.span[1] + 1 if self.span else 0

    @cached_property
    def _front(self) -> Node | UnreadableAt | None:
        if self.span is None:
            return None
        first, last = self.span
        try:
            return load_nodes("\n".join(self.lines[first + 1 : last]))
        except UnreadableAt as error:
            return error

    @cached_property
    def front(self) -> Mapping:
        """The front matter; empty where there is none, or none that can be read."""
        return self._front if isinstance(self._front, Mapping) else Mapping({}, 0)

    @property
    def front_node(self) -> Node | None:
        """The front matter, whatever it is."""
        return None if isinstance(self._front, UnreadableAt) else self._front

    @property
    def front_problem(self) -> UnreadableAt | None:
        """Why it cannot be read."""
        return self._front if isinstance(self._front, UnreadableAt) else None

    def front_line(self, line: int) -> int:
        """The line of the card, from 1, of a line of the YAML, from 0."""
        return (self.span[0] if self.span else 0) + line + 2

    @cached_property
    def parsed(self) -> Parsed:
        """The card as a record."""
        return parse(self.text)

    @cached_property
    def sections(self) -> list[Section]:
        """The headings of the body; their line numbers are those of the body, from 0."""
        return sections(self.lines[self.body_start :])

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines[:-1]:
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def line_at(self, index: int) -> int:
        """The line, from 1, of a character of `dress.body`."""
        return bisect.bisect_right(self._starts, index)

    def matches(self, pattern: re.Pattern[str], *markers: str) -> dict[int, list[re.Match[str]]]:
        """The matches of each line, from 1, that has one; every match has one of the markers in it.

        A word behind an escaped line end or tab (`\\nword`) is looked at as a word, too.
        """
        body = self.dress.body
        found: dict[int, list[re.Match[str]]] = {}
        for number in sorted({self.line_at(index) for marker in markers for index in _places(marker, body)}):
            line = self.lines[number - 1]
            matches = [match for form in forms(line) for match in pattern.finditer(form)]
            if matches:
                found[number] = matches
        return found

    def body_lines(self) -> Iterator[tuple[int, str]]:
        """Every line of the body with its number, from 1."""
        return enumerate(self.lines[self.body_start :], self.body_start + 1)


def forms(line: str) -> tuple[str, ...]:
    """A line as it is, and with blanks for escaped line ends and tabs, if it has some."""
    return (line, _ESCAPE.sub("  ", line)) if "\\" in line and _ESCAPE.search(line) else (line,)


def _places(marker: str, text: str) -> Iterator[int]:
    start = text.find(marker)
    while start >= 0:
        yield start
        start = text.find(marker, start + 1)
