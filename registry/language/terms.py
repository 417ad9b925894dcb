"""What a key is compared with: a number, a text, a time or a version, as the key takes it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from cardgen.registry import rows
from cardgen.registry.language.keys import Kind
from cardgen.registry.language.problems import problem
from cardgen.registry.language.times import TIME_HINT, span
from cardgen.registry.language.tree import Text
from cardgen.registry.language.versions import Version, version

_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf)")
_CONSTANTS = {"true": "True", "false": "False", "none": "None"}


@dataclass(frozen=True, slots=True)
class Term:
    """One value that a key is compared with.

    `texts` are the texts that equal it, the first as it was written. `number` is set for a bare number. `times` are
    its first microsecond since 1970 and the first after it; a date is a whole day.
    """

    texts: tuple[str, ...]
    number: float | None = None
    times: tuple[int, int] | None = None
    version: Version | None = None


def term(value: Text, kind: Kind, operator: str, name: str, query: str, now: dt.datetime) -> Term:
    """A value as a key of this kind takes it; times ago are before `now`.

    Raises:
        QueryError: it cannot be one.
    """
    text = rows.searchable(value.text)
    if operator == "~":
        if kind in ("number", "time"):
            raise problem(f"{name} is a {kind}: ~ looks at texts", query, value.at, "use = < > …")
        return Term((text,))
    if kind == "time":
        return Term((text,), times=_times(value, name, query, now))
    number = None if value.quoted or kind == "text" else _number(value.text)
    if kind == "number" and number is None:
        raise problem(f"{name} is a number, {value.text!r:.60} is none", query, value.at, "write it without quotes")
    if kind == "version":
        found = version(value.text)
        if found is None and operator not in ("=", "!=", "in"):
            raise problem(
                f"{value.text!r:.60} is no version", query, value.at, "write a version such as 5.1 or 2.9.0rc1"
            )
        return Term((text,), version=found)
    constant = None if value.quoted or kind == "text" else _CONSTANTS.get(value.text.lower())
    return Term((text,) if constant in (None, text) else (text, constant), number=number)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _times(value: Text, name: str, query: str, now: dt.datetime) -> tuple[int, int]:
    found = span(value.text, now)
    if found is not None:
        return found
    raise problem(f"{name} is a time, {value.text!r:.60} is none", query, value.at, TIME_HINT)
