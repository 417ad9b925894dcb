"""The registry: runs, their logs, and who did what, in one SQLite file or on a PostgreSQL server.

A run is one document and rows that follow from it (`tables`); writing keeps both together (`writing`), reading never
writes (`query`). A recorder writes to a spool first, which is folded in here (`folding`), so that whoever opens a
registry for writing finishes what a killed or offline recorder left.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

import sqlalchemy as sa

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import CardgenError, DocumentError, RegistryBusy, RunNotFound
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import facts, query, texts, writing
from cardgen.registry.engine import BUSY_SECONDS, Database
from cardgen.registry.folding import DAMAGED_SUFFIX, Folder
from cardgen.registry.location import parse_location
from cardgen.registry.query import RunRow, RunState
from cardgen.registry.schema import ensure_schema, stored_revision
from cardgen.registry.spool import SUFFIX
from cardgen.registry.tables import document, fact, log_event, metadata, run
from cardgen.registry.texts import CardText
from cardgen.settings import load_settings

logger = logging.getLogger("cardgen.registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatus:
    """What a registry is and holds.

    `runs` are the visible ones, `deleted` the hidden ones, `events` all log events; `size` is in bytes.
    `pending_spools` hold entries that are not folded yet, `damaged_spools` had entries that could not be read.
    """

    engine: str
    url: str
    schema: str
    runs: int
    deleted: int
    events: int
    size: int
    pending_spools: int
    damaged_spools: int
    writable: bool


class Registry:
    """A registry, open until `close` or the end of a `with` block. `url` is where, without a password."""

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        mode: Literal["read", "write"] = "write",
        create: bool = True,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Open a registry; the default is the one that the settings name.

        `write` makes what is missing (with `create`), upgrades an older file and folds pending spools; `read` does
        nothing of it. `busy_seconds` is how long to wait for another process's lock.

        Raises:
            SettingsError: the URL cannot be right.
            RegistryNotFound: nothing is there, and nothing is made.
            RegistryError: it cannot be used, see the subclasses.
            MissingExtra: psycopg is not installed.
        """
        self._location = parse_location(load_settings().registry if url is None else url)
        self.url = self._location.url
        self.mode = mode
        self._database = Database(self._location, mode=mode, create=create, busy_seconds=busy_seconds)
        self._keys: writing.Keys = {}
        self._folder = Folder(self._database, self._keys)
        try:
            ensure_schema(self._database, create=create)
            if mode == "write":
                self._fold_pending()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Registry({self.url!r}, mode={self.mode!r})"

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; closing again does nothing."""
        self._database.close()

    # Writing

    def save(self, run: Run, *, seq: int | None = None) -> Run:
        """Store a run, new or known by its id, in one transaction.

        A new run whose name is taken gets it with a number. A known run keeps the name it got; another name than it
        asked for renames it. Without `seq`, a deleted run is shown again. With `seq`, the number of a spool entry,
        nothing happens if this entry or a later one is in already.

        Returns:
            the run as stored.

        Raises:
            DocumentError: a field holds what its type does not allow.
            SettingsError: the id is none.
            RunNotFound: with `seq`, the run was purged.
        """
        prepared = writing.prepare(self._database, self._keys, run)
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run.id)
            if seq is not None and row is None and writing.is_purged(connection, run.id):
                raise RunNotFound(run.id, hint="it was purged")
            if seq is not None and row is not None and seq <= row.folded:
                return query.stored_run(connection, query.Found(row.number, row.id, row.name))
            stored = writing.put_run(self._database, connection, prepared, folded=seq, heartbeat=writing.now())
            if seq is None and row is not None and row.deleted is not None:
                _set(connection, row.number, deleted=None)
                writing.note(connection, "restore", stored.id, stored.name)
        return stored

    def set_facts(self, reference: str, changes: Mapping[str, Value | None]) -> Run:
        """Say what a person knows better of a run, field by field; None takes back what was said.

        It goes before what was recorded, also before what is recorded later. A name that is taken gets a number.

        Args:
            reference: any that `run` takes.
            changes: by field, see `cardgen.corrections.FIELDS`.

        Returns:
            the run as it is read from now on.

        Raises:
            RunNotFound, AmbiguousRun, DocumentError: as `run` does.
            SettingsError: there is no such field, or the value cannot be right.
        """
        checked = corrections.check(changes)
        with self._database.write() as connection:
            found = query.find(connection, reference)
            row = writing.stored_row(self._database, connection, found.id)
            if row is None:
                raise RunNotFound(reference)
            return writing.put_facts(self._database, connection, row, query.recorded_run(connection, found), checked)

    def append(self, run_id: str, events: Iterable[LogEvent]) -> int:
        """Append log events; those whose `seq` the run has already are passed over.

        Returns:
            how many were new.

        Raises:
            RunNotFound: no run has this id.
            DocumentError: an event cannot be stored; then none of them is.
        """
        columns = [writing.event_columns(event) for event in events]
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            return writing.put_events(connection, row.number, columns)

    def heartbeat(self, run_id: str) -> None:
        """Say that the recorder of a run is alive.

        Raises:
            RunNotFound: no run has this id.
        """
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            _set(connection, row.number, heartbeat=writing.now())

    def fold(self, spool: Path) -> int:
        """Fold a spool: each entry once, however often and by however many this is done.

        Returns:
            how many entries were new.

        Raises:
            FileProblem: this is no spool, or it cannot be read.
            DocumentError: a newer cardgen wrote a document in it.
        """
        return self._folder.fold(Path(os.path.abspath(spool)))

    def save_card_text(
        self, run_id: str, target: str, *, base: str, text: str, deleted: Iterable[str] = (), action: str | None = None
    ) -> None:
        """Keep what a card was rendered as and how it stands at a place (`run` is the run's own text).

        `action` is what the audit calls it; None writes no audit.

        Raises:
            RunNotFound: no run has this id.
        """
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            texts.put(self._database, connection, row.number, target, base=base, text=text, deleted=deleted)
            if action is not None:
                writing.note(connection, action, row.id, row.name, target)

    def delete(self, reference: str, *, purge: bool = False) -> Run:
        """Hide a run; with `purge`, also a hidden one, remove it with its log and its spool.

        A hidden run is found by nothing, and its name stays taken. A purged run does not come back from a spool; saving
        it anew is a new run.

        Raises:
            RunNotFound, AmbiguousRun: as `run` does.
        """
        with self._database.write() as connection:
            found = query.find(connection, reference, hidden=purge)
            removed = _stored_or_stub(connection, found)
            if purge:
                for table, column in ((fact, fact.c.run), (log_event, log_event.c.run), (document, document.c.run)):
                    connection.execute(table.delete().where(column == found.number))
                connection.execute(run.delete().where(run.c.number == found.number))
            else:
                _set(connection, found.number, deleted=writing.now())
            writing.note(connection, "purge" if purge else "delete", found.id, found.name)
        if purge:
            for suffix in (SUFFIX, DAMAGED_SUFFIX):
                with contextlib.suppress(OSError):
                    (self._location.spool_folder / (found.id + suffix)).unlink()
        return removed

    # Reading

    def run(self, reference: str) -> Run:
        """The run of this id or name, or whose id or name alone starts or ends so, or the `latest`.

        `latest` is the newest finished run that was recorded, not imported.

        Raises:
            RunNotFound: there is none.
            AmbiguousRun: there are several.
            DocumentError: its document cannot be decoded.
        """
        with self._database.read() as connection:
            return query.stored_run(connection, query.find(connection, reference))

    def log(self, run_id: str) -> list[LogEvent]:
        """The log of a run, in order; `run_id` may be any reference that `run` takes, and raises as that."""
        with self._database.read() as connection:
            return query.events(connection, query.find(connection, run_id).number)

    def recorded(self, reference: str) -> Run:
        """The run as it was recorded, without what people set; raises as `run` does."""
        with self._database.read() as connection:
            return query.recorded_run(connection, query.find(connection, reference))

    def human_facts(self, reference: str) -> dict[str, Value]:
        """What people set of a run, by field; raises as `run` does."""
        with self._database.read() as connection:
            return facts.of(connection, query.find(connection, reference).number)

    def state(self, run_id: str) -> RunState:
        """Status, heartbeat and counts of a run; `run_id` may be any reference that `run` takes."""
        with self._database.read() as connection:
            return query.state(connection, query.find(connection, run_id).number)

    def card_text(self, run_id: str | None, target: str) -> CardText | None:
        """The pair of a run at a place; without a run the newest one there, of whichever run. None if there is none."""
        with self._database.read() as connection:
            return texts.find(connection, run_id, target)

    def runs(
        self,
        words: str | Sequence[str] = (),
        *,
        project: str | None = None,
        group: str | None = None,
        status: str | None = None,
        since: dt.datetime | None = None,
        order_by: str = "-created",
        limit: int | None = None,
    ) -> list[Run]:
        """The runs that match all filters, whole.

        Args:
            words: each must stand, in any case, in name, title, project, base model or a tag. A string is split at
                white space.
            project, group: exactly this one.
            status: one of `query.STATUSES`, `lost` included.
            since: created then or later; without a zone it is UTC.
            order_by: a column of `RunRow`, with `-` descending; what lacks it comes last.
            limit: at most so many.

        Raises:
            QueryError: an unknown status or column, or a limit below zero.
            DocumentError: a document cannot be decoded; `listing` does not need it.
        """
        select = sa.select(run.c.number, run.c.name, document.c.text).join(document, document.c.run == run.c.number)
        select = query.filtered(
            self._database,
            select,
            words=words,
            project=project,
            group=group,
            status=status,
            since=since,
            order_by=order_by,
            limit=limit,
        )
        with self._database.read() as connection:
            found = connection.execute(select).all()
            human = facts.of_many(connection, [row.number for row in found])
        return [corrections.apply(query.decoded(row.name, row.text), human.get(row.number, {})) for row in found]

    def listing(
        self,
        words: str | Sequence[str] = (),
        *,
        project: str | None = None,
        group: str | None = None,
        status: str | None = None,
        since: dt.datetime | None = None,
        order_by: str = "-created",
        limit: int | None = None,
    ) -> list[RunRow]:
        """What `runs` finds, as the rows of a listing, without reading the documents."""
        select = query.filtered(
            self._database,
            sa.select(*query.listed_columns()),
            words=words,
            project=project,
            group=group,
            status=status,
            since=since,
            order_by=order_by,
            limit=limit,
        )
        with self._database.read() as connection:
            return [query.to_row(found) for found in connection.execute(select)]

    def status(self) -> RegistryStatus:
        """What this registry is and holds."""
        spools = self._spools()
        with self._database.read() as connection:
            all_runs, hidden = connection.execute(sa.select(sa.func.count(), sa.func.count(run.c.deleted))).one()
            events = connection.execute(sa.select(sa.func.count()).select_from(log_event)).scalar_one()
            size = self._size(connection)
        return RegistryStatus(
            engine=self._location.dialect,
            url=self.url,
            schema=stored_revision(self._database) or "",
            runs=all_runs - hidden,
            deleted=hidden,
            events=events,
            size=size,
            pending_spools=sum(self._folder.pending(spool) for spool in spools),
            damaged_spools=len(list(self._location.spool_folder.glob(f"*{DAMAGED_SUFFIX}"))),
            writable=self._writable(),
        )

    def _spools(self) -> list[Path]:
        return sorted(self._location.spool_folder.glob(f"*{SUFFIX}"))

    def _fold_pending(self) -> None:
        """Fold what is left of others. It is no reason not to open: what cannot be folded now waits and is said."""
        for spool in self._spools():
            try:
                self.fold(spool)
            except RegistryBusy:
                return
            except CardgenError as error:
                logger.warning("%s is not folded: %s", spool, error)

    def _size(self, connection: sa.Connection) -> int:
        path = self._location.path
        if path is not None:
            files = [path.with_name(path.name + suffix) for suffix in ("", "-wal")]
            return sum(file.stat().st_size for file in files if file.exists())
        tables = [sa.func.pg_total_relation_size(sa.cast(f'"{name}"', sa.Text)) for name in metadata.tables]
        return sum(cast(Sequence[int], connection.execute(sa.select(*tables)).one()))

    def _writable(self) -> bool:
        path = self._location.path
        if path is not None:
            return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        with self._database.read() as connection:
            can_write = sa.func.has_table_privilege("run", "INSERT")
            return bool(connection.execute(sa.select(~sa.func.pg_is_in_recovery(), can_write)).one() == (True, True))


def _set(connection: sa.Connection, number: int, **columns: Any) -> None:
    connection.execute(run.update().where(run.c.number == number).values(**columns))


def _stored_or_stub(connection: sa.Connection, found: query.Found) -> Run:
    """The run, or what its row says of one whose document is damaged: that must not keep it from being deleted."""
    try:
        return query.stored_run(connection, found)
    except DocumentError:
        row = connection.execute(sa.select(run).where(run.c.number == found.number)).one()
        return Run(id=row.id, name=row.name, model=Model(type=row.model_type, title=row.title), status=row.status)
