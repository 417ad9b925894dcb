"""What is read: listings, the run that a reference means, states. Nothing here writes."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import AmbiguousRun, DocumentError, RunNotFound
from cardgen.record import LogEvent, Run
from cardgen.registry import facts, rows
from cardgen.registry.auditing import now
from cardgen.registry.codec import decode_run, decode_value
from cardgen.registry.engine import Database
from cardgen.registry.naming import LATEST
from cardgen.registry.spool import touched_since
from cardgen.registry.tables import document, fact, key, log_event, run

LOST_AFTER_SECONDS = 60
"""A run that is `running` and whose heartbeat is older than this is `lost`."""

_REFERENCE_LIMIT = 500  # characters; what is longer names nothing

NEWEST_FIRST = (run.c.created.desc().nulls_last(), run.c.number.desc())
"""The order of a listing that is asked for no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as a listing shows it, read without its document.

    Texts are cut to 500 characters, with NUL and lone surrogates as escapes. `status` is one of
    `language.binding.STATUSES`. `seconds` is the wall-clock time of training. `metric` is the value of the primary
    metric of the last evaluation that names one, `metric_name` its full key; `revision` counts the saves.
    """

    id: str
    name: str
    project: str | None
    group: str | None
    status: str
    origin: str
    model_type: str
    title: str | None
    base_model: str | None
    created: dt.datetime | None
    started: dt.datetime | None
    ended: dt.datetime | None
    seconds: float | None
    metric_name: str | None
    metric: float | None
    tags: tuple[str, ...]
    revision: int


COLUMNS = tuple(RunRow.__dataclass_fields__)
"""The columns of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What a registry knows of a run besides its facts.

    `heartbeat` is when its recorder was last heard of, `events` the number of its log events, `revision` counts the
    saves, `folded` is the number of the last spool entry that is in (-1: none).
    """

    id: str
    name: str
    status: str
    heartbeat: dt.datetime | None
    events: int
    revision: int
    folded: int


def status_column(database: Database) -> sa.ColumnElement[str]:
    """The status with `lost` derived, as of now: neither the registry nor a spool has heard of the recorder lately."""
    oldest = now() - LOST_AFTER_SECONDS * 1_000_000
    lost = sa.and_(run.c.status == "running", sa.func.coalesce(run.c.heartbeat, 0) < oldest)
    spooling = touched_since(database.location.spool_folder, oldest / 1_000_000)
    if spooling:
        lost = sa.and_(lost, run.c.id.not_in(spooling))
    return sa.case((lost, "lost"), else_=run.c.status)


def listed_columns(database: Database) -> list[sa.ColumnElement[Any]]:
    """The columns of a `RunRow`, in its order."""
    return [status_column(database).label("status") if name == "status" else run.c[name] for name in COLUMNS]


def to_row(found: Sequence[Any]) -> RunRow:
    """The values of `listed_columns` as a `RunRow`."""
    values = dict(zip(COLUMNS, found, strict=False))
    for name in ("created", "started", "ended"):
        values[name] = rows.from_microseconds(values[name])
    values["tags"] = tuple(json.loads(values["tags"]))
    return RunRow(**values)


class Found(NamedTuple):
    """The run that a reference means: its row's number, its id and name."""

    number: int
    id: str
    name: str


def find(connection: sa.Connection, reference: str, *, hidden: bool = False) -> Found:
    """The run that a reference means: `latest`, an id, a name, MODEL@VERSION, or a unique start or end of id or name.

    Raises:
        RunNotFound: there is none; with `hidden`, deleted ones are looked at, too.
        ModelNotFound: there is the model, but not the version or alias.
        AmbiguousRun: a start or end is that of several.
    """
    query = _known(hidden)
    if reference == LATEST:
        finished = query.where(run.c.status == "finished", run.c.origin == "captured", run.c.deleted.is_(None))
        # In the index's own order, which ends at those without a time: "nulls last" would have a server sort all runs.
        newest = finished.where(run.c.created.is_not(None)).order_by(run.c.created.desc(), run.c.number.desc())
        found = connection.execute(newest.limit(1)).one_or_none()
        found = found or connection.execute(finished.order_by(run.c.number.desc()).limit(1)).one_or_none()
        if found is None:
            raise RunNotFound(reference, hint="no recorded run has finished yet: see `cardgen runs list`")
        return Found(*found)
    text = rows.searchable(reference, _REFERENCE_LIMIT)
    exact = connection.execute(_exact(hidden), {"text": text}).all()
    if exact:
        return Found(*next((row for row in exact if row.id == text), exact[0]))
    if "@" in reference:
        of_model = _of_model(connection, reference, query)
        if of_model is not None:
            return of_model
    if not text or len(text) > rows.NAME_LIMIT:
        raise RunNotFound(reference[: rows.NAME_LIMIT])
    matches = [_starts_or_ends(column, text) for column in (run.c.id, run.c.name)]
    found_rows = connection.execute(query.where(sa.or_(*matches)).order_by(run.c.name).limit(10)).all()
    if not found_rows:
        raise RunNotFound(reference)
    if len(found_rows) > 1:
        raise AmbiguousRun(reference, [row.name for row in found_rows])
    return Found(*found_rows[0])


