"""Versions of models, and the events that their aliases and tags follow from: each inside a transaction of the caller.

What is done to a model is done by one writer after another, and each event of a model is later than those before it:
where an alias points is what was said last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from cardgen.identity import new_run_id
from cardgen.registry import auditing, model_state
from cardgen.registry.engine import Database
from cardgen.registry.tables import model_event, model_version

Action: TypeAlias = Literal["register", "alias", "unalias", "tag", "untag"]

_ADVISORY_LOCKS = 0x6D6F646C  # "modl": locks of models are no locks of runs


class Made(NamedTuple):
    """A version that was made: its id, its number, and when."""

    id: str
    version: int
    at: int


def lock(database: Database, connection: sa.Connection, model: str) -> None:
    """Be the only one who changes a model, until the transaction ends."""
    if not database.is_sqlite:  # SQLite's BEGIN IMMEDIATE is the lock
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCKS, sa.func.hashtext(model))))


def add(
    connection: sa.Connection,
    model: str,
    *,
    run_id: str,
    run_name: str,
    weights: str | None = None,
    step: int | None = None,
    card: str | None = None,
    commit: str | None = None,
) -> Made:
    """Make the next version of a model, which the caller has locked."""
    last = sa.select(sa.func.max(model_version.c.version)).where(model_version.c.model == model)
    version = int(connection.execute(last).scalar_one() or 0) + 1
    version_id = new_run_id()
    at = add_event(connection, model, "register", version_id=version_id)
    connection.execute(
        model_version.insert().values(
            model=model,
            version=version,
            id=version_id,
            run_id=run_id,
            run_name=run_name,
            weights=weights,
            step=step,
            card=card,
            commit=commit,
            at=at,
        )
    )
    return Made(version_id, version, at)


def add_event(
    connection: sa.Connection, model: str, action: Action, *, version_id: str | None = None, value: str | None = None
) -> int:
    """Append what is done to a model, which the caller has locked.

    Returns:
        when: later than all before it, also where a clock was turned back.
    """
    last = sa.select(sa.func.max(model_event.c.at)).where(model_event.c.model == model)
    at = max(auditing.now(), int(connection.execute(last).scalar_one() or 0) + 1)
    connection.execute(
        model_event.insert().values(
            id=new_run_id(),
            at=at,
            actor=auditing.actor(),
            model=model,
            action=action,
            version_id=version_id,
            value=value,
        )
    )
    return at


def point(connection: sa.Connection, model: str, version_id: str, aliases: Sequence[str]) -> None:
    """Have aliases of a model, which the caller has locked, point at a version; those that do so already stay."""
    there = model_state.pointed(connection, [model]).get(model, {}) if aliases else {}
    for alias in dict.fromkeys(aliases):
        if there.get(alias) != version_id:
            add_event(connection, model, "alias", version_id=version_id, value=alias)


def id_of(connection: sa.Connection, model: str, version: int) -> str:
    """The id of a version that is there."""
    wanted = sa.and_(model_version.c.model == model, model_version.c.version == version)
    return str(connection.execute(sa.select(model_version.c.id).where(wanted)).scalar_one())
