"""The writes, each inside a transaction of the caller: a run's rows, its log, the audit.

The document is the truth and the rows follow from it, so both are written together. The name that a run once got it
keeps, also when its recorder goes on to use the name it had asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import DocumentError, SettingsError
from cardgen.identity import is_run_id
from cardgen.record import Run
from cardgen.registry import adding, auditing, facts, naming, rows
from cardgen.registry.codec import decode_run, encode_run
from cardgen.registry.engine import Database
from cardgen.registry.joining import joined
from cardgen.registry.preparing import FactRow, Keys, Prepared, fact_rows, insert_facts
from cardgen.registry.said import Said
from cardgen.registry.tables import document, fact, log_event, run


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
        added = adding.add(database, connection, prepared, folded=folded, heartbeat=heartbeat)
        # None: somebody stored it meanwhile
        return added or put_run(database, connection, prepared, folded=folded, heartbeat=heartbeat)
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
            name = naming.free_name(connection, given.id, asked, row.number)
            auditing.note(connection, "rename", given.id, name, f"was {row.name}")
    recorded = dataclasses.replace(given, name=name)
    if human and earlier is not None:
        recorded = corrections.without(recorded, human, earlier)
    if folded is not None:
        columns["folded"] = max(folded, row.folded)
    elif row.deleted is not None:
        columns["deleted"] = None
        auditing.note(connection, "restore", given.id, name)
    columns["heartbeat"] = max(heartbeat, row.heartbeat or 0)
    as_prepared = given is prepared.run and not human
    text = prepared.text if as_prepared and name == given.name else encode_run(recorded)
    searched = prepared.facts if as_prepared else None
    return _write(database, connection, row.number, recorded, human, text, searched, columns)


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
        name = naming.free_name(connection, row.id, asked, row.number)
        if "name" in human:
            human["name"] = name
        auditing.note(connection, "rename", row.id, name, f"was {row.name}")
    facts.put(connection, row.number, human, at=auditing.now())
    said = " ".join(f"{field}={corrections.text(value)}" for field, value in changes.items())
    auditing.note(connection, "set", row.id, name, rows.searchable(said, auditing.DETAIL_LIMIT))
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
        detail = rows.searchable(", ".join(said.notes), auditing.DETAIL_LIMIT)
        auditing.note(connection, "note", row.id, row.name, detail)
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
    searched: list[FactRow] | None,
    columns: dict[str, Any],
) -> Run:
    """Write the document of what was recorded, and rows of what is read: a person's facts over it."""
    shown = corrections.apply(recorded, human)
    columns = {**rows.run_columns(shown), "name": shown.name, "revision": run.c.revision + 1, **columns}
    connection.execute(run.update().where(run.c.number == number).values(**columns))
    insert = database.insert(document)
    insert = insert.on_conflict_do_update(index_elements=[document.c.run], set_={"text": insert.excluded.text})
    connection.execute(insert, {"run": number, "text": text})
    _put_facts(connection, number, fact_rows(database, connection, shown, {}) if searched is None else searched)
    _index().update(connection, number, shown)
    return shown


def put_rows(database: Database, connection: sa.Connection, number: int, shown: Run, known: Keys) -> None:
    """Make anew the rows that follow from a run as it is read; its document, name and revision stay.

    `known` are numbers of keys, and gets those that were missing.
    """
    connection.execute(run.update().where(run.c.number == number).values(**rows.run_columns(shown)))
    _put_facts(connection, number, fact_rows(database, connection, shown, known))
    _index().update(connection, number, shown)


def _put_facts(connection: sa.Connection, number: int, searched: list[FactRow]) -> None:
    connection.execute(fact.delete().where(fact.c.run == number))
    insert_facts(connection, [(number, searched)])


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


def purge(connection: sa.Connection, number: int) -> None:
    """Remove a run's row and all that hangs on it; the audit stays."""
    for table in (fact, log_event, document):  # the large ones first, each at once
        connection.execute(table.delete().where(table.c.run == number))
    _index().delete(connection, number)
    connection.execute(run.delete().where(run.c.number == number))
