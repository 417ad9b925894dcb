"""What a key is compared with: a number, a text, a time or a version, as the key takes it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from cardgen.registry import rows
from cardgen.registry.language.keys import Kind
from cardgen.registry.language.problems import problem
from cardgen.registry.language.tree import Text
from cardgen.registry.language.versions import Version, version

_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf)")
_CONSTANTS = {"true": "True", "false": "False", "none": "None"}
_AGO = re.compile(r"-([0-9]{1,6})(s|min|m|h|d|w|y)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?",
    re.IGNORECASE,
)
_TIME_HINT = (
    "write -7d, -24h, 2026, 2026-10, 2026-10-01, 2026-10-01T18:30 or 2026-10-01T18:30+02:00; UTC without a zone"
)


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
    try:
        ago = _AGO.fullmatch(value.text.strip())
        if ago:
            moment = rows.microseconds(now - dt.timedelta(seconds=int(ago[1]) * _SECONDS[ago[2].lower()])) or 0
            return moment, moment + 1
        date = _DATE.fullmatch(value.text.strip())
        if date:
            start, end = _span(date)
            return rows.microseconds(start) or 0, rows.microseconds(end) or 0
    except (ValueError, OverflowError):
        pass
    raise problem(f"{name} is a time, {value.text!r:.60} is none", query, value.at, _TIME_HINT)


def _span(date: re.Match[str]) -> tuple[dt.datetime, dt.datetime]:
    """The span that a date or time names by its precision: a year, a month, a day, a minute, a second, less."""
    zone = dt.UTC
    if date["zone"] and date["zone"].upper() != "Z":
        hours, minutes = int(date["zone"][1:3]), int(date["zone"][-2:])
        offset = dt.timedelta(hours=hours, minutes=minutes)
        zone = dt.timezone(-offset if date["zone"][0] == "-" else offset)
    fraction = date["fraction"] or ""
    start = dt.datetime(
        int(date["year"]),
        int(date["month"] or 1),
        int(date["day"] or 1),
        int(date["hour"] or 0),
        int(date["minute"] or 0),
        int(date["second"] or 0),
        int(fraction.ljust(6, "0") or 0),
        tzinfo=zone,
    )
    if date["month"] is None:
        return start, start.replace(year=start.year + 1)
    if date["day"] is None:
        return start, (start.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    if fraction:
        return start, start + dt.timedelta(microseconds=10 ** (6 - len(fraction)))
    lengths = {"second": 1, "minute": 60, "day": 86400}
    return start, start + dt.timedelta(seconds=next(lengths[part] for part in lengths if date[part] is not None))
