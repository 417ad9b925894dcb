"""Values, runs and events survive as text."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardgen.errors import DocumentError
from cardgen.record import Dataset, Displayed, Environment, Evaluation, LogEvent, Model, Opaque, Run
from cardgen.registry import codec
from cardgen.registry.codec import (
    NewerDocument,
    decode_event,
    decode_run,
    decode_value,
    encode_event,
    encode_run,
    encode_value,
)

Exact = Callable[[Any], Any]
RUN = Run(id="a", name="b", model=Model(type="CrossEncoder"))


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_plain_values_survive(data: st.DataObject, strategies: Any, exact: Exact) -> None:
    """Any plain value comes back with types, `repr` and order of keys, through one line of ASCII text."""
    value = data.draw(strategies.plain)
    text = encode_value(value)
    assert text.isascii()
    assert "\n" not in text
    assert exact(decode_value(text)) == exact(value)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_runs_and_events_survive(data: st.DataObject, strategies: Any, exact: Exact) -> None:
    """Any run and any log event comes back the same, whatever is in its fields."""
    run = data.draw(strategies.runs)
    assert exact(decode_run(encode_run(run))) == exact(run)
    event = data.draw(strategies.record(LogEvent))
    assert exact(decode_event(encode_event(event))) == exact(event)


@pytest.mark.parametrize(
    "value",
    [
        [10**5000, -(10**5000)],
        [1, 1.0, True],
        {1: "a", None: "b", 2.5: "c", (1, 2): "d", b"k": "e"},
        {"$tuple": [1, 2]},
        {"$tuple": 1, "other": 2},
        {"a": {"$opaque": "x"}},
        "\ud83d\ude00",  # two surrogates, not the emoji
        ["\U0001f600", "\ud83d", "\ude00"],
        {"\ud83d\ude00": 1, "\U0001f600": 2},
        Displayed("1e-05", 0.00001),
        Opaque("<object>"),
        dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
        ((), [], {}, ((),)),
        "x" * 1_000_000,
    ],
)
def test_hard_values_survive(value: Any, exact: Exact) -> None:
    """What JSON lacks, confuses or limits is written in a form of its own."""
    assert exact(decode_value(encode_value(value))) == exact(value)


def test_times_are_stored_in_utc() -> None:
    """A time of another zone comes back as the same moment in UTC."""
    local = dt.datetime(2026, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert decode_value(encode_value(local)).isoformat() == "2026-07-01T10:00:00+00:00"


class Colour(str, enum.Enum):  # noqa: UP042 - a StrEnum prints its value
    """Prints its class, as enumerations of strings do."""

    RED = "red"


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


class Broken:
    """An object that cannot even be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Colour.RED, "red"),
        (enum.IntEnum("Number", "ONE").ONE, 1),  # type: ignore[attr-defined]
        (collections.OrderedDict(a=1), {"a": 1}),
        (Point(1, 2), (1, 2)),
        (bytearray(b"x"), b"x"),
        ({3}, Opaque("{3}")),
        (print, Opaque("<built-in function print>")),
        (Broken(), Opaque("<Broken>")),
    ],
)
def test_other_objects_become_plain(value: Any, stored: Any, exact: Exact) -> None:
    """A subclass of a plain type becomes that type, any other object the text that Python prints for it."""
    assert exact(decode_value(encode_value({"key": value}))) == exact({"key": stored})


def test_endless_values_end() -> None:
    """A value that contains itself, or is nested without end, is cut and not refused."""
    endless: list[Any] = [1]
    endless.append(endless)
    text = encode_value({"a": endless})
    assert "$opaque" in text
    assert decode_value(text)["a"][0] == 1


