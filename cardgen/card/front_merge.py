"""Three-way merge of front matters, key by key, as text: order, comments, unknown keys and quoting are kept."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cardgen.card.matching import Matcher
from cardgen.card.yaml_text import Unreadable, dump, load

LISTS = ("tags", "language", "datasets", "metrics")
"""Keys whose lists are sets: what a person added stays, what we add comes."""

WHOLE = "all of it"
"""The place of a conflict where theirs has no keys that a line could be put between."""

Sides: TypeAlias = tuple[str, str, str]
"""A conflict: the key, our text of it, theirs."""

_KEY = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"\s*|'((?:[^']|'')*)'\s*|([^\s#'"\-\[\]{}][^:#]*)):(?:\s|$)""")
_EMPTY = re.compile(r"\{\s*\}")
"""What some tools write where there is no key: no key may follow it."""
_COMMENT = re.compile(r"(?:^|\s)#", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A top-level key: the comments and blank lines above it, and its lines."""

    above: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def merge_front_matter(
    base: str | None, new: str | None, text: str | None, *, resolve: Callable[[str, str], str] | None = None
) -> tuple[str | None, list[Sides]]:
    """The merged YAML and the conflicts; at a conflict theirs stands, or what `resolve` makes of ours and theirs.

    None stands for no front matter at all.
    """
    if base == new:
        return text, []
    if text == base:
        return new, []
    was, _ = _entries(base)
    now, _ = _entries(new)
    stands, tail = _entries(text)
    if not stands:
        tail = [line for line in tail if not _EMPTY.fullmatch(line.strip())]
        if text is not None and any(line.strip() and not line.strip().startswith("#") for line in tail):
            chosen = text if resolve is None else resolve(new or "", text)  # a list, `{key: value}`, no YAML at all
            return chosen, [(WHOLE, new or "", text)]
    merged: dict[str, _Entry] = {}
    conflicts: list[Sides] = []
    left: list[str] = []
    for key in [*stands, *(key for key in now if key not in stands)]:
        theirs, ours, before = stands.get(key), now.get(key), was.get(key)
        try:
            result = _merged(key, before, ours, theirs)
        except _Conflict:
            sides = ours.text if ours else "", theirs.text if theirs else ""
            conflicts.append((key, *sides))
            result = theirs
            if resolve is not None:
                chosen = resolve(*sides)
                result = _Entry(theirs.above if theirs else (), tuple(chosen.split("\n"))) if chosen else None
        if result is None:
            left += theirs.above if theirs else ()  # the comments of a key that is gone go to the next one
        else:
            merged[key] = _Entry((*left, *result.above), result.lines)
            left = []
    if text is None and not merged:
        return None, conflicts
    lines = [line for key in _order(merged, stands, now) for line in (*merged[key].above, *merged[key].lines)]
    head = [] if stands else tail  # comments alone introduce what comes
    return "\n".join([*head, *lines, *left, *(tail if stands else ())]), conflicts


class _Conflict(Exception):
    """Both sides changed a key."""


def _merged(key: str, before: _Entry | None, ours: _Entry | None, theirs: _Entry | None) -> _Entry | None:
    if _same(ours, before) or _same(ours, theirs):
        return theirs
    wanted = ours
    if not _same(theirs, before):
        items = _united(key, before, ours, theirs)
        if items is None or theirs is None:
            raise _Conflict
        if items == _list(theirs, key):
            return theirs
        wanted = _Entry((), tuple(dump({key: items}).split("\n")))
    if ours is None or wanted is None or theirs is None or before is None or theirs.lines == before.lines:
        if theirs is not None and (ours is None or before is None) and _commented(theirs, before):
            raise _Conflict
        return wanted and _Entry(theirs.above if theirs else (), wanted.lines)
    # theirs is written in another way, or has comments inside: kept where our change fits in
    lines = _merged_lines(before.lines, ours.lines, theirs.lines)
    if lines is not None and _says(key, _Entry((), lines), wanted):
        return _Entry(theirs.above, lines)
    if _commented(theirs, before):
        raise _Conflict
    return _Entry(theirs.above, wanted.lines)


def _says(key: str, entry: _Entry, wanted: _Entry) -> bool:
    """Whether an entry has the value that it should; the order of a set does not matter."""
    found, items = (_list(side, key) if key in LISTS else None for side in (entry, wanted))
    return _same(entry, wanted) or (found is not None and items is not None and sorted(found) == sorted(items))


def _merged_lines(base: Sequence[str], new: Sequence[str], text: Sequence[str]) -> tuple[str, ...] | None:
    import merge3

    out: list[str] = []
    for group in merge3.Merge3(base, new, text, sequence_matcher=Matcher).merge_groups():
        if group[0] == "conflict":
            return None
        out += group[1]
    return tuple(out)


def _commented(theirs: _Entry, before: _Entry | None) -> bool:
    """Whether there may be a person's comment inside of an entry."""
    return (before is None or theirs.lines != before.lines) and _COMMENT.search(theirs.text) is not None


def _order(merged: Mapping[str, _Entry], theirs: Iterable[str], ours: Iterable[str]) -> list[str]:
    """Their order; a key of ours behind the one it follows in our order."""
    order = [key for key in theirs if key in merged]
    there = set(order)
    last: str | None = None
    for key in ours:
        if key not in merged:
            continue
        if key not in there:
            order.insert(order.index(last) + 1 if last is not None else 0, key)
            there.add(key)
        last = key
    return order


def _entries(text: str | None) -> tuple[dict[str, _Entry], list[str]]:
    """Key -> entry, and the lines at the end. A key that comes twice is one entry, so that nothing gets lost."""
    above: dict[str, list[str]] = {}
    lines: dict[str, list[str]] = {}
    pending: list[str] = []
    current: str | None = None
    for line in text.split("\n") if text else ():
        if found := _KEY.match(line):
            current = found[1] or found[2] or (found[3] or "").rstrip()
            if current in lines:
                lines[current] += [*pending, line]
            else:
                above[current], lines[current] = pending, [line]
            pending = []
        elif current is None or line.startswith("#") or (pending and not line.strip()):
            pending.append(line)
        else:
            lines[current] += [*pending, line]
            pending = []
    return {key: _Entry(tuple(above[key]), tuple(lines[key])) for key in lines}, pending


def _same(one: _Entry | None, other: _Entry | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.lines == other.lines:
        return True
    value = _value(one.text)
    return value is not _UNREADABLE and value == _value(other.text)


_UNREADABLE = object()


@functools.lru_cache(maxsize=64)
def _value(text: str) -> Any:
    try:
        return load(text, plain=True)
    except Unreadable:
        return _UNREADABLE


def _united(key: str, before: _Entry | None, ours: _Entry | None, theirs: _Entry | None) -> list[str] | None:
    """Lists that are sets: their list, without what we took away, with what we added."""
    if key not in LISTS or ours is None or theirs is None:
        return None
    was, now, stands = ([] if entry is None else _list(entry, key) for entry in (before, ours, theirs))
    if was is None or now is None or stands is None:
        return None
    old, kept, there = set(was), set(now), set(stands)
    return [item for item in stands if item in kept or item not in old] + [
        item for item in dict.fromkeys(now) if item not in old and item not in there
    ]


def _list(entry: _Entry, key: str) -> list[str] | None:
    value = _value(entry.text)
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, str):
        return [found]
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None
