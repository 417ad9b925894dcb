"""What a listing shows of runs: rows of `run`, and any other key, without their documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cardgen.record import Displayed
from cardgen.registry import rows
from cardgen.registry.language.binding import bind_key
from cardgen.registry.language.compile import Compiler
from cardgen.registry.language.keys import COLUMNS, Column, Fact, History, Operand
from cardgen.registry.language.stored import StoredKeys
from cardgen.registry.parts import parts
from cardgen.registry.tables import fact, history, key, run

_SEVERAL = ("run", "dataset")
"""The families whose facts a run has any number of: a listing shows a tuple of them, also of one and of none."""

_WHOLE = float(1 << 53)
"""Up to here every whole number is a float, so that one is shown as the whole number that it most likely was."""


class Shown:
    """The chosen columns of a listing: names as asked for, and what each reads."""

    def __init__(self, names: Sequence[str], keys: StoredKeys, compiler: Compiler) -> None:
        """Look the names up.

        Raises:
            QueryError: one of them is no key, or not of any run.
        """
        self._operands = {name: bind_key(name, keys) for name in names}
        self._compiler = compiler
        self._plain = list(
            dict.fromkeys(["id", *(one.name for one in self._operands.values() if isinstance(one, Column))])
        )

    @property
    def columns(self) -> list[sa.ColumnElement[Any]]:
        """The columns of `run` that are needed."""
        return [self._compiler.column(name) for name in self._plain]

    def rows(self, connection: sa.Connection, found: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """The rows that were found, each with `id` and every name asked for.

        A number that is only known as it was displayed is a `Displayed`, several values are a tuple, and None is what
        is missing.
        """
        more = self._looked_up(connection, [row[0] for row in found])
        shown = []
        for number, _, *values in found:
            plain = {name: _column(name, value) for name, value in zip(self._plain, values, strict=True)}
            row = {"id": plain["id"]}
            for name, operand in self._operands.items():
                value = plain[operand.name] if isinstance(operand, Column) else _nothing(operand)
                row[name] = more.get((operand, number), value)
            shown.append(row)
        return shown

    def _looked_up(self, connection: sa.Connection, numbers: list[int]) -> dict[tuple[Operand, int], Any]:
        operands = set(self._operands.values())
        found: dict[tuple[Operand, int], Any] = {}
        for some in parts(numbers):
            found.update(self._facts(connection, some, {one for one in operands if isinstance(one, Fact)}))
            found.update(self._histories(connection, some, {one for one in operands if isinstance(one, History)}))
            for name, query in _DISPLAYED.items():
                operand = Column(name, COLUMNS[name])
                if operand in operands:
                    displayed = connection.execute(query, {"runs": some})
                    found.update({(operand, row.run): Displayed(row.text, row.number) for row in displayed})
        return found

    def _facts(self, connection: sa.Connection, numbers: Sequence[int], wanted: set[Fact]) -> dict[Any, Any]:
        if not wanted:
            return {}
        by_key = {self._compiler.fact_key(one): one for one in wanted}
        query = sa.select(fact).where(fact.c.run.in_(numbers), fact.c.key.in_(by_key))
        values: dict[Any, list[Any]] = {}
        for row in connection.execute(query.order_by(fact.c.run, fact.c.key, fact.c.position)):
            values.setdefault((by_key[row.key], row.run), []).append(_value(row.number, row.text))
        return {
            place: several[0] if _is_single(place[0], several) else tuple(several) for place, several in values.items()
        }

    def _histories(self, connection: sa.Connection, numbers: Sequence[int], wanted: set[History]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for operand in wanted:
            number = history.c[operand.moment]
            row = sa.and_(history.c.key == self._compiler.log_key(operand), history.c.run.in_(numbers))
            for place, value in connection.execute(sa.select(history.c.run, number).where(row)):
                found[operand, place] = _value(value, None)
        return found


def _displayed(kind: str, name: sa.ColumnElement[str], value: sa.ColumnElement[float]) -> sa.Select[Any]:
    """The numbers of a column that are only known as somebody displayed them: their fact has a text, too."""
    joined = run.join(key, sa.and_(key.c.kind == kind, key.c.name == name))
    joined = joined.join(fact, sa.and_(fact.c.run == run.c.number, fact.c.key == key.c.number))
    both = sa.and_(fact.c.number == value, fact.c.text.is_not(None))
    wanted = run.c.number.in_(sa.bindparam("runs", expanding=True))
    return sa.select(fact.c.run, fact.c.number, fact.c.text).select_from(joined).where(wanted, both)


_DISPLAYED = {
    "metric": _displayed("metrics", run.c.metric_name, run.c.metric),
    "seconds": _displayed("run", sa.literal("seconds"), run.c.seconds),
}


def _is_single(operand: Fact, values: list[Any]) -> bool:
    return len(values) == 1 and operand.family not in _SEVERAL


def _nothing(operand: Operand) -> Any:
    return () if isinstance(operand, Fact) and operand.family in _SEVERAL else None


def _column(name: str, value: Any) -> Any:
    return rows.from_microseconds(value) if COLUMNS[name] == "time" else value


def _value(number: float | None, text: str | None) -> Any:
    if number is None:
        return text
    if number.is_integer() and abs(number) <= _WHOLE:
        number = int(number)
    return number if text is None else Displayed(text, number)
