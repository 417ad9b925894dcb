"""Three-way merge of a card: what we last rendered (`base`), what we render now (`new`), what stands (`text`).

A person's words win over ours where only they changed; our new facts win where only we changed. The front
matter is merged by key, the body by lines, and inside a group of lines that both changed by words. What is
left is a conflict, and nothing is chosen unless `prefer` says so.

A section that the person deleted is a decision: it is asked once (a conflict, if our text of it changed), and
then remembered by its heading in `deleted`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cardgen.card.front_merge import merge_front_matter
from cardgen.card.matching import Matcher
from cardgen.card.parse.document import Section, front_matter_span, sections, undress
from cardgen.card.parse.fences import opening

Prefer: TypeAlias = Literal["ours", "theirs", "markers"]
"""What a conflict becomes: what we render now, what stands, or both between markers."""

OURS, MIDDLE, THEIRS = "<<<<<<< cardgen", "=======", ">>>>>>> text"
MOST_WORDS = 20_000
"""Words of a group of lines that is still merged word by word."""

STILL_THERE = 0.2
"""Share of a section's lines that may stand elsewhere in a text from which the section was deleted."""

# A number, a version, a name with hyphens or slashes is one word: half of ours and half of theirs would be neither.
_WORDS = re.compile(r"\s+|\w+(?:[.,:/@'\u2019+-]+\w+)*|[^\w\s]")
_HEADING = re.compile(r"#{1,6} ")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place that both sides changed: the section or key it is in, and both texts."""

    place: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged text, in the dress (mark, line ends, final newline) of the text that stands.

    `conflicts` are what is left to decide: none if something was preferred. Until then `text` holds what stands at
    each of them. `deleted` are the headings of the sections that the person deleted.
    """

    text: str
    conflicts: tuple[Conflict, ...]
    deleted: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The lines above the front matter and its opening one, its own (None without any), the closing line, the body."""

    above: list[str]
    front: list[str] | None
    closing: list[str]
    body: list[str]

    @property
    def yaml(self) -> str | None:
        """The text of the front matter."""
        return None if self.front is None else "\n".join(self.front)


def merge(base: str, new: str, text: str, *, prefer: Prefer | None = None, deleted: Iterable[str] = ()) -> Merged:
    """Merge a new rendering into a text that may have been edited since `base` was rendered.

    A text that nobody edited becomes the new rendering; one for which nothing new was rendered stays as it is.
    """
    dress = undress(text)
    was, now = undress(base).body, undress(new).body
    if dress.body == was:
        return Merged(dress.restore(now), (), frozenset())
    theirs, before, ours = _parts(dress.body), _parts(was), _parts(now)
    before_body, ours_body, gone, conflicts = _without_deleted(
        before.body, ours.body, theirs.body, frozenset(deleted), prefer
    )
    if was == now:
        return Merged(text, (), gone)
    front, found = merge_front_matter(
        before.yaml, ours.yaml, theirs.yaml, resolve=None if prefer is None else lambda a, b: _chosen(prefer, a, b)
    )
    conflicts = [*(Conflict(f"front matter: {key}", *sides) for key, *sides in found), *conflicts]
    body, found_in_body = _merge_lines(before_body, ours_body, theirs.body, prefer)
    if front is not None:
        above, closing = (theirs.above, theirs.closing) if theirs.front is not None else (["---"], ["---"])
        lines = theirs.front if theirs.front is not None and front == theirs.yaml else [front] if front else []
        body = [*above, *lines, *closing, *body]
    left = () if prefer is not None else (*conflicts, *found_in_body)
    return Merged(dress.restore("\n".join(body)), left, gone)


def _parts(text: str) -> _Parts:
    lines = text.split("\n")
    span = front_matter_span(lines)
    if span is None:
        return _Parts([], None, [], lines)
    first, last = span
    return _Parts(lines[: first + 1], lines[first + 1 : last], [lines[last]], lines[last + 1 :])


def _without_deleted(
    base: list[str], new: list[str], text: Sequence[str], remembered: frozenset[str], prefer: Prefer | None
) -> tuple[list[str], list[str], frozenset[str], list[Conflict]]:
    """Both of our bodies without the sections that the person deleted, their headings, and what to ask.

    A deleted section that is to come back stays in the new body, whole.
    """
    there = set(text)
    gone = _deleted_sections(base, there)
    now = {new[section.start]: section for section in reversed(sections(new))}
    titles = {base[section.start] for section in gone} | {heading for heading in remembered if heading not in there}
    conflicts: list[Conflict] = []
    old = {base[section.start]: section for section in gone}
    dropped: set[int] = set()
    put: dict[int, str] = {}
    for heading in sorted(titles, key=lambda heading: now[heading].start if heading in now else -1):
        section, before = now.get(heading), old.get(heading)
        if section is None:
            continue
        asked = before is not None and heading not in remembered and list(before.lines) != list(section.lines)
        if asked and prefer is None:
            conflicts.append(Conflict(f"{heading} (deleted)", "\n".join(new[section.start : section.end]), ""))
        if asked and prefer in ("ours", "markers"):
            titles.discard(heading)
            if prefer == "markers":
                put[section.start] = OURS
                put[section.end] = f"{MIDDLE}\n{THEIRS}"
            continue
        dropped.update(range(section.start, section.end))
    cut = [line for section in gone for line in range(section.start, section.end)]
    return _cut(base, set(cut), {}), _cut(new, dropped, put), frozenset(titles), conflicts


def _deleted_sections(base: Sequence[str], there: set[str]) -> list[Section]:
    """The sections of our text that do not stand any more, not those inside of others of them."""
    gone: list[Section] = []
    for section in sections(base):
        if section.level not in (2, 3) or base[section.start] in there or (gone and section.start < gone[-1].end):
            continue
        lines = [line for line in section.lines if line.strip()]
        if sum(line in there for line in lines) <= STILL_THERE * len(lines):
            gone.append(section)
    return gone


def _cut(lines: Sequence[str], dropped: set[int], put: dict[int, str]) -> list[str]:
    """The lines without some, and with others put in front of some."""
    out: list[str] = []
    for number, line in enumerate([*lines, None]):
        if number in put:
            out += put[number].split("\n")
        if line is not None and number not in dropped:
            out.append(line)
    return out


def _merge_lines(
    base: Sequence[str], new: Sequence[str], text: Sequence[str], prefer: Prefer | None
) -> tuple[list[str], list[Conflict]]:
    import merge3

    out: list[str] = []
    conflicts: list[Conflict] = []
    place = "the top"
    for group in merge3.Merge3(base, new, text, sequence_matcher=Matcher).merge_groups():
        lines = group[1]
        if group[0] == "conflict":
            was, ours, theirs = group[1:]
            words = _merge_words(was, ours, theirs) or _merge_edges(was, ours, theirs)
            if words is None:
                conflicts.append(Conflict(place, "\n".join(ours), "\n".join(theirs)))
                words = {"ours": [*ours], "markers": [OURS, *ours, MIDDLE, *theirs, THEIRS]}.get(prefer or "")
            lines = theirs if words is None else words
        out += lines
        place = next((line for line in reversed(lines) if _HEADING.match(line)), place)
    return out, conflicts


def _merge_words(base: Sequence[str], new: Sequence[str], text: Sequence[str]) -> list[str] | None:
    """The lines merged word by word; None at a conflict, or where one side has no such lines any more."""
    import merge3

    if not base or not new or not text:
        return None
    was, ours, theirs = (_WORDS.findall("\n".join(side)) for side in (base, new, text))
    if max(len(was), len(ours), len(theirs)) > MOST_WORDS:
        return None
    out: list[str] = []
    for group in merge3.Merge3(was, ours, theirs, sequence_matcher=Matcher).merge_groups():
        if group[0] == "conflict":
            return None
        out += group[1]
    merged = "".join(out).split("\n")
    kept = {_open(side) for side in (base, new, text)}
    return merged if len(kept) > 1 or _open(merged) in kept else None


def _merge_edges(base: Sequence[str], new: Sequence[str], text: Sequence[str]) -> list[str] | None:
    """The lines where one side only touches what the other one changed: beside it, or with nothing but blanks."""
    was, ours, theirs = (list(side) for side in (base, new, text))
    if _words_of(theirs) == _words_of(was):
        return ours
    if _words_of(ours) == _words_of(was):
        return theirs
    if not was:
        return None
    for one, other in ((ours, theirs), (theirs, ours)):
        # what only one side put beside, unless it opens or closes what the other has changed
        if one[-len(was) :] == was and _open(above := one[: -len(was)]) == (0, 0):
            return [*above, *other]
        if one[: len(was)] == was and _open(below := one[len(was) :]) == (0, 0):
            return [*other, *below]
    return None


def _words_of(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines if line.strip()]


def _open(lines: Sequence[str]) -> tuple[int, int]:
    """How many comments lines leave open, and whether code: half of each side could swallow what follows."""
    comments = sum(line.count("<!--") - line.count("-->") for line in lines)
    return comments, sum(bool(opening(line)) for line in lines) % 2


def _chosen(prefer: Prefer, ours: str, theirs: str) -> str:
    if prefer == "markers":
        return "\n".join((OURS, ours, MIDDLE, theirs, THEIRS))
    return ours if prefer == "ours" else theirs
