"""Publications, versions of models, what was done to models, and publications that wait, of two registries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from cardgen.identity import is_run_id
from cardgen.registry.merging.checking import Wrong, maybe_number, maybe_text, number, tagged, text, time
from cardgen.registry.merging.report import MergeReport
from cardgen.registry.merging.transactions import Transactions
from cardgen.registry.tables import audit, model_event, model_version, pending, publication

ROWS_AT_ONCE = 200

_KEY_LIMIT = 500  # characters of what an index has
_ROW_LIMIT = 1 << 20
_VERSIONS_LIMIT = 100_000
_ACTIONS = ("register", "alias", "unalias", "tag", "untag")

Row: TypeAlias = dict[str, Any]


def merge_models(foreign: sa.Connection, own: Transactions, now: int, report: MergeReport) -> None:
    """Take all of it into the registry, versions before the publications that tell of them; a page a transaction."""
    for model in _models(foreign, report):
        rows = _of_model(foreign, model, now, report)
        if rows:
            report.versions += own.run(_Versions(model, rows))
    for rows in _pages(foreign, model_event, _EVENT_KEY, _check_event, now, report):
        report.model_events += own.run(_Union(model_event, _EVENT_KEY, rows))
    for rows in _pages(foreign, publication, _PUBLICATION_KEY, _check_publication, now, report):
        report.publications += own.run(_Publications(rows))
    for rows in _pages(foreign, pending, _PENDING_KEY, _check_pending, now, report):
        report.pending += own.run(_Pending(rows))
    report.pending += own.run(_done_with)
    for table in (model_version, model_event, publication, pending):
        long = foreign.execute(sa.select(sa.func.count()).select_from(table).where(sa.not_(_short(table)))).scalar_one()
        if long:
            report.skip(f"{long} rows of {table.name} have texts that are far too long")


_EVENT_KEY = ("id",)
_PUBLICATION_KEY = ("repo_id", "endpoint", "commit")
_PENDING_KEY = ("run_id", "repo_id")

# What the other registry has


def _pages(
    foreign: sa.Connection,
    table: sa.Table,
    key: Sequence[str],
    check: Callable[[Row, int], None],
    now: int,
    report: MergeReport,
) -> Iterator[list[Row]]:
    """The rows of a table in the order of their key, without those that cannot be right."""
    columns = [table.c[name] for name in key]
    last: tuple[Any, ...] | None = None
    while True:
        query = sa.select(*(column for column in table.c if column.name != "number")).order_by(*columns)
        query = query.where(_short(table))
        if last is not None:
            query = query.where(sa.tuple_(*columns) > sa.tuple_(*map(sa.literal, last)))
        rows = [dict(row) for row in foreign.execute(query.limit(ROWS_AT_ONCE)).mappings()]
        if not rows:
            return
        yield list(_good(rows, check, now, report))
        last = tuple(rows[-1][name] for name in key)
        if not all(isinstance(value, str) for value in last):
            report.skip(f"the table {table.name} of the other registry has keys that are no texts")
            return


def _good(rows: Sequence[Row], check: Callable[[Row, int], None], now: int, report: MergeReport) -> Iterator[Row]:
    for row in rows:
        try:
            check(row, now)
        except Wrong as error:
            report.skip(str(error), row.get("run_id"), row.get("run_name"))
        else:
            yield row


def _short(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether the texts of a row can be held, many at once."""
    texts = [column for column in table.c if isinstance(column.type, sa.Text)]
    return sa.and_(*(sa.func.coalesce(sa.func.length(column), 0) <= _ROW_LIMIT for column in texts))


def _models(foreign: sa.Connection, report: MergeReport) -> Iterator[Any]:
    """The names of models with so many versions as can be held."""
    last: Any = ""
    while True:
        query = sa.select(model_version.c.model, sa.func.count()).where(model_version.c.model > last)
        query = query.group_by(model_version.c.model).order_by(model_version.c.model)
        rows = foreign.execute(query.limit(ROWS_AT_ONCE)).all()
        for model, count in rows:
            if count <= _VERSIONS_LIMIT:
                yield model
            else:
                report.skip(f"the model {model!r:.100} has {count:,} versions")
        if len(rows) < ROWS_AT_ONCE:
            return
        last = rows[-1][0]


def _of_model(foreign: sa.Connection, model: Any, now: int, report: MergeReport) -> list[Row]:
    query = sa.select(model_version).where(model_version.c.model == model, _short(model_version))
    rows = foreign.execute(query).mappings()
    return list(_good([dict(row) for row in rows], _check_version, now, report))


