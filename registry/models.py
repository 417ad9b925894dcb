"""Models: versions of weights and card under a name, aliases that move from one version to another, and tags.

A model is there as soon as it has a version. What is done to one is an event, which stays; the state follows from the
events (`model_state`), so that any state there ever was can be asked for.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from cardgen.checkpoint import newest_first
from cardgen.corrections import is_line
from cardgen.errors import ModelNotFound, SettingsError
from cardgen.record import Checkpoint, Run
from cardgen.registry import model_rows, model_state, query, rows, versions
from cardgen.registry.engine import Database
from cardgen.registry.language.times import TIME_HINT, span
from cardgen.registry.model_history import ModelEntry, entries, was_published
from cardgen.registry.model_rows import ModelRow, ModelVersion
from cardgen.registry.retrying import retried
from cardgen.registry.tables import model_version

NAME_LIMIT = 200
"""Characters of the name of a model."""

ALIAS_LIMIT = 100
"""Characters of an alias, and of a tag."""

BEST = "best"
"""The checkpoint that the library calls the best."""

_PAGE = 300


class Models:
    """The models of a registry."""

    def __init__(self, database: Database) -> None:
        """Of this database."""
        self._database = database

    # Reading

    def iterate(self, text: str = "") -> Iterator[ModelRow]:
        """The models that have this text in their name, in any case, by name, read page after page."""
        wanted, last = text.casefold(), ""
        while True:
            found = model_version.c
            counts = sa.select(
                found.model, sa.func.count().label("versions"), sa.func.max(found.version).label("newest")
            )
            counts = counts.where(found.model > last).group_by(found.model).order_by(found.model).limit(_PAGE)
            with self._database.read() as connection:
                page = connection.execute(counts).all()
                shown = [row for row in page if wanted in row.model.casefold()]
                listed = list(model_rows.listed(connection, shown))
            yield from listed
            if len(page) < _PAGE:
                return
            last = page[-1].model

    def all(self, text: str = "") -> list[ModelRow]:
        """What `iterate` finds, at once."""
        return list(self.iterate(text))

    def names(self, prefix: str = "", *, limit: int = 200) -> list[str]:
        """The names that begin so; quick enough for a shell that waits."""
        name = model_version.c.model
        start = rows.searchable(prefix)
        select = sa.select(name).where(name >= start).distinct().order_by(name).limit(limit)
        with self._database.read() as connection:
            return [found for found in connection.execute(select).scalars() if found.startswith(start)]

    def versions(self, name: str, *, as_of: dt.datetime | str | None = None) -> list[ModelVersion]:
        """The versions of a model, the newest first, as they were at a time: a date is the end of that day, in UTC.

        Raises:
            ModelNotFound: there is no such model, or there was none yet.
            SettingsError: `as_of` is no time.
        """
        until = _until(as_of)
        with self._database.read() as connection:
            stored = model_state.version(connection, name, until=until).model
            select = sa.select(model_version).where(model_version.c.model == stored)
            if until is not None:
                select = select.where(model_version.c.at < until)
            found = connection.execute(select.order_by(model_version.c.version.desc())).all()
            return model_rows.with_state(connection, found, until)

    def version(self, reference: str, *, as_of: dt.datetime | str | None = None) -> ModelVersion:
        """The version that `NAME@SELECTOR` means.

        SELECTOR is a number, an alias, `latest` (as without `@`), or the id or name of a run.

        Raises:
            ModelNotFound: there is no such model or version.
            SettingsError: `as_of` is no time.
        """
        until = _until(as_of)
        with self._database.read() as connection:
            found = model_state.version(connection, *model_state.split(reference), until=until)
            return model_rows.with_state(connection, [found], until)[0]

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of a model, with the numbers of the versions that they point at; none of a model there is not."""
        model = rows.searchable(name)
        with self._database.read() as connection:
            pointed = model_state.pointed(connection, [model])
            numbers = model_rows.numbers(connection, pointed)
        return {alias: numbers[found] for alias, found in pointed.get(model, {}).items() if found in numbers}

    def history(
        self, name: str, *, since: dt.datetime | str | None = None, until: dt.datetime | str | None = None
    ) -> list[ModelEntry]:
        """What was done to a model and to the runs of its versions, the oldest first.

        Args:
            name: of the model.
            since: from then on; a date is the beginning of that day, in UTC.
            until: until then; a date is the end of that day.

        Raises:
            ModelNotFound: there is no such model, and nothing was published under the name.
            SettingsError: a time is none.
        """
        start, end = bounds(since, until)
        with self._database.read() as connection:
            if not model_state.exists(connection, name) and not was_published(connection, name):
                raise model_state.unknown(connection, name)
            return entries(connection, name, start, end)

    # Writing

    @retried
    def register(
        self,
        run: str,
        name: str,
        *,
        checkpoint: int | str | None = None,
        card: str | None = None,
        aliases: Sequence[str] = (),
        tags: Sequence[str] = (),
    ) -> ModelVersion:
        """Make a run's model the next version of a model; if the newest version is just that, it stays the newest.

        Args:
            run: any reference that `Registry.run` takes.
            name: of the model: one line of at most 200 characters without `@`, such as the id of a repository.
            checkpoint: its step, its path or the end of it, or `best`; None is the one saved last.
            card: the sha256 of the card.
            aliases: point at the version from now on.
            tags: of the version.

        Raises:
            RunNotFound, AmbiguousRun, DocumentError: as `Registry.run` does.
            SettingsError: a name, alias or tag cannot be one, or there is no such checkpoint.
        """
        check_name(name)
        for alias in aliases:
            check_alias(alias)
        for tag in tags:
            check_tag(tag)
        with self._database.write() as connection:
            found = query.find(connection, run)
            point = _checkpoint(query.stored_run(connection, found), checkpoint)
            weights, step = (None, None) if point is None else (point.weights, point.step)
            versions.lock(self._database, connection, name)
            row = _same(connection, name, (found.id, weights, step), card)
            version_id = (
                row.id
                if row is not None
                else versions.add(
                    connection,
                    name,
                    run_id=found.id,
                    run_name=found.name,
                    weights=weights,
                    step=step,
                    card=card,
                ).id
            )
            versions.point(connection, name, version_id, aliases)
            _tag(connection, name, version_id, tags, add=True)
            made = sa.select(model_version).where(model_version.c.id == version_id)
            return model_rows.with_state(connection, connection.execute(made).all())[0]

    @retried
    def alias(self, reference: str, *aliases: str) -> ModelVersion:
        """Have aliases point at a version from now on, wherever they pointed.

        Args:
            reference: `NAME@SELECTOR` as `version` takes it.
            aliases: each one line of at most 100 characters without `@`; not `latest`, and no number.

        Raises:
            ModelNotFound: there is no such model or version.
            SettingsError: an alias cannot be one.
        """
        for alias in aliases:
            check_alias(alias)
        with self._database.write() as connection:
            found = self._locked(connection, *model_state.split(reference))
            versions.point(connection, found.model, found.id, aliases)
            return model_rows.with_state(connection, [found])[0]

    @retried
    def unalias(self, name: str, *aliases: str) -> None:
        """Take aliases away.

        Raises:
            ModelNotFound: there is no such model, or it has no such alias; then all stay.
        """
        with self._database.write() as connection:
            model = self._locked(connection, name).model
            there = model_state.pointed(connection, [model]).get(model, {})
            for alias in dict.fromkeys(aliases):
                if alias not in there:
                    hint = model_state.near(alias, list(there)) or f"it has {', '.join(there) or 'no aliases'}"
                    raise ModelNotFound(f"model {name!r:.200} has no alias {alias!r:.100}", reference=alias, hint=hint)
                versions.add_event(connection, model, "unalias", version_id=there[alias], value=alias)

    @retried
    def tag(self, reference: str, *tags: str) -> ModelVersion:
        """Give a version tags: each one line of at most 100 characters; raises as `alias` does."""
        for tag in tags:
            check_tag(tag)
        with self._database.write() as connection:
            found = self._locked(connection, *model_state.split(reference))
            _tag(connection, found.model, found.id, tags, add=True)
            return model_rows.with_state(connection, [found])[0]

    @retried
    def untag(self, reference: str, *tags: str) -> ModelVersion:
        """Take tags from a version.

        Raises:
            ModelNotFound: there is no such model or version, or it has no such tag; then all stay.
        """
        with self._database.write() as connection:
            found = self._locked(connection, *model_state.split(reference))
            _tag(connection, found.model, found.id, tags, add=False)
            return model_rows.with_state(connection, [found])[0]

    def _locked(self, connection: sa.Connection, name: str, selector: str | None = None) -> sa.Row[Any]:
        """A version of a model, looked at when nobody else changes the model."""
        versions.lock(self._database, connection, rows.searchable(name))
        return model_state.version(connection, name, selector)


