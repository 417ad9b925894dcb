"""Whether a registry is whole: the file, the rows against the documents, the logs, and what lies beside it.

Looking changes nothing. Repairing makes rows anew from documents, indexes anew from rows, and folds what was left in
spools. It takes no fact away: what no document, row or spool can restore is named and stays as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import CardgenError, DocumentError, NotARegistry
from cardgen.record import Run
from cardgen.registry import auditing, facts, repairing, rows
from cardgen.registry.codec import decode_run, decode_value
from cardgen.registry.engine import Database
from cardgen.registry.figures import Figures, figures
from cardgen.registry.folding import Folder
from cardgen.registry.leftovers import Leftover, leftovers
from cardgen.registry.retrying import retried
from cardgen.registry.search import index
from cardgen.registry.tables import card_text, document, fact, history, human_fact, key, log_event, run, spool

PAGE = 100  # runs that are read in one transaction
_SHOWN = 5  # of many things of one kind, so many are named

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of runs that have been looked at, and that of all."""

Kind: TypeAlias = Literal["file", "document", "rows", "log", "text", "spool", "lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be. `id` and `run` are those of the run that it belongs to, and its name."""

    kind: Kind
    problem: str
    id: str | None = None
    run: str | None = None
    repaired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was looked at, and what was found. `whole` says that nothing is left that was not repaired."""

    url: str
    runs: int
    events: int
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether everything is as it should be (by now)."""
        return all(finding.repaired for finding in self.findings)


class _Problem(NamedTuple):
    kind: Kind
    text: str
    repairable: bool = False


class Verifier:
    """Looks through one registry, and repairs what it can if `repair` is true (which takes a database to write)."""

    def __init__(self, database: Database, folder: Folder, *, repair: bool, progress: Progress | None) -> None:
        self._database = database
        self._folder = folder
        self._repair = repair
        self._progress = progress or (lambda done, total: None)
        self._findings: list[Finding] = []
        self._runs = self._events = 0
        self._searchable = True

    def verify(self) -> Verification:
        """Look at everything.

        Raises:
            RegistryError: the registry cannot be read, or not be written although it is to be repaired.
        """
        try:
            self._check_file()
            self._check_index()
            self._check_references()
            self._check_leftovers()
            self._check_runs()
        except NotARegistry as error:
            self._found("file", str(error))
        found = Verification(
            url=self._database.location.url, runs=self._runs, events=self._events, findings=tuple(self._findings)
        )
        if self._repair and found.findings:
            repaired = sum(finding.repaired for finding in found.findings)
            with self._database.write() as connection:
                auditing.note(connection, "verify", None, None, f"{len(found.findings)} findings, {repaired} repaired")
        return found

    def _found(
        self, kind: Kind, problem: str, run_id: str | None = None, name: str | None = None, *, repaired: bool = False
    ) -> None:
        self._findings.append(Finding(kind=kind, problem=problem, id=run_id, run=name, repaired=repaired))

    # The file

    def _check_file(self) -> None:
        if not self._database.is_sqlite:
            return
        problems = self._integrity()
        repaired = False
        if problems and self._repair:
            with contextlib.suppress(CardgenError), self._database.write() as connection:
                connection.exec_driver_sql("REINDEX")
            repaired = not self._integrity()
        for problem in problems:
            self._found("file", problem, repaired=repaired)

    def _integrity(self) -> list[str]:
        with self._database.read() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(100)").scalars().all()
        return [str(line) for line in found if line != "ok"]

    def _check_index(self) -> None:
        """The index of the texts itself; what is in it of each run is looked at with the run."""
        database = self._database
        with database.write() if self._repair else database.read() as connection:
            problem = index.damage(connection, whole=self._repair)
            if problem is not None and self._repair:
                index.remake(connection)
        if problem is not None:
            self._searchable = self._repair
            self._found("file", f"the index of the texts: {problem}", repaired=self._repair)

    def _check_references(self) -> None:
        """Rows whose run is gone; a server's foreign keys allow none."""
        if not self._database.is_sqlite:
            return
        numbers: dict[int, list[str]] = {}
        with self._database.read() as connection:
            for table in (document, fact, log_event, history, spool, card_text, human_fact):
                orphans = sa.select(table.c.run).where(table.c.run.not_in(sa.select(run.c.number))).distinct()
                for number in connection.execute(orphans).scalars():
                    numbers.setdefault(number, []).append(table.name)
            for number in index.strays(connection) if self._searchable else ():
                numbers.setdefault(number, []).append(index.TABLE)
        for number, tables in sorted(numbers.items()):
            repaired = False
            if self._repair:
                with self._database.write() as connection:
                    repaired = repairing.restore(self._database, connection, number)
            self._found("rows", f"{', '.join(tables)} of run number {number}, which is gone", repaired=repaired)

    # Spools and locks

    def _check_leftovers(self) -> None:
        for left in leftovers(self._database):
            repaired = self._repair and self._clear(left)
            self._found(left.kind, left.problem, left.id, left.run, repaired=repaired)

    def _clear(self, left: Leftover) -> bool:
        if left.lock is not None:
            return left.lock.remove_stale()
        if not left.foldable:
            return False
        try:
            self._folder.fold(left.path)
        except CardgenError as error:
            self._found("spool", f"{left.path} cannot be folded: {error}", left.id, left.run)
            return False
        return not self._folder.pending(left.path)

    # Runs

    def _check_runs(self) -> None:
        with self._database.read() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(run)).scalar_one()
        last = None
        while True:
            pages = sa.select(run).order_by(run.c.number).limit(PAGE)
            if last is not None:
                pages = pages.where(run.c.number > last)
            with self._database.read() as connection:
                page = connection.execute(pages).all()
                found = [(row, list(self._problems(connection, row))) for row in page]
            if not page:
                return
            for row, problems in found:
                if problems:
                    self._settle(row, problems)
            last = page[-1].number
            self._runs += len(page)
            self._progress(self._runs, max(total, self._runs))

    def _settle(self, row: sa.Row[Any], problems: list[_Problem]) -> None:
        repaired = False
        if self._repair and any(problem.repairable for problem in problems):
            repaired = self._rebuilt(row.id)
        for problem in problems:
            self._found(problem.kind, problem.text, row.id, row.name, repaired=repaired and problem.repairable)

    @retried
    def _rebuilt(self, run_id: str) -> bool:
        with self._database.write() as connection:
            return repairing.rebuild(self._database, connection, run_id)

    def _problems(self, connection: sa.Connection, row: sa.Row[Any]) -> Iterator[_Problem]:
        human: dict[str, Any] | None = None
        try:
            human = facts.of(connection, row.number)
        except DocumentError as error:
            yield _Problem("text", f"what somebody set cannot be read: {error}")
        text = connection.execute(sa.select(document.c.text).where(document.c.run == row.number)).scalar_one_or_none()
        try:
            recorded = decode_run(text or "")
        except DocumentError as error:
            yield _Problem("document", "it has no document" if text is None else str(error))
        else:
            if recorded.id != row.id:
                yield _Problem("document", f"its document is of the run {recorded.id!r:.100}")
            elif human is not None:
                shown = corrections.apply(recorded, human)
                yield from _row_problems(connection, row, shown)
                if self._searchable and not index.is_right(connection, row.number, shown):
                    yield _Problem("rows", "what is searched of it differs from its texts", True)
        yield from self._log_problems(connection, row)
        yield from _text_problems(connection, row)

    def _log_problems(self, connection: sa.Connection, row: sa.Row[Any]) -> Iterator[_Problem]:
        columns = sa.select(log_event.c.seq, log_event.c.epoch, log_event.c["values"])
        events = connection.execute(columns.where(log_event.c.run == row.number).order_by(log_event.c.seq))
        damaged: list[str] = []
        gaps: list[str] = []
        should = figures(self._readable(events, damaged, gaps))
        if row.origin != "captured":
            gaps.clear()  # the steps of others may have any number
        if damaged:
            yield _Problem("log", f"{len(damaged)} log events cannot be decoded: {_some(damaged)}")
        if gaps:
            yield _Problem("log", f"its log lacks the events {_some(gaps)}")
        if damaged or gaps:
            return  # the figures may know of events that are gone
        query = sa.select(key.c.name, history.c.lowest, history.c.highest, history.c.last, history.c.seq)
        there = connection.execute(query.join_from(history, key).where(history.c.run == row.number))
        stored = {name: Figures(*values) for name, *values in there}
        if stored != should:
            names = sorted(name for name in stored.keys() | should.keys() if stored.get(name) != should.get(name))
            yield _Problem("rows", f"the figures of {len(names)} names differ from its log: {_some(names)}", True)

    def _readable(
        self, events: Iterable[Any], damaged: list[str], gaps: list[str]
    ) -> Iterator[tuple[int, dict[Any, Any]]]:
        """Number and values of the events that can be decoded; `damaged` and `gaps` get the numbers of the others."""
        expected = 0
        for seq, epoch, text in events:
            self._events += 1
            if seq > expected:
                gaps.append(f"{expected} to {seq - 1}")
            expected = seq + 1
            try:
                if epoch is not None:
                    decode_value(epoch)
                values = decode_value(text)
            except DocumentError:
                values = None
            if isinstance(values, dict):
                yield seq, values
            else:
                damaged.append(str(seq))


