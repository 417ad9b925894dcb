"""The writes, each inside a transaction of the caller: a run's rows, its log, the audit.

The document is the truth and the rows follow from it, so both are written together. A run's name is made unique
here, by counting its number up; what a run once got it keeps, also when its recorder goes on to use the name it
had asked for.
"""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import sqlalchemy as sa

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import DocumentError, SettingsError
from cardgen.identity import is_run_id, speakable
from cardgen.record import Run
from cardgen.registry import facts, rows
from cardgen.registry.codec import decode_run, encode_run
from cardgen.registry.engine import Database
from cardgen.registry.joining import joined
from cardgen.registry.retrying import retried
from cardgen.registry.said import Said
from cardgen.registry.tables import audit, document, fact, key, log_event, run

LATEST = "latest"
"""The reference to the newest run: no run gets it as its name."""

TARGET_LIMIT = 2000
"""Characters of the place where a card stands."""

DECISIONS = ("delete", "restore", "purge")
"""What the audit calls that a run is hidden, shown again, or removed for good."""

DETAIL_LIMIT = 2000
"""Characters of what the audit says of an action."""

_STATEMENT_LIMIT = 300  # keys that one statement asks for; SQLite takes 32,766 parameters, older ones 999

Keys = dict[tuple[str, str], int]


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Prepared(NamedTuple):
    """A run ready for `put_run`: its document, and its facts as rows without the run's number."""

    run: Run
    text: str
    facts: list[dict[str, Any]]


def prepare(database: Database, known: Keys, given: Run) -> Prepared:
    """Encode a run, and number the keys of its facts, before the transaction that stores it.

    Raises:
        SettingsError: its id is none.
        DocumentError: a field holds what its type does not allow.
    """
    if not is_run_id(given.id):
        raise SettingsError(f"{given.id!r:.100} cannot be the id of a run", hint="use letters, digits and ._-")
    text = encode_run(given)
    values = rows.facts(given)
    missing = {(item.kind, item.name) for item in values} - known.keys()
    if missing:
        known.update(_numbered(database, missing))
    return Prepared(given, text, _fact_rows(values, known))


@retried
def _numbered(database: Database, missing: set[tuple[str, str]]) -> Keys:
    """The numbers of keys, in a transaction of their own: keys are never taken back, so they stay right."""
    with database.write() as connection:
        return _numbers(database, connection, missing)


def _numbers(database: Database, connection: sa.Connection, wanted: set[tuple[str, str]]) -> Keys:
    """The numbers of keys, which get one now if they have none."""
    missing = sorted(wanted)
    found: Keys = {}
    if missing:
        new = [{"kind": kind, "name": name} for kind, name in missing]
        connection.execute(database.insert(key).on_conflict_do_nothing(), new)
    for start in range(0, len(missing), _STATEMENT_LIMIT):
        names = {name for _, name in missing[start : start + _STATEMENT_LIMIT]}
        query = sa.select(key.c.kind, key.c.name, key.c.number).where(key.c.name.in_(names))
        found.update({(row.kind, row.name): row.number for row in connection.execute(query)})
    return found


def _fact_rows(values: Sequence[rows.Fact], keys: Keys) -> list[dict[str, Any]]:
    return [
        {"key": keys[item.kind, item.name], "position": item.position, "number": item.number, "text": item.text}
        for item in values
    ]


def stored_row(database: Database, connection: sa.Connection, run_id: str) -> sa.Row[Any] | None:
    """The row of a run, locked until the transaction ends; where there is none yet, nobody else can add it."""
    if not is_run_id(run_id):
        return None
    query = sa.select(run).where(run.c.id == run_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None and not database.is_sqlite:
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(run_id))
        connection.execute(sa.select(lock))
        row = connection.execute(query).one_or_none()
    return row


def put_run(
    database: Database,
    connection: sa.Connection,
    prepared: Prepared,
    *,
    folded: int | None,
    heartbeat: int,
) -> Run:
    """Insert or replace a run: row, document and facts. What people set goes before what is given.

    Without `folded`, the number of a spool entry, a hidden run is shown again.

    Returns:
        the run as it is read from now on, with the name it has here.
    """
    given = prepared.run
    row = stored_row(database, connection, given.id)
    if row is None:
        return _create(database, connection, prepared, folded=folded, heartbeat=heartbeat)
    asked = rows.usable_name(given)
    human = facts.of(connection, row.number)
    earlier = _recorded(connection, row.number) if human or folded is not None else None
    if earlier is not None and folded is not None:
        given = joined(earlier, given)
        asked = rows.usable_name(given)
    columns: dict[str, Any] = {}
    name = row.name
    if asked not in (row.name, row.asked_name):
        columns["asked_name"] = asked
        if "name" not in human:
            name = free_name(connection, given.id, asked, row.number)
            note(connection, "rename", given.id, name, f"was {row.name}")
    recorded = dataclasses.replace(given, name=name)
    if human and earlier is not None:
        recorded = corrections.without(recorded, human, earlier)
    if folded is not None:
        columns["folded"] = max(folded, row.folded)
    elif row.deleted is not None:
        columns["deleted"] = None
        note(connection, "restore", given.id, name)
    columns["heartbeat"] = max(heartbeat, row.heartbeat or 0)
    as_prepared = given is prepared.run and not human
    text = prepared.text if as_prepared and name == given.name else encode_run(recorded)
    searched = prepared.facts if as_prepared else None
    return _write(database, connection, row.number, recorded, human, text, searched, columns)


