"""What databases raise, in cardgen's words: the one place that knows sqlite3's and psycopg's errors."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, TimeoutError

from cardgen.errors import (
    NotARegistry,
    RegistryBusy,
    RegistryError,
    RegistryFull,
    RegistryNotFound,
    RegistryReadOnly,
    RegistryUnreachable,
)
from cardgen.registry.location import Location

_ENOUGH_BYTES = 1 << 20
_NO_DATABASE = re.compile('database ".*" does not exist')
_MISSING = ("no such table", "no such column", "table ")  # "table run has no column named …"


class Crossed(RegistryBusy):
    """The database ended a transaction because it crossed another one: the same again may well succeed."""


@contextmanager
def translated(location: Location) -> Iterator[None]:
    """Raise errors of the database inside the block as cardgen's; errors of our own making stay as they are."""
    try:
        yield
    except TimeoutError as error:
        raise _busy(location) from error
    except DBAPIError as error:
        known = _translate(error.orig, location)
        if known is None:
            raise
        # The database's own error is not chained: its text may hold the password or the parameters.
        raise known from None
    except sqlite3.Error as error:
        known = _translate(error, location)
        if known is None:
            raise
        raise known from None
    except Exception as error:
        # From the driver itself, which some statements go to directly; it is not imported where it is not used.
        known = _translate(error, location) if _is_psycopg(error) else None
        if known is None:
            raise
        raise known from None


def is_refused_value(error: Exception) -> bool:
    """Whether a database refuses a value or a row, because of what it is."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(orig, sqlite3.Error) and not _is_psycopg(orig):
        return False
    return bool({"IntegrityError", "DataError"} & {kind.__name__ for kind in type(orig).__mro__})


def _is_psycopg(error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] == "psycopg"


def _translate(error: BaseException | None, location: Location) -> RegistryError | None:
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(error, location)
    if location.dialect == "postgresql" and error is not None:
        return _from_postgresql(error, location)
    return None


def _from_sqlite(error: sqlite3.Error, location: Location) -> RegistryError | None:
    name = getattr(error, "sqlite_errorname", None) or ""
    place = location.path or location.url
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _busy(location)
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _is_full(location)):
        return RegistryFull(f"no space is left for the registry {place}", hint="free some space and try again")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return RegistryReadOnly(f"the registry {place} may not be written", hint="check file and folder permissions")
    if name.startswith("SQLITE_CANTOPEN"):
        return RegistryReadOnly(f"the registry {place} cannot be opened", hint="check file and folder permissions")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FORMAT")):
        return NotARegistry(
            f"{place} is no SQLite database, or is damaged", hint="name another file, or restore a backup of it"
        )
    if name == "SQLITE_TOOBIG":
        return NotARegistry(f"{place} has a value that is too long", hint="is it a registry, and whole?")
    if str(error).startswith("Could not decode"):
        return NotARegistry(f"{place} is damaged: it has text that is none", hint="restore a backup of it")
    if str(error).startswith("no such module"):
        return RegistryError(
            f"the SQLite of this Python is built without full text search: {error}",
            hint="use another Python, whose sqlite3 has FTS5, or a registry on PostgreSQL",
        )
    if str(error).startswith(_MISSING):
        return NotARegistry(f"{place} is damaged, or no registry: {error}", hint="restore a backup of it")
    if name.startswith("SQLITE_IOERR"):
        return RegistryError(f"the registry {place} cannot be read or written: {error}", hint="check the disk")
    return None


def _is_full(location: Location) -> bool:
    try:
        return location.path is not None and shutil.disk_usage(location.path.parent).free < _ENOUGH_BYTES
    except OSError:
        return False


def _from_postgresql(error: BaseException, location: Location) -> RegistryError | None:
    state = getattr(error, "sqlstate", None)
    words = location.clean(" ".join(str(error).split()))
    failed = state is None and type(error).__name__ == "OperationalError"  # while connecting there is only text
    if state == "3D000" or (failed and _NO_DATABASE.search(words)):
        return RegistryNotFound(f"{location.url}: {words}", hint="create the database first")
    if state == "53100":
        return RegistryFull(f"no space is left for the registry {location.url}", hint="free some space on the server")
    if state == "25006":
        return RegistryReadOnly(f"the registry {location.url} may not be written: {words}", hint="ask for the right")
    if state in ("42501", "3F000"):
        return RegistryReadOnly(
            f"the user of the registry {location.url} has not the right to do this: {words}",
            hint="ask the owner of the registry; docs/scale.md has the rights of readers and writers",
        )
    if state in ("40001", "40P01", "23505"):
        return Crossed(f"the registry {location.url} is written by too many at once", hint="try again")
    if state in ("55P03", "57014"):
        return _busy(location)
    if state in ("42P01", "42703"):
        return NotARegistry(f"{location.url} is damaged, or no registry: {words}", hint="restore a backup of it")
    if failed or (state or "")[:2] in ("08", "28", "53", "57"):
        return _unreachable(words, location)
    return None


def _busy(location: Location) -> RegistryBusy:
    return RegistryBusy(f"the registry {location.path or location.url} is locked by another process", hint="try again")


def _unreachable(words: str, location: Location) -> RegistryUnreachable:
    return RegistryUnreachable(
        f"{location.url} does not answer: {words}", hint="check host, port, user and password, and that the server runs"
    )