def test_defaults_are_left_out() -> None:
    """A field that has its default takes no room, and one that only equals it is kept."""
    assert json.loads(encode_run(RUN))["run"].keys() == {"id", "name", "model", "usage", "environment"}
    run = dataclasses.replace(RUN, model=Model(type="CrossEncoder", label_count=0), project="")
    assert decode_run(encode_run(run)) == run


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"project": 5}, "Run.project"),
        ({"status": "lost"}, "Run.status"),
        ({"tags": "abc"}, "Run.tags"),
        ({"tags": (1,)}, "Run.tags"),
        ({"created": "today"}, "Run.created"),
        ({"model": None}, "Run.model"),
        ({"datasets": (Dataset(role="train", size="many"),)}, "Run.datasets: Dataset.size"),  # type: ignore[arg-type]
        ({"environment": Environment(versions={"torch": 2})}, "Environment.versions"),  # type: ignore[dict-item]
        ({"evaluations": (Evaluation(evaluator="E", metrics=[1]),)}, "Evaluation.metrics"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_type_is_refused_before_it_is_stored(change: dict[str, Any], place: str) -> None:
    """What could not be read again is not written: the error names the field."""
    with pytest.raises(DocumentError, match=place):
        encode_run(dataclasses.replace(RUN, **change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"document_version":true,"run":{}}',
        '{"document_version":0,"run":{}}',
        '{"document_version":1}',
        '{"document_version":1,"run":[]}',
        '{"document_version":1,"run":{"id":"a","name":"b"}}',
        '{"document_version":1,"run":{"id":"a","name":"b","model":{"type":"Unknown"}}}',
        '{"document_version":1,"run":{"id":"a","name":"b","model":{"type":["CrossEncoder"]}}}',
        '{"document_version":1,"run":{"id":5,"name":"b","model":{"type":"CrossEncoder"}}}',
        '{"document_version":1,"run":{"id":"a","name":"b","model":{"type":"CrossEncoder"},"later":1}}',
        '{"document_version":1,"run":{"id":"a","name":"b","model":{"type":"CrossEncoder","max_seq_length":NaN}}}',
        '{"document_version":1,"run":{"$unknown":1}}',
        '{"document_version":1,"run":{"$int":5}}',
        '{"document_version":1,"run":{"$dict":[[[1],2]]}}',
        '{"document_version":1,"run":{"$dict":7}}',
        '{"document_version":1,"run":{"$str":[1]}}',
        '{"document_version":1,"run":{"$bytes":"%"}}',
        '{"document_version":1,"run":{"$datetime":"tomorrow"}}',
        '{"document_version":1,"run":{"$displayed":["a","b"]}}',
        '{"document_version":1,"run":{"$opaque":1}}',
        '{"document_version":1,"run":' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_document_is_refused(text: str) -> None:
    """A document that cannot be decoded is a `DocumentError`, whatever it is."""
    with pytest.raises(DocumentError):
        decode_run(text)


@pytest.mark.parametrize("text", ["", "{}", '{"seq":"1","kind":"train","step":1}', '{"seq":1,"kind":"x","step":1}'])
def test_what_is_no_event_is_refused(text: str) -> None:
    """An event that cannot be decoded is a `DocumentError`."""
    with pytest.raises(DocumentError):
        decode_event(text)


def test_a_newer_document_says_what_to_do() -> None:
    """A document of a newer cardgen is told from a damaged one."""
    newer = f'"document_version":{codec.DOCUMENT_VERSION + 1}'
    text = encode_run(RUN).replace(f'"document_version":{codec.DOCUMENT_VERSION}', newer)
    with pytest.raises(NewerDocument) as caught:
        decode_run(text)
    assert "pip install --upgrade cardgen" in (caught.value.hint or "")


def test_an_older_document_is_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upcasters are applied one after the other, from the document's version to this one."""

    def rename(document: dict[str, Any]) -> dict[str, Any]:
        run = dict(document["run"])
        run["name"] = run.pop("title")
        return {**document, "run": run}

    def tag(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "run": {**document["run"], "tags": [document["run"]["name"]]}}

    written = encode_run(RUN).replace(f'"document_version":{codec.DOCUMENT_VERSION}', '"document_version":1')
    assert decode_run(written) == RUN
    old = written.replace('"name"', '"title"')
    monkeypatch.setattr(codec, "DOCUMENT_VERSION", 3)
    monkeypatch.setattr(codec, "UPCASTERS", {1: rename, 2: tag})
    assert decode_run(old) == dataclasses.replace(RUN, tags=("b",))