def _check_version(row: Row, now: int) -> None:
    what = f"a version of the model {row['model']!r:.100}"
    text(row["model"], "the name of a model", _KEY_LIMIT)
    number(row["version"], what, 1)
    text(row["id"], f"the id of {what}", 100)
    _check_run(row, what)
    for name in ("weights", "card", "commit"):
        maybe_text(row[name], f"{name} of {what}", _KEY_LIMIT)
    maybe_number(row["step"], f"the step of {what}", -1)
    time(row["at"], f"the time of {what}", now)


def _check_event(row: Row, now: int) -> None:
    what = f"an event of the model {row['model']!r:.100}"
    text(row["id"], f"the id of {what}", 100)
    text(row["model"], "the name of a model", _KEY_LIMIT)
    text(row["actor"], f"who made {what}")
    if row["action"] not in _ACTIONS:
        raise Wrong(f"{what} is {row['action']!r:.80}")
    maybe_text(row["version_id"], f"the version of {what}", 100)
    maybe_text(row["value"], f"the value of {what}", _KEY_LIMIT)
    time(row["at"], f"the time of {what}", now)


def _check_publication(row: Row, now: int) -> None:
    what = f"a publication to {row['repo_id']!r:.100}"
    for name in _PUBLICATION_KEY:
        if not text(row[name], f"{name} of {what}", _KEY_LIMIT).isascii():
            raise Wrong(f"{name} of {what} is {row[name]!r:.80}")
    _check_run(row, what)
    text(row["revision"], f"the branch of {what}", _KEY_LIMIT)
    text(row["card"], f"the card of {what}", _KEY_LIMIT)
    for name in ("pull_request", "weights", "user"):
        maybe_text(row[name], f"{name} of {what}", _KEY_LIMIT)
    files = tagged(row["files"], f"the files of {what}")
    if type(files) is not dict or not all(type(item) is str for pair in files.items() for item in pair):
        raise Wrong(f"the files of {what} are none")
    maybe_number(row["step"], f"the step of {what}", -1)
    maybe_number(row["version"], f"the version of {what}", 1)
    time(row["at"], f"the time of {what}", now)


def _check_pending(row: Row, now: int) -> None:
    what = f"what waits for {row['repo_id']!r:.100}"
    _check_run(row, what)
    text(row["repo_id"], "a repository", _KEY_LIMIT)
    if type(tagged(row["options"], what)) is not dict:
        raise Wrong(f"{what} has no options")
    text(row["reason"], f"why {what} waits")
    number(row["tries"], f"the tries of {what}")
    time(row["at"], f"the time of {what}", now)


def _check_run(row: Row, what: str) -> None:
    if type(row["run_id"]) is not str or not is_run_id(row["run_id"]):
        raise Wrong(f"{what} is of a run {row['run_id']!r:.100}")
    text(row["run_name"], f"the name of the run of {what}")


# What becomes of it


class _Union:
    """All rows of both; of two with one key the newer, then the greater."""

    ignored: tuple[str, ...] = ()

    def __init__(self, table: sa.Table, key: Sequence[str], rows: Sequence[Row]) -> None:
        self.table, self.key, self.rows = table, key, rows

    def __call__(self, connection: sa.Connection, *, write: bool) -> int:
        """Insert and change rows; how many."""
        table = self.table
        columns = sa.tuple_(*(table.c[name] for name in self.key))
        wanted = columns.in_([tuple(row[name] for name in self.key) for row in self.rows])
        there = {
            tuple(row[name] for name in self.key): dict(row)
            for row in connection.execute(sa.select(table).where(wanted)).mappings()
        }
        new, changed = [], []
        for row in self.rows:
            mine = there.get(tuple(row[name] for name in self.key))
            settled = self.settled(connection, mine, row)
            if mine is None:
                new.append(settled)
            elif any(mine[name] != value for name, value in settled.items()):
                changed.append(settled)
        if write:
            if new:
                connection.execute(table.insert(), sorted(new, key=_order))
            for row in changed:
                where = [table.c[name] == row[name] for name in self.key]
                connection.execute(table.update().where(*where).values(**row))
        return len(new) + len(changed)

    def settled(self, connection: sa.Connection, mine: Row | None, theirs: Row) -> Row:
        """The row that stands."""
        if mine is None:
            return theirs
        mine = {name: mine[name] for name in theirs}
        return max(mine, theirs, key=lambda row: _order({**row, **dict.fromkeys(self.ignored)}))


