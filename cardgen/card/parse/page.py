"""The page of a card, by its known sections."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardgen.card.parse.document import Section, sections
from cardgen.card.parse.fences import closes, opening


@dataclass(frozen=True, slots=True)
class Page:
    """The body's lines and headings."""

    lines: Sequence[str]
    headings: Sequence[Section]

    def section(self, level: int, *titles: str, inside: Section | None = None) -> Section | None:
        """The first section of this level and one of these titles, inside another one if given."""
        for heading in self._inside(inside):
            if heading.level == level and heading.title in titles:
                return heading
        return None

    def parts(self, inside: Section, level: int) -> Iterator[Section]:
        """The sections of a level inside another one."""
        return (heading for heading in self._inside(inside) if heading.level == level)

    def _inside(self, section: Section | None) -> Sequence[Section]:
        if section is None:
            return self.headings
        first = bisect.bisect_right(self.headings, section.start, key=_start)
        return self.headings[first : bisect.bisect_left(self.headings, section.end, lo=first, key=_start)]


def _start(section: Section) -> int:
    return section.start


def read_page(lines: Sequence[str]) -> Page:
    """The page of a body's lines."""
    return Page(lines, sections(lines))


def fenced(lines: Sequence[str], start: int = 0) -> tuple[list[str], int] | None:
    """The lines of the first code fence from `start` on, and the line behind it; None if there is none that ends."""
    first = 0
    fence = ""
    for number in range(start, len(lines)):
        line = lines[number]
        if "```" not in line and "~~~" not in line:
            continue
        if not fence:
            first, fence = number + 1, opening(line)
        elif closes(line, fence):
            return list(lines[first:number]), number + 1
    return None


def bullets(lines: Sequence[str], mark: str = "- ") -> Iterator[tuple[str, str]]:
    """Pairs (name, value) of lines such as `- **Name:** value`, `- Name: value`, `- `name`: value`, `* Name: value`."""
    for line in lines:
        if not line.startswith(mark):
            continue
        rest = line[len(mark) :]
        if rest.startswith("`"):
            name, found, value = rest[1:].partition("`:")
        elif rest.startswith("**"):
            name, found, value = rest[2:].partition(":**")
            if not found:
                name, found, value = rest[2:].partition("**:")
        else:
            found = ""
        if not found:
            name, found, value = rest.partition(":")
        if found:
            yield name, value.removeprefix(" ")