# Texts -----------------------------------------------------------------------------------------------------------


def check_name(name: str) -> None:
    """Raise SettingsError for what cannot be the name of a model."""
    if not is_line(name) or len(name) > NAME_LIMIT or "@" in name:
        raise SettingsError(
            f"{name!r:.100} cannot be the name of a model",
            hint=f"it takes one line of at most {NAME_LIMIT} characters without @, such as me/my-model",
        )


def check_alias(alias: str) -> None:
    """Raise SettingsError for what cannot be an alias."""
    odd = "@" in alias or alias == model_state.LATEST or model_state.NUMBER.fullmatch(alias)
    if not is_line(alias) or len(alias) > ALIAS_LIMIT or odd:
        raise SettingsError(
            f"{alias!r:.100} cannot be an alias",
            hint=f"it takes one line of at most {ALIAS_LIMIT} characters without @; no number, and not `latest`",
        )


def check_tag(tag: str) -> None:
    """Raise SettingsError for what cannot be a tag."""
    if not is_line(tag) or len(tag) > ALIAS_LIMIT:
        raise SettingsError(
            f"{tag!r:.100} cannot be a tag", hint=f"it takes one line of at most {ALIAS_LIMIT} characters"
        )


def bounds(since: dt.datetime | str | None, until: dt.datetime | str | None) -> tuple[int | None, int | None]:
    """The first microsecond of a time, and the first after another.

    Raises:
        SettingsError: one of them is no time, or the end comes before the beginning.
    """
    start, end = None if since is None else _span(since)[0], _until(until)
    if start is not None and end is not None and end <= start:
        raise SettingsError(f"{until} comes before {since}", hint="give the earlier time first")
    return start, end


