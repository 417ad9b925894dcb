"""The connection to a registry's database: SQLite or PostgreSQL, to read or to write.

A `Database` hands out transactions and nothing else. Whatever the database raises inside one leaves it as an error of
`cardgen.errors`. SQLite: writers take their lock at once (`BEGIN IMMEDIATE`), so a transaction never fails half way
for a lock; readers open the file read-only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import QueuePool

from cardgen.errors import MissingExtra, NotARegistry, RegistryNotFound, RegistryReadOnly, SettingsError
from cardgen.registry.faults import translated
from cardgen.registry.location import Location
from cardgen.registry.spool import make_private_folder

BUSY_SECONDS = 10.0
CONNECT_SECONDS = 10

_NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "fuse.")


class Database:
    """One registry's database, open in one mode."""

    def __init__(
        self, location: Location, *, mode: Literal["read", "write"], create: bool, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        """Prepare the connection; a file is made if it may be, a server is first asked in the first transaction.

        Raises:
            RegistryNotFound: there is no such file, and none may be made.
            RegistryReadOnly: the file or its folder may not be written, and `mode` is `write`.
            MissingExtra: psycopg is not installed.
        """
        self.location = location
        self.mode = mode
        self._busy_seconds = busy_seconds
        self.is_sqlite = location.dialect == "sqlite"
        if location.path is not None:
            _prepare_file(location.path, mode, create)
            self._engine = self._sqlite_engine(location.path)
        else:
            self._engine = self._postgresql_engine()
        sa.event.listen(self._engine, "begin", self._begin)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database."""
        with translated(self.location), self._engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block, or not at all.

        Raises:
            RegistryReadOnly: the registry was opened for reading.
        """
        if self.mode == "read":
            raise RegistryReadOnly("the registry was opened for reading", hint='open it with mode="write"')
        with translated(self.location), self._engine.connect() as plain:
            connection = plain.execution_options(cardgen_write=True)
            with connection.begin():
                yield connection

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT of this engine's own kind, which knows ON CONFLICT."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def contains(self, text: sa.ColumnElement[str], part: str) -> sa.ColumnElement[bool]:
        """Whether `part` stands in `text`: no pattern, so nothing in it needs escaping."""
        return (sa.func.instr(text, part) if self.is_sqlite else sa.func.strpos(text, part)) > 0

    def close(self) -> None:
        """Close all connections; SQLite's write-ahead log is moved into the file."""
        if self.is_sqlite and self.mode == "write":
            with contextlib.suppress(Exception), self._engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                raw.execute("PRAGMA busy_timeout = 0")
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._engine.dispose()

    def _begin(self, connection: sa.Connection) -> None:
        if self.is_sqlite:
            immediate = connection.get_execution_options().get("cardgen_write")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    # SQLite

    def _sqlite_engine(self, path: Path) -> sa.Engine:
        journal = "WAL" if on_local_disk(path) else "DELETE"

        def connect() -> sqlite3.Connection:
            connection = self._open_sqlite(path)
            try:
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA cell_size_check = ON")
                if self.mode == "write":
                    if _is_ours(connection):
                        self._set_journal(connection, journal)
                    connection.execute("PRAGMA synchronous = NORMAL")
            except BaseException:
                connection.close()
                raise
            return connection

        return sa.create_engine(
            "sqlite://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=8,
            pool_timeout=self._busy_seconds,
            pool_reset_on_return="rollback",
        )

    def _open_sqlite(self, path: Path) -> sqlite3.Connection:
        uri = f"file:{quote(str(path))}?mode={'ro' if self.mode == 'read' else 'rw'}"
        if self.mode == "read" and not os.access(path.parent, os.W_OK) and not _has_log(path):
            # SQLite cannot make its shared memory file here; without a log nobody writes, the file does not change.
            uri += "&immutable=1"
        return sqlite3.connect(uri, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False)

    @staticmethod
    def _set_journal(connection: sqlite3.Connection, journal: str) -> None:
        [(current,)] = connection.execute("PRAGMA journal_mode").fetchall()
        if current.upper() == journal:
            return
        try:
            connection.execute(f"PRAGMA journal_mode = {journal}")
        except sqlite3.OperationalError as error:
            # Somebody else is at work: the next to open it alone will change it, and this connection can work as it is.
            if not (error.sqlite_errorname or "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise

    # PostgreSQL

    def _postgresql_engine(self) -> sa.Engine:
        try:
            url = sa.make_url(self.location.connect_url)
            engine = sa.create_engine(
                url,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS},
            )
        except ImportError as error:
            raise MissingExtra("psycopg", "postgres") from error
        except (sa.exc.ArgumentError, ValueError):
            raise SettingsError(
                f"{self.location.url!r} is no URL of a database", hint="write postgresql+psycopg://USER@HOST/DATABASE"
            ) from None

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, record: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {int(self._busy_seconds * 1000)}")
                cursor.execute("SET client_encoding = 'UTF8'")
                if self.mode == "read":
                    cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.commit()

        return engine


def on_local_disk(path: Path, mounts: str = "/proc/mounts") -> bool:
    """Whether a path is on no network file system, as far as the system says: a write-ahead log needs shared memory."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file]
    except OSError:
        return True
    best, kind = "", ""
    for line in lines:
        if len(line) < 3:
            continue
        point = line[1].replace("\\040", " ")
        if (path == Path(point) or Path(point) in path.parents) and len(point) >= len(best):
            best, kind = point, line[2]
    return not kind.startswith(_NETWORK_FILE_SYSTEMS)


def _prepare_file(path: Path, mode: str, create: bool) -> None:
    if path.is_dir():
        raise NotARegistry(f"{path} is a folder", hint="name a file in it, such as registry.db")
    try:
        exists = path.exists()
        if not exists and mode == "write" and create:
            exists = _create_file(path)
    except NotADirectoryError:
        exists = False
    except OSError as error:
        raise RegistryReadOnly(
            f"{path} cannot be made: {error.strerror or error}", hint="choose another place with --registry"
        ) from error
    if not exists:
        raise RegistryNotFound(
            f"there is no registry at {path}", hint="check the path, or make one: cardgen registry init"
        )
    if mode == "write" and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise RegistryReadOnly(
            f"the registry {path} may not be written", hint="check the permissions of the file and its folder"
        )
    if not os.access(path, os.R_OK):
        raise RegistryReadOnly(f"the registry {path} may not be read", hint="check the permissions of the file")


def _create_file(path: Path) -> bool:
    make_private_folder(path.parent)
    shared = path.parent.stat().st_mode & stat.S_ISGID
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if shared:
                os.fchmod(descriptor, 0o660)
        finally:
            os.close(descriptor)
    return True


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file is new or looks like a registry: setting the journal changes it, and another's is left alone."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not names or {"alembic_version", "log_event"} <= names


def _has_log(path: Path) -> bool:
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except OSError:
        return False