def _create(
    database: Database, connection: sa.Connection, prepared: Prepared, *, folded: int | None, heartbeat: int
) -> Run:
    """Insert a run that was not there a moment ago."""
    given = prepared.run
    asked = rows.usable_name(given)
    name = asked if asked != LATEST else _next_name(connection, given.id, asked)
    insert = database.insert(run).on_conflict_do_nothing().returning(run.c.number)
    while True:
        # Another process may take the name, or store this very run, at any moment: the unique columns decide.
        recorded = given if name == given.name else dataclasses.replace(given, name=name)
        columns = {**rows.run_columns(recorded), "id": given.id, "name": name, "asked_name": asked, "revision": 1}
        columns.update(folded=-1 if folded is None else folded, heartbeat=heartbeat)
        number = connection.execute(insert, columns).scalar_one_or_none()
        if number is not None:
            break
        if stored_row(database, connection, given.id) is not None:
            return put_run(database, connection, prepared, folded=folded, heartbeat=heartbeat)
        name = _next_name(connection, given.id, asked)
    note(connection, "create", given.id, name, None if name == asked else f"asked for {asked}")
    if is_purged(connection, given.id):
        note(connection, "restore", given.id, name)
    text = prepared.text if recorded is given else encode_run(recorded)
    connection.execute(document.insert(), {"run": number, "text": text})
    if prepared.facts:
        connection.execute(fact.insert(), [{"run": number, **item} for item in prepared.facts])
    _index().add(connection, number, recorded)
    return recorded


def put_facts(
    database: Database, connection: sa.Connection, row: sa.Row[Any], recorded: Run, changes: Mapping[str, Value | None]
) -> Run:
    """Change what people say of a run; None takes a fact away. `recorded` is the run without any.

    Returns:
        the run as it is read from now on. A name that is taken gets a number.

    Raises:
        SettingsError: the run has not what a field names.
    """
    before = facts.of(connection, row.number)
    human = corrections.combine(before, changes)
    missing = [field for field, value in changes.items() if value is not None and not corrections.has(recorded, field)]
    if missing:
        raise SettingsError(f"run {row.name} has no {missing[0].rpartition('.')[0]}")
    if human == before:
        return corrections.apply(recorded, human)
    name = row.name
    if human.get("name") != before.get("name"):
        asked = corrections.text(human.get("name")) or row.asked_name
        name = free_name(connection, row.id, asked, row.number)
        if "name" in human:
            human["name"] = name
        note(connection, "rename", row.id, name, f"was {row.name}")
    facts.put(connection, row.number, human, at=now())
    said = " ".join(f"{field}={corrections.text(value)}" for field, value in changes.items())
    note(connection, "set", row.id, name, rows.searchable(said, DETAIL_LIMIT))
    recorded = dataclasses.replace(recorded, name=name)
    return _write(database, connection, row.number, recorded, human, encode_run(recorded), None, {})


def put_said(database: Database, connection: sa.Connection, run_id: str, said: Said) -> bool:
    """Keep what a person said in the training script; False if there is no place for all of it in the run."""
    row = stored_row(database, connection, run_id)
    recorded = None if row is None else _recorded(connection, row.number)
    if row is None or recorded is None:
        return False
    changes = {f: value for f, value in said.facts.items() if value is None or corrections.has(recorded, f)}
    if said.configured:
        there = facts.of(connection, row.number)
        changes = {f: value for f, value in changes.items() if f not in there and value is not None}
    notes = {**recorded.notes, **said.notes}
    if notes != recorded.notes:
        recorded = dataclasses.replace(recorded, notes=notes)
        put_record(database, connection, row, recorded)
        note(connection, "note", row.id, row.name, rows.searchable(", ".join(said.notes), DETAIL_LIMIT))
    if changes:
        put_facts(database, connection, row, recorded, changes)
    return all(value is None or corrections.has(recorded, f) for f, value in said.facts.items())


def put_record(database: Database, connection: sa.Connection, row: sa.Row[Any], recorded: Run) -> Run:
    """Replace what was recorded of a run; what people set stays over it.

    Returns:
        the run as it is read from now on.
    """
    human = facts.of(connection, row.number)
    return _write(database, connection, row.number, recorded, human, encode_run(recorded), None, {})


