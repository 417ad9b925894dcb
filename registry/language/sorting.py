"""The order of a listing as SQL: numbers, then texts, then what is missing, each part a query that an index answers.

A page begins after a place in this order (keyset), which a cursor names: no query counts what it passes over.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cardgen.errors import QueryError
from cardgen.registry.language.binding import Order
from cardgen.registry.language.compile import Compiler
from cardgen.registry.language.evaluate import NAN
from cardgen.registry.language.keys import Column, History, Operand, written
from cardgen.registry.language.stored import texts
from cardgen.registry.language.versions import Version, version
from cardgen.registry.rows import TEXT_LIMIT, searchable
from cardgen.registry.tables import fact, history, run

NUMBERS, TEXTS, MISSING = range(3)

_LARGEST = 1 << 63
_WHOLE = ("created", "started", "ended", "revision")
_SORTED = fact.alias("sorted")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an order: the part, the value there (None where it is missing), the number of the run's row."""

    part: int
    value: Any
    number: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an order: `source` is `run` and what it is joined to, `value` what sorts, then `number`.

    `inward` and `outward` turn what stands in a cursor into what the database compares, and back.
    """

    rank: int
    source: sa.FromClause
    condition: sa.ColumnElement[bool]
    value: sa.ColumnElement[Any] | None
    number: sa.ColumnElement[int]
    inward: Callable[[Any], Any] = lambda value: value
    outward: Callable[[Any], Any] = lambda value: value

    def after(self, place: Place, *, down: bool) -> sa.ColumnElement[bool]:
        """What comes after a place in this part."""
        if self.value is None:
            return self.number < place.number if down else self.number > place.number
        here = sa.tuple_(self.value, self.number)
        there = sa.tuple_(sa.literal(self.inward(place.value), self.value.type), sa.literal(place.number))
        return here < there if down else here > there

    def order(self, *, down: bool) -> list[sa.ColumnElement[Any]]:
        """What the rows of this part are ordered by."""
        columns = [self.number] if self.value is None else [self.value, self.number]
        return [column.desc() if down else column.asc() for column in columns]


def parts(order: Order, compiler: Compiler, connection: sa.Connection, *, by_filter: bool) -> Iterator[Part]:
    """The parts of an order, first to last. With `by_filter`, SQLite does not go by the order's index."""
    operand = order.operand
    led = compiler.unindexed if by_filter else _as_it_is
    if isinstance(operand, Column):
        column = compiler.column(operand.name)
        rank = TEXTS if operand.kind == "text" else NUMBERS
        yield Part(rank, run, column.is_not(None), led(column), run.c.number)
        yield Part(MISSING, run, column.is_(None), None, run.c.number)
        return
    if isinstance(operand, History):
        value = history.c[operand.moment]
        row = sa.and_(history.c.run == run.c.number, history.c.key == compiler.log_key(operand))
        yield Part(NUMBERS, run.join(history, row), value.is_not(None), value, run.c.number)
        yield Part(MISSING, run, _without(history, row, value.is_not(None)), None, run.c.number)
        return
    number = compiler.fact_key(operand)
    here = _SORTED
    row = _first(here, number)
    if operand.kind == "version":
        yield from _by_version(here, row, texts(connection, number), connection)
        return
    yield Part(NUMBERS, run.join(here, row), led(here.c.number).is_not(None), here.c.number, here.c.run)
    is_text = sa.and_(here.c.number.is_(None), led(here.c.text).is_not(None), here.c.text != NAN)
    yield Part(TEXTS, run.join(here, row), is_text, here.c.text, here.c.run)
    sorts = sa.or_(fact.c.number.is_not(None), sa.and_(fact.c.text.is_not(None), fact.c.text != NAN))
    yield Part(MISSING, run, _without(fact, _first(fact, number), sorts), None, run.c.number)


def _first(table: Any, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.run == run.c.number, table.c.key == number, table.c.position == 0)


def _without(table: sa.Table, row: sa.ColumnElement[bool], value: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.not_(sa.exists(sa.select(1).select_from(table).where(row, value).correlate(run)))


def _as_it_is(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return column


def _by_version(here: Any, row: sa.ColumnElement[bool], known: list[str], connection: sa.Connection) -> list[Part]:
    """By the rank of each version, which Python knows; equal versions have one rank."""
    found = {text: one for text in known if (one := version(text)) is not None}
    ranked = sorted(set(found.values()))
    ranks = {one: rank for rank, one in enumerate(ranked)}
    names = {ranks[one]: text for text, one in found.items()}
    table = _table({text: ranks[one] for text, one in found.items()}, connection)
    joined = run.join(here, row).join(table, table.c.key == here.c.text)
    unranked = sa.not_(sa.exists(sa.select(1).select_from(here.join(table, table.c.key == here.c.text)).where(row)))
    return [
        Part(
            NUMBERS,
            joined,
            sa.true(),
            sa.cast(table.c.value, sa.Double),
            here.c.run,
            inward=lambda text: _rank(ranked, text),
            outward=lambda rank: names[round(rank)],
        ),
        Part(MISSING, run, unranked, None, run.c.number),
    ]


def _rank(ranked: list[Version], text: Any) -> float:
    """The rank of a version; of one that is no more there, between those of its neighbours."""
    one = version(text) if isinstance(text, str) else None
    if one is None:
        raise ValueError("no version")
    rank = bisect.bisect_left(ranked, one)
    return float(rank) if rank < len(ranked) and ranked[rank] == one else rank - 0.5


def _table(ranks: dict[str, int], connection: sa.Connection) -> sa.TableValuedAlias:
    """Texts and their ranks as a table with `key` and `value`, from one parameter."""
    text = sa.literal(json.dumps(ranks), sa.Text)
    if connection.dialect.name == "sqlite":
        return sa.func.json_each(text).table_valued("key", "value")
    from sqlalchemy.dialects.postgresql import JSON

    return sa.func.json_each_text(sa.cast(text, JSON)).table_valued("key", "value")


def cursor(order: Order, place: Place) -> str:
    """A place as text that says nothing to people."""
    content = json.dumps([_name(order), place.part, place.value, place.number], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def place(order: Order, text: str) -> Place:
    """The place that `cursor` wrote.

    Raises:
        QueryError: it is no cursor, or one of another order.
    """
    try:
        content = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        name, part, value, number = content
        if not (isinstance(name, str) and type(number) is int and -_LARGEST <= number < _LARGEST):
            raise ValueError("no place")
        if type(part) is not int or not _can_be(order.operand, part, value):
            raise ValueError("no place")
    except (ValueError, TypeError, LookupError, binascii.Error, RecursionError) as error:
        raise QueryError(f"{text!r:.80} is no cursor", hint="take it from the page before, as it is") from error
    if name != _name(order):
        raise QueryError("the cursor is of a listing in another order", hint=f"it was sorted by {name[:100]}")
    return Place(part, value, number)


def _name(order: Order) -> str:
    return f"{'-' if order.down else ''}{written(order.operand)}"


def _can_be(operand: Operand, part: int, value: Any) -> bool:
    """Whether a value can stand in a part of an order."""
    if part == MISSING:
        return value is None
    if part == TEXTS or operand.kind == "version":
        return type(value) is str and len(value) <= TEXT_LIMIT and value == searchable(value)
    whole = type(value) is int and -_LARGEST <= value < _LARGEST
    if isinstance(operand, Column) and operand.name in _WHOLE:
        return whole
    return whole or (type(value) is float and not math.isnan(value))
