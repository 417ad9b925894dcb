"""Runs that a registry has not yet: their rows, documents, facts and index, of many in a few statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from cardgen.record import Run
from cardgen.registry import auditing, rows
from cardgen.registry.codec import encode_run
from cardgen.registry.engine import Database
from cardgen.registry.naming import LATEST, next_name
from cardgen.registry.preparing import Prepared, insert_facts
from cardgen.registry.tables import document, run


def add(
    database: Database, connection: sa.Connection, prepared: Prepared, *, folded: int | None, heartbeat: int
) -> Run | None:
    """Add a run that was not there a moment ago, under the next free name if its own is taken.

    Returns:
        the run as it is stored; None if somebody else stored it meanwhile.
    """
    given = prepared.run
    asked = rows.usable_name(given)
    name = asked if asked != LATEST else next_name(connection, given.id, asked)
    while True:
        # Another process may take the name, or store this very run, at any moment: the unique columns decide.
        recorded = given if name == given.name else dataclasses.replace(given, name=name)
        if add_all(database, connection, [(prepared, recorded)], folded=folded, heartbeat=heartbeat):
            return recorded
        if connection.execute(sa.select(run.c.number).where(run.c.id == given.id)).first() is not None:
            return None
        name = next_name(connection, given.id, asked)


def add_all(
    database: Database,
    connection: sa.Connection,
    new: Sequence[tuple[Prepared, Run]],
    *,
    folded: int | None,
    heartbeat: int,
) -> set[str]:
    """Add runs, each given as it was prepared and with the name that it is to have.

    Returns:
        the ids of those that were added: of the others the id or the name is taken.
    """
    insert = database.insert(run).on_conflict_do_nothing().returning(run.c.id, run.c.number)
    common = {"revision": 1, "folded": -1 if folded is None else folded, "heartbeat": heartbeat}
    columns = [
        {**rows.run_columns(shown), "id": shown.id, "name": shown.name, "asked_name": rows.usable_name(item.run)}
        | common
        for item, shown in new
    ]
    numbers = {row.id: row.number for row in connection.execute(insert, columns)}
    added = [(numbers[shown.id], item, shown) for item, shown in new if shown.id in numbers]
    if added:
        _note(connection, [(item.run, shown) for _, item, shown in added])
        texts = [(number, item.text if shown is item.run else encode_run(shown)) for number, item, shown in added]
        connection.execute(document.insert(), [{"run": number, "text": text} for number, text in texts])
        insert_facts(connection, [(number, item.facts) for number, item, _ in added])
        from cardgen.registry.search import index  # takes a while to load: who lists runs needs none of it

        index.add(connection, [(number, shown) for number, _, shown in added])
    return set(numbers)


def _note(connection: sa.Connection, added: Sequence[tuple[Run, Run]]) -> None:
    """Say in the audit what was added, and what of it comes back."""
    entries = []
    purged = auditing.purged(connection, [shown.id for _, shown in added])
    for given, shown in added:
        asked = rows.usable_name(given)
        detail = None if shown.name == asked else f"asked for {asked}"
        entries.append(auditing.entry("create", shown.id, shown.name, detail))
        if shown.id in purged:
            entries.append(auditing.entry("restore", shown.id, shown.name))
    auditing.append(connection, entries)
