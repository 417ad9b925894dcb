"""A registry copied whole into an empty one, on the same engine or the other.

Rows are read from one snapshot and written in one transaction, some at a time; then what was written is read again and
compared with what was read, by the number and the hash of each table's rows. What was copied is all there or not at
all: a new file is made beside its place and then named.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa

from cardgen.errors import NotARegistry, RegistryError, RegistryNotEmpty
from cardgen.registry import contents
from cardgen.registry.beside import made_beside
from cardgen.registry.contents import Digest
from cardgen.registry.engine import Database
from cardgen.registry.faults import is_refused_value
from cardgen.registry.location import Location, parse_location
from cardgen.registry.schema import REVISION, ensure_schema, lock_whole, stored_revision
from cardgen.registry.search import index

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, and how much of how much of it is."""

Insert: TypeAlias = Callable[[contents.Rows], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A copy that was made and compared. `rows` and `digests` are the number and the hash of each table's rows."""

    source: str
    target: str
    schema: str
    runs: int
    events: int
    rows: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


def copy_registry(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, progress: Progress | None = None
) -> Copied:
    """Copy a registry, with everything in it, to a place where none is yet, or an empty one.

    Numbers, ids, revisions and times stay as they are: the copy answers as the source does. Neither spools nor
    backups beside the source are copied.

    Args:
        source: a path or URL. It is only read.
        target: another, of any engine; a database on a server must be there.
        progress: called from time to time.

    Raises:
        RegistryNotFound: there is no source, or no such database.
        RegistryNotEmpty: the target holds something already.
        NotARegistry: the source is damaged, or one of them belongs to somebody else.
        SchemaTooOld, SchemaTooNew: one of them is of another version of cardgen.
    """
    origin, place = parse_location(source), parse_location(target)
    if origin.path is not None and origin.path == place.path:
        raise RegistryNotEmpty(f"{place.url} is the source itself", hint="name another place")
    with closing(Database(origin, mode="read", create=False)) as database:
        ensure_schema(database, create=False)
        if place.path is not None and not place.path.exists():
            with made_beside(place.path, replace=False) as part:
                found = fill(database, part, progress=progress)
                if place.path.parent.stat().st_mode & stat.S_ISGID:
                    part.chmod(0o660)  # a folder that a group shares
        else:
            with closing(Database(place, mode="write", create=False)) as there:
                found = _fill(database, there, progress)
    return Copied(
        source=origin.url,
        target=place.url,
        schema=REVISION,
        runs=found["run"].rows,
        events=found["log_event"].rows,
        rows={name: digest.rows for name, digest in found.items()},
        digests={name: digest.hexdigest() for name, digest in found.items()},
    )


def fill(source: Database, part: Path, *, progress: Progress | None = None) -> dict[str, Digest]:
    """Copy a registry into an empty file, which nobody else has open; what each table has."""
    with closing(Database(parse_location(part), mode="write", create=False)) as database:
        found = _fill(source, database, progress)
    with closing(sqlite3.connect(part)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")  # then it can be read on any file system
    return found


def _fill(source: Database, target: Database, progress: Progress | None) -> dict[str, Digest]:
    said = progress or (lambda what, done, total: None)
    if stored_revision(target) is not None:
        with target.read() as connection:
            _refuse_content(target.location, connection)
    ensure_schema(target, create=True)
    target.check = functools.partial(lock_whole, target)
    with source.read() as reading, _damage_of(source.location), target.write() as writing:
        _be_patient(source, reading)
        _be_patient(target, writing)
        _refuse_content(target.location, writing)  # somebody may have come first
        read: dict[str, Digest] = {}
        for table in contents.tables():
            read[table.name] = _copy(source, reading, target, writing, table, said)
        said("making the search index", 0, 1)
        index.fill(writing)  # it is made, not copied: each engine has its own
        if not target.is_sqlite:
            _set_sequences(writing)
            writing.exec_driver_sql("ANALYZE " + ", ".join(f'"{table.name}"' for table in contents.tables()))
            writing.exec_driver_sql("ANALYZE search")
        for table in contents.tables():
            _compare(target, writing, table, read[table.name], said)
    return read


def _copy(
    source: Database, reading: sa.Connection, target: Database, writing: sa.Connection, table: sa.Table, said: Progress
) -> Digest:
    total, digest = contents.count(reading, table), Digest()
    with _inserted(target, writing, table) as insert:
        for rows in contents.rows(reading, table):
            digest.add(rows)
            insert(rows)
            said(table.name, digest.rows, total)
    return digest


@contextmanager
def _inserted(
    target: Database, connection: sa.Connection, table: sa.Table
) -> Iterator[Callable[[contents.Rows], None]]:
    """A function that inserts rows into a table, by the quickest way that its engine has."""
    insert = str(table.insert().compile(dialect=connection.dialect))
    if target.is_sqlite:

        def execute(rows: contents.Rows) -> None:
            connection.exec_driver_sql(insert, rows)

        yield execute
        return
    preparer = connection.dialect.identifier_preparer
    columns = ", ".join(preparer.quote(column.name) for column in table.columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {preparer.quote(table.name)} ({columns}) FROM STDIN") as copy:

        def write(rows: contents.Rows) -> None:
            for row in rows:
                copy.write_row(row)

        yield write


def _compare(target: Database, connection: sa.Connection, table: sa.Table, read: Digest, said: Progress) -> None:
    written = Digest()
    for rows in contents.rows(connection, table):
        written.add(rows)
        said(f"comparing {table.name}", written.rows, read.rows)
    if (written.rows, written.hexdigest()) != (read.rows, read.hexdigest()):
        raise RegistryError(
            f"table {table.name} of {target.location.url} has not what was written: {written.rows} rows of {read.rows}",
            hint="nothing was kept; is the source whole? cardgen registry verify",
        )


def _refuse_content(location: Location, connection: sa.Connection) -> None:
    for table in contents.tables():
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise RegistryNotEmpty(
                f"the registry {location.url} is not empty: it has rows in table {table.name}",
                hint="copy to a new place, or bring both together: cardgen registry merge",
            )


def _be_patient(database: Database, connection: sa.Connection) -> None:
    """Have a server not end this transaction for the time that it takes."""
    if not database.is_sqlite:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


def _set_sequences(connection: sa.Connection) -> None:
    """Have the next row of a table get the number after the last: rows that bring their number move no sequence."""
    for table in contents.tables():
        column = table.autoincrement_column
        if column is not None:
            last = sa.select(
                sa.func.setval(
                    sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name),
                    sa.func.coalesce(sa.func.max(column), 1),
                    sa.func.max(column).is_not(None),
                )
            )
            connection.execute(last)


@contextmanager
def _damage_of(location: Location) -> Iterator[None]:
    """What the target cannot take, though it is a registry, too, is not as it should be in the source."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, TypeError) and not is_refused_value(error):
            raise
        raise _damaged(location, error) from None


def _damaged(location: Location, error: Exception) -> NotARegistry:
    words = location.clean(" ".join(str(getattr(error, "orig", None) or error).split()))
    return NotARegistry(
        f"the registry {location.url} is damaged, and was not copied: {words[:300]}",
        hint="look what is wrong, and repair it: cardgen registry verify --repair",
    )
