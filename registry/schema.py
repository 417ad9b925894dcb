"""The schema of a registry: made, recognised, upgraded.

Revisions are numbered (`0001`, `0002` …), so their order is known without Alembic, which is loaded only to upgrade. A
new registry is made from the tables as they are now and stamped with `REVISION`, in one transaction and under the
database's own lock: of several processes that start at once, one makes it.

Nothing of somebody else is taken for a registry: other tables, views or triggers are refused.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cardgen.errors import NotARegistry, RegistryBusy, RegistryNotFound, RegistryReadOnly, SchemaTooNew, SchemaTooOld
from cardgen.registry.engine import BUSY_SECONDS, Database
from cardgen.registry.location import parse_location
from cardgen.registry.retrying import retried
from cardgen.registry.tables import SEARCH_SQLITE, SEARCH_TABLES, metadata, version
from cardgen.settings import load_settings

REVISION = "0004"
"""The revision that this version of cardgen reads and writes: the last one in `migrations/versions`."""

FIRST_TABLES = frozenset(
    ("run", "document", "key", "fact", "log_event", "spool", "card_text", "human_fact", "audit", version.name)
)
"""What a registry of any revision has."""

SCRIPTS = "cardgen.registry:migrations"
_ADVISORY_LOCK = 0x63617264  # "card"
_ODD = "virtual table"  # also a plain one in the place of the one virtual table that a registry has
_ACTIVE_MICROSECONDS = 60_000_000
_UPGRADE_MILLISECONDS = 3_600_000
"""How long one statement of an upgrade may take on a server."""


def ensure_schema(database: Database, *, create: bool) -> None:
    """Make sure that the registry has this version's tables, making or upgrading them where that is allowed.

    Raises:
        RegistryNotFound: nothing is there, and nothing may be made.
        NotARegistry: it belongs to somebody else, or parts are missing.
        SchemaTooNew, SchemaTooOld: another version of cardgen wrote it.
        RegistryBusy: it needs an upgrade while runs are being recorded.
    """
    found = stored_revision(database)
    if found is None and create and database.mode == "write":
        found = _create(database)
    found = _known(database, found)
    if found != REVISION:
        if database.mode == "read" or not database.is_sqlite:
            raise SchemaTooOld(
                f"the registry {_place(database)} has schema {found}, this cardgen needs {REVISION}",
                hint="upgrade it, and a copy is kept: cardgen registry upgrade"
                if database.is_sqlite
                else "upgrade it when nobody records: cardgen registry upgrade",
            )
        upgrade(database)
    database.check = functools.partial(_check_unchanged, database)


def upgrade_registry(
    url: str | os.PathLike[str] | None = None, *, busy_seconds: float = BUSY_SECONDS
) -> tuple[str, str]:
    """Bring a registry, also one on a server, to this version's schema. `busy_seconds` is how long to wait for others.

    Returns:
        the schema before and after.

    Raises:
        RegistryNotFound: there is none.
        SchemaTooNew: it is newer than this cardgen.
        RegistryBusy: a run is being recorded by an older cardgen, or others are at work on it all the time.
    """
    location = parse_location(load_settings().registry if url is None else url)
    database = Database(location, mode="write", create=False, busy_seconds=busy_seconds)
    try:
        before = stored_revision(database)
        if before is not None and _order(before, database) < _order(REVISION, database):
            upgrade(database)
        ensure_schema(database, create=False)
        return before or REVISION, REVISION
    finally:
        database.close()


def known_revision(database: Database) -> str:
    """The revision of a registry that this cardgen wrote, or an older one.

    Raises:
        RegistryNotFound: nothing is there.
        NotARegistry: it belongs to somebody else, or parts are missing.
        SchemaTooNew: a newer cardgen wrote it.
    """
    return _known(database, stored_revision(database))


def _known(database: Database, found: str | None) -> str:
    if found is None:
        raise RegistryNotFound(
            f"{_place(database)} holds no registry yet", hint="make one: cardgen registry init, or record a run"
        )
    if found != REVISION and _order(found, database) > _order(REVISION, database):
        raise SchemaTooNew(
            f"the registry {_place(database)} has schema {found}, this cardgen knows up to {REVISION}",
            hint="upgrade cardgen: pip install --upgrade cardgen",
        )
    return found


def stored_revision(database: Database) -> str | None:
    """The revision of the registry, None for an empty database."""
    with database.read() as connection:
        return _revision(database, connection)


def upgrade(database: Database) -> None:
    """Bring an older registry to `REVISION`, in one transaction; a SQLite file is copied first.

    The rows that follow from documents and logs are made anew, by the code that reads them.
    Of two that upgrade, the second waits for the first, and finds nothing left to do.

    Raises:
        RegistryBusy: a run is being recorded by an older cardgen, or others are at work on it all the time.
    """
    try:
        done = _upgrade(database)
    except RegistryBusy as error:
        raise RegistryBusy(
            f"the registry {_place(database)} cannot be upgraded now: others read, write or upgrade it",
            hint="try again when nobody uses it",
        ) from error
    if not done:
        raise RegistryBusy(
            f"the registry {_place(database)} needs an upgrade, and a run is being recorded",
            hint="try again when the run has ended",
        )


@retried
def _upgrade(database: Database) -> bool:
    """Upgrade, unless a run is being recorded; whether the registry has this version's schema now."""
    with database.write() as connection:
        _lock(database, connection)
        found = _revision(database, connection)
        if found is None or found == REVISION:
            return True
        if _is_recording(connection):
            return False
        if database.location.path is not None:
            _back_up(database, database.location.path)
        else:  # the server's own limits may be too short; the wait for locks stays short, for all others wait behind it
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_UPGRADE_MILLISECONDS}")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        _migrate(connection)
        from cardgen.registry import auditing, repairing

        repairing.rebuild_all(database, connection)
        auditing.note(connection, "upgrade", None, None, f"{found} to {REVISION}")
    return True


