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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool, QueuePool

from cardgen.errors import MissingExtra, NotARegistry, RegistryNotFound, RegistryReadOnly, SettingsError
from cardgen.registry import filesystem, lockfile
from cardgen.registry.faults import translated
from cardgen.registry.location import Location
from cardgen.registry.spool import make_private_folder

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

BUSY_SECONDS = 10.0

_CACHED = 64 << 20
"""Bytes of pages that a connection to a file keeps which has written much; SQLite's own limit is 2 MB. Measured on
10,000 runs in transactions of 1,000: their facts take half the time."""

_CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    "client_encoding": "utf8",
    "fallback_application_name": "cardgen",
    # A network that swallows everything is noticed within a minute or two, instead of hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    # None are prepared: behind a pooler the next transaction may meet a server process that knows of none.
    "prepare_threshold": None,
}
"""How a server is connected to, where the URL does not say otherwise. Nothing here or later is set for a session: a
pooler such as PgBouncer may give each transaction another one."""

_inherited: list[sa.Engine] = []
"""What a forked child got from its parent: closing a connection here could disturb the parent's, so none ever is."""


class Database:
    """One registry's database, open in one mode."""

    def __init__(
        self,
        location: Location,
        *,
        mode: Literal["read", "write"],
        create: bool,
        busy_seconds: float = BUSY_SECONDS,
        configure: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """Prepare the connection; a file is made if it may be, a server is first asked in the first transaction.

        `configure` is called with each new connection to a file.

        Raises:
            RegistryNotFound: there is no such file, and none may be made.
            RegistryReadOnly: the file or its folder may not be written, and `mode` is `write`.
            MissingExtra: psycopg is not installed.
        """
        self.location = location
        self.mode = mode
        self.check: Callable[[sa.Connection], None] = lambda connection: None
        """Called at the start of every writing transaction; what it raises ends it."""
        self.busy_seconds = busy_seconds
        self.is_sqlite = location.dialect == "sqlite"
        self._configure = configure
        self._lock: lockfile.LockFile | None = None
        self._file: tuple[int, int] | None = None
        if location.path is not None:
            _prepare_file(location.path, mode, create)
            self._file = _identity(location.path)
            if filesystem.network_type(location.path) is not None:
                lock = location.path.with_name(location.path.name + lockfile.SUFFIX)
                self._lock = lockfile.LockFile(lock, busy_seconds)
        self._pid = os.getpid()
        self._engine = self._new_engine()

    @property
    def on_network(self) -> bool:
        """Whether this is a file on a network file system: without a write-ahead log, and with a lock of its own."""
        return self._lock is not None

    @property
    def lock(self) -> lockfile.LockFile | None:
        """The lock that writers hold, for a file on a network file system."""
        return self._lock

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database.

        Raises:
            RegistryNotFound: the file was removed or replaced since it was opened.
        """
        with self._turn(), translated(self.location), self._connected() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if not self.is_sqlite:
                    # Of this transaction alone: an option of the connection is taken back as READ WRITE, and so would
                    # overrule a server that lets its user only read.
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                yield connection

    @contextmanager
    def write(self, *, many: bool = False) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block, or not at all; see `retrying.retried`.

        `many`: much is written, so the connection to a file keeps its pages in memory from now on, up to `_CACHED`.

        Raises:
            RegistryReadOnly: the registry was opened for reading.
            RegistryNotFound: the file was removed or replaced since it was opened.
        """
        if self.mode == "read":
            raise RegistryReadOnly("the registry was opened for reading", hint='open it with mode="write"')
        with self._turn(), translated(self.location), self._connected() as plain:
            connection = plain.execution_options(cardgen_write=True)
            if self.is_sqlite and many:
                _raw(connection).execute(f"PRAGMA cache_size = {-_CACHED // 1024}")
            with connection.begin():
                self.check(connection)
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """On a network file system one process at a time uses the file, from opening to closing it.

        A reader, too: where hosts do not see each other's locks, SQLite takes the journal of a writer at work for one
        that a killed writer left, and rolls it back. Who may make no files there rolls nothing back, and waits for the
        writer as far as it is seen.
        """
        if self._lock is None or self.location.path is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._lock.held())
            except RegistryReadOnly:
                if self.mode == "write":
                    raise
                self._lock.wait()
            filesystem.look_again(self.location.path)
            yield

    def is_same_file(self) -> bool:
        """Whether the file that was opened still has its name: what another one got is read by nobody.

        On a network file system it is opened by its name each time, and its number may change.
        """
        path = self.location.path
        return path is None or self.on_network or _identity(path) == self._file

    def flush(self) -> None:
        """Have the disk keep what was committed, also if the machine fails."""
        if self.location.path is not None:
            # Only the log: closing the database file by any other way than SQLite's would drop SQLite's locks on it.
            with contextlib.suppress(OSError):
                log = os.open(_beside(self.location.path, "-wal"), os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(log)
                finally:
                    os.close(log)

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT of this engine's own kind, which knows ON CONFLICT."""
        if self.is_sqlite:
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # takes a while to load, and most registries are files

        return postgresql.insert(table)

    def contains(self, text: sa.ColumnElement[str], part: str) -> sa.ColumnElement[bool]:
        """Whether `part` stands in `text`: no pattern, so nothing in it needs escaping."""
        return (sa.func.instr(text, part) if self.is_sqlite else sa.func.strpos(text, part)) > 0

    def close(self) -> None:
        """Close all connections; SQLite's write-ahead log is moved into the file."""
        if self._pid != os.getpid():
            return  # they are the parent's
        if self.is_sqlite and self.mode == "write" and not self.on_network:
            # Also of a file that has lost its name: SQLite would take the log that stays for that of the next one.
            with contextlib.suppress(Exception), self._engine.connect() as connection:
                raw = _raw(connection)
                raw.execute("PRAGMA busy_timeout = 0")
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._engine.dispose()

    def _connected(self) -> sa.Connection:
        if self._pid != os.getpid():
            # A connection does not survive a fork, nor do the locks inside of a pool.
            _inherited.append(self._engine)
            self._engine, self._pid = self._new_engine(), os.getpid()
        if not self.is_same_file():
            raise RegistryNotFound(
                f"the registry {self.location.path} was removed or replaced while it was open", hint="open it again"
            )
        return self._engine.connect()

    def _new_engine(self) -> sa.Engine:
        path = self.location.path
        engine = self._postgresql_engine() if path is None else self._sqlite_engine(path)
        sa.event.listen(engine, "begin", self._begin)
        return engine

    def _begin(self, connection: sa.Connection) -> None:
        if self.is_sqlite:
            immediate = connection.get_execution_options().get("cardgen_write")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    # SQLite

    def _sqlite_engine(self, path: Path) -> sa.Engine:
        journal = "DELETE" if self.on_network else "WAL"

        def connect() -> sqlite3.Connection:
            connection = self._open_sqlite(path)
            try:
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA cell_size_check = ON")
                if self._configure is not None:
                    self._configure(connection)
                if self.mode == "write":
                    if _is_ours(connection):
                        self._set_journal(connection, journal)
                    connection.execute("PRAGMA synchronous = NORMAL")
            except BaseException:
                connection.close()
                raise
            return connection

        kept = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 8, "pool_timeout": self.busy_seconds}
        pool = {"poolclass": NullPool} if self.on_network else kept
        return sa.create_engine("sqlite://", creator=connect, pool_reset_on_return="rollback", **pool)

    def _open_sqlite(self, path: Path) -> sqlite3.Connection:
        mode = "rw" if self.mode == "write" else "ro"
        if self.mode == "read" and not os.access(path.parent, os.W_OK):
            if not _has_content(_beside(path, "-wal")):
                # SQLite cannot make its shared memory file here; without a log nobody writes, the file does not change.
                mode += "&immutable=1"
        elif self.on_network or not _beside(path, "-wal").exists():
            # Only "rw" lets SQLite take back what a killed writer left half done, and remove its own files at the end.
            mode = "rw"
        uri = f"file:{quote(str(path))}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=self.busy_seconds, isolation_level=None, check_same_thread=False
        )
        if self.mode == "read":
            connection.execute("PRAGMA query_only = ON")
        return connection

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
            given = {name: value for name, value in _CONNECTION.items() if name not in url.query}
            return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=given)
        except ImportError as error:
            raise MissingExtra("psycopg", "postgres") from error
        except (sa.exc.ArgumentError, ValueError):
            raise SettingsError(
                f"{self.location.url!r} is no URL of a database", hint="write postgresql+psycopg://USER@HOST/DATABASE"
            ) from None


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
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:  # somebody else was faster; sshfs calls that not permitted
        if not path.exists():
            raise
        return True
    try:
        if shared:
            os.fchmod(descriptor, 0o660)
    finally:
        os.close(descriptor)
    return True


def _raw(connection: sa.Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file is new or looks like a registry: setting the journal changes it, and another's is left alone."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not names or {"alembic_version", "log_event"} <= names


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
