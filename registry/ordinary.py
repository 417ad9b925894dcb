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
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from cardgen.record import LogEvent
from cardgen.registry import rows

_decode = json.JSONDecoder().decode
_LIMIT = 10**15
_KINDS = ("train", "eval", "evaluator")
_NUMBERS = {float, int}
_VALUES, _AT = '"values":', ',"at":{"$datetime":"'
_LONG = len("2026-01-01T00:00:00.000000+00:00")

_INTEGER = r"(?:0|[1-9]\d{0,14})"
_NUMBER = r"-?(?:0|[1-9]\d{0,16})(?:\.\d{1,25})?(?:e[+-]?\d{1,3})?"
_VALUE = rf'"[^"\\$\x00-\x1f][^"\\\x00-\x1f]*":{_NUMBER}'
_EVENT = re.compile(
    rf'\{{"seq":({_INTEGER}),"kind":"(train|eval|evaluator)","step":(-?{_INTEGER}),'
    rf'"epoch":({_NUMBER}),(?:"segment":({_INTEGER}),)?"values":(\{{{_VALUE}(?:,{_VALUE})*\}}),'
    r'"at":\{"\$datetime":"(\d{4}-\d\d-\d\dT[\d:.]{8,15}\+00:00)"\}\}'
)


class EventRow(NamedTuple):
    """An event ready to be stored: the columns of `log_event` behind that of the run, and its values."""

    seq: int
    columns: tuple[Any, ...]
    values: Mapping[str, Any]


def to_text(event: LogEvent) -> str | None:
    """What the codec writes for the event."""
    seq, step, epoch, segment, at = event.seq, event.step, event.epoch, event.segment, event.at
    values = event.values
    if not (type(seq) is type(step) is type(segment) is int and event.kind in _KINDS and type(values) is dict):
        return None
    if not (0 <= seq < _LIMIT and -_LIMIT < step < _LIMIT and 0 <= segment < _LIMIT):
        return None
    if type(epoch) is not float or not math.isfinite(epoch) or type(at) is not dt.datetime or at.tzinfo is not dt.UTC:
        return None
    template, numbers = _template(tuple(values)), tuple(values.values())
    kinds = set(map(type, numbers))
    if template is None or not kinds <= _NUMBERS:
        return None
    if int in kinds and not all(-_LIMIT < number < _LIMIT for number in numbers if type(number) is int):
        return None
    if not math.isfinite(sum(numbers)):  # one of them is not, or they are so great that it does not matter
        return None
    place = f'"segment":{segment},' if segment else ""
    return (
        f'{{"seq":{seq},"kind":"{event.kind}","step":{step},"epoch":{epoch!r},{place}"values":{template % numbers},'
        f'"at":{{"$datetime":"{at.isoformat()}"}}}}'
    )


@functools.lru_cache(maxsize=1024)
def _template(keys: tuple[Any, ...]) -> str | None:
    """A format for the values of these keys; None if there are none, or the codec writes them in another form."""
    if not keys or not all(type(key) is str and key.isascii() and key[:1] != "$" for key in keys):
        return None
    return "{" + ",".join(json.dumps(key).replace("%", "%%") + ":%r" for key in keys) + "}"


def to_rows(texts: Sequence[str]) -> list[EventRow | None]:
    """Events as they are stored, from their texts; None for one that is not ordinary."""
    matches = [_EVENT.fullmatch(text) for text in texts]
    try:  # all values at once: each is an object of JSON, as the pattern has it
        decoded = iter(_decode(f"[{','.join([match[6] for match in matches if match is not None])}]"))
    except ValueError:
        return [None] * len(texts)
    return [None if match is None else _row(match, next(decoded)) for match in matches]


def _row(match: re.Match[str], values: dict[str, Any]) -> EventRow | None:
    seq, kind, step, epoch, segment, text, at = match.groups()
    short = len(at) == _LONG and at[16] == ":" and at[19] == "."
    try:
        time = _microseconds(at[:19]) + int(at[20:26]) if short else _microseconds(at)
    except ValueError:
        return None
    number = int(seq)
    return EventRow(number, (number, int(segment or 0), int(step), epoch, kind, time, text), values)


def row(event: LogEvent, text: str) -> EventRow:
    """An event as it is stored, from itself and the text that `to_text` made of it."""
    seq = event.seq
    values = text[text.index(_VALUES) + len(_VALUES) : text.rindex(_AT)]
    time = rows.microseconds(event.at)
    return EventRow(seq, (seq, event.segment, event.step, repr(event.epoch), event.kind, time, values), event.values)


@functools.lru_cache(maxsize=64)
def _microseconds(time: str) -> int:
    """A time as the tables have it; many events have the same second."""
    return cast(int, rows.microseconds(dt.datetime.fromisoformat(time)))