class _Publications(_Union):
    """Publications: the version's number is that of the version with this commit, as it is counted here."""

    ignored = ("version",)

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__(publication, _PUBLICATION_KEY, rows)

    def settled(self, connection: sa.Connection, mine: Row | None, theirs: Row) -> Row:
        """The row that stands."""
        row = super().settled(connection, mine, theirs)
        model, commit = model_version.c.model == row["repo_id"], model_version.c.commit == row["commit"]
        found = connection.execute(sa.select(sa.func.max(model_version.c.version)).where(model, commit)).scalar()
        known = [side["version"] for side in (mine, theirs) if side is not None and side["version"] is not None]
        return {**row, "version": max(known, default=None) if found is None else found}


class _Pending(_Union):
    """Publications that wait, without those that were made or dropped since."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__(pending, _PENDING_KEY, rows)

    def __call__(self, connection: sa.Connection, *, write: bool) -> int:
        """Insert and change rows; how many."""
        every = self.rows
        self.rows = [row for row in every if not connection.execute(sa.select(_is_done(row))).scalar_one()]
        try:
            return super().__call__(connection, write=write)
        finally:
            self.rows = every


def _is_done(row: Any) -> sa.ColumnElement[bool]:
    """Whether what waits was published or dropped since; of a row of values or of columns."""
    same = sa.and_(publication.c.run_id == row["run_id"], publication.c.repo_id == row["repo_id"])
    published = sa.exists().where(same, publication.c.at >= row["at"])
    noted = sa.and_(audit.c.run_id == row["run_id"], audit.c.action == "drop", audit.c.detail == row["repo_id"])
    return sa.or_(published, sa.exists().where(noted, audit.c.at >= row["at"]))


class _Versions:
    """The versions of one model, by their ids. Of two that claim one number the earlier keeps it."""

    def __init__(self, model: str, rows: Sequence[Row]) -> None:
        self.model, self.rows = model, rows

    def __call__(self, connection: sa.Connection, *, write: bool) -> int:
        """Insert, change and count versions anew; how many are not as before."""
        own = connection.execute(sa.select(model_version).where(model_version.c.model == self.model)).mappings()
        before = {row["id"]: dict(row) for row in own}
        both = dict(before)
        for row in self.rows:
            mine = both.get(row["id"])
            if mine is not None:
                number_ = max(mine["version"], row["version"])
                row = {**max(mine, row, key=lambda one: _order({**one, "version": None})), "version": number_}
            both[row["id"]] = row
        after = _counted(both.values())
        changed = [row for row in after if before.get(row["id"]) != row]
        if write and changed:
            self._write(connection, changed)
        return len(changed)

    def _write(self, connection: sa.Connection, changed: Sequence[Row]) -> None:
        ids = [row["id"] for row in changed]
        for start in range(0, len(ids), ROWS_AT_ONCE):  # they may change numbers with each other
            some = model_version.c.id.in_(ids[start : start + ROWS_AT_ONCE])
            connection.execute(model_version.delete().where(some))
        connection.execute(model_version.insert(), list(changed))
        for row in changed:
            if row["commit"] is not None:
                told = sa.and_(publication.c.repo_id == self.model, publication.c.commit == row["commit"])
                connection.execute(publication.update().where(told).values(version=row["version"]))


def _counted(rows: Any) -> list[Row]:
    """Versions with numbers of their own: who comes too late for one gets the next after the greatest."""
    order = sorted(rows, key=lambda row: (row["at"], row["id"]))
    last = max((row["version"] for row in order), default=0)
    taken: set[int] = set()
    counted = []
    for row in order:
        if row["version"] in taken:
            last += 1
            row = {**row, "version": last}
        taken.add(row["version"])
        counted.append(row)
    return counted


def _done_with(connection: sa.Connection, *, write: bool) -> int:
    """Have nothing wait that was published or dropped since, in either registry."""
    done = connection.execute(sa.select(pending.c.number).where(_is_done(pending.c))).scalars().all()
    if write:
        for one in done:
            connection.execute(pending.delete().where(pending.c.number == one))
    return len(done)


def _order(row: Mapping[str, Any]) -> list[Any]:
    """What tells which of two rows stands: the time, then everything else."""
    rest = [(row[name] is not None, str(row[name])) for name in sorted(row) if name != "number"]
    return [row["at"], rest]
