"""What is wrong with a file that is imported, and where: file, line and section, as far as these can be known."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cardgen.card.parse.document import front_matter_span, sections, undress
from cardgen.card.yaml_text import Unreadable

FRONT_MATTER = "front matter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A part of a file that cannot be read. `line` counts from 1, `section` is a heading or `front matter`."""

    file: str
    line: int | None = None
    section: str | None = None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.section, self.message) if part)


def undecodable(file: str, data: bytes) -> Problem | None:
    """The first bytes that are no UTF-8; None if all are."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"byte {data[error.start]:#04x} at offset {error.start} (column {column}) is no UTF-8"
        section = _section(data.decode("utf-8", "replace"), line)
        return Problem(file=file, line=line, section=section, message=message)
    return None


def unreadable_front_matter(file: str, text: str) -> Problem | None:
    """Why the front matter of a card is no YAML that a card may hold; None if it is."""
    from cardgen.card.yaml_nodes import Mapping, UnreadableAt, load_nodes

    lines = undress(text).body.split("\n")
    span = front_matter_span(lines)
    if span is None:
        return None
    first = span[0] + 2
    try:
        found = load_nodes("\n".join(lines[first - 1 : span[1]]))
    except UnreadableAt as error:
        line = min(first + error.line, span[1] + 1)  # what is missing is missing at the end
        return Problem(file=file, line=line, section=FRONT_MATTER, message=f"no YAML that can be read: {error}")
    except Unreadable as error:
        return Problem(file=file, line=first, section=FRONT_MATTER, message=f"no YAML that can be read: {error}")
    if found is None or isinstance(found, Mapping):
        return None
    return Problem(file=file, line=first, section=FRONT_MATTER, message="it has no keys: it is no mapping")


def no_json(file: str, data: bytes, error: Exception) -> Problem:
    """Why a file is no JSON."""
    if isinstance(error, json.JSONDecodeError):
        return Problem(file=file, line=error.lineno, message=f"no JSON: {error.msg} (column {error.colno})")
    if isinstance(error, UnicodeDecodeError):
        return undecodable(file, data) or Problem(file=file, message=f"no JSON: {str(error)[:200]}")
    return Problem(file=file, message=f"no JSON: {str(error)[:200]}")


def _section(text: str, line: int) -> str | None:
    """What a line stands in: the front matter, or the last heading above it."""
    lines = undress(text).body.split("\n")
    span = front_matter_span(lines)
    if span is not None and span[0] < line - 1 < span[1]:
        return FRONT_MATTER
    above = [section for section in sections(lines) if section.start < line]
    return lines[above[-1].start] if above else None