def upgrade_copy(database: Database) -> None:
    """Bring a file that nobody else uses to `REVISION`, but for the rows that follow from documents and logs."""
    with database.write() as connection:
        _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)


def lock_whole(database: Database, connection: sa.Connection) -> None:
    """Keep everybody else from writing the registry until the transaction ends.

    Raises:
        SchemaTooNew: the registry was upgraded since it was opened.
    """
    _lock(database, connection)
    _check_unchanged(database, connection)


def _check_unchanged(database: Database, connection: sa.Connection) -> None:
    """Keep an older cardgen, which goes on recording, from writing what a newer one has upgraded meanwhile.

    Raises:
        SchemaTooNew: the registry was upgraded since it was opened.
    """
    _lock(database, connection, shared=True)  # an upgrade waits for this transaction, and this one for an upgrade
    found = connection.exec_driver_sql(f"SELECT version_num FROM {version.name}").scalars().all()
    if found != [REVISION]:
        raise SchemaTooNew(
            f"the registry {_place(database)} was upgraded to schema {', '.join(found)} while it was open",
            hint="it is written with the newer cardgen from now on; what was recorded meanwhile waits in its spool",
        )


def _create(database: Database) -> str:
    with database.write() as connection:
        _lock(database, connection)
        found = _revision(database, connection)
        if found is None:
            metadata.create_all(connection, checkfirst=False)
            version.create(connection)
            connection.execute(version.insert().values(version_num=REVISION))
            found = REVISION
    return found


def _lock(database: Database, connection: sa.Connection, *, shared: bool = False) -> None:
    """The first statement of a transaction on a server: how long to wait for locks, and the lock of the whole."""
    if not database.is_sqlite:  # SQLite's BEGIN IMMEDIATE is the lock
        wait = sa.func.set_config("lock_timeout", str(round(database.busy_seconds * 1000)), True)
        lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        connection.execute(sa.select(wait, lock(_ADVISORY_LOCK)))


def _revision(database: Database, connection: sa.Connection) -> str | None:
    """The stamp, None for an empty database; whatever else is there must be ours."""
    if database.is_sqlite:
        objects = sa.text(
            "SELECT CASE WHEN type = 'table' AND "
            "CASE name WHEN 'search' THEN sql <> :search ELSE sql NOT LIKE 'CREATE TABLE %' END "
            "THEN :odd ELSE type END, name "
            "FROM sqlite_master WHERE type <> 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).bindparams(search=SEARCH_SQLITE, odd=_ODD)
    else:
        objects = sa.text(
            "SELECT 'table', relname FROM pg_class WHERE relkind IN ('r', 'p', 'f') "
            "AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        )
    found = [(row[0], row[1]) for row in connection.execute(objects)]
    if not found:
        if not database.is_sqlite and connection.execute(sa.select(sa.func.current_schema())).scalar_one() is None:
            raise RegistryReadOnly(
                f"the user of the registry {_place(database)} may use no schema of its database",
                hint="ask the owner of the registry; docs/scale.md has the rights of readers and writers",
            )
        return None
    ours = {*metadata.tables, version.name, *(SEARCH_TABLES if database.is_sqlite else {"search"})}
    tables = {name for kind, name in found if kind in ("table", _ODD)}
    stamped = ("table", version.name) in found
    revisions = connection.execute(sa.select(version.c.version_num)).scalars().all() if stamped else []
    newer = len(revisions) == 1 and _order(revisions[0], database) > _order(REVISION, database)
    strange = sorted(f"{kind} {name}" for kind, name in found if kind != "table" and not (newer and kind == _ODD))
    if strange or len(revisions) != 1 or (not newer and tables - ours):
        other = strange or sorted(f"table {name}" for name in tables - ours) or ["no stamp of a cardgen schema"]
        raise NotARegistry(
            f"{_place(database)} is a database of something else: it has {', '.join(other)[:200]}",
            hint="name another file" if database.is_sqlite else "give the registry a database or schema of its own",
        )
    missing = set() if newer else (ours if revisions[0] == REVISION else FIRST_TABLES) - tables
    if missing:
        raise NotARegistry(
            f"{_place(database)} is damaged: it lacks {', '.join(sorted(missing))}", hint="restore a backup of it"
        )
    return str(revisions[0])


def _order(revision: str, database: Database) -> int:
    if re.fullmatch(r"\d{4}", revision) is None:
        raise NotARegistry(f"{_place(database)} has the schema {revision!r:.40} of something else")
    return int(revision)


def _is_recording(connection: sa.Connection) -> bool:
    now = sa.text("SELECT count(*) FROM run WHERE status = 'running' AND heartbeat > :since")
    return bool(connection.execute(now, {"since": time.time_ns() // 1000 - _ACTIVE_MICROSECONDS}).scalar_one())


def _back_up(database: Database, path: Path) -> None:
    """Keep a copy of a file as it is, while this process holds its lock; a damaged one, too."""
    from cardgen.registry.backing import copy_file
    from cardgen.registry.beside import made_beside

    older = Database(database.location, mode="read", create=False)
    target = path.with_name(f"{path.name}.before-{REVISION}")
    with contextlib.closing(older), made_beside(target, replace=True) as part:
        copy_file(older, part, check=False)


def _place(database: Database) -> Any:
    return database.location.path or database.location.url
