"""Text as tokens: the one segmenter of what is stored and of what is asked.

A token is a run of letters and digits, folded (see `letters`). `all-MiniLM-L6-v2`, `ndcg@10` and `learning_rate` are
several tokens, one behind the other: asked for as a whole they are a phrase. Where a script writes no blanks between
words (Chinese, Japanese, Korean, Thai …), each letter begins a token of itself and the next, so that a word of two
letters or more is found as a phrase wherever it stands; the last letter of such a run is a token alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cardgen.registry.search.letters import JOINS, KINDS, LARGEST_CLUSTER, Kind, folded, is_ignored

LONGEST = 64
"""Letters of a token; what is longer is cut, in text and in questions alike."""

_CHUNK = re.compile("[0-9A-Za-z\x80-\U0010ffff]+")
_CAMEL = re.compile("[A-Z]+(?=v[0-9])|[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_ARTICLE = re.compile("(?:[وف]?[بك]?ال|[وف]?لل)(.{3,})", re.DOTALL)


class Token(NamedTuple):
    """A token of a text and where it stands: `text[start:end]`.

    `parts` are what it is made of, if that can be told: `multiple negatives ranking loss`, or an Arabic word without
    its article. `is_tail` marks the last letter of a run without blanks.
    """

    text: str
    start: int
    end: int
    parts: tuple[str, ...] = ()
    is_tail: bool = False


def segment(text: str) -> Iterator[Token]:
    """The tokens of a text, in its order."""
    for chunk in _CHUNK.finditer(text):
        word = chunk[0]
        if word.isascii():
            yield Token(word[:LONGEST].lower(), chunk.start(), chunk.end(), _camel_parts(word))
        else:
            yield from _segment_letters(text, chunk.start(), chunk.end())


def words(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The tokens of a text with their parts, without their places: somewhat faster."""
    if text.isascii():
        for found in _CHUNK.finditer(text):
            word = found[0]
            yield word[:LONGEST].lower(), _camel_parts(word)
    else:
        for token in segment(text):
            yield token.text, token.parts


def _camel_parts(word: str) -> tuple[str, ...]:
    rest = word[1:]
    if rest == rest.lower() or word.isupper() or len(word) > LONGEST:
        return ()
    parts = _CAMEL.findall(word)
    return tuple(part.lower() for part in parts) if len(parts) > 1 else ()


def _segment_letters(text: str, start: int, end: int) -> Iterator[Token]:
    """The tokens of a part of a text that has more than ASCII in it, cluster by cluster."""
    kind: Kind = ""
    letters: list[str] = []  # of the word, or the last one of a run without blanks
    first = start
    place, stop = start, start
    while place < end:
        after = place + 1
        while after < end and JOINS[text[after]] and after - place < LARGEST_CLUSTER:
            after += 1
        for letter in folded(text[place:after]):
            new = KINDS[letter]
            if new == "" and is_ignored(letter):
                continue
            if letters and new == kind == "dense":
                yield Token(letters[0] + letter, first, after)
                letters, first = [letter], place
            elif letters and new == kind:
                if len(letters) < LONGEST:
                    letters.append(letter)
            else:
                if letters:
                    yield _last(text, kind, letters, first, stop)
                kind, letters, first = new, [letter] if new else [], place
            stop = after
        place = after
    if letters:
        yield _last(text, kind, letters, first, stop)


def _last(text: str, kind: Kind, letters: list[str], start: int, end: int) -> Token:
    if kind == "dense":
        return Token(letters[0], start, end, is_tail=True)
    word = "".join(letters)
    parts: tuple[str, ...] = ()
    article = _ARTICLE.fullmatch(word)
    if article:
        parts = (article[1],)
    elif text[start:end].isascii():
        parts = _camel_parts(text[start:end])
    return Token(word, start, end, parts)