def _row_problems(connection: sa.Connection, row: sa.Row[Any], shown: Run) -> Iterator[_Problem]:
    wanted = {**rows.run_columns(shown), "name": shown.name}
    different = [name for name, value in wanted.items() if row._mapping[name] != value]
    if different:
        yield _Problem("rows", f"its row differs from its document in {', '.join(different)}", True)
    columns = sa.select(key.c.kind, key.c.name, fact.c.position, fact.c.number, fact.c.text)
    found = connection.execute(columns.join_from(fact, key, isouter=True).where(fact.c.run == row.number))
    there = {rows.Fact(*values) for values in found}
    should = set(rows.facts(shown))
    if there != should:
        names = sorted({f"{item.kind}.{item.name}" for item in there ^ should})
        yield _Problem("rows", f"{len(names)} of its facts differ from its document: {_some(names)}", True)


def _text_problems(connection: sa.Connection, row: sa.Row[Any]) -> Iterator[_Problem]:
    for pair in connection.execute(sa.select(card_text).where(card_text.c.run == row.number)):
        try:
            base, text, deleted = (decode_value(value) for value in (pair.base, pair.text, pair.deleted))
            if not (isinstance(base, str) and isinstance(text, str) and isinstance(deleted, list)):
                raise DocumentError("it is no text")
        except DocumentError as error:
            yield _Problem("text", f"the text of its card at {pair.target!r:.200} cannot be read: {error}")


def _some(words: list[str]) -> str:
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