@functools.cache
def _known(hidden: bool) -> sa.Select[Any]:
    query = sa.select(run.c.number, run.c.id, run.c.name)
    return query if hidden else query.where(run.c.deleted.is_(None))


@functools.cache
def _exact(hidden: bool) -> sa.Select[Any]:
    """Made once: building a statement takes longer than SQLite takes to answer it."""
    text = sa.bindparam("text", type_=sa.Text)
    return _known(hidden).where(sa.or_(run.c.id == text, run.c.name == text))


def _of_model(connection: sa.Connection, reference: str, query: sa.Select[Any]) -> Found | None:
    """The run of a model's version; None if there is no such model."""
    from cardgen.registry import model_state

    model, selector = model_state.split(reference)
    if not model_state.exists(connection, model):
        return None
    version = model_state.version(connection, model, selector)
    found = connection.execute(query.where(run.c.id == version.run_id)).one_or_none()
    if found is None:
        raise RunNotFound(
            reference, hint=f"version {version.version} of {model} is of the run {version.run_name}, which was deleted"
        )
    return Found(*found)


def _starts_or_ends(column: sa.Column[str], text: str) -> sa.ColumnElement[bool]:
    length = len(text)
    size = sa.func.length(column)
    ends = sa.and_(size >= length, sa.func.substr(column, size - length + 1) == text)
    return sa.or_(sa.func.substr(column, 1, length) == text, ends)


def is_hidden(connection: sa.Connection, run_id: str) -> bool:
    """Whether a deleted run has this id."""
    query = sa.select(run.c.number).where(run.c.id == rows.searchable(run_id), run.c.deleted.is_not(None))
    return connection.execute(query).first() is not None


def having(connection: sa.Connection, kind: str, name: str, text: str, limit: int) -> list[str]:
    """The ids of the newest runs that have a fact of this text; hidden ones are left out."""
    wanted = sa.and_(key.c.kind == kind, key.c.name == name, fact.c.text == rows.searchable(text))
    joined = run.join(fact, fact.c.run == run.c.number).join(key, key.c.number == fact.c.key)
    query = sa.select(run.c.id).select_from(joined).where(wanted, run.c.deleted.is_(None)).distinct()
    query = query.add_columns(run.c.number, run.c.created)
    return [row.id for row in connection.execute(query.order_by(*NEWEST_FIRST).limit(limit))]


def stored_run(connection: sa.Connection, found: Found) -> Run:
    """The whole record of a run, what people set included.

    Raises:
        DocumentError: it cannot be decoded; the error names the run.
    """
    return corrections.apply(recorded_run(connection, found), facts.of(connection, found.number))


def recorded_run(connection: sa.Connection, found: Found) -> Run:
    """The record of a run without what people set; raises as `stored_run` does."""
    return decoded(found.name, connection.execute(_DOCUMENT, {"number": found.number}).scalar_one_or_none())


_DOCUMENT = sa.select(document.c.text).where(document.c.run == sa.bindparam("number"))


def decoded(name: str, text: str | None) -> Run:
    """The record in a stored document of the run called `name`."""
    try:
        return decode_run(text or "")
    except DocumentError as error:
        hint = error.hint or f"if no backup has it, remove it: cardgen runs delete {name} --purge"
        raise type(error)(f"run {name}: {error}", hint=hint) from error


def state(database: Database, connection: sa.Connection, number: int) -> RunState:
    """The state of a run."""
    events = sa.select(sa.func.count()).where(log_event.c.run == number).scalar_subquery()
    columns = [run.c.id, run.c.name, status_column(database), run.c.heartbeat, events, run.c.revision, run.c.folded]
    found = connection.execute(sa.select(*columns).where(run.c.number == number)).one()
    run_id, name, status, heartbeat, count, revision, folded = found
    return RunState(
        id=run_id,
        name=name,
        status=status,
        heartbeat=rows.from_microseconds(heartbeat),
        events=count,
        revision=revision,
        folded=folded,
    )


def events(connection: sa.Connection, number: int) -> list[LogEvent]:
    """The log of a run, in order."""
    names = ("seq", "kind", "step", "epoch", "segment", "values", "at")
    query = sa.select(*(log_event.c[name] for name in names)).where(log_event.c.run == number)
    return [
        LogEvent(
            seq=seq,
            kind=kind,
            step=step,
            epoch=None if epoch is None else decode_value(epoch),
            segment=segment,
            values=decode_value(values),
            at=rows.from_microseconds(at),
        )
        for seq, kind, step, epoch, segment, values, at in connection.execute(query.order_by(log_event.c.seq))
    ]
