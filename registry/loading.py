"""Many runs saved at once: new ones go in by the thousand, as if they had been saved one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from cardgen.record import Run
from cardgen.registry import adding, auditing, rows, writing
from cardgen.registry.engine import Database
from cardgen.registry.naming import LATEST
from cardgen.registry.parts import parts
from cardgen.registry.preparing import Keys, Prepared, prepare
from cardgen.registry.retrying import retried
from cardgen.registry.tables import run

AT_ONCE, AT_ONCE_ON_SERVER = 1000, 200
"""Runs of a transaction. Other writers of a file wait for about a second; in smaller ones each run costs more, because
all of them change the same pages of the indexes. A server holds a lock for each run."""

BYTES_AT_ONCE = 32 << 20
"""Of documents, about; a transaction ends with the run that reaches them."""


def save_all(database: Database, keys: Keys, runs: Iterable[Run]) -> int:
    """Save runs, `AT_ONCE` in a transaction; see `Registry.save_all`."""
    limit = AT_ONCE if database.is_sqlite else AT_ONCE_ON_SERVER
    count, size, some = 0, 0, []
    for one in runs:
        some.append(prepare(database, keys, one))
        count, size = count + 1, size + len(some[-1].text)
        if len(some) == limit or size >= BYTES_AT_ONCE:
            _save(database, some)
            size, some = 0, []
    if some:
        _save(database, some)
    return count


@retried
def _save(database: Database, runs: Sequence[Prepared]) -> None:
    heartbeat = auditing.now()
    with database.write(many=True) as connection:
        taken = _taken(database, connection, runs)
        for is_new, group in _groups(runs, taken):
            added: set[str] = set()
            if is_new:
                new = [(item, item.run) for item in group]
                added = adding.add_all(database, connection, new, folded=None, heartbeat=heartbeat)
            for item in group:
                if item.run.id not in added:  # or somebody took its name in this moment
                    taken.add(writing.put_run(database, connection, item, folded=None, heartbeat=heartbeat).name)


def _taken(database: Database, connection: sa.Connection, runs: Sequence[Prepared]) -> set[str]:
    """Ids and names that a run must not have to be new, or to get the name that it asks for."""
    taken = {LATEST}
    if not database.is_sqlite:
        for run_id in sorted({item.run.id for item in runs}):  # two that save alike do not wait crosswise
            writing.stored_row(database, connection, run_id)
    for column, wanted in ((run.c.id, [item.run.id for item in runs]), (run.c.name, [item.run.name for item in runs])):
        for some in parts([rows.searchable(text) for text in wanted]):
            taken.update(connection.execute(sa.select(column).where(column.in_(some))).scalars())
    return taken


def _groups(runs: Sequence[Prepared], taken: set[str]) -> Iterator[tuple[bool, list[Prepared]]]:
    """The runs in their order, those beside each other together that can be added at once; adds to `taken`."""
    group: list[Prepared] = []
    for item in runs:
        given = item.run
        if given.id in taken or given.name in taken or rows.usable_name(given) != given.name:
            if group:
                yield True, group
            yield False, [item]
            group = []
        else:
            group.append(item)
        taken.update((given.id, given.name))
    if group:
        yield True, group
