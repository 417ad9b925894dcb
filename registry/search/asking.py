"""What somebody looks for: words that must be there, phrases in quotes, `-` before what must not, `*` for beginnings.

A word is cut by the segmenter of the texts, so one with a hyphen in it is a phrase of its parts. Everything else in a
question is data: it has no syntax to get wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cardgen.errors import QueryError
from cardgen.registry.search.segment import Token, segment

LONGEST = 10_000
"""Characters of a question."""

MOST_TERMS, MOST_TOKENS = 100, 400
"""Words and phrases of a question, and the tokens that they are cut into."""

HINT = 'words, "a phrase", -without, begin*'

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»\uff02", '"'))
_TERM = re.compile(r'(?P<minus>-)?(?:"(?P<quoted>[^"]*)"|(?P<word>[^\s"]+))(?P<star>\*)?')


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens that follow each other; of the last one only the beginning if `is_prefix`."""

    tokens: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """What is found by any of its phrases."""

    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Terms that all must be there, and such of which none may be."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...]


def read(text: str) -> Question:
    """Read a question.

    Raises:
        QueryError: it is too long, or has nothing to look for.
    """
    if len(text) > LONGEST:
        raise QueryError(f"the search has {len(text):,} characters, more than {LONGEST:,}", hint="look for less")
    terms: dict[bool, list[Term]] = {False: [], True: []}
    for found in _TERM.finditer(text.translate(_QUOTES)):
        quoted, word = found["quoted"], found["word"]
        is_prefix = found["star"] is not None or (word is not None and word.endswith("*"))
        tokens = list(segment(quoted if word is None else word))
        if tokens:
            term = _quoted(tokens, is_prefix) if word is None else _word(tokens, is_prefix)
            terms[found["minus"] is not None].append(term)
    if not terms[False]:
        what = "only says what not to find" if terms[True] else "has no word in it"
        raise QueryError(f"the search {text.strip():.80}{' ' if text.strip() else ''}{what}", hint=f"give {HINT}")
    every = [*terms[False], *terms[True]]
    count = sum(len(phrase.tokens) for term in every for phrase in term.phrases)
    if len(every) > MOST_TERMS or count > MOST_TOKENS:
        raise QueryError(f"the search has more than {MOST_TERMS} words", hint="look for less")
    return Question(tuple(dict.fromkeys(terms[False])), tuple(dict.fromkeys(terms[True])))


def _quoted(tokens: list[Token], is_prefix: bool) -> Term:
    return Term((_phrase(tokens, is_prefix),))


def _word(tokens: list[Token], is_prefix: bool) -> Term:
    """A word as it is written, or as the words that it is made of."""
    written = _phrase(tokens, is_prefix)
    if not any(token.parts for token in tokens):
        return Term((written,))
    parts = [part for token in tokens for part in token.parts or (token.text,)]
    return Term((written, Phrase(tuple(parts), is_prefix)))


def _phrase(tokens: list[Token], is_prefix: bool) -> Phrase:
    """The tokens as a phrase: the last letter of a script without blanks may be followed by another one."""
    *before, last = tokens
    if last.is_tail and before and before[-1].end == last.end:
        return Phrase(tuple(token.text for token in before))
    return Phrase(tuple(token.text for token in tokens), is_prefix or last.is_tail)
