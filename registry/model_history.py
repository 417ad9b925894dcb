"""What was done to a model: its events, its publications, and what the audit says of the runs of its versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from cardgen.registry import rows
from cardgen.registry.tables import audit, model_event, model_version, publication

TOLD_ALREADY = ("publish", "drop")
"""What the audit says of runs and the publications say better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One thing that was done, in the registry or on the Hub.

    `action` is `register`, `alias`, `unalias`, `tag`, `untag`, `publish` (a commit of ours, which registers a version
    if there is a model in it), `commit` (one of others), or what the audit calls something that was done to a run:
    `set`, `rename`, `delete` … `value` is the alias or tag, `version` the number of the version, `run` the name that
    its run had then, `commit` the Hub's.
    """

    at: dt.datetime
    actor: str
    action: str
    version: int | None = None
    value: str | None = None
    run: str | None = None
    run_id: str | None = None
    commit: str | None = None
    detail: str | None = None


def entries(connection: sa.Connection, model: str, since: int | None, until: int | None) -> list[ModelEntry]:
    """What is known of a model from `since` on and before `until`, the oldest first."""
    events = list(_events(connection, model, since, until))
    registered = {entry.commit: entry.actor for entry in events if entry.action == "register" and entry.commit}
    published = [
        replace(entry, actor=entry.actor or registered.get(entry.commit or "", ""))
        for entry in _published(connection, model, since, until)
    ]
    commits = {entry.commit for entry in published if entry.version is not None}
    done = [entry for entry in events if entry.action != "register" or entry.commit not in commits]
    return sorted([*published, *done, *_audited(connection, model, since, until)], key=lambda entry: entry.at)


def was_published(connection: sa.Connection, model: str) -> bool:
    """Whether a repository of this name was published to."""
    query = sa.select(publication.c.number).where(publication.c.repo_id == rows.searchable(model)).limit(1)
    return connection.execute(query).first() is not None


def _published(connection: sa.Connection, model: str, since: int | None, until: int | None) -> Iterator[ModelEntry]:
    query = sa.select(publication).where(publication.c.repo_id == model, *_within(publication.c.at, since, until))
    for row in connection.execute(query.order_by(publication.c.at, publication.c.commit)):
        yield ModelEntry(
            at=_time(row.at),
            actor=row.user or "",
            action="publish",
            version=row.version,
            run=row.run_name,
            run_id=row.run_id,
            commit=row.commit,
            detail=row.pull_request or (row.revision if row.revision != "main" else None),
        )


def _events(connection: sa.Connection, model: str, since: int | None, until: int | None) -> Iterator[ModelEntry]:
    of = model_version.c.id == model_event.c.version_id
    columns = (model_version.c.version, model_version.c.run_name, model_version.c.run_id, model_version.c.commit)
    query = sa.select(model_event, *columns).select_from(model_event.outerjoin(model_version, of))
    query = query.where(model_event.c.model == model, *_within(model_event.c.at, since, until))
    for row in connection.execute(query.order_by(model_event.c.at, model_event.c.id)):
        registered = row.action == "register"
        yield ModelEntry(
            at=_time(row.at),
            actor=row.actor,
            action=row.action,
            version=row.version,
            value=row.value,
            run=row.run_name if registered else None,
            run_id=row.run_id if registered else None,
            commit=row.commit if registered else None,
        )


def _audited(connection: sa.Connection, model: str, since: int | None, until: int | None) -> Iterator[ModelEntry]:
    runs = sa.select(model_version.c.run_id).where(model_version.c.model == model)
    query = sa.select(audit).where(audit.c.run_id.in_(runs), audit.c.action.not_in(TOLD_ALREADY))
    query = query.where(*_within(audit.c.at, since, until)).order_by(audit.c.at, audit.c.number)
    for row in connection.execute(query):
        yield ModelEntry(
            at=_time(row.at), actor=row.actor, action=row.action, run=row.name, run_id=row.run_id, detail=row.detail
        )


def _within(column: sa.Column[Any], since: int | None, until: int | None) -> list[sa.ColumnElement[bool]]:
    return [*([] if since is None else [column >= since]), *([] if until is None else [column < until])]


def _time(microseconds: int) -> dt.datetime:
    return rows.from_microseconds(microseconds) or dt.datetime.now(dt.UTC)
