"""Front matter as YAML text: written as the format has it, read safely and in bounded time.

The format is what PyYAML's pure Python emitter writes. Its C emitter is some twenty times as fast and writes the same
but for texts between double quotes, which it folds elsewhere, and astral characters, which it escapes. Both get a
stand-in while it writes, and are put in their places afterwards.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

LONGEST = 2_000_000
"""Characters of a front matter that is still read."""

DEEPEST = 40
"""Levels of lists and mappings in each other that are still read."""

LONGEST_NUMBER = 400
"""Characters of an integer that is still read as one: base 60 takes quadratic time."""

_TYPED = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))

LONGEST_KEY = 100
"""Characters of a key that surely stands before its value on one line: the emitters draw that line differently."""

WIDTH = 80
"""Columns after which a text is folded, PyYAML's default."""

_ASTRAL = re.compile("[\U00010000-\U0010fffe]")
_STAND_INS = range(0xE000, 0xF8FF)
_MARK = "\uf8ff"
"""On both sides of the number of a text between double quotes. Like the stand-ins it is of the private use area."""

# What both emitters write alike: characters that they print as they are, without the private use area, and line breaks
# without a space beside them.
_ALIKE = re.compile("(?:[!-~\xa0-\u2027\u202a-\ud7ff\uf900-\ufefe\uff00-\ufffd\U00010000-\U0010fffe]| (?!\n)|\n(?! ))*")
_BREAKS = "\n\x85\u2028\u2029"
# What the Python emitter puts between double quotes: characters that it escapes, a line break with a space beside it.
_QUOTED = re.compile(
    f"[^{_BREAKS} -~\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010fffe]| [{_BREAKS}]|[{_BREAKS}] "
)
_ESCAPED = "[^ !#-\\[\\]-~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]"
# Where that emitter may fold such a text: at what it escapes, behind it, and at a space.
_FOLDS = re.compile(f"(?P<escaped>{_ESCAPED})| |(?<={_ESCAPED}).", re.DOTALL)
_ESCAPES = dict(zip('\0\a\b\t\n\v\f\r\x1b"\\\x85\u2028\u2029', '0abtnvfre"\\NLP', strict=True))
_PLACE = re.compile(f"^( *(?:- )*)([^{_MARK}\n]*){_MARK}([0-9]+){_MARK}", re.MULTILINE)


class Unreadable(ValueError):
    """This is no YAML, or none that a card may hold."""


class _Unlike(Exception):
    """A value that the C emitter may write differently."""


def dump(data: dict[str, Any]) -> str:
    """YAML in block style, keys unsorted, without a newline at its end, as PyYAML's pure Python emitter writes it."""
    try:
        return _dump_in_c(data).strip()
    except _Unlike:
        return _dump_in_python(data).strip()


def load(text: str, *, plain: bool = False) -> Any:
    """The data of a YAML text: values as YAML types them, or with `plain` scalars as the text they are (`no`, `1:30`).

    Dates stay texts.

    Raises:
        Unreadable: wrong, too long, nested too deep, with tags, or with aliases (a few can stand for gigabytes).
    """
    import yaml

    if len(text) > LONGEST:
        raise Unreadable(f"longer than {LONGEST:,} characters")
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        try:
            return _Reader(loader, plain).document()
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise Unreadable(str(error)) from error


