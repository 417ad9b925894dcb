"""Read a card: its record, how much of it is the record's, and what of it had to be mended."""

from __future__ import annotations

import codecs
import dataclasses
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cardgen.actions.problems import Problem, undecodable, unreadable_front_matter
from cardgen.card.encoding import repair
from cardgen.card.layout import render
from cardgen.card.parse.document import undress
from cardgen.card.parse.read import parse
from cardgen.identity import speakable
from cardgen.record import LogEvent, Run

Grade: TypeAlias = Literal["exact", "edited", "opaque"]
"""exact: the card is what its own record renders; edited: somebody changed it; opaque: it is no generated card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCard:
    """What came of one card.

    `run` is the record (None for an opaque card), `base` what that record renders, `text` the card byte for byte (after
    its encoding was repaired). `repairs` say what was mended, `problems` what could not be read, `known` that the
    registry had the run already.
    """

    source: str
    grade: Grade
    text: str
    run: Run | None = None
    log: tuple[LogEvent, ...] = ()
    base: str | None = None
    repairs: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    inferred_layout: str | None = None
    differences: tuple[str, ...] = ()
    known: bool = False


def read_card(data: bytes, source: str = "", *, file: str | None = None) -> ImportedCard:
    """Read a card, without a registry. Every content gives a result; problems are those of `file` (else `source`)."""
    file = file or source
    repairs: list[str] = []
    problems: list[Problem] = []
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        utf16 = _utf16(data)
        text = data.decode("utf-8", "replace") if utf16 is None else utf16
        if utf16 is not None:
            repairs.append("UTF-16, read as that")
        else:
            repairs.append(f"not UTF-8: {text.count(chr(0xFFFD))} characters are lost (U+FFFD)")
            problems += filter(None, [undecodable(file, data)])
    mended = repair(text)
    if mended is not None:
        text = mended.text
        repairs.append(str(mended))
    parsed = parse(text)
    if parsed.unreadable:
        problems += filter(None, [unreadable_front_matter(file, text)])
    if parsed.run is None:
        return ImportedCard(source=source, grade="opaque", text=text, repairs=tuple(repairs), problems=tuple(problems))
    run_id = imported_id(data)
    run = dataclasses.replace(parsed.run, id=run_id, name=speakable(run_id))
    base = parsed.text.restore(render(run, parsed.log))
    return ImportedCard(
        source=source,
        grade="exact" if base == text else "edited",
        text=text,
        run=run,
        log=parsed.log,
        base=base,
        repairs=tuple(repairs),
        problems=tuple(problems),
        inferred_layout=run.layout,
        differences=() if base == text else changed_places(base, text),
    )


def _utf16(data: bytes) -> str | None:
    """The text of a file in UTF-16, as some shells write what a program prints; None if it is none."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError:
        return None


def imported_id(data: bytes) -> str:
    """The id of a card's run, from the sha256 of its bytes: the same card is one run, wherever it is imported."""
    digest = bytearray(hashlib.sha256(data).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80  # version 8: made of whatever its maker says
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def changed_places(base: str, text: str) -> tuple[str, ...]:
    """The headings under which one of two cards has a line that the other lacks (`front matter` above the first)."""
    one, other = undress(base).body.split("\n"), undress(text).body.split("\n")
    return tuple(dict.fromkeys([*_places(other, set(one)), *_places(one, set(other))]))


def _places(lines: Sequence[str], known: set[str]) -> Iterator[str]:
    place = "front matter"
    for line in lines:
        if line.startswith(("# ", "## ", "### ", "#### ")):
            place = line
        if line.strip() and line not in known:
            yield place
