"""Ordinary log events, of numbers by name and with a time in UTC, to their text and from it without the general codec.

Training waits for the first and shares the interpreter with the second, so both do no more than they must. What is
not ordinary gives None and goes the general way; a test holds both ways to the same results.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import re
from typing import Any

from cardgen.record import LogEvent
from cardgen.registry import rows

_decode = json.JSONDecoder().decode
_LIMIT = 10**15
_KINDS = ("train", "eval", "evaluator")

_INTEGER = r"(?:0|[1-9]\d{0,14})"
_NUMBER = r"-?(?:0|[1-9]\d{0,16})(?:\.\d{1,25})?(?:e[+-]?\d{1,3})?"
_VALUE = rf'"[^"\\$][^"\\]*":{_NUMBER}'
_EVENT = re.compile(
    rf'\{{"seq":({_INTEGER}),"kind":"(train|eval|evaluator)","step":(-?{_INTEGER}),'
    rf'"epoch":({_NUMBER}),(?:"segment":({_INTEGER}),)?"values":(\{{{_VALUE}(?:,{_VALUE})*\}}),'
    r'"at":\{"\$datetime":"(\d{4}-\d\d-\d\dT[\d:.]{8,15}\+00:00)"\}\}'
)


def to_text(event: LogEvent) -> str | None:
    """What the codec writes for the event."""
    seq, step, epoch, segment, at = event.seq, event.step, event.epoch, event.segment, event.at
    if not (type(seq) is type(step) is type(segment) is int and event.kind in _KINDS and type(event.values) is dict):
        return None
    if not (0 <= seq < _LIMIT and -_LIMIT < step < _LIMIT and 0 <= segment < _LIMIT):
        return None
    if type(epoch) is not float or not math.isfinite(epoch) or type(at) is not dt.datetime or at.tzinfo is not dt.UTC:
        return None
    entries = []
    for key, value in event.values.items():
        if type(value) is float:
            if not math.isfinite(value):
                return None
        elif type(value) is not int or not -_LIMIT < value < _LIMIT:
            return None
        name = _quoted(key) if type(key) is str else None
        if name is None:
            return None
        entries.append(f"{name}:{value!r}")
    if not entries:
        return None
    place = f'"segment":{segment},' if segment else ""
    return (
        f'{{"seq":{seq},"kind":"{event.kind}","step":{step},"epoch":{epoch!r},{place}"values":{{{",".join(entries)}}},'
        f'"at":{{"$datetime":"{at.isoformat()}"}}}}'
    )


@functools.lru_cache(maxsize=1024)
def _quoted(key: str) -> str | None:
    """A key as JSON has it; None for one that the codec writes in another form."""
    return json.dumps(key) if key.isascii() and key[:1] != "$" else None


def to_row(text: str) -> tuple[int, tuple[Any, ...], dict[str, Any]] | None:
    """The `seq`, the columns and the values of an event, from the text of it."""
    match = _EVENT.fullmatch(text)
    if match is None:
        return None
    seq, kind, step, epoch, segment, values, at = match.groups()
    number = int(seq)
    try:
        time = rows.microseconds(dt.datetime.fromisoformat(at))
        return number, (number, int(segment or 0), int(step), epoch, kind, time, values), _decode(values)
    except ValueError:
        return None
