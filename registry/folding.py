"""Folding: what a spool holds goes into the registry, once.

Entries are folded in batches; a batch is one transaction that also notes how far this spool is folded, under a lock on
the run's row. So folding may be stopped at any moment, repeated, and done by several processes at the same time, while
the recorder writes on: each entry counts once. A run may have several spools, of several machines: the events of all
are taken, what a person said counts as it comes in, and the document with the greatest number stands.

A line that cannot be read is passed over: it is kept in `<run>.damaged` beside the spool, and said. A last line
without end waits for its end. A document of a newer cardgen stops the folding, nothing is passed over then. A run that
was purged does not come back from its spool. When all is folded and the recorder is gone, the spool is removed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from cardgen.errors import DocumentError, FileProblem, RegistryError
from cardgen.identity import is_run_id
from cardgen.record import Run
from cardgen.registry import auditing, events, ordinary, writing
from cardgen.registry.codec import NewerDocument, decode_run
from cardgen.registry.engine import Database
from cardgen.registry.ordinary import EventRow
from cardgen.registry.preparing import Keys, prepare
from cardgen.registry.retrying import retried
from cardgen.registry.said import Said, decode_said
from cardgen.registry.spool import (
    SUFFIX,
    DamagedLine,
    SpoolEntry,
    Written,
    abandoned,
    is_written_elsewhere,
    read_spool,
    scan_spool,
)
from cardgen.registry.tables import run, spool

logger = logging.getLogger("cardgen.registry")

BATCH_ENTRIES = 5000
DAMAGED_SUFFIX = ".damaged"

SILENT_SECONDS = 3600.0
"""How long a spool of another machine must have been silent to be removed from a network file system. A living recorder
touches its spool every few seconds; removing one that is written would lose what comes."""


@dataclass(slots=True)
class _Batch:
    """Entries that have been read and are not in the registry yet."""

    entries: list[SpoolEntry] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.entries) + len(self.damaged)


class Folder:
    """Folds spools into one registry; it remembers how far each file was read, for the next time."""

    def __init__(self, database: Database, keys: Keys) -> None:
        """`keys` are the numbers of keys that are known; they are added to."""
        self._database = database
        self._keys = keys
        self._read: dict[Path, tuple[int, int]] = {}  # number of the first entry, bytes read

    def fold(self, path: Path, written: Written | None = None) -> int:
        """Fold one spool.

        `written` is a part of it that its writer still has: reading that from the file takes longer.

        Returns:
            how many entries were new; 0 for a spool that is gone.

        Raises:
            FileProblem: this is no spool, or it cannot be read.
            DocumentError: a newer cardgen wrote a document in it.
            RegistryError: the registry cannot be written.
        """
        run_id = path.name.removesuffix(SUFFIX)
        try:
            found = path.lstat()
            heartbeat = found.st_mtime_ns // 1000
            if not stat.S_ISREG(found.st_mode) or not is_run_id(run_id):
                raise FileProblem(f"{path} is no spool of a run")
            first = first_number(path)
            if first < 0 and path.stat().st_size and next(scan_spool(path), None) is not None:
                raise FileProblem(f"{path} is no spool of a run: it has no entry")
            known, end = self._read.get(path, (first, 0))
            if known != first or end > path.stat().st_size:
                end = 0
            after = self._folded(run_id, first)
            new, batch, seen, done = 0, _Batch(), end, True
            items = _items(path, end, written)
            while some := list(itertools.islice(items, BATCH_ENTRIES)):
                seen = some[-1].end
                batch.entries += [item for item in some if isinstance(item, SpoolEntry) and item.number > after]
                batch.damaged += [item.line for item in some if isinstance(item, DamagedLine)]
                if batch.size >= BATCH_ENTRIES:
                    count = self._fold_batch(path, run_id, first, batch, heartbeat)
                    if count is not None:  # else the run's first snapshot is still to come
                        new, batch = new + count, _Batch()
            if batch.size:
                count = self._fold_batch(path, run_id, first, batch, heartbeat)
                done = count is not None
                new += count or 0
        except FileNotFoundError:  # it is folded already; another process may remove it at any moment
            self._read.pop(path, None)
            return 0
        except FileProblem:
            raise
        except OSError as error:
            raise FileProblem(f"{path} cannot be read: {error.strerror or error}") from error
        if done:
            self._read[path] = (first, seen)
            self._remove_if_abandoned(path, seen)
        else:
            logger.warning("%s holds no whole document of its run", path)
        return new

    def pending(self, path: Path) -> bool:
        """Whether a spool has entries that are not folded."""
        with contextlib.suppress(OSError):
            after = self._folded(path.name.removesuffix(SUFFIX), first_number(path))
            return any(entry.kind != "writer" for entry in read_spool(path, after))
        return False

    def _folded(self, run_id: str, first: int) -> int:
        with self._database.read() as connection:
            return folded_until(connection, run_id, first)

    @retried
    def _fold_batch(self, path: Path, run_id: str, first: int, batch: _Batch, heartbeat: int) -> int | None:
        """Put a batch into the registry: how many entries were new, None if there is no run yet to put them to."""
        damaged = list(batch.damaged)
        snapshot = _last_snapshot(run_id, batch.entries, damaged)
        new_events, new_said = _events(batch.entries, damaged), _said(batch.entries, damaged)
        prepared = None if snapshot is None else prepare(self._database, self._keys, snapshot[1])
        with self._database.write() as connection:
            row = writing.stored_row(self._database, connection, run_id)
            if row is None and auditing.is_purged(connection, run_id):
                return 0
            if row is None and snapshot is None:
                return None if any(entry.kind != "writer" for entry in batch.entries) or damaged else 0
            folded = folded_until(connection, run_id, first)
            fresh = [entry.number for entry in batch.entries if entry.number > folded]
            last = max(fresh, default=folded)
            if snapshot and prepared and snapshot[0] > max(folded, -1 if row is None else row.folded):
                writing.put_run(self._database, connection, prepared, folded=last, heartbeat=heartbeat)
                row = writing.stored_row(self._database, connection, run_id)
            if row is None:
                return None
            events.put(connection, row.number, [event for number, event in new_events if number > folded])
            for entry, said in new_said:
                if entry.number > folded and not writing.put_said(self._database, connection, run_id, said):
                    damaged.append(_line(entry))
            moved = {"folded": max(last, row.folded), "heartbeat": max(heartbeat, row.heartbeat or 0)}
            connection.execute(run.update().where(run.c.number == row.number).values(**moved))
            note = self._database.insert(spool).values(run=row.number, first=first, folded=last)
            connection.execute(
                note.on_conflict_do_update(index_elements=[spool.c.run, spool.c.first], set_={"folded": last})
            )
        if damaged:
            _keep(path, damaged)
        return len(fresh)

    def _remove_if_abandoned(self, path: Path, end: int) -> None:
        if path.parent != self._database.location.spool_folder:
            return  # somebody's own file, folded on request
        with contextlib.suppress(OSError), abandoned(path) as nobody_writes:
            if nobody_writes and _last_end(path, end) == end and not may_live_elsewhere(self._database, path):
                if self._stands(path):
                    path.unlink()
                self._read.pop(path, None)

    def _stands(self, path: Path) -> bool:
        """Whether what was folded has come to stay: it is on the disk, in the file that has the registry's name now."""
        database = self._database
        if not database.is_sqlite:
            return True
        database.flush()
        asked = path.name.removesuffix(SUFFIX), first_number(path)
        try:
            anew = Database(database.location, mode="read", create=False)
            with contextlib.closing(anew), anew.read() as connection:
                return database.is_same_file() and folded_until(connection, *asked) == self._folded(*asked)
        except RegistryError:
            return False


