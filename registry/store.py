"""The registry: runs, their logs, and who did what, in one SQLite file or on a PostgreSQL server.

A run is one document and rows that follow from it (`tables`); writing keeps both together (`writing`), reading never
writes (`query`). A recorder writes to a spool first, which is folded in here (`folding`), so that whoever opens a
registry for writing finishes what a killed or offline recorder left.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, cast

import sqlalchemy as sa

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import CardgenError, DocumentError, EditConflict, RegistryBusy, RunNotFound
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import auditing, filesystem, query, texts, writing
from cardgen.registry.engine import BUSY_SECONDS, Database
from cardgen.registry.events import event_row
from cardgen.registry.events import put as put_events
from cardgen.registry.folding import DAMAGED_SUFFIX, Folder, is_recorded
from cardgen.registry.location import parse_location
from cardgen.registry.preparing import Keys, prepare
from cardgen.registry.reading import Readable
from cardgen.registry.retrying import retried
from cardgen.registry.schema import ensure_schema, stored_revision
from cardgen.registry.spool import SUFFIX, Written
from cardgen.registry.tables import log_event, metadata, run
from cardgen.registry.texts import CardText
from cardgen.settings import load_settings

if TYPE_CHECKING:
    from cardgen.registry.ingesting import Ingested
    from cardgen.registry.merging.meeting import Meeting
    from cardgen.registry.merging.report import MergeReport
    from cardgen.registry.models import Models
    from cardgen.registry.publications import Publications
    from cardgen.registry.verifying import Progress, Verification

logger = logging.getLogger("cardgen.registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatus:
    """What a registry is and holds.

    `runs` are the visible ones, `deleted` the hidden ones, `events` all log events; `size` is in bytes.
    `pending_spools` hold entries that are not folded yet, `orphan_spools` are those of them that nobody writes any
    more; `damaged_spools` had entries that could not be read.
    `network` is the kind of network file system that it is on, None for a local one and for a server.
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
    orphan_spools: int = 0
    network: str | None = None


