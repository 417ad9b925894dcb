"""A registry of somebody else, opened to be read: nothing in it is believed, nothing of it or beside it is changed.

A file is copied into a private folder first, together with its write-ahead log, and looked at there: so it stays as it
was checked, its own files are not touched, and an older one is upgraded as a copy. An export is loaded into such a
file. A server is read in one transaction that cannot write.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from cardgen.errors import (
    NotARegistry,
    RegistryError,
    RegistryFull,
    RegistryNotFound,
    RegistryReadOnly,
    SettingsError,
)
from cardgen.registry import filesystem, structure
from cardgen.registry.engine import BUSY_SECONDS, Database
from cardgen.registry.exporting.load import is_export, load
from cardgen.registry.faults import translated
from cardgen.registry.location import Location, parse_location
from cardgen.registry.lockfile import SUFFIX as LOCK_SUFFIX
from cardgen.registry.lockfile import LockFile
from cardgen.registry.schema import REVISION, ensure_schema, known_revision, upgrade_copy
from cardgen.registry.spool import SUFFIX

LENGTH_LIMIT = 1 << 27
"""Bytes of one value: more than the largest card has as it is stored."""

_ATTEMPTS = 40
_PAUSE_SECONDS = 0.05
_TICK_SECONDS = 0.02  # a file system's clock may stand still for so long
_SPARE_BYTES = 64 << 20

_SAME_SERVER = "SELECT pg_postmaster_start_time(), current_database(), current_schema()"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A registry that was opened and found to be one. `place` is how it was named, without a password.

    `connection` is in a transaction that sees one state of it. `unfolded` are spools beside it, which are not read.
    """

    place: str
    connection: sa.Connection
    unfolded: tuple[str, ...] = ()


@contextmanager
def opened(source: str | os.PathLike[str], own: Database) -> Iterator[Foreign]:
    """Open a registry or an export to read all of it; `own` is the one that it must not be.

    Raises:
        RegistryNotFound: nothing is there.
        NotARegistry: it is none, damaged, or has what no registry has; `NotAnExport` for a folder.
        SchemaTooNew: a newer cardgen wrote it.
        SchemaTooOld: it is on a server and of an older cardgen.
        SettingsError: it is the registry itself, or no place of one.
        RegistryFull: there is no room for a copy.
    """
    text = os.fspath(source)
    folder = Path(os.path.abspath(os.path.expanduser(text)))
    if "://" not in text and is_export(folder):
        with _private_folder() as private:
            load(folder, private / "export.db")
            with _file(private / "export.db", str(folder)) as connection:
                yield Foreign(str(folder), connection)
        return
    location = parse_location(source)
    if location.path is None:
        with _server(location, own) as connection:
            yield Foreign(location.url, connection)
        return
    _refuse_itself(location.path, own.location)
    with _private_folder() as private:
        _copy(location.path, private / "copy.db")
        spools = sorted(map(str, location.spool_folder.glob(f"*{SUFFIX}")))
        with _file(private / "copy.db", str(location.path)) as connection:
            yield Foreign(str(location.path), connection, tuple(spools))


# Files


@contextmanager
def _private_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cardgen-") as folder:  # it is for its owner alone
        yield Path(folder)


def _refuse_itself(path: Path, own: Location) -> None:
    if not path.exists():
        raise RegistryNotFound(f"there is no registry at {path}", hint="check the path")
    if path.is_dir():
        raise NotARegistry(f"{path} is a folder, and no export of a registry", hint="name a file, or an export")
    if not path.is_file():
        raise NotARegistry(f"{path} is no file", hint="name the file of a registry, or an export")
    if own.path is not None and own.path.exists() and os.path.samefile(path, own.path):
        raise SettingsError(f"{path} is the registry itself", hint="name another one to merge")


@contextmanager
def _file(copy: Path, place: str) -> Iterator[sa.Connection]:
    """A private copy, checked, of this version's schema, and one transaction in it. Errors name the place."""
    location = parse_location(copy)
    try:
        with closing(Database(location, mode="write", create=False, configure=_restrict)) as database:
            structure.check_whole(database)
            if known_revision(database) != REVISION:
                with _damage_of(place):
                    upgrade_copy(database)
            ensure_schema(database, create=False)
            structure.check(database)
        with (
            closing(Database(location, mode="read", create=False, configure=_restrict)) as database,
            database.read() as connection,
        ):
            yield connection
    except RegistryError as error:
        raise type(error)(str(error).replace(str(location.path), place), hint=error.hint) from error


