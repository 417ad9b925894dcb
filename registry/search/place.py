"""The place in a text that a question is about, cut out and marked."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cardgen.registry.search.asking import Phrase, Question
from cardgen.registry.search.letters import KINDS
from cardgen.registry.search.postings import ROOM
from cardgen.registry.search.segment import Token, segment
from cardgen.registry.search.texts import Text

WIDTH = 160
"""Characters that are shown of a text."""

LEAD = 40
"""Characters that are shown before the first mark."""

_AT_FIRST = 2000
"""Characters of a text that are looked at first: what is looked for often stands at its beginning."""

_BLANK, _BLANKS = re.compile(r"\s"), re.compile(r"\s+")
_LAST_BLANK = re.compile(r"\s(?=\S*$)")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """What is shown of a text, in one line, with `…` where it goes on; `spans` are offsets in `text`."""

    field: str
    text: str
    spans: tuple[Span, ...]


class _Mark(NamedTuple):
    start: int
    end: int
    term: int


def best(texts: Iterable[Text], question: Question) -> Place | None:
    """The place with most of what is asked for, in the weightiest text of those that have as much; None if in none."""
    most, found = 0, None
    for text in texts:
        marks = _marks(text, question)
        terms = len({mark.term for mark in marks})
        if terms > most:
            most, found = terms, (text, marks)
            if most == len(question.wanted):
                break
    return None if found is None else _cut(*found)


def _marks(text: Text, question: Question) -> list[_Mark]:
    """Where the terms stand, in the order of the text, which is read no further than until all stand together."""
    size = _AT_FIRST
    while True:
        blank = _BLANK.search(text.text, size)
        end = len(text.text) if blank is None else blank.start()
        marks = _marks_before(text, end, question)
        if end == len(text.text) or (marks and _densest(marks)[0] == len(question.wanted)):
            return marks
        size *= 4


def _marks_before(text: Text, end: int, question: Question) -> list[_Mark]:
    tokens = list(itertools.islice(segment(text.text[:end]), ROOM[text.part]))  # what is not indexed is not looked at
    places: dict[str, list[int]] = {}
    for index, token in enumerate(tokens):
        places.setdefault(token.text, []).append(index)
    made = [token for token in tokens if token.parts]
    marks = {
        _Mark(start, end, number)
        for number, term in enumerate(question.wanted)
        for phrase in term.phrases
        for start, end in (*_written(tokens, places, phrase), *_parts(made, phrase))
    }
    return sorted(marks)


def _written(tokens: Sequence[Token], places: dict[str, list[int]], phrase: Phrase) -> Iterator[Span]:
    first, size = phrase.tokens[0], len(phrase.tokens)
    starts: Iterable[int] = places.get(first, ())
    if size == 1 and phrase.is_prefix:
        starts = (index for index, token in enumerate(tokens) if token.text.startswith(first))
    for start in starts:
        if _fits([token.text for token in tokens[start : start + size]], phrase):
            last = tokens[start + size - 1]
            if len(phrase.tokens[-1]) < len(last.text) and KINDS[last.text[0]] == "dense":
                yield tokens[start].start, tokens[start + size].start  # of two letters the first
            else:
                yield tokens[start].start, last.end


def _parts(made: Iterable[Token], phrase: Phrase) -> Iterator[Span]:
    size = len(phrase.tokens)
    for token in made:
        if any(_fits(token.parts[start : start + size], phrase) for start in range(len(token.parts) - size + 1)):
            yield token.start, token.end


def _fits(found: Sequence[str], phrase: Phrase) -> bool:
    *before, last = phrase.tokens
    if len(found) != len(phrase.tokens) or list(found[:-1]) != before:
        return False
    return found[-1].startswith(last) if phrase.is_prefix else found[-1] == last


def _cut(text: Text, marks: Sequence[_Mark]) -> Place:
    whole, (_, first) = text.text, _densest(marks)
    start = max(0, first.start - LEAD)
    if start:
        blank = _BLANK.search(whole, start - 1, first.start)
        start = blank.end() if blank else start
    end = min(len(whole), start + WIDTH)
    if end < len(whole):
        blank = _LAST_BLANK.search(whole[min(first.end, end) : end + 1])
        end = min(first.end, end) + blank.start() if blank else end
    inside = ((max(mark.start, start), min(mark.end, end)) for mark in marks)
    shown, spans, done = "…" if start else "", [], start
    for one, two in _joined(span for span in inside if span[0] < span[1]):
        shown += _BLANKS.sub(" ", whole[done:one])
        marked = _BLANKS.sub(" ", whole[one:two])
        spans.append((len(shown), len(shown) + len(marked)))
        shown, done = shown + marked, two
    shown += _BLANKS.sub(" ", whole[done:end]).rstrip() + ("…" if end < len(whole) else "")
    return Place(text.field, shown, tuple(spans))


def _densest(marks: Sequence[_Mark]) -> tuple[int, _Mark]:
    """The mark from which on the most terms can be shown together, the first of several, and how many they are."""
    most, first, last = 0, marks[0], 0
    terms: Counter[int] = Counter()
    for index, mark in enumerate(marks):
        while last < len(marks) and (last <= index or marks[last].end <= mark.start + WIDTH - LEAD):
            terms[marks[last].term] += 1
            last += 1
        if len(+terms) > most:
            most, first = len(+terms), mark
        terms[mark.term] -= 1
    return most, first


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans, those that meet as one."""
    last: Span | None = None
    for span in sorted(spans):
        if last is not None and span[0] <= last[1]:
            last = last[0], max(last[1], span[1])
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
