"""What a file of an export is made of: keys of one type each, and the way to a line and back."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from cardgen.registry import rows
from cardgen.registry.tables import run

Type: TypeAlias = Literal["string", "int64", "float64", "time", "strings"]
"""`time` is text in ISO 8601, UTC, with six digits of the second; `strings` a list of text."""

Line: TypeAlias = dict[str, Any]
"""What a line of a file says, before it is JSON."""

Row: TypeAlias = Any  # of a query: values by the names of its columns


@dataclass(frozen=True, slots=True)
class Column:
    """A key of the lines of a file: its type, whether it may be null, and what it says."""

    name: str
    type: Type
    about: str
    null: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A file. `select` has its rows in their order, `line` makes one a line.

    `back` makes a line a row of `table` (without the run's number) again; without it the file follows from others, and
    is not read back. `of_run` says that its table knows a run by number.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    select: sa.Select[Any]
    line: Callable[[Row], Line]
    table: sa.Table | None = None
    back: Callable[[Line], dict[str, Any]] | None = None
    of_run: bool = True

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.name}.jsonl"


# Values


def time_text(at: int | None) -> str | None:
    """Microseconds since 1970 as text."""
    time = rows.from_microseconds(at)
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def microseconds(text: str | None) -> int | None:
    """The microseconds that `time_text` wrote."""
    return None if text is None else rows.microseconds(dt.datetime.fromisoformat(text))


def finite(number: float | None) -> float | None:
    """A number that JSON has; SQLite knows no negative zero, so there is none."""
    return None if number is None or not math.isfinite(number) else number + 0.0


def plain(row: Row, columns: Sequence[Column]) -> Line:
    """A line of the row's own columns."""
    line: Line = {}
    for column in columns:
        value = row[column.name]
        if column.type == "time":
            value = time_text(value)
        elif column.type == "float64":
            value = finite(value)
        line[column.name] = value
    return line


def back_of(columns: Sequence[Column], *leave: str) -> Callable[[Line], dict[str, Any]]:
    """The other way: all keys but those in `leave`."""

    def back(line: Line) -> dict[str, Any]:
        return {
            column.name: microseconds(line[column.name]) if column.type == "time" else line[column.name]
            for column in columns
            if column.name not in leave
        }

    return back


def of_runs(table: sa.Table) -> sa.Select[Any]:
    """The rows of a table that knows a run by number, with the run's id."""
    return sa.select(run.c.id.label("run_id"), table).join_from(run, table, table.c.run == run.c.number)