def _restrict(connection: sqlite3.Connection) -> None:
    """No value is longer than can be held, and no text ends the reading because it is none."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH_LIMIT)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")


@contextmanager
def _damage_of(place: str) -> Iterator[None]:
    """Whatever goes wrong in a migration of somebody else's rows is wrong with the rows."""
    try:
        yield
    except Exception as error:
        raise NotARegistry(
            f"{place} is of an older cardgen, and cannot be upgraded: {str(error)[:200]}",
            hint="look what is wrong where it came from: cardgen registry verify",
        ) from error


def _copy(path: Path, target: Path) -> None:
    """Copy a registry's file and its write-ahead log, as they are at one moment."""
    if filesystem.network_type(path) is None:
        _copy_file(path, target)
        return
    # There, other hosts' writers are seen by the lock that they hold.
    lock = LockFile(_beside(path, LOCK_SUFFIX), BUSY_SECONDS)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.held())
        except RegistryReadOnly:
            lock.wait()
        filesystem.look_again(path)
        _copy_file(path, target)


def _copy_file(path: Path, target: Path) -> None:
    for _ in range(_ATTEMPTS):
        before = _stamps(path)
        main, log, journal = before
        if main is None:
            raise RegistryNotFound(f"there is no registry at {path}", hint="check the path")
        if journal is None and time.time() - max(stamp[2] for stamp in (main, log) if stamp) / 1e9 > _TICK_SECONDS:
            _check_room(path, target.parent)
            try:
                shutil.copyfile(path, target)
                if log is not None:
                    shutil.copyfile(_beside(path, "-wal"), _beside(target, "-wal"))
            except OSError as error:
                raise NotARegistry(
                    f"{path} cannot be copied: {error.strerror or error}", hint="may it be read, and is there room?"
                ) from error
            if _stamps(path) == before:
                return
            _beside(target, "-wal").unlink(missing_ok=True)
        time.sleep(_PAUSE_SECONDS)
    if _stamps(path)[2] is not None:
        # It would be played back, and a stranger's may name files of ours that are to be removed.
        raise NotARegistry(
            f"{path} was left in the middle of a change", hint="open it where it came from: cardgen registry status"
        )
    _copy_used(path, target)


def _copy_used(path: Path, target: Path) -> None:
    """Copy a file that somebody writes all the time, as one of its readers."""
    with translated(parse_location(path)):
        target.unlink(missing_ok=True)
        uri = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(target)) as copy:
            source.execute("PRAGMA trusted_schema = OFF")
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master").fetchone()  # from here on it sees one state
            source.backup(copy)


def _check_room(path: Path, folder: Path) -> None:
    needed = sum(stamp[1] for stamp in _stamps(path) if stamp)
    if shutil.disk_usage(folder).free < needed + _SPARE_BYTES:
        raise RegistryFull(
            f"{folder} has no room for a copy of {path} ({needed:,} bytes)",
            hint="free some space, or name another place: TMPDIR=FOLDER cardgen …",
        )


def _stamps(path: Path) -> list[tuple[int, int, int] | None]:
    """What tells whether file, log or journal were changed; None for one that is not there, or empty."""
    found: list[tuple[int, int, int] | None] = []
    for place in (path, _beside(path, "-wal"), _beside(path, "-journal")):
        with contextlib.suppress(OSError):
            stamp = place.stat()
            found.append((stamp.st_ino, stamp.st_size, stamp.st_mtime_ns) if stamp.st_size or place == path else None)
            continue
        found.append(None)
    return found


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


# Servers


@contextmanager
def _server(location: Location, own: Database) -> Iterator[sa.Connection]:
    with closing(Database(location, mode="read", create=False)) as database:
        ensure_schema(database, create=False)
        if not own.is_sqlite:
            with database.read() as connection, own.read() as other:
                here, there = (one.exec_driver_sql(_SAME_SERVER).one() for one in (connection, other))
            if tuple(here) == tuple(there):
                raise SettingsError(f"{location.url} is the registry itself", hint="name another one to merge")
        with database.read() as connection:
            yield connection
