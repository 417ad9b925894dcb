"""What was published where: commits, the versions of models that they made, and publications that wait.

A publication is told of its repository, and survives the run: its record is not taken away by `delete --purge`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cardgen.errors import RunNotFound
from cardgen.registry import auditing, rows, texts, versions, writing
from cardgen.registry.codec import decode_value, encode_value
from cardgen.registry.engine import Database
from cardgen.registry.retrying import retried
from cardgen.registry.tables import pending, publication


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A commit that put a run's card, and with it perhaps its model, into a repository.

    `revision` is the branch, `pull_request` the address of the pull request if it was one. `card` is the sha256 of the
    README, `weights` that of the weights (None: the card only), `step` that of the checkpoint. `files` are the files
    of the model that are ours there, each with the id that the Hub gives its content. `version` is the number of the
    model's version that it made.
    """

    run_id: str
    run_name: str
    repo_id: str
    endpoint: str
    revision: str
    commit: str
    card: str
    pull_request: str | None = None
    weights: str | None = None
    step: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    version: int | None = None
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A publication that waits: `options` are those of `publish`, as plain values; `reason` says why it waits."""

    number: int
    run_id: str
    run_name: str
    repo_id: str
    options: Mapping[str, Any]
    reason: str
    tries: int
    at: dt.datetime


_NEWEST_FIRST = (publication.c.at.desc(), publication.c.number.desc())
"""By time: what came from another registry has a greater number than what was published from here before."""


class Publications:
    """The publications of a registry."""

    def __init__(self, database: Database) -> None:
        """Of this database."""
        self._database = database

    @retried
    def add(
        self,
        made: Publication,
        *,
        alias: str | None = None,
        target: str | None = None,
        base: str = "",
        text: str = "",
        deleted: Iterable[str] = (),
    ) -> Publication:
        """Keep a publication; one with weights makes the next version of the repository's model, unless it is proposed.

        The same commit again is the same publication. `alias` points at the version from now on. With a `target` the
        card's pair there is kept as well, or nothing is, see `Registry.save_card_text`; that of a run which is in no
        registry is left out.

        Returns:
            it, with its time and version.
        """
        with self._database.write() as connection:
            versions.lock(self._database, connection, made.repo_id)
            row = writing.stored_row(self._database, connection, made.run_id) if target is not None else None
            if target is not None and row is not None:
                texts.put(self._database, connection, row.number, target, base=base, text=text, deleted=deleted)
            same = sa.select(publication).where(
                publication.c.repo_id == made.repo_id,
                publication.c.endpoint == made.endpoint,
                publication.c.commit == made.commit,
            )
            if connection.execute(same).first() is None:
                _insert(connection, made)
            stored = connection.execute(same).one()
            if alias is not None and stored.version is not None:
                version_id = versions.id_of(connection, made.repo_id, stored.version)
                versions.point(connection, made.repo_id, version_id, [alias])
            return _publication(stored)

    def last_model(self, repo_id: str, *, endpoint: str, revision: str) -> Publication | None:
        """Our newest commit on a branch of a repository that put a model there."""
        select = sa.select(publication).where(
            publication.c.repo_id == repo_id,
            publication.c.endpoint == endpoint,
            publication.c.revision == revision,
            publication.c.pull_request.is_(None),
            publication.c.weights.is_not(None),
        )
        with self._database.read() as connection:
            row = connection.execute(select.order_by(*_NEWEST_FIRST).limit(1)).first()
        return None if row is None else _publication(row)

    def of_commit(self, commit: str, *, endpoint: str) -> Publication | None:
        """The publication that made a commit, whatever the repository is called by now."""
        select = sa.select(publication).where(publication.c.commit == commit, publication.c.endpoint == endpoint)
        with self._database.read() as connection:
            row = connection.execute(select.order_by(*_NEWEST_FIRST).limit(1)).first()
        return None if row is None else _publication(row)

    def all(self, run_id: str | None = None) -> list[Publication]:
        """The publications, of one run or of all, the newest first."""
        select = sa.select(publication).order_by(*_NEWEST_FIRST)
        if run_id is not None:
            select = select.where(publication.c.run_id == run_id)
        with self._database.read() as connection:
            return [_publication(row) for row in connection.execute(select)]

    def of_repository(self, repo_id: str) -> list[Publication]:
        """What was published to a repository, the newest first."""
        select = sa.select(publication).where(publication.c.repo_id == repo_id)
        with self._database.read() as connection:
            found = connection.execute(select.order_by(*_NEWEST_FIRST))
            return [_publication(row) for row in found]

    @retried
    def wait(self, run_id: str, run_name: str, repo_id: str, options: Mapping[str, Any], reason: str) -> Pending:
        """Have a publication wait; the same run and repository wait once, with the options given last."""
        columns = {
            "run_name": run_name,
            "options": encode_value(dict(options)),
            "reason": rows.searchable(reason, auditing.DETAIL_LIMIT),
            "at": auditing.now(),
        }
        with self._database.write() as connection:
            insert = self._database.insert(pending).values(run_id=run_id, repo_id=repo_id, tries=1, **columns)
            again = {**columns, "tries": pending.c.tries + 1}
            connection.execute(insert.on_conflict_do_update(index_elements=["run_id", "repo_id"], set_=again))
            select = sa.select(pending).where(pending.c.run_id == run_id, pending.c.repo_id == repo_id)
            return _pending(connection.execute(select).one())

    def waiting(self, reference: str | None = None) -> list[Pending]:
        """What waits, the oldest first; `reference` is a number, a run's id or name, or a repository.

        Raises:
            RunNotFound: nothing of this reference waits.
        """
        with self._database.read() as connection:
            found = [_pending(row) for row in connection.execute(sa.select(pending).order_by(pending.c.number))]
        if reference is None:
            return found
        chosen = [one for one in found if reference in (str(one.number), one.run_id, one.run_name, one.repo_id)]
        if not chosen:
            raise RunNotFound(reference, hint="see what waits: cardgen pending list")
        return chosen

    @retried
    def drop(self, chosen: Sequence[Pending], *, noted: bool = True) -> None:
        """Have them wait no longer."""
        with self._database.write() as connection:
            for one in chosen:
                connection.execute(pending.delete().where(pending.c.number == one.number))
                if noted:
                    auditing.note(connection, "drop", one.run_id, one.run_name, one.repo_id)


def _insert(connection: sa.Connection, made: Publication) -> None:
    version, at = None, auditing.now()
    if made.weights is not None and made.pull_request is None:
        _, version, at = versions.add(
            connection,
            made.repo_id,
            run_id=made.run_id,
            run_name=made.run_name,
            weights=made.weights,
            step=made.step,
            card=made.card,
            commit=made.commit,
        )
    connection.execute(
        publication.insert().values(
            at=at,
            run_id=made.run_id,
            run_name=made.run_name,
            repo_id=made.repo_id,
            endpoint=made.endpoint,
            revision=made.revision,
            commit=made.commit,
            pull_request=made.pull_request,
            card=made.card,
            weights=made.weights,
            step=made.step,
            files=encode_value(dict(made.files)),
            user=made.user,
            version=version,
        )
    )
    where = f"{made.repo_id}@{made.commit}"
    auditing.note(connection, "publish", made.run_id, made.run_name, where[: auditing.DETAIL_LIMIT])


def _publication(row: sa.Row[Any]) -> Publication:
    return Publication(
        run_id=row.run_id,
        run_name=row.run_name,
        repo_id=row.repo_id,
        endpoint=row.endpoint,
        revision=row.revision,
        commit=row.commit,
        pull_request=row.pull_request,
        card=row.card,
        weights=row.weights,
        step=row.step,
        files=decode_value(row.files),
        user=row.user,
        version=row.version,
        at=rows.from_microseconds(row.at),
    )


def _pending(row: sa.Row[Any]) -> Pending:
    return Pending(
        number=row.number,
        run_id=row.run_id,
        run_name=row.run_name,
        repo_id=row.repo_id,
        options=decode_value(row.options),
        reason=row.reason,
        tries=row.tries,
        at=rows.from_microseconds(row.at) or dt.datetime.now(dt.UTC),
    )
