"""The whole of a merge: runs first, those that are gone before those that are there, then models, then the rest.

What was decided first and by whom does not matter: each rule looks at what both registries hold. Each page of runs is a
transaction, so that trainings go on writing, and what a kill leaves behind is whole; merging again goes on from there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from cardgen.registry import auditing
from cardgen.registry.engine import Database
from cardgen.registry.exporting.kinds import is_shared
from cardgen.registry.folding import DAMAGED_SUFFIX
from cardgen.registry.foreign import Foreign, opened
from cardgen.registry.merging import checking
from cardgen.registry.merging.bundle import Entry
from cardgen.registry.merging.meeting import Meeting, meetings
from cardgen.registry.merging.models import merge_models
from cardgen.registry.merging.paging import pages
from cardgen.registry.merging.report import MergeReport
from cardgen.registry.merging.runs import MERGE, Page, PageMerger, read_page
from cardgen.registry.merging.transactions import Transactions
from cardgen.registry.preparing import Keys, prepare
from cardgen.registry.spool import SUFFIX
from cardgen.registry.tables import audit, run

_ENTRIES_AT_ONCE = 200

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, and how much of how much of it is."""


def merge(
    database: Database,
    source: str | os.PathLike[str],
    meet: Callable[[Meeting], str | None],
    progress: Progress | None,
    *,
    but: Database,
) -> MergeReport:
    """Merge another registry, or an export, into one; `but` is what it must not be.

    `meet` is called for each imported run that meets recorded ones, and returns why it cannot be joined, if it cannot.
    """
    with opened(source, but) as foreign:
        merger = Merger(database, foreign, progress=progress)
        merger.merge()
        for meeting in merger.meetings():
            problem = meet(meeting)
            if problem is not None:
                merger.report.skip(problem, meeting.imported)
        merger.finish()
    return merger.report


class Merger:
    """Merges another registry into one."""

    def __init__(self, database: Database, foreign: Foreign, *, progress: Progress | None = None) -> None:
        self._own = Transactions(database)
        self._database, self._foreign = database, foreign
        self._progress = progress or (lambda what, done, total: None)
        self._now = auditing.now()
        self._known: Keys = {}
        self.report = MergeReport(source=foreign.place, target=database.location.url, unfolded=foreign.unfolded)

    def merge(self) -> None:
        """Take everything of the other registry; `finish` is to follow.

        Raises:
            RegistryError: one of the registries cannot be read, or the own one not be written.
        """
        connection = self._foreign.connection
        total = connection.execute(sa.select(sa.func.count()).select_from(run)).scalar_one()
        done = 0
        self._progress("runs", 0, total)
        for ids in pages(connection, self.report):
            done += self._page(ids)
            self._progress("runs", done, max(done, total))
        merge_models(connection, self._own, self._now, self.report)
        for entries in self._other_entries():
            self.report.audit += self._own.run(_Append(entries))

    def meetings(self) -> Iterator[Meeting]:
        """The imported runs that meet runs of the other registry for the first time."""
        yield from meetings(self._own, self._foreign.connection, self.report)

    def finish(self) -> None:
        """Note in the audit that all was merged, if anything was."""
        report = self.report
        if report.changes:
            said = f"{report.source}: {report.new} new, {report.changed} changed, {report.skipped_count} skipped"
            detail = said[-auditing.DETAIL_LIMIT :]
            self._own.write(lambda connection: auditing.note(connection, MERGE, None, None, detail))

    # Runs

    def _page(self, ids: Sequence[str]) -> int:
        """Merge a page; how many of its runs are there."""
        page = read_page(self._foreign.connection, ids, self._now, self.report)
        if not self._is_new(page):
            with self._database.read() as connection:
                merger = self._merger(connection, page)
                scratch = MergeReport(source="", target="")
                planned = merger.plan(scratch, lock=False)
                if not merger.is_needed(planned):
                    self.report.take(scratch)
                    merger.count(planned, self.report)
                    return len(page.bundles)
        self._number_keys(page)
        removed, found, self._known = self._own.write(lambda connection: self._write(connection, page))
        self.report.take(found)
        folder = self._database.location.spool_folder
        for path in (folder / (run_id + suffix) for run_id in removed for suffix in (SUFFIX, DAMAGED_SUFFIX)):
            with contextlib.suppress(OSError):
                path.unlink()
        return len(page.bundles)

    def _write(self, connection: sa.Connection, page: Page) -> tuple[list[str], MergeReport, Keys]:
        """Merge a page; the ids of removed runs, what was done, and the numbers of keys, all true once committed."""
        merger = self._merger(connection, page)
        found = MergeReport(source="", target="")
        planned = merger.plan(found, lock=True)
        known = dict(self._known)
        removed = merger.store(planned, self._foreign.place[-auditing.DETAIL_LIMIT :], known)
        merger.count(planned, found)
        return removed, found, known

    def _is_new(self, page: Page) -> bool:
        """Whether most of a page is not there: then it need not be looked at before there is a lock."""
        with self._database.read() as connection:
            query = sa.select(sa.func.count()).select_from(run).where(run.c.id.in_(page.bundles))
            return int(connection.execute(query).scalar_one()) < len(page.bundles) / 2

    def _merger(self, connection: sa.Connection, page: Page) -> PageMerger:
        return PageMerger(self._database, connection, self._foreign.connection, page, self._now)

    def _number_keys(self, page: Page) -> None:
        """Number the keys of a page's runs before its transaction, which then makes nobody wait who has a new key."""
        if self._database.is_sqlite:  # there, whoever writes waits for every other
            return
        for bundle in page.bundles.values():
            prepare(self._database, self._known, bundle.record)

    # What the audit says of no run

    def _other_entries(self) -> Iterator[list[Entry]]:
        columns = [audit.c[name] for name in Entry._fields]
        short = sa.func.coalesce(sa.func.length(audit.c.detail), 0) <= checking.TEXT_LIMIT
        query = sa.select(*columns).where(audit.c.run_id.is_(None), is_shared(), short).order_by(audit.c.number)
        result = self._foreign.connection.execute(query, execution_options={"yield_per": _ENTRIES_AT_ONCE})
        for part in result.partitions():
            good = []
            for row in part:
                entry = Entry(*row)
                try:
                    checking.entry(entry, self._now)
                    good.append(entry)
                except checking.Wrong as error:
                    self.report.skip(str(error))
            yield good


class _Append:
    """Appends what the audit lacks."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def __call__(self, connection: sa.Connection, *, write: bool) -> int:
        """Append; how many there were."""
        if not self._entries:
            return 0
        columns = [audit.c[name] for name in Entry._fields]
        times = [entry.at for entry in self._entries]
        query = sa.select(*columns).where(audit.c.run_id.is_(None), audit.c.at.in_(times))
        there = {Entry(*row) for row in connection.execute(query)}
        new: list[Any] = sorted(set(self._entries) - there, key=lambda entry: (entry.at, repr(entry)))
        if new and write:
            connection.execute(audit.insert(), [entry._asdict() for entry in new])
        return len(new)
