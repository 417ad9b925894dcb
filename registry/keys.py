"""The keys that can be asked of a registry, how many runs have them, and the values that they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import sqlalchemy as sa

from cardgen.registry import rows
from cardgen.registry.language.binding import STATUSES, bind_key
from cardgen.registry.language.grammar import quote, written_key
from cardgen.registry.language.keys import COLUMNS, FAMILIES, LOG, RUN_FACTS, Column, Fact, known
from cardgen.registry.language.stored import StoredKeys, texts
from cardgen.registry.tables import fact, history, key, run

KeyKind: TypeAlias = Literal["text", "number", "number or text", "time", "version", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """A key that can be asked: what its values are, and how many runs have it.

    The kind `log` is for what stands in logs, which `best( )`, `last( )`, `min( )` and `max( )` take.
    """

    key: str
    kind: KeyKind
    runs: int


def used(connection: sa.Connection, prefix: str = "") -> list[KeyUse]:
    """The keys that begin so and that runs have, hidden runs left out: columns, then facts, then those of logs."""
    found = [*_columns(connection), *_facts(connection), *_logs(connection)]
    return [use for use in found if use.runs and use.key.startswith(prefix)]


def names(connection: sa.Connection, prefix: str) -> list[str]:
    """The keys that begin so, without counts; quick enough for a shell that waits."""
    return [name for name in known(StoredKeys(connection), start=prefix) if name.startswith(prefix)]


def values(connection: sa.Connection, name: str, prefix: str, limit: int) -> list[str]:
    """Texts that a key has in some run and that begin so, as a query takes them, at most `limit`.

    Raises:
        QueryError: there is no such key.
    """
    stored = StoredKeys(connection)
    operand = bind_key(name, stored)
    found: list[str] = []
    if isinstance(operand, Fact):
        number = stored.number(operand.family, operand.name)
        found = [] if number is None else texts(connection, number)
    elif isinstance(operand, Column) and operand.name == "status":
        found = sorted(STATUSES)
    elif isinstance(operand, Column) and operand.kind == "text":
        column = run.c[operand.name]
        query = sa.select(column).where(column.is_not(None), run.c.deleted.is_(None)).distinct().order_by(column)
        found = list(connection.execute(query.where(column >= rows.searchable(prefix)).limit(limit)).scalars())
    written = (text if _is_word(text) else quote(text) for text in found if text.startswith(prefix))
    return [text for text, _ in zip(written, range(limit), strict=False)]


def _is_word(text: str) -> bool:
    return written_key(f"x.{text}") == f"x.{text}"


def _columns(connection: sa.Connection) -> Iterator[KeyUse]:
    counts = sa.select(*(sa.func.count(run.c[name]) for name in COLUMNS)).where(run.c.deleted.is_(None))
    for (name, kind), runs in zip(COLUMNS.items(), connection.execute(counts).one(), strict=True):
        yield KeyUse(key=name, kind="number" if kind == "any" else kind, runs=runs)


def _facts(connection: sa.Connection) -> Iterator[KeyUse]:
    hidden = sa.select(run.c.number).where(run.c.deleted.is_not(None))
    counts = (sa.func.count(), sa.func.count(fact.c.number))
    uses = sa.select(fact.c.key, *(count.label(f"count{at}") for at, count in enumerate(counts)))
    uses = uses.where(fact.c.position == 0, fact.c.run.not_in(hidden)).group_by(fact.c.key)
    counted = uses.subquery()
    query = sa.select(key.c.kind, key.c.name, counted.c.count0, counted.c.count1)
    query = query.join(counted, counted.c.key == key.c.number).order_by(key.c.kind, key.c.name)
    for family, name, runs, numbers in connection.execute(query):
        if family == "run" and name in RUN_FACTS:
            yield KeyUse(key=name, kind="text", runs=runs)
        elif family in FAMILIES:
            yield KeyUse(key=written_key(f"{family}.{name}"), kind=_kind(family, runs, numbers), runs=runs)


def _kind(family: str, runs: int, numbers: int) -> KeyKind:
    if family == "versions":
        return "version"
    return "number" if numbers == runs else "number or text" if numbers else "text"


def _logs(connection: sa.Connection) -> Iterator[KeyUse]:
    joined = history.join(key, key.c.number == history.c.key).join(run, run.c.number == history.c.run)
    query = sa.select(key.c.name, sa.func.count()).select_from(joined).where(key.c.kind == LOG, run.c.deleted.is_(None))
    for name, runs in connection.execute(query.group_by(key.c.name).order_by(key.c.name)):
        yield KeyUse(key=written_key(f"metrics.{name}"), kind="log", runs=runs)
