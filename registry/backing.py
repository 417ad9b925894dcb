"""Backups: a registry as one file, while trainings go on writing.

SQLite's own backup copies the pages of one snapshot, a damaged file's as well: a read transaction that is held open
keeps it from beginning anew whenever somebody writes, and beside a write-ahead log readers keep no writer waiting.
`VACUUM INTO` would make a somewhat smaller file, take about twice the time, not tell how far it is, and fail on damage.
On a network file system, which has no such log, writers wait for the copy. A registry on a server is copied into a
file (`copying`), in one snapshot, too.

The spools beside the registry are folded before: they are a part of what was recorded.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardgen.errors import (
    CardgenError,
    FileProblem,
    NotARegistry,
    RegistryBusy,
    RegistryError,
    SchemaTooOld,
    SettingsError,
)
from cardgen.registry import contents, copying
from cardgen.registry.beside import made_beside
from cardgen.registry.copying import Progress
from cardgen.registry.engine import BUSY_SECONDS, Database
from cardgen.registry.leftovers import leftovers
from cardgen.registry.location import Location, parse_location
from cardgen.registry.schema import REVISION, known_revision
from cardgen.registry.spool import SUFFIX
from cardgen.registry.tables import version
from cardgen.settings import load_settings

PAGES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """A spool whose entries are not in the registry, and so not in the backup either, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made and checked. `url` is the registry, `rows` counts each table's, `size` is in bytes."""

    url: str
    path: str
    size: int
    schema: str
    runs: int
    events: int
    rows: Mapping[str, int]
    unfolded: tuple[Unfolded, ...] = ()


def back_up_registry(
    url: str | os.PathLike[str] | None,
    target: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Backup:
    """Write a registry as it is now into a file; None is the registry of the settings.

    The file is a registry: it is opened as one, or copied back. It is made beside its place, checked, and then named.

    Args:
        url: a path or URL.
        target: the file, a path or sqlite:///PATH; its folder must be there.
        force: whether a file of that name is replaced.
        progress: called from time to time.

    Raises:
        RegistryNotFound: there is no registry.
        SettingsError: the target is no file.
        FileConflict: there is a file already, and not `force`.
        FileProblem: the file cannot be written.
        NotARegistry: the registry is damaged, and so its copy would be.
    """
    location = parse_location(load_settings().registry if url is None else url)
    place = parse_location(target)
    if (path := place.path) is None:
        raise SettingsError(
            f"a backup is a file, and {place.url} is on a server", hint="copy it there: cardgen registry copy SRC DST"
        )
    if path == location.path or (location.path is not None and _same(path, location.path)):
        raise FileProblem(f"{path} is the registry itself", hint="name another file")
    with made_beside(path, replace=force) as part:
        with closing(Database(location, mode="read", create=False)) as database:
            revision = known_revision(database)
            unfolded = fold_spools(location, revision)
            if location.path is None:
                if revision != REVISION:
                    raise SchemaTooOld(
                        f"the registry {location.url} has schema {revision}, this cardgen needs {REVISION}",
                        hint="upgrade it when nobody records: cardgen registry upgrade; pg_dump backs it up before",
                    )
                copied = copying.fill(database, part, progress=progress)
                rows = {name: one.rows for name, one in copied.items()}
            else:
                rows = copy_file(database, part, progress=progress)
        size = part.stat().st_size
    return Backup(
        url=location.url,
        path=str(path),
        size=size,
        schema=revision,
        runs=rows["run"],
        events=rows["log_event"],
        rows=rows,
        unfolded=unfolded,
    )


def copy_file(
    database: Database, part: Path, *, check: bool = True, progress: Progress | None = None
) -> dict[str, int]:
    """Copy one snapshot of a SQLite registry into an empty file, and look whether it is whole if `check` is true.

    Returns:
        the number of rows of each table.

    Raises:
        NotARegistry: the copy is not whole, because the registry is not.
        FileProblem: the file cannot be written.
    """
    said = progress or (lambda what, done, total: None)
    with database.read() as connection:
        names = [table.name for table in contents.tables()]
        there = _counts(lambda text: connection.exec_driver_sql(text).scalars().all(), names)  # now the snapshot stands
        source: Any = connection.connection.dbapi_connection
        try:
            with closing(sqlite3.connect(part, isolation_level=None)) as copy:
                copy.execute("PRAGMA synchronous = OFF")  # it is flushed when it is whole
                source.backup(
                    copy,
                    pages=PAGES_AT_ONCE,
                    sleep=0,
                    progress=lambda status, left, total: said("pages", total - left, total),
                )
                copy.execute(
                    "PRAGMA journal_mode = DELETE"
                )  # then it is read on any file system, also where nobody writes
                copy.execute("PRAGMA trusted_schema = OFF")
                problems = _problems(copy, there, said) if check else []
        except sqlite3.Error as error:
            if (error.sqlite_errorname or "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise _damaged(database.location, [str(error)]) from None
            raise FileProblem(f"{part.parent} cannot be written: {error}", hint="is it full?") from error
    if problems:
        raise _damaged(database.location, problems)
    return there


def _problems(copy: sqlite3.Connection, there: Mapping[str, int], said: Progress) -> list[str]:
    said("checking", 0, 1)
    found = [str(line) for (line,) in copy.execute("PRAGMA integrity_check(10)") if line != "ok"]
    counted = _counts(lambda text: [value for (value,) in copy.execute(text)], list(there))
    said("checking", 1, 1)
    different = [name for name in there if counted.get(name) != there[name]]
    return found + [f"table {name} has {counted.get(name)} rows, not {there[name]}" for name in different]


def _counts(ask: Callable[[str], Any], names: list[str]) -> dict[str, int]:
    """The rows of each of these tables that is there: an older registry lacks some."""
    present = set(ask("SELECT name FROM sqlite_master WHERE type = 'table'"))
    return {name: ask(f'SELECT count(*) FROM "{name}"')[0] for name in (*names, version.name) if name in present}


def _damaged(location: Location, problems: list[str]) -> NotARegistry:
    return NotARegistry(
        f"the registry {location.path} is damaged: {'; '.join(problems)[:500]}",
        hint="look what is left, and repair it: cardgen registry verify --repair",
    )


def fold_spools(location: Location, revision: str) -> tuple[Unfolded, ...]:
    """Fold the spools beside a registry of this schema where that may be done; which of them were left, and why."""
    spools = [str(path) for path in sorted(location.spool_folder.glob(f"*{SUFFIX}"))]
    if not spools:
        return ()
    if revision != REVISION:  # opening the registry to write would upgrade it
        return tuple(Unfolded(path=path, reason=f"the registry has the older schema {revision}") for path in spools)
    from cardgen.registry.store import Registry

    left: dict[str, str] = {}
    place = location.connect_url or location.path
    try:
        with Registry(place, create=False, fold=False, busy_seconds=BUSY_SECONDS) as registry:
            for path in spools:
                try:
                    registry.fold(Path(path))
                except RegistryBusy:
                    raise
                except CardgenError as error:
                    left[path] = str(error)
            beside = leftovers(registry._database)
            left = {str(one.path): one.problem for one in beside if one.kind == "spool"} | left
    except RegistryError as error:
        left = {path: str(error) for path in spools if os.path.exists(path)} | left
    return tuple(Unfolded(path=path, reason=reason) for path, reason in left.items())


def _same(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
