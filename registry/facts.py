"""What people know better than the record: kept apart from it, and put over it whenever a run is read.

A fact that was taken back leaves a row without a value: when it was taken back must be known where two registries meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import DocumentError, SettingsError
from cardgen.registry.codec import decode_value, encode_value
from cardgen.registry.parts import parts
from cardgen.registry.tables import human_fact

_OF = (
    sa.select(human_fact)
    .where(human_fact.c.run.in_(sa.bindparam("runs", expanding=True)))
    .order_by(human_fact.c.run, human_fact.c.field)
)


def of(connection: sa.Connection, number: int) -> dict[str, Value]:
    """The facts that people set of a run, by field."""
    return of_many(connection, [number]).get(number, {})


def of_many(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, dict[str, Value]]:
    """The facts that people set, by the run's number; a run without any is not in it.

    Raises:
        DocumentError: a stored fact cannot be read.
    """
    wanted = list(numbers)
    found: dict[int, dict[str, Value]] = {}
    for some in parts(wanted):
        for row in connection.execute(_OF, {"runs": some}):
            value = decoded(row.field, row.value)
            if value is not None:
                found.setdefault(row.run, {})[row.field] = value
    return found


def put(connection: sa.Connection, number: int, facts: Mapping[str, Value], *, at: int) -> None:
    """Make these the facts that people set of a run; those that stay as they are keep their time."""
    there = of(connection, number)
    changed = [field for field in {**there, **facts} if there.get(field) != facts.get(field)]
    if not changed:
        return
    rows = sa.and_(human_fact.c.run == number, human_fact.c.field.in_(changed))
    times = {
        row.field: row.at for row in connection.execute(sa.select(human_fact.c.field, human_fact.c.at).where(rows))
    }
    connection.execute(human_fact.delete().where(rows))
    new = [
        # Later than what it takes the place of, also where a clock was turned back.
        {"field": field, "value": encode_value(facts.get(field)), "at": max(at, times.get(field, at - 1) + 1)}
        for field in changed
    ]
    connection.execute(human_fact.insert(), [{"run": number, **row} for row in new])


def decoded(field: str, text: str) -> Value | None:
    """A fact as it is stored; None for one that was taken back.

    Raises:
        DocumentError: it cannot be read.
    """
    try:
        return corrections.check({field: decode_value(text)})[field]
    except SettingsError as error:
        raise DocumentError(
            f"the fact {field!r:.100} that somebody set cannot be read: {error}",
            hint="it may be of a newer cardgen: pip install --upgrade cardgen",
        ) from error