def _write(
    database: Database,
    connection: sa.Connection,
    number: int,
    recorded: Run,
    human: Mapping[str, Value],
    text: str,
    searched: list[dict[str, Any]] | None,
    columns: dict[str, Any],
) -> Run:
    """Write the document of what was recorded, and rows of what is read: a person's facts over it."""
    shown = corrections.apply(recorded, human)
    columns = {**rows.run_columns(shown), "name": shown.name, "revision": run.c.revision + 1, **columns}
    connection.execute(run.update().where(run.c.number == number).values(**columns))
    insert = database.insert(document)
    insert = insert.on_conflict_do_update(index_elements=[document.c.run], set_={"text": insert.excluded.text})
    connection.execute(insert, {"run": number, "text": text})
    _put_facts(connection, number, _searched(database, connection, shown, {}) if searched is None else searched)
    _index().update(connection, number, shown)
    return shown


def put_rows(database: Database, connection: sa.Connection, number: int, shown: Run, known: Keys) -> None:
    """Make anew the rows that follow from a run as it is read; its document, name and revision stay.

    `known` are numbers of keys, and gets those that were missing.
    """
    connection.execute(run.update().where(run.c.number == number).values(**rows.run_columns(shown)))
    _put_facts(connection, number, _searched(database, connection, shown, known))
    _index().update(connection, number, shown)


def _searched(database: Database, connection: sa.Connection, shown: Run, known: Keys) -> list[dict[str, Any]]:
    values = rows.facts(shown)
    known.update(_numbers(database, connection, {(item.kind, item.name) for item in values} - known.keys()))
    return _fact_rows(values, known)


def _put_facts(connection: sa.Connection, number: int, searched: list[dict[str, Any]]) -> None:
    connection.execute(fact.delete().where(fact.c.run == number))
    if searched:
        connection.execute(fact.insert(), [{"run": number, **item} for item in searched])


def _index() -> ModuleType:
    """The index of the texts, loaded by who writes: who lists runs needs none of it."""
    from cardgen.registry.search import index

    return index


def _recorded(connection: sa.Connection, number: int) -> Run | None:
    """The stored document of a run; None if it is damaged, for what is saved now mends it."""
    try:
        return decode_run(connection.execute(sa.select(document.c.text).where(document.c.run == number)).scalar_one())
    except DocumentError:
        return None


def free_name(connection: sa.Connection, run_id: str, asked: str, number: int) -> str:
    """The name that was asked for, with a number if another run has it."""
    taken = sa.select(run.c.number).where(run.c.name == asked, run.c.number != number)
    if asked != LATEST and connection.execute(taken).first() is None:
        return asked
    return _next_name(connection, run_id, asked)


def _next_name(connection: sa.Connection, run_id: str, asked: str) -> str:
    """The name with its number counted up: `amber-otter-3` to `-4`, and a name that a person gave to `NAME-2`."""
    stem, first = asked, 2
    if asked == speakable(run_id):
        stem, _, number = asked.rpartition("-")
        first = int(number) + 1
    stem = stem[: rows.NAME_LIMIT - 12]
    # Everything that starts with "STEM-" sorts between it and "STEM.": the dot follows the dash.
    family = sa.select(run.c.name).where(run.c.name >= f"{stem}-", run.c.name < f"{stem}.")
    numbered = re.compile(re.escape(stem) + r"-([1-9][0-9]{0,9})")
    numbers = [int(match[1]) for name in connection.execute(family).scalars() if (match := numbered.fullmatch(name))]
    return f"{stem}-{max([first, *(number + 1 for number in numbers)])}"


def purge(connection: sa.Connection, number: int) -> None:
    """Remove a run's row and all that hangs on it; the audit stays."""
    for table in (fact, log_event, document):  # the large ones first, each at once
        connection.execute(table.delete().where(table.c.run == number))
    _index().delete(connection, number)
    connection.execute(run.delete().where(run.c.number == number))


def note(
    connection: sa.Connection, action: str, run_id: str | None, name: str | None, detail: str | None = None
) -> None:
    """Append to the audit who did what when; without a run it was done to the whole registry."""
    entry = {"at": now(), "actor": actor(), "action": action, "run_id": run_id, "name": name, "detail": detail}
    connection.execute(audit.insert(), entry)


def is_purged(connection: sa.Connection, run_id: str) -> bool:
    """Whether the last that was decided about a run was that it is purged."""
    if not is_run_id(run_id):
        return False
    decided = sa.select(audit.c.action).where(audit.c.run_id == run_id, audit.c.action.in_(DECISIONS))
    # by time: what came from another registry has a greater number than what was done here before
    last = decided.order_by(audit.c.at.desc(), audit.c.number.desc()).limit(1)
    return connection.execute(last).scalar_one_or_none() == "purge"


def actor() -> str:
    """Who does something here: user and machine."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or (str(os.getuid()) if hasattr(os, "getuid") else "?")
    return rows.searchable(f"{user}@{socket.gethostname()}")
