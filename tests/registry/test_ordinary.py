"""Ordinary events take a short way into text and rows, to the same result as the general one."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardgen.errors import DocumentError
from cardgen.record import Displayed, LogEvent
from cardgen.registry import codec, ordinary
from cardgen.registry.events import event_row, rows_of_texts

AT = dt.datetime(2026, 5, 6, 7, 8, 9, 120, tzinfo=dt.UTC)
LOGS = {"loss": 0.25, "grad_norm": 1e-09, "learning_rate": 2e-05, "epoch": 1.0, "num_tokens": 12, "big": 1e22}
EVENT = LogEvent(seq=3, kind="train", step=7, epoch=0.25, values=LOGS, at=AT)

numbers = st.floats() | st.integers()
any_value = (
    numbers | st.text(max_size=5) | st.none() | st.booleans() | st.builds(Displayed, st.text(max_size=5), numbers)
)
keys = st.sampled_from(["loss", "$float", "a b", 'quo"te', "back\\slash", "é", ""]) | st.text(max_size=5)


def _generally(event: LogEvent) -> str:
    return codec._encode(event)


@given(
    st.builds(
        LogEvent,
        seq=st.integers(0, 2**62),
        kind=st.sampled_from(["train", "eval", "evaluator"]),
        step=st.integers(-(2**62), 2**62),
        epoch=st.none() | numbers,
        segment=st.integers(0, 3) | st.integers(0, 2**62),
        values=st.dictionaries(keys, any_value, max_size=4),
        at=st.none()
        | st.datetimes(timezones=st.none() | st.just(dt.UTC) | st.just(dt.timezone(dt.timedelta(hours=2)))),
    )
)
def test_both_ways_agree(event: LogEvent) -> None:
    """Whatever is in an event, its text is the general codec's, and its row the one of the decoded event."""
    text = codec.encode_event(event)
    assert text == _generally(event)
    decoded = event_row(codec.decode_event(text))
    if ordinary.to_text(event) is not None:
        assert repr(ordinary.row(event, text)) == repr(decoded)
    assert repr(rows_of_texts([text, "no event", text])[::2]) == repr([decoded, decoded])


@pytest.mark.parametrize(
    "changes", [{}, {"segment": 2}, {"step": -1, "epoch": -1.0}, {"at": AT.replace(microsecond=0)}]
)
def test_what_a_trainer_logs_is_ordinary(changes: dict[str, Any]) -> None:
    """The short way is taken, or it would be worth nothing."""
    event = LogEvent(**{"seq": 3, "kind": "train", "step": 7, "epoch": 0.25, "values": LOGS, "at": AT, **changes})
    text = ordinary.to_text(event)
    assert text == _generally(event)
    assert text is not None
    assert ordinary.to_rows([text]) == [tuple(event_row(event))]


@pytest.mark.parametrize(
    "changes",
    [{"epoch": math.nan}, {"epoch": 1}, {"at": None}, {"values": {}}, {"seq": 2**60}, {"at": dt.datetime(2026, 1, 1)}],
)
def test_what_is_not_ordinary_goes_the_general_way(changes: dict[str, Any]) -> None:
    """The short way gives up rather than guess."""
    fields = {"seq": 3, "kind": "train", "step": 7, "epoch": 0.25, "values": LOGS, "at": AT, **changes}
    assert ordinary.to_text(LogEvent(**fields)) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"seq":1,"kind":"train","step":1,"epoch":0.5,"values":{"a":1},"values":{"b":2},"at":{"$datetime":"x"}}',
        '{"seq":1,"kind":"train","step":1,"epoch":0.5,"values":{"a":01},"at":{"$datetime":"2026-01-01T00:00:00+00:00"}}',
        '{"seq":1,"kind":"train","step":1,"epoch":0.5,"values":{"a":1},"at":{"$datetime":"2026-13-01T00:00:00+00:00"}}',
        '{"seq":1,"kind":"train","step":1,"epoch":0.5,"values":{"a\tb":1},"at":{"$datetime":"2026-01-01T00:00:00+00:00"}}',
        '{"seq":1,"kind":"train","step":1,"epoch":0.5,"values":{"a":1},"at":{"$datetime":"2026-01-01T120000.1.123456+00:00"}}',
        '{"seq":01,"kind":"train","step":1,"epoch":0.5,"values":{"a":1},"at":{"$datetime":"2026-01-01T00:00:00+00:00"}}',
    ],
)
def test_what_is_no_event_is_refused_all_the_same(text: str) -> None:
    """A spool that somebody edited is not believed more."""
    good = codec.encode_event(EVENT)
    before, refused, after = rows_of_texts([good, text, good])
    assert isinstance(refused, DocumentError)
    assert before == after == event_row(EVENT)
