"""Versions and models as they are listed: their rows, with the aliases and tags that events say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cardgen.registry import model_state, rows
from cardgen.registry.parts import parts
from cardgen.registry.tables import model_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of a model: the weights and the card of a run.

    `weights` is the sha256 over its weight files, `step` that of the checkpoint, `card` the sha256 of the card,
    `commit` what published it; each None if it is not known. `id` is the same in every registry that has the version.
    """

    model: str
    version: int
    id: str
    run_id: str
    run_name: str
    weights: str | None
    step: int | None
    card: str | None
    commit: str | None
    at: dt.datetime
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model as a listing shows it: how many versions it has, the newest one, and the versions of its aliases."""

    name: str
    versions: int
    newest: ModelVersion
    aliases: dict[str, int] = field(default_factory=dict)


def with_state(connection: sa.Connection, found: Sequence[sa.Row[Any]], until: int | None = None) -> list[ModelVersion]:
    """Rows of versions with their aliases and tags."""
    models = list(dict.fromkeys(row.model for row in found))
    aliases: dict[str, list[str]] = {}
    for pointed in model_state.pointed(connection, models, until).values():
        for alias, version_id in pointed.items():
            aliases.setdefault(version_id, []).append(alias)
    tags = model_state.tagged(connection, models, until)
    return [
        ModelVersion(
            model=row.model,
            version=row.version,
            id=row.id,
            run_id=row.run_id,
            run_name=row.run_name,
            weights=row.weights,
            step=row.step,
            card=row.card,
            commit=row.commit,
            at=rows.from_microseconds(row.at) or dt.datetime.now(dt.UTC),
            aliases=tuple(aliases.get(row.id, ())),
            tags=tuple(tags.get(row.id, ())),
        )
        for row in found
    ]


def listed(connection: sa.Connection, counts: Sequence[sa.Row[Any]]) -> Iterator[ModelRow]:
    """Models from rows of `model`, `versions` (their number) and `newest` (the greatest), in order of the name."""
    if not counts:
        return
    models = [row.model for row in counts]
    newest = sa.tuple_(model_version.c.model, model_version.c.version).in_([(row.model, row.newest) for row in counts])
    found = connection.execute(sa.select(model_version).where(newest).order_by(model_version.c.model)).all()
    pointed = model_state.pointed(connection, models)
    known = numbers(connection, pointed)
    for row, version in zip(counts, with_state(connection, found), strict=True):
        aliases = pointed.get(row.model, {})
        shown = {alias: known[version_id] for alias, version_id in aliases.items() if version_id in known}
        yield ModelRow(name=row.model, versions=row.versions, newest=version, aliases=shown)


def numbers(connection: sa.Connection, pointed: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """The numbers of the versions that aliases point at, by id."""
    ids = sorted({version_id for aliases in pointed.values() for version_id in aliases.values()})
    found: dict[str, int] = {}
    for some in parts(ids):
        query = sa.select(model_version.c.id, model_version.c.version).where(model_version.c.id.in_(some))
        found.update((row.id, row.version) for row in connection.execute(query))
    return found
