"""How letters are compared: without case, accents, width, vowel signs of Arabic and Hebrew, and the like.

Letters are taken in clusters, one that starts with what is put on it, so that a decomposed letter (as file names have
them) is the same as a composed one.
"""

# ruff: noqa: RUF001
from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["word", "dense", ""]
"""Of a folded letter: of a word, of a script that writes words without blanks between them, or of neither."""

LARGEST_CLUSTER = 16
"""Letters of a cluster: more marks than any script puts on a letter begin another one."""

_DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u19e0-\u19ff\u1a20-\u1aaf"  # Thai, Lao, Burmese, Jamo, Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u303c\u3040-\u312f\u3130-\u318f\u31a0-\u31ff"  # radicals, Kana
    "\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff"
    "\U00016fe0-\U00018cff\U0001aff0-\U0001b16f\U00020000-\U0003fffd]"
)

_DROPPED = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # accents; Hebrew points
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff"  # Arabic signs
    "\u0711\u0730-\u074a\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)

_SAME = str.maketrans(
    {
        "ٱ": "ا", "ى": "ي", "ی": "ي", "ې": "ي", "ة": "ه", "ۀ": "ه", "ە": "ه", "ہ": "ه", "ھ": "ه", "ک": "ك", "ڪ": "ك",
        "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŧ": "t", "þ": "th", "æ": "ae", "œ": "oe",
    }
)  # fmt: skip
"""Letters that are written one for the other: of Arabic with its Persian and Urdu forms, and of Latin."""

_VOICED = "\uff9e\uff9f"  # the half-width marks of Kana, which are letters to Unicode


@functools.lru_cache(maxsize=1 << 16)
def folded(cluster: str) -> str:
    """A cluster as it is compared: any number of letters, none for what is dropped."""
    text = unicodedata.normalize("NFKC", cluster).casefold()
    text = unicodedata.normalize("NFKD", text).casefold()
    text = _DROPPED.sub("", text).translate(_SAME)
    return "".join(_digit(letter) for letter in unicodedata.normalize("NFC", text))


def _digit(letter: str) -> str:
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)


class _Kinds(dict[str, Kind]):
    """The kind of each folded letter, looked up once."""

    def __missing__(self, letter: str) -> Kind:
        kind: Kind = ""
        if unicodedata.category(letter)[0] in "LNM":
            kind = "dense" if _DENSE.match(letter) else "word"
        self[letter] = kind
        return kind


class _Joins(dict[str, bool]):
    """Whether a letter belongs to the cluster before it."""

    def __missing__(self, letter: str) -> bool:
        joins = unicodedata.category(letter)[0] == "M" or "\u1160" <= letter <= "\u11ff" or letter in _VOICED
        self[letter] = joins
        return joins


KINDS = _Kinds()
JOINS = _Joins()


def is_ignored(letter: str) -> bool:
    """Whether a letter is not seen: a joiner, a soft hyphen, a mark of direction. It does not end a word."""
    return unicodedata.category(letter) == "Cf"
