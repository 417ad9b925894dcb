"""A run as rows: what is listed, and what is searched. Pure functions of the record; nothing here is the truth."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from cardgen.identity import speakable
from cardgen.jobs import job_key
from cardgen.measures import measured, primary_key
from cardgen.record import Displayed, Opaque, Run
from cardgen.standing import standing_evaluations

NAME_LIMIT = 200
"""Characters of a name; a longer one is cut."""

TEXT_LIMIT = 500
"""Characters of a text that a listing shows or a search looks at: an index row of PostgreSQL has a limit."""

DATASET_FIELDS = ("role", "name", "hub_id", "revision", "split", "size", "column")
"""What can be asked of data sets; `column` is the name of any column."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def searchable(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text as databases take it: NUL and lone surrogates written as Python escapes, cut to `limit` characters."""
    if (text.isascii() and "\0" not in text) or _UNSTORABLE.search(text) is None:
        return text[:limit]
    return _UNSTORABLE.sub(lambda found: ascii(found[0])[1:-1], text)[:limit]


def usable_name(run: Run) -> str:
    """The name of a run as a registry takes it: storable, at most `NAME_LIMIT` characters, not empty."""
    return searchable(run.name.strip(), NAME_LIMIT).strip() or speakable(run.id)


def microseconds(time: dt.datetime | None) -> int | None:
    """A time as the tables have it; one without a zone is meant in UTC."""
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
    since = aware - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_microseconds(number: int | None) -> dt.datetime | None:
    """The time in UTC that `microseconds` wrote."""
    return None if number is None else _EPOCH + number * _MICROSECOND


def run_columns(run: Run) -> dict[str, Any]:
    """The columns of table `run` that follow from the facts."""
    metric = primary_metric(run)
    named = [run.name, run.model.title, run.project, run.model.base_model, *run.tags]
    return {
        "project": _cut(run.project),
        "group": _cut(run.group),
        "tags": json.dumps([searchable(tag) for tag in run.tags]),
        "status": run.status,
        "origin": run.origin,
        "model_type": run.model.type,
        "title": _cut(run.model.title),
        "base_model": _cut(run.model.base_model),
        "created": microseconds(run.created),
        "started": microseconds(run.started),
        "ended": microseconds(run.ended),
        "seconds": None if run.durations is None else number(run.durations.total_seconds),
        "metric_name": None if metric is None else searchable(metric[0]),
        "metric": None if metric is None else number(measured(metric[1])),
        "words": "\n".join(folded(text) for text in named if text),
    }


def folded(text: str) -> str:
    """Text as free words are compared: without case."""
    return searchable(text).casefold()


def primary_metric(run: Run) -> tuple[str, Any] | None:
    """Full key and value of the primary metric of the last evaluation that names one."""
    for evaluation in reversed(standing_evaluations(run)):
        key = primary_key(evaluation)
        if key is not None:
            return key, evaluation.metrics[key]
    return None


class Fact(NamedTuple):
    """One value to search by; `position` counts the values of one key."""

    kind: str
    name: str
    position: int
    number: float | None
    text: str | None


def facts(run: Run) -> list[Fact]:
    """Everything that a search looks at besides the columns of `run`, each key with its values numbered from 0."""
    counts: dict[tuple[str, str], int] = {}
    found = []
    for kind, name, value in _values(run):
        if value is None:
            continue
        key = (kind, searchable(name if isinstance(name, str) else repr(name)))
        position = counts[key] = counts.get(key, -1) + 1
        as_number = number(value)
        found.append(Fact(*key, position, as_number, _text(value, as_number)))
    return found


def _values(run: Run) -> Iterator[tuple[str, Any, Any]]:
    for tag in run.tags:
        yield "run", "tags", tag
    yield "run", "parent", run.model.parent_run
    if run.hyperparameters is not None:
        for name, value in run.hyperparameters.values.items():
            yield "params", name, "None" if value is None else value
    for evaluation in standing_evaluations(run):
        yield "run", "evaluator", evaluation.evaluator
        for name, value in evaluation.metrics.items():
            yield "metrics", name, measured(value)
        if evaluation.greater_is_better is False and (primary := primary_key(evaluation)) is not None:
            yield "best", primary, "min"
    for dataset in run.datasets:
        for name in DATASET_FIELDS[:-1]:
            yield "dataset", name, getattr(dataset, name)
        for column in dataset.columns:
            yield "dataset", DATASET_FIELDS[-1], column.name
        if dataset.loss is not None:
            yield "run", "loss", dataset.loss.name
    for name, version in run.environment.versions.items():
        yield "versions", name, version
    if run.durations is not None and isinstance(run.durations.total_seconds, Displayed):
        yield "run", "seconds", run.durations.total_seconds  # else the column says it all
    yield "run", "job", job_key(run.environment.scheduler)
    for point in run.checkpoints:
        yield "run", "weights", point.weights


def number(value: Any) -> float | None:
    """The number that a value is compared as, a 64-bit float; None for NaN, truth values and what is no number."""
    if type(value) is float:
        return None if math.isnan(value) else value
    if type(value) is str:
        return None
    if isinstance(value, Displayed):
        value = value.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return None if math.isnan(found) else found


def _text(value: Any, as_number: float | None) -> str | None:
    if isinstance(value, (Displayed, Opaque)):
        return searchable(value.text)
    if isinstance(value, str):
        return searchable(value)
    if as_number is not None:
        return None
    if isinstance(value, int) and value.bit_length() > 1024:
        return hex(value)[:TEXT_LIMIT]
    try:
        return searchable(repr(value))
    except (ValueError, RecursionError):  # an integer too long for Python to print, inside a container
        return None


def _cut(text: str | None) -> str | None:
    return None if text is None else searchable(text)
