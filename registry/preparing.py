"""What a run is stored as, made before the transaction that stores it: its document, and its facts as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import sqlalchemy as sa

from cardgen.errors import SettingsError
from cardgen.identity import is_run_id
from cardgen.record import Run
from cardgen.registry import rows
from cardgen.registry.codec import encode_run
from cardgen.registry.engine import Database
from cardgen.registry.parts import parts
from cardgen.registry.retrying import retried
from cardgen.registry.tables import key

_INSERT = "INSERT INTO fact (run, key, position, number, text) VALUES"
Keys: TypeAlias = dict[tuple[str, str], int]
"""The numbers of keys that are known, by kind and name."""

FactRow: TypeAlias = tuple[int, int, float | None, str | None]
"""A fact without the number of its run: the number of its key, its position, and its value as number and as text."""


class Prepared(NamedTuple):
    """A run ready to be stored: its document, and its facts as rows without the run's number."""

    run: Run
    text: str
    facts: list[FactRow]


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
    for some in parts(missing):
        names = {name for _, name in some}
        query = sa.select(key.c.kind, key.c.name, key.c.number).where(key.c.name.in_(names))
        found.update({(row.kind, row.name): row.number for row in connection.execute(query)})
    return found


def _fact_rows(values: Sequence[rows.Fact], keys: Keys) -> list[FactRow]:
    return [(keys[kind, name], position, number, text) for kind, name, position, number, text in values]


def fact_rows(database: Database, connection: sa.Connection, shown: Run, known: Keys) -> list[FactRow]:
    """The facts of a run as it is read; `known` gets the numbers of keys that were missing."""
    values = rows.facts(shown)
    known.update(_numbers(database, connection, {(item.kind, item.name) for item in values} - known.keys()))
    return _fact_rows(values, known)


def insert_facts(connection: sa.Connection, new: Iterable[tuple[int, list[FactRow]]]) -> None:
    """Add the facts of runs that have none, given with their numbers. By the driver alone: there are many."""
    found = [(number, *item) for number, items in new for item in items]
    if found:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(f"{_INSERT} ({', '.join([mark] * 5)})", found)