class _Reader:
    """Data from the parser's events: what must not be built is refused where it begins.

    PyYAML's own way leads over a graph of nodes, which the C parser builds in a recursion without a limit.
    """

    def __init__(self, loader: Any, plain: bool) -> None:
        import yaml

        self.loader, self.next, self.events = loader, loader.get_event, yaml.events
        # by the first character of a text: how a text without quotes may be typed
        self.typed: Mapping[str, Any] = {} if plain else loader.yaml_implicit_resolvers

    def document(self) -> Any:
        self.next()  # the stream starts
        if isinstance(self.next(), self.events.StreamEndEvent):
            return None
        data = self.value(self.next(), 0)
        self.next()  # the document ends
        if not isinstance(self.next(), self.events.StreamEndEvent):
            raise Unreadable("more than one document")
        return data

    def value(self, event: Any, depth: int) -> Any:
        if isinstance(event, self.events.AliasEvent):
            raise Unreadable("it has an alias")
        if event.tag is not None:
            raise Unreadable("it has a tag")
        if isinstance(event, self.events.ScalarEvent):
            text = event.value
            return self.scalar(text) if event.implicit[0] and text[:1] in self.typed else text
        if depth == DEEPEST:
            raise Unreadable(f"nested deeper than {DEEPEST} levels")
        if isinstance(event, self.events.SequenceStartEvent):
            entries = []
            while not isinstance(event := self.next(), self.events.SequenceEndEvent):
                entries.append(self.value(event, depth + 1))
            return entries
        found = {}
        while not isinstance(event := self.next(), self.events.MappingEndEvent):
            if not isinstance(event, self.events.ScalarEvent):
                raise Unreadable("it has a key that is no plain value")
            key = self.value(event, depth)
            found[key] = self.value(self.next(), depth + 1)
        return found

    def scalar(self, text: str) -> Any:
        """A number, a bool, None or the text itself."""
        import yaml

        tag = self.loader.resolve(yaml.ScalarNode, text, (True, False))
        if tag not in _TYPED or len(text) > LONGEST_NUMBER:
            return text
        return self.loader.construct_object(yaml.ScalarNode(tag, text))


def _dump_in_python(data: dict[str, Any]) -> str:
    import yaml

    text: str = yaml.dump(data, Dumper=_dumper("SafeDumper"), sort_keys=False, allow_unicode=True)
    return text


def _dump_in_c(data: dict[str, Any]) -> str:
    import yaml

    if not hasattr(yaml, "CSafeDumper"):
        raise _Unlike
    astral: dict[str, str] = {}
    quoted: list[str] = []
    ready = _with_stand_ins(data, astral, quoted)
    text: str = yaml.dump(ready, Dumper=_dumper("CSafeDumper"), sort_keys=False, allow_unicode=True)
    if astral:
        text = text.translate({ord(stand_in): character for character, stand_in in astral.items()})
    return _PLACE.sub(lambda found: _put(found, quoted), text) if quoted else text


def _with_stand_ins(value: Any, astral: dict[str, str], quoted: list[str]) -> Any:
    """The value with stand-ins for astral characters and for what stands between double quotes; both are noted."""
    if isinstance(value, str):
        if _ALIKE.fullmatch(value):
            if value.isascii():
                return value
            return _ASTRAL.sub(lambda found: _stand_in(found[0], astral), value)
        if _QUOTED.search(value) is None:
            raise _Unlike
        quoted.append(value)
        return f"{_MARK}{len(quoted) - 1}{_MARK}"
    if isinstance(value, dict):
        return {_checked_key(key): _with_stand_ins(entry, astral, quoted) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_stand_ins(entry, astral, quoted) for entry in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise _Unlike


def _stand_in(character: str, astral: dict[str, str]) -> str:
    if character not in astral:
        if len(astral) == len(_STAND_INS):
            raise _Unlike
        astral[character] = chr(_STAND_INS[len(astral)])
    return astral[character]


def _checked_key(key: Any) -> str:
    if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isascii() and _ALIKE.fullmatch(key):
        return key
    raise _Unlike


def _put(place: re.Match[str], quoted: list[str]) -> str:
    """A line of YAML up to its stand-in -> the line with the text. A list's own entries are indented by the list."""
    before = place[1] + place[2]
    indent = len(place[1]) + (2 if place[2] else 0)
    return before + _double_quoted(quoted[int(place[3])], len(before), indent)


def _double_quoted(text: str, column: int, indent: int) -> str:
    """A text between double quotes that begins at a column; lines that follow are indented."""
    parts = ['"']
    column += 1
    start = 0
    for found in _FOLDS.finditer(text):
        end = found.start()
        if found["escaped"]:
            escape = _escape(found[0])
            parts += [text[start:end], escape]
            column += end - start + len(escape)
            start = end + 1
        elif found[0] != " " and start < end:
            continue
        if 0 < end < len(text) - 1 and column + end - start > WIDTH:
            parts.append(f"{text[start:end]}\\\n{' ' * indent}")
            start = max(start, end)
            column = indent
            if text[start] == " ":
                parts.append("\\")
                column += 1
    return "".join([*parts, text[start:], '"'])


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


@functools.cache
def _dumper(base: str) -> Any:
    import yaml

    class Dumper(getattr(yaml, base)):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Dumper
