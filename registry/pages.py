"""Which runs a query asks for, page by page, in any order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar

import sqlalchemy as sa

from cardgen.errors import QueryError
from cardgen.registry import rows
from cardgen.registry.engine import Database
from cardgen.registry.language import sorting
from cardgen.registry.language.binding import STATUSES, All, Bound, Check, bind, bind_order
from cardgen.registry.language.compile import Compiler
from cardgen.registry.language.keys import COLUMNS, Column
from cardgen.registry.language.stored import StoredKeys
from cardgen.registry.language.terms import Term
from cardgen.registry.tables import run

Row = TypeVar("Row")

_LARGEST = (1 << 63) - 2


class Filters(TypedDict, total=False):
    """The comparisons that are asked for most, as arguments.

    `project`, `group`: exactly this one. `status`: one of `STATUSES`. `since`: created then or later, in UTC without a
    zone.
    """

    project: str | None
    group: str | None
    status: str | None
    since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing is asked: a query and filters, an order, at most how many, after which place.

    `measured` are full names of metrics, one of which a run must have.
    """

    query: str = ""
    filters: Filters = field(default_factory=Filters)
    order_by: str = "-created"
    limit: int | None = None
    after: str | None = None
    measured: Sequence[str] | None = None


class Page(list[Row]):
    """Rows of a listing. `next` is the cursor that the following page begins `after`; None at the end."""

    def __init__(self, rows: Iterable[Row] = (), next: str | None = None) -> None:
        super().__init__(rows)
        self.next = next


def select(
    database: Database,
    connection: sa.Connection,
    asked: Asked,
    columns: Sequence[sa.ColumnElement[Any]],
    status: sa.ColumnElement[str],
    keys: StoredKeys,
) -> Page[Sequence[Any]]:
    """The rows of a page: the number of the run's row, what it is sorted by, then the columns of `run` asked for.

    Raises:
        QueryError: a query, key, filter, limit or cursor that cannot be right.
    """
    query = with_filters(bind(asked.query, keys, dt.datetime.now(dt.UTC)), asked.filters)
    order = bind_order(asked.order_by, keys)
    start = None if asked.after is None else sorting.place(order, asked.after)
    if asked.limit is not None and asked.limit < 0:
        raise QueryError(f"the limit is {asked.limit}", hint="use 0 or more")
    compiler = Compiler(database, connection, keys, status)
    narrow = compiler.narrow(query)
    limit = None if asked.limit is None else min(asked.limit, _LARGEST)
    found: list[Sequence[Any]] = []
    ranks: list[sorting.Part] = []
    for part in sorting.parts(order, compiler, connection, by_filter=narrow is not None and narrow.leads):
        if start is not None and part.rank < start.part:
            continue
        wanted = sa.and_(run.c.deleted.is_(None), compiler.where(query, narrow, part.number))
        if asked.measured is not None:
            wanted = sa.and_(wanted, compiler.measured(asked.measured))
        value = sa.null() if part.value is None else part.value
        statement = sa.select(part.number, value, *columns).select_from(part.source).where(wanted, part.condition)
        if start is not None and part.rank == start.part:
            try:
                statement = statement.where(part.after(start, down=order.down))
            except (ValueError, TypeError) as error:
                raise QueryError("the cursor is of another listing", hint="take it from the page before") from error
        if limit is not None:
            statement = statement.limit(limit + 1 - len(found))
        some: Sequence[Sequence[Any]] = connection.execute(statement.order_by(*part.order(down=order.down))).all()
        found.extend(some)
        ranks.extend([part] * len(some))
        if limit is not None and len(found) > limit:
            if limit == 0:
                break
            last, part = found[limit - 1], ranks[limit - 1]
            here = sorting.Place(part.rank, None if part.value is None else part.outward(last[1]), last[0])
            return Page(found[:limit], sorting.cursor(order, here))
    return Page(found if limit != 0 else [])


def with_filters(query: Bound, filters: Filters) -> Bound:
    """The query and the filters, all of which must hold."""
    checks: list[Bound] = []
    for name in ("project", "group", "status"):
        given: str | None = filters.get(name)  # type: ignore[assignment]
        if given is None:
            continue
        if name == "status" and given not in STATUSES:
            raise QueryError(f"there is no status {given!r:.80}", hint=f"use one of: {', '.join(STATUSES)}")
        checks.append(Check(Column(name, COLUMNS[name]), "=", (Term((rows.searchable(given),)),)))
    since = rows.microseconds(filters.get("since"))
    if since is not None:
        checks.append(Check(Column("created", "time"), ">=", (Term(("",), times=(since, since + 1)),)))
    if not checks:
        return query
    return All((*(query.items if isinstance(query, All) else (query,)), *checks))