def _until(time: dt.datetime | str | None) -> int | None:
    """The first microsecond after a time."""
    return None if time is None else _span(time)[1]


def _span(time: dt.datetime | str) -> tuple[int, int]:
    if isinstance(time, dt.datetime):
        moment = rows.microseconds(time) or 0
        return moment, moment + 1
    found = span(time, dt.datetime.now(dt.UTC))
    if found is None:
        raise SettingsError(f"{time!r:.60} is no time", hint=TIME_HINT)
    return found


# Rows ------------------------------------------------------------------------------------------------------------


def _tag(connection: sa.Connection, model: str, version_id: str, tags: Sequence[str], *, add: bool) -> None:
    there = model_state.tagged(connection, [model]).get(version_id, []) if tags else []
    for tag in dict.fromkeys(tags):
        if not add and tag not in there:
            hint = model_state.near(tag, there) or f"it has {', '.join(there) or 'no tags'}"
            raise ModelNotFound(f"this version of {model!r:.200} has no tag {tag!r:.100}", reference=tag, hint=hint)
        if add != (tag in there):
            versions.add_event(connection, model, "tag" if add else "untag", version_id=version_id, value=tag)


def _same(connection: sa.Connection, model: str, content: tuple[Any, ...], card: str | None) -> sa.Row[Any] | None:
    """The newest version, if it is the same: a published one has the card of its repository."""
    newest = sa.select(model_version).where(model_version.c.model == model)
    row = connection.execute(newest.order_by(model_version.c.version.desc()).limit(1)).one_or_none()
    if row is None or (row.run_id, row.weights, row.step) != content:
        return None
    return row if card in (None, row.card) or row.commit is not None else None


def _checkpoint(run: Run, wanted: int | str | None) -> Checkpoint | None:
    """The checkpoint that is meant.

    Raises:
        SettingsError: the run has none like this.
    """
    points = newest_first(run.checkpoints)
    if wanted is None:
        return points[0] if points else None
    text = str(wanted)
    for point in points:
        path = point.path.replace("\\", "/").rstrip("/")
        is_step = point.step is not None and text == str(point.step)
        if is_step or text == point.path or f"/{path}".endswith(f"/{text}") or (text == BEST and point.best):
            return point
    some = [point.path if point.step is None else f"{point.path} (step {point.step})" for point in points]
    shown = ", ".join(itertools.islice(some, 5))
    raise SettingsError(
        f"run {run.name} has no checkpoint {text!r:.200}",
        hint=f"it has {shown}{' …' if len(some) > 5 else ''}" if some else "it saved none",
    )
