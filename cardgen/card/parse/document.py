"""A card's text in its parts: what the file adds (mark, line ends), front matter, sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cardgen.card.parse.fences import closes, opening

BOM = "\ufeff"
LATEST_FRONT_MATTER = 50
"""Lines that may stand above a front matter."""

_STARTS = ("#", "`", "~", "<", " ", "\t", "\r", "\v", "\f")
"""How a line may start that opens or closes something: most do not."""

_HEADING = re.compile(r"(#{1,6}) (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    """A text as files hold it: `body` has LF line ends, no mark and no last newline; the rest says how it stood.

    `mixed` is the whole text where not all of its lines end alike: somebody edited it with another program.
    """

    body: str
    mark: bool = False
    crlf: bool = False
    final: str = ""
    mixed: str | None = field(default=None, repr=False)

    def restore(self, body: str) -> str:
        """Another body in the same dress; line ends are those of most lines."""
        if self.mixed is not None and body == self.body:
            return self.mixed
        text = body + self.final
        return (BOM if self.mark else "") + (text.replace("\n", "\r\n") if self.crlf else text)


def undress(text: str) -> Text:
    """Take off mark, CRLF line ends (if most are, else a CR is content) and final newlines."""
    mark = text.startswith(BOM)
    body = text.removeprefix(BOM)
    windows, ends = body.count("\r\n"), body.count("\n")
    crlf = 2 * windows > ends
    if crlf:
        body = body.replace("\r\n", "\n")
    stripped = body.rstrip("\n")
    return Text(stripped, mark, crlf, body[len(stripped) :], text if crlf and windows < ends else None)


def front_matter_span(lines: Sequence[str]) -> tuple[int, int] | None:
    """The numbers of the two `---` lines around the front matter."""
    for first, line in enumerate(lines[: LATEST_FRONT_MATTER + 1]):
        if line.startswith("# "):
            return None
        if line.startswith("---") and line.rstrip() == "---":
            for last in range(first + 1, len(lines)):
                if lines[last].startswith("---") and lines[last].rstrip() == "---":
                    return first, last
            return None
    return None


def split_front_matter(body: str) -> tuple[str, str | None, str]:
    """(text above, YAML between the `---` lines or None, text below)."""
    lines = body.split("\n")
    span = front_matter_span(lines)
    if span is None:
        return "", None, body
    first, last = span
    return "\n".join(lines[:first]), "\n".join(lines[first + 1 : last]), "\n".join(lines[last + 1 :])


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines under it, up to the next heading of its level or above."""

    level: int
    title: str
    start: int
    end: int
    _all: Sequence[str] = field(repr=False, compare=False)

    @property
    def lines(self) -> Sequence[str]:
        """The lines under the heading."""
        return self._all[self.start + 1 : self.end]


def sections(lines: Sequence[str]) -> list[Section]:
    """Every heading outside code fences and comments, in order."""
    headings = list(_headings(lines))
    ends = [len(lines)] * len(headings)
    open_: list[int] = []
    for index, (number, level, _) in enumerate(headings):
        while open_ and headings[open_[-1]][1] >= level:
            ends[open_.pop()] = number
        open_.append(index)
    return [
        Section(level, title, number, end, lines) for (number, level, title), end in zip(headings, ends, strict=True)
    ]


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(line number, level, title) of each heading. A fence or comment that is never closed goes on to the end."""
    fence = ""
    comment = False
    for number, line in enumerate(lines):
        if not line.startswith(_STARTS) and not comment:
            continue
        if fence:
            fence = "" if closes(line, fence) else fence
        elif comment:
            comment = "-->" not in line
        elif found := _HEADING.fullmatch(line):
            yield number, len(found[1]), found[2]
        elif not (fence := opening(line)) and line.lstrip().startswith("<!--"):
            comment = "-->" not in line