def is_recorded(database: Database, path: Path) -> bool:
    """Whether somebody writes this spool, as far as can be told from here.

    Raises:
        FileNotFoundError: there is no such spool.
        OSError: it cannot be opened.
    """
    with abandoned(path) as nobody_writes:
        return not nobody_writes or may_live_elsewhere(database, path)


def may_live_elsewhere(database: Database, path: Path) -> bool:
    """Whether another machine may write this spool although no lock of its writer is seen from here."""
    if not database.on_network:
        return False
    return time.time() - path.stat().st_mtime < SILENT_SECONDS and is_written_elsewhere(path)


def folded_until(connection: sa.Connection, run_id: str, first: int) -> int:
    """The number of the last entry that is in the registry, of the spool with this first number; -1 for none."""
    query = sa.select(spool.c.folded).join(run).where(run.c.id == run_id, spool.c.first == first)
    number = connection.execute(query).scalar_one_or_none()
    return -1 if number is None else int(number)


def first_number(path: Path) -> int:
    """The number of a spool's first entry, which no other spool of its run has."""
    return next((entry.number for entry in read_spool(path)), -1)


def _last_snapshot(run_id: str, entries: list[SpoolEntry], damaged: list[bytes]) -> tuple[int, Run] | None:
    for entry in reversed(entries):
        if entry.kind == "run":
            try:
                decoded = decode_run(entry.text)
                if decoded.id != run_id:
                    raise DocumentError(f"the document is of run {decoded.id!r:.100}")
            except NewerDocument:
                raise
            except DocumentError:
                damaged.append(_line(entry))
            else:
                return entry.number, decoded
    return None


def _items(path: Path, end: int, written: Written | None) -> Iterator[SpoolEntry | DamagedLine]:
    """The lines of a spool from byte `end` on, those that were written just now from memory."""
    if written is not None and written.start <= end:
        for entry in written.entries():
            if entry.end > end:
                end = entry.end
                yield entry
    yield from scan_spool(path, end)


def _events(entries: list[SpoolEntry], damaged: list[bytes]) -> list[tuple[int, EventRow]]:
    given = [entry for entry in entries if entry.kind == "event"]
    read = iter(events.rows_of_texts([entry.text for entry in given if entry.event is None]))
    found = []
    for entry in given:
        row = next(read) if entry.event is None else ordinary.row(entry.event, entry.text)
        if isinstance(row, DocumentError):
            damaged.append(_line(entry))
        else:
            found.append((entry.number, row))
    return found


def _said(entries: list[SpoolEntry], damaged: list[bytes]) -> list[tuple[SpoolEntry, Said]]:
    found = []
    for entry in entries:
        if entry.kind == "said":
            try:
                found.append((entry, decode_said(entry.text)))
            except DocumentError:
                damaged.append(_line(entry))
    return found


def _line(entry: SpoolEntry) -> bytes:
    return f'{{"entry":{entry.number},"{entry.kind}":{entry.text}}}\n'.encode()


def _last_end(path: Path, start: int) -> int:
    """The position behind the last whole line."""
    end = start
    for item in scan_spool(path, start):
        end = item.end
    return end


def _keep(path: Path, lines: list[bytes]) -> None:
    """Keep damaged lines, each once, however often and by whomever they are met."""
    target = path.with_suffix(DAMAGED_SUFFIX)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    with contextlib.suppress(OSError), open(os.open(target, flags, 0o600), "a+b") as file:
        file.seek(0)
        kept = set(file)
        new = [line for line in lines if line not in kept]
        if new:
            file.writelines(new)
            logger.warning("%d damaged entries of %s were passed over, and kept in %s", len(new), path, target)