class Registry(Readable):
    """A registry, open until `close` or the end of a `with` block. `url` is where, without a password."""

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        mode: Literal["read", "write"] = "write",
        create: bool = True,
        fold: bool = True,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Open a registry; the default is the one that the settings name.

        `write` makes what is missing (with `create`), upgrades an older file and folds pending spools (with `fold`);
        `read` does nothing of it. `busy_seconds` is how long to wait for another process's lock.

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
        self._keys: Keys = {}
        self._folder = Folder(self._database, self._keys)
        try:
            ensure_schema(self._database, create=create)
            if mode == "write" and fold:
                self._fold_pending()
        except BaseException:
            self.close()
            raise

    @functools.cached_property
    def publications(self) -> Publications:
        """What was published where, and what waits for it."""
        from cardgen.registry.publications import Publications

        return Publications(self._database)

    @functools.cached_property
    def models(self) -> Models:
        """Models: versions under a name, aliases and tags."""
        from cardgen.registry.models import Models

        return Models(self._database)

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

    @retried
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
        prepared = prepare(self._database, self._keys, run)
        with self._database.write() as connection:
            if seq is not None:
                row = writing.stored_row(self._database, connection, run.id)
                if row is None and auditing.is_purged(connection, run.id):
                    raise RunNotFound(run.id, hint="it was purged")
                if row is not None and seq <= row.folded:
                    return query.stored_run(connection, query.Found(row.number, row.id, row.name))
            return writing.put_run(self._database, connection, prepared, folded=seq, heartbeat=auditing.now())

    def save_all(self, runs: Iterable[Run]) -> int:
        """Store many runs, each as `save` does, up to a thousand in a transaction: several times as fast.

        Returns:
            how many there were.

        Raises:
            DocumentError, SettingsError: as `save` does; the runs of earlier transactions are stored then.
        """
        from cardgen.registry.loading import save_all

        return save_all(self._database, self._keys, runs)

    @retried
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
            row = self._locked(connection, reference)
            return writing.put_facts(
                self._database, connection, row, query.recorded_run(connection, _found(row)), checked
            )

    @retried
    def change(self, reference: str, change: Callable[[Run], Run]) -> Run:
        """Change the record of a run, in one transaction: of several processes that do so, none undoes another's.

        Args:
            reference: any that `run` takes.
            change: from what was recorded, without what people set, to what is to stand; quick, and without effects.

        Returns:
            the run as it is read from now on.

        Raises:
            RunNotFound, AmbiguousRun, DocumentError: as `run` does.
        """
        with self._database.write() as connection:
            row = self._locked(connection, reference)
            changed = change(query.recorded_run(connection, _found(row)))
            changed = dataclasses.replace(changed, id=row.id, name=row.name)
            return writing.put_record(self._database, connection, row, changed)

    @retried
    def append(self, run_id: str, events: Iterable[LogEvent]) -> int:
        """Append log events; those whose `seq` the run has already are passed over.

        Returns:
            how many were new.

        Raises:
            RunNotFound: no run has this id.
            DocumentError: an event cannot be stored; then none of them is.
        """
        new = [event_row(event) for event in events]
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            return put_events(connection, row.number, new)

    @retried
    def replace_log(self, run_id: str, events: Iterable[LogEvent]) -> None:
        """Put another log in the place of a run's: that of an imported run of which more is known by now.

        Raises:
            RunNotFound: no run has this id.
            DocumentError: an event cannot be stored; then the log stays.
        """
        new = [event_row(event) for event in events]
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            connection.execute(log_event.delete().where(log_event.c.run == row.number))
            put_events(connection, row.number, new)

    @retried
    def heartbeat(self, run_id: str) -> None:
        """Say that the recorder of a run is alive.

        Raises:
            RunNotFound: no run has this id.
        """
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            _set(connection, row.number, heartbeat=auditing.now())

    def fold(self, spool: Path, written: Written | None = None) -> int:
        """Fold a spool: each entry once, however often and by however many this is done.

        `written` is what its writer still has of it (`SpoolWriter.take`): that need not be read.

        Returns:
            how many entries were new.

        Raises:
            FileProblem: this is no spool, or it cannot be read.
            DocumentError: a newer cardgen wrote a document in it.
        """
        return self._folder.fold(Path(os.path.abspath(spool)), written)

    def ingest(self, places: Iterable[str | os.PathLike[str]] = ()) -> list[Ingested]:
        """Fold the spools at these places, files or folders of them, each once however often; without any, its own.

        Raises:
            FileProblem: one of the places is not there; nothing is folded then.
            RegistryError: the registry cannot be written.
        """
        paths = [Path(os.path.abspath(place)) for place in places]
        from cardgen.registry.ingesting import ingest

        return list(ingest(self._database, self._folder, paths))

    def verify(self, *, repair: bool = False, progress: Progress | None = None) -> Verification:
        """Look whether file, rows, documents, logs and what lies beside are whole; `repair` mends what it can.

        Repairing takes no fact away: what cannot be mended is among the findings. Open the registry with `fold=False`
        to have pending spools among the findings, too. `progress` is called after every some runs.

        Raises:
            RegistryError: the registry cannot be read or, with `repair`, not be written.
        """
        from cardgen.registry.verifying import Verifier

        return Verifier(self._database, self._folder, repair=repair, progress=progress).verify()

    def merge(
        self,
        source: str | os.PathLike[str],
        *,
        meet: Callable[[Meeting], str | None] = lambda meeting: None,
        progress: Callable[[str, int, int], None] | None = None,
        instead_of: Registry | None = None,
    ) -> MergeReport:
        """Take everything of another registry, or of an export, into this one: see `actions.merge_registry`.

        Args:
            source: a path, URL or folder.
            meet: called for each imported run that meets recorded ones; joins it, or returns why it cannot.
            progress: called from time to time.
            instead_of: the registry that this one is a copy of, and that the other must not be.
        """
        from cardgen.registry.merging.merger import merge

        return merge(self._database, source, meet, progress, but=(instead_of or self)._database)

    def copy_to(self, path: Path) -> None:
        """Write everything as it is now into a new file, on either engine."""
        from cardgen.registry import backing, copying

        if self._location.path is not None:
            backing.copy_file(self._database, path, check=False)
        else:
            path.touch(0o600)
            copying.fill(self._database, path)

    @retried
    def save_card_text(
        self,
        run_id: str,
        target: str,
        *,
        base: str,
        text: str,
        deleted: Iterable[str] = (),
        action: str | None = None,
        instead_of: CardText | EllipsisType | None = ...,
    ) -> None:
        """Keep what a card was rendered as and how it stands at a place (`run` is the run's own text).

        `action` is what the audit calls it; None writes no audit. `instead_of` is the pair that was read before (None
        for none): where another one stands by now, nothing is written.

        Raises:
            RunNotFound: no run has this id.
            EditConflict: another pair stands than `instead_of`.
        """
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                raise RunNotFound(run_id)
            if instead_of is not ... and texts.find(connection, run_id, target) != instead_of:
                raise EditConflict(f"the text of {row.name} was changed by somebody else", hint="edit it again")
            texts.put(self._database, connection, row.number, target, base=base, text=text, deleted=deleted)
            if action is not None:
                auditing.note(connection, action, row.id, row.name, target)

    @retried
    def delete(self, reference: str, *, purge: bool = False) -> Run:
        """Hide a run; with `purge`, also a hidden one, remove it with its log and its spool.

        A hidden run is found by nothing, and its name stays taken. A purged run does not come back from a spool; saving
        it anew is a new run.

        Raises:
            RunNotFound, AmbiguousRun: as `run` does.
        """
        with self._database.write() as connection:
            found = _found(self._locked(connection, reference, hidden=purge))  # before all that belongs to it
            removed = _stored_or_stub(connection, found)
            if purge:
                writing.purge(connection, found.number)
            else:
                _set(connection, found.number, deleted=auditing.now())
            auditing.note(connection, "purge" if purge else "delete", found.id, found.name)
        if purge:
            for suffix in (SUFFIX, DAMAGED_SUFFIX):
                with contextlib.suppress(OSError):
                    (self._location.spool_folder / (found.id + suffix)).unlink()
        return removed

    def _locked(self, connection: sa.Connection, reference: str, *, hidden: bool = False) -> sa.Row[Any]:
        """The row of the run that a reference means, locked; another process may have removed it, or made it anew."""
        row = writing.stored_row(self._database, connection, query.find(connection, reference, hidden=hidden).id)
        if row is None:
            raise RunNotFound(reference)
        return row

    # Looking after it

    def status(self) -> RegistryStatus:
        """What this registry is and holds."""
        pending = [spool for spool in self._spools() if self._folder.pending(spool)]
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
            pending_spools=len(pending),
            orphan_spools=sum(not self._is_recorded(spool) for spool in pending),
            damaged_spools=len(list(self._location.spool_folder.glob(f"*{DAMAGED_SUFFIX}"))),
            writable=self._writable(),
            network=None if self._location.path is None else filesystem.network_type(self._location.path),
        )

    def _spools(self) -> list[Path]:
        return sorted(self._location.spool_folder.glob(f"*{SUFFIX}"))

    def _is_recorded(self, spool: Path) -> bool:
        try:
            return is_recorded(self._database, spool)
        except OSError:  # it is folded already, or another user's: then this one cannot say
            return True

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
        names = (*metadata.tables, "search")
        tables = [sa.func.pg_total_relation_size(sa.cast(f'"{name}"', sa.Text)) for name in names]
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


def _found(row: sa.Row[Any]) -> query.Found:
    return query.Found(row.number, row.id, row.name)


def _stored_or_stub(connection: sa.Connection, found: query.Found) -> Run:
    """The run, or what its row says of one whose document is damaged: that must not keep it from being deleted."""
    try:
        return query.stored_run(connection, found)
    except DocumentError:
        row = connection.execute(sa.select(run).where(run.c.number == found.number)).one()
        return Run(id=row.id, name=row.name, model=Model(type=row.model_type, title=row.title), status=row.status)
