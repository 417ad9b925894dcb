"""Times as people write them: a date is a whole day, a month a whole month, `-7d` a moment."""

from __future__ import annotations

import datetime as dt
import re

from cardgen.registry import rows

TIME_HINT = "write -7d, -24h, 2026, 2026-10, 2026-10-01, 2026-10-01T18:30 or 2026-10-01T18:30+02:00; UTC without a zone"

_AGO = re.compile(r"-([0-9]{1,6})(s|min|m|h|d|w|y)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?",
    re.IGNORECASE,
)


def span(text: str, now: dt.datetime) -> tuple[int, int] | None:
    """The first microsecond since 1970 of a time, and the first after it; None for what is no time.

    Times ago are before `now`; without a zone a time is in UTC.
    """
    try:
        ago = _AGO.fullmatch(text.strip())
        if ago:
            moment = rows.microseconds(now - dt.timedelta(seconds=int(ago[1]) * _SECONDS[ago[2].lower()])) or 0
            return moment, moment + 1
        date = _DATE.fullmatch(text.strip())
        if date:
            start, end = _span(date)
            return rows.microseconds(start) or 0, rows.microseconds(end) or 0
    except (ValueError, OverflowError):
        pass
    return None


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
