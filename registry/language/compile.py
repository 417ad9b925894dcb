"""A query as SQL: what `evaluate` says of one run, asked of a whole registry. Values are bound, never written out.

Every condition is true or false, never NULL, so that NOT is the complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.operators import custom_op

from cardgen.registry.engine import Database
from cardgen.registry.language.binding import STATUSES, All, Bound, Check, No, Some, Words
from cardgen.registry.language.evaluate import ORDERS, holds
from cardgen.registry.language.keys import LOG, Column, Fact, History
from cardgen.registry.language.stored import StoredKeys, among, texts
from cardgen.registry.tables import fact, history, run

FEW, MANY = 250, 10_000
"""SQLite begins with a check that only few runs pass, and makes a set of the runs that pass one that is not for many.

Else it begins where the order does, and looks at the facts of each run: this is soon enough when many runs pass.
"""


@dataclass(frozen=True, slots=True)
class Narrow:
    """The check of a query that the fewest runs pass; it `leads` if they are few."""

    check: Check
    leads: bool


class Compiler:
    """Queries of one registry as SQL over `run`, inside one transaction; `status` is the derived status of a run."""

    def __init__(
        self, database: Database, connection: sa.Connection, keys: StoredKeys, status: sa.ColumnElement[str]
    ) -> None:
        self._database = database
        self._connection = connection
        self._keys = keys
        self._status = status

    def where(
        self, query: Bound, narrow: Narrow | None = None, number: sa.ColumnElement[int] = run.c.number
    ) -> sa.ColumnElement[bool]:
        """The condition on `run` for what a query asks; `number` is the column of the run's number that sorts."""
        if isinstance(query, Words):
            return self._database.contains(run.c.words, query.folded)
        if isinstance(query, No):
            return sa.not_(self.where(query.item))
        if isinstance(query, All):
            return sa.and_(sa.true(), *(self.where(item, narrow, number) for item in query.items))
        if isinstance(query, Some):
            return sa.or_(sa.false(), *(self.where(item) for item in query.items))
        if narrow is not None and query is narrow.check:
            return (run.c.number if narrow.leads else self.unindexed(number)).in_(self._runs_with(query))
        return self._check(query)

    def measured(self, names: Sequence[str]) -> sa.ColumnElement[bool]:
        """The condition on `run` that it has a result of one of these metrics, by their full names."""
        numbers = [self.fact_key(Fact("metrics", name)) for name in names]
        row = sa.and_(fact.c.run == run.c.number, fact.c.key.in_(numbers))
        return _exists(fact, row, sa.true())

    def narrow(self, query: Bound) -> Narrow | None:
        """The check that the fewest runs pass, of those that every run found must pass; None if many pass each.

        PostgreSQL knows by its statistics where to begin; SQLite is told.
        """
        if not self._database.is_sqlite:
            return None
        items = query.items if isinstance(query, All) else (query,)
        checks = [item for item in items if isinstance(item, Check) and isinstance(item.operand, Fact)]
        fewest, least = None, MANY
        for check in sorted(checks, key=lambda check: check.operator != "="):
            if check.operator != "!=":
                some = self._runs_with(check).limit(least + 1).subquery()
                count = self._connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
                if count <= least:
                    fewest, least = check, count
        return None if fewest is None else Narrow(fewest, least <= FEW)

    def column(self, name: str) -> sa.ColumnElement[Any]:
        """A column of `run`, the status as derived."""
        return self._status if name == "status" else run.c[name]

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The column behind a plus, which changes nothing but that SQLite takes no index for it."""
        if not self._database.is_sqlite:
            return column
        return sa.UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def fact_key(self, operand: Fact) -> int:
        """The number of a fact's key; -1, which is none, if no run has it."""
        number = self._keys.number(operand.family, operand.name)
        return -1 if number is None else number

    def log_key(self, operand: History) -> int:
        """The number of the key of a history; -1 if no run has it."""
        number = self._keys.number(LOG, operand.name)
        return -1 if number is None else number

    def _check(self, check: Check) -> sa.ColumnElement[bool]:
        operand = check.operand
        if isinstance(operand, Column):
            column = self.column(operand.name)
            is_text = operand.kind == "text"
            parts = self._parts(check, None if is_text else column, column if is_text else None)
            return _present(column, check, parts)
        if isinstance(operand, History):
            column = history.c[operand.moment]
            row = sa.and_(history.c.run == run.c.number, history.c.key == self.log_key(operand), column.is_not(None))
            parts = self._parts(check, column, None)
            return _exists(history, row, _any(parts, negated=check.operator == "!="))
        row = sa.and_(fact.c.run == run.c.number, fact.c.key == self.fact_key(operand))
        # A run's facts are looked up by its number; the index of the values would be gone through anew for each run.
        number, text = self.unindexed(fact.c.number), self.unindexed(fact.c.text)
        found = _exists(fact, row, _any(self._parts(check, number, text)))
        return found if check.operator != "!=" else sa.and_(_exists(fact, row, sa.true()), sa.not_(found))

    def _runs_with(self, check: Check) -> sa.Select[tuple[int]]:
        """The numbers of the runs that pass a check of facts: each part has an index of its own."""
        operand = check.operand
        assert isinstance(operand, Fact)
        wanted = fact.c.key == self.fact_key(operand)
        parts = [sa.select(fact.c.run).where(wanted, part) for part in self._parts(check, fact.c.number, fact.c.text)]
        if len(parts) == 1:
            return parts[0]
        together = sa.union_all(*(parts or [sa.select(fact.c.run).where(sa.false())])).subquery()
        return sa.select(together.c.run)

    def _parts(
        self, check: Check, number: sa.ColumnElement[Any] | None, text: sa.ColumnElement[Any] | None
    ) -> list[sa.ColumnElement[bool]]:
        """The conditions on one value, any of which makes it pass: those on its number, and those on its text."""
        if text is not None and (check.operator == "~" or check.operand.kind == "version"):
            # Case and versions are Python's: the database is asked which texts there are, and gets those that hold.
            known = [one for one in self._known_texts(check) if holds(check, None, one)]
            return [sa.and_(text.is_not(None), among(self._database, text, known))] if known else []
        parts: list[sa.ColumnElement[bool]] = []
        if check.operator in ("=", "!="):
            numbers = [term.number for term in check.terms if term.number is not None]
            if number is not None and numbers:
                parts.append(sa.and_(number.is_not(None), number.in_(numbers)))
            for term in check.terms:
                if number is not None and term.times is not None:
                    parts.append(sa.and_(number.is_not(None), number >= term.times[0], number < term.times[1]))
            if text is not None:
                wanted = list(dict.fromkeys(one for term in check.terms for one in term.texts))
                parts.append(sa.and_(text.is_not(None), text.in_(wanted)))
            return parts
        [term] = check.terms
        compare = ORDERS[check.operator]
        if term.times is not None:
            border = term.times[1] if check.operator in ("<=", ">") else term.times[0]
            compare = ORDERS["<"] if check.operator.startswith("<") else ORDERS[">="]
            return [] if number is None else [sa.and_(number.is_not(None), compare(number, border))]
        if term.number is not None:
            return [] if number is None else [sa.and_(number.is_not(None), compare(number, term.number))]
        return [] if text is None else [sa.and_(text.is_not(None), compare(text, term.texts[0]))]

    def _known_texts(self, check: Check) -> Sequence[str]:
        operand = check.operand
        if isinstance(operand, Fact):
            return texts(self._connection, self.fact_key(operand))
        assert isinstance(operand, Column)
        if operand.name == "status":
            return STATUSES
        column = run.c[operand.name]
        query = sa.select(column).where(column.is_not(None)).distinct()
        return list(self._connection.execute(query).scalars())


def _present(
    column: sa.ColumnElement[Any], check: Check, parts: list[sa.ColumnElement[bool]]
) -> sa.ColumnElement[bool]:
    return sa.and_(column.is_not(None), _any(parts, negated=check.operator == "!="))


def _any(parts: list[sa.ColumnElement[bool]], *, negated: bool = False) -> sa.ColumnElement[bool]:
    found = sa.or_(sa.false(), *parts)
    return sa.not_(found) if negated else found


def _exists(table: sa.Table, row: sa.ColumnElement[bool], value: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists(sa.select(1).select_from(table).where(row, value).correlate(run))
