"""What models are: their versions, where their aliases point, and which tags there are, as their events say.

Nothing of it is stored: the last that was said of an alias or a tag, by `at` and then `id`, holds, and the state as of
a time is what was said before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cardgen.errors import ModelNotFound
from cardgen.registry import rows
from cardgen.registry.language.problems import nearest
from cardgen.registry.parts import parts
from cardgen.registry.tables import model_event, model_version, run

LATEST = "latest"
"""The version of the greatest number."""

NUMBER = re.compile(r"[0-9]{1,18}")
"""How the number of a version is written; no alias is written like this."""

_CONSIDERED = 2000


def split(reference: str) -> tuple[str, str | None]:
    """The name of a model, and what is asked for behind the last `@`; None without one."""
    name, mark, selector = reference.rpartition("@")
    return (name, selector) if mark else (reference, None)


def pointed(connection: sa.Connection, models: Sequence[str], until: int | None = None) -> dict[str, dict[str, str]]:
    """The aliases of models, in order, and the ids of the versions that they point at; `until` is no part of it."""
    found: dict[str, dict[str, str]] = {}
    for row in _last(connection, models, ("alias", "unalias"), (model_event.c.value,), until):
        found.setdefault(row.model, {})[row.value] = row.version_id
    return found


def tagged(connection: sa.Connection, models: Sequence[str], until: int | None = None) -> dict[str, list[str]]:
    """The tags of the versions of models, in order, by the version's id; `until` is no part of it."""
    found: dict[str, list[str]] = {}
    same = (model_event.c.version_id, model_event.c.value)
    for row in _last(connection, models, ("tag", "untag"), same, until):
        found.setdefault(row.version_id, []).append(row.value)
    return found


def _last(
    connection: sa.Connection,
    models: Sequence[str],
    actions: tuple[str, str],
    same: Sequence[sa.ColumnElement[Any]],
    until: int | None,
) -> list[sa.Row[Any]]:
    """Of the events about the same thing the last, where it is the first of the two actions."""
    found: list[sa.Row[Any]] = []
    event = model_event.c
    order = sa.func.row_number().over(partition_by=[event.model, *same], order_by=[event.at.desc(), event.id.desc()])
    for some in parts(models):
        said = sa.select(event.model, event.value, event.version_id, event.action, order.label("nth"))
        said = said.where(
            event.model.in_(some), event.action.in_(actions), event.value.is_not(None), event.version_id.is_not(None)
        )
        last = (said if until is None else said.where(event.at < until)).subquery()
        query = sa.select(last.c.model, last.c.value, last.c.version_id)
        query = query.where(last.c.nth == 1, last.c.action == actions[0]).order_by(last.c.model, last.c.value)
        found.extend(connection.execute(query))
    return found


def version(
    connection: sa.Connection, model: str, selector: str | None = None, until: int | None = None
) -> sa.Row[Any]:
    """The row of a version, by its number, an alias, `latest` (also None), or the id or name of its run.

    Raises:
        ModelNotFound: there is no such model or version.
    """
    name = rows.searchable(model)
    query = sa.select(model_version).where(model_version.c.model == name)
    if until is not None:
        query = query.where(model_version.c.at < until)
    newest = query.order_by(model_version.c.version.desc()).limit(1)
    latest = connection.execute(newest).one_or_none()
    if latest is None:
        raise unknown(connection, model, until)
    if selector in (None, LATEST):
        return latest
    text = rows.searchable(str(selector))
    aliases: dict[str, str] = {}
    if NUMBER.fullmatch(text):
        found = connection.execute(query.where(model_version.c.version == int(text))).one_or_none()
    else:
        aliases = pointed(connection, [name], until).get(name, {})
        wanted = model_version.c.id == aliases[text] if text in aliases else _of_run(connection, text)
        found = connection.execute(newest.where(wanted)).one_or_none()
    if found is None:
        what = f"version {text}" if NUMBER.fullmatch(text) else f"alias, version or run {selector!r:.100}"
        raise ModelNotFound(
            f"model {model!r:.200} has no {what}",
            reference=f"{model}@{selector}",
            hint=_near(text, aliases) or f"it has {_versions(latest.version)}{_some(aliases)}",
        )
    return found


def unknown(connection: sa.Connection, model: str, until: int | None = None) -> ModelNotFound:
    """The error for a model that there is not, with the nearest that there is, or was not until then."""
    if until is not None:
        first = sa.select(sa.func.min(model_version.c.at)).where(model_version.c.model == rows.searchable(model))
        at = rows.from_microseconds(connection.execute(first).scalar_one())
        if at is not None:
            began = f"its first was registered at {at:%Y-%m-%d %H:%M:%S} UTC"
            return ModelNotFound(f"model {model!r:.200} had no version then", reference=model, hint=began)
    names = connection.execute(sa.select(model_version.c.model).distinct().limit(_CONSIDERED)).scalars()
    hint = _near(model, names) if model else "write NAME@ALIAS, NAME@NUMBER or NAME@latest"
    return ModelNotFound(f"no model {model!r:.200}", reference=model, hint=hint)


def exists(connection: sa.Connection, model: str) -> bool:
    """Whether a model has a version."""
    query = sa.select(model_version.c.version).where(model_version.c.model == rows.searchable(model)).limit(1)
    return connection.execute(query).first() is not None


def near(name: str, names: Sequence[str]) -> str | None:
    """A hint that names what is most like this."""
    return _near(name, names)


def _near(name: str, names: Any) -> str | None:
    found = nearest(name, names)
    return f"did you mean {' or '.join(found)}?" if found else None


def _versions(count: int) -> str:
    return "1 version" if count == 1 else f"{count} versions"


def _some(aliases: dict[str, str]) -> str:
    return f", and the aliases {', '.join(list(aliases)[:10])}" if aliases else ""


def _of_run(connection: sa.Connection, reference: str) -> sa.ColumnElement[bool]:
    named = connection.execute(sa.select(run.c.id).where(run.c.name == reference)).scalar_one_or_none()
    return model_version.c.run_id.in_([reference] if named is None else [reference, named])
