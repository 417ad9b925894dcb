"""Runs of another registry, a page at a time: each page is one transaction, so what a kill leaves behind is whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import CardgenError, DocumentError, RegistryBusy
from cardgen.identity import is_run_id, new_run_id
from cardgen.record import Run
from cardgen.registry import auditing, facts, rows, writing
from cardgen.registry.codec import decode_value, encode_run, encode_value
from cardgen.registry.engine import Database
from cardgen.registry.merging import checking, documents, logs, names
from cardgen.registry.merging.bundle import Bundle, CardPair, Entry, HumanFact, bundles, entries, log
from cardgen.registry.merging.combining import NAME, Combined, combined
from cardgen.registry.merging.logs import LogPlan
from cardgen.registry.merging.names import Asking, Settlement
from cardgen.registry.merging.paging import HELD_EVENTS, is_small
from cardgen.registry.merging.report import MergeReport
from cardgen.registry.preparing import Keys
from cardgen.registry.tables import audit, card_text, document, human_fact, run

MERGE = "merge"
"""What the audit calls that a run came from another registry; it says so in this registry alone."""


class Page(NamedTuple):
    """Runs of the other registry that were found to be right, with their logs and what its audit says of them."""

    ids: Sequence[str]
    bundles: Mapping[str, Bundle]
    entries: Mapping[str, set[Entry]]
    logs: Mapping[str, logs.Read]


class Planned(NamedTuple):
    """What is to be written of a run: everything but its name, which is in the settlement."""

    run: Combined
    log: LogPlan
    changed: bool


def read_page(connection: sa.Connection, ids: Sequence[str], now: int, report: MergeReport) -> Page:
    """Read runs of the other registry, and leave out what cannot be right."""
    found = bundles(connection, ids)
    said = entries(connection, ids)
    held: dict[str, logs.Read] = {}
    wrong: set[str] = set()
    room = HELD_EVENTS
    for run_id in ids:
        bundle = found.get(run_id)
        try:
            if bundle is not None:
                checking.bundle(bundle, now)
                held[run_id] = _checked_log(connection, bundle, hold=bundle.events <= room)
                room -= bundle.events
            elif not is_run_id(run_id):
                raise checking.Wrong(f"the audit tells of a run {run_id!r:.100}")
        except checking.Wrong as error:
            wrong.add(run_id)
            report.skip(str(error), run_id, None if bundle is None else bundle.name)
    good = [run_id for run_id in ids if run_id not in wrong]
    return Page(
        ids=good,
        bundles={run_id: found[run_id] for run_id in good if run_id in found},
        entries={run_id: _checked_entries(said.get(run_id, set()), now, report) for run_id in good},
        logs=held,
    )


def _checked_log(connection: sa.Connection, bundle: Bundle, *, hold: bool) -> logs.Read:
    def read() -> Iterable[Any]:
        return log(connection, bundle.number)

    kept = []
    for event in read():
        checking.event(event)
        if hold:
            kept.append(event)
    return (lambda: kept) if hold else read


def _checked_entries(found: set[Entry], now: int, report: MergeReport) -> set[Entry]:
    good = set()
    for entry in found:
        try:
            checking.entry(entry, now)
            good.add(entry)
        except checking.Wrong as error:
            report.skip(str(error), entry.run_id, entry.name)
    return good


class PageMerger:
    """Merges one page into a registry, in the transaction of `connection`."""

    def __init__(
        self, database: Database, connection: sa.Connection, foreign: sa.Connection, page: Page, now: int
    ) -> None:
        self._database, self._connection, self._foreign = database, connection, foreign
        self._page, self._now = page, now
        self._names = Settlement(self)
        self._unused: set[str] = set()

    def plan(self, report: MergeReport, *, lock: bool) -> list[Planned]:
        """What is to be done; nothing is written. What cannot be read of the registry's own is left as it is."""
        connection, page = self._connection, self._page
        if lock:
            self._lock(page.ids)
        own, said = bundles(connection, page.ids), entries(connection, page.ids)
        planned: list[Planned] = []
        asked = {bundle.name for bundle in page.bundles.values()}
        used = connection.execute(sa.select(run.c.name).where(run.c.name.in_(asked))).scalars()
        self._unused = asked - set(used)
        for run_id in page.ids:
            mine, theirs = own.get(run_id), page.bundles.get(run_id)
            try:
                for field, fact in ({} if mine is None else mine.human).items():
                    facts.decoded(field, fact.value)
                one = combined(run_id, mine, theirs, said.get(run_id, set()), page.entries[run_id])
            except DocumentError as error:
                report.skip(f"it cannot be read in this registry: {error}", run_id, mine.name if mine else None)
                continue
            if one.record is not None and theirs is not None:
                assert one.claim is not None
                self._names.settle(Asking(run_id, one.created, one.claim, None if mine is None else mine.name))
            done = logs.plan(connection, one, page.logs[run_id]) if theirs is not None else logs.KEEP
            planned.append(Planned(one, done, False))
        return [one._replace(changed=self._is_changed(one)) for one in planned]

    def is_needed(self, planned: Sequence[Planned]) -> bool:
        """Whether there is anything to write."""
        moved = any(run.had not in (None, run.name) for run in self._names)
        return moved or any(one.changed or one.run.entries for one in planned)

    def store(self, planned: Sequence[Planned], source: str, known: Keys) -> list[str]:
        """Write it. `source` is told to the audit; `known` are numbers of keys.

        Returns:
            the ids of the runs that were removed.
        """
        self._make_room()
        wanted = {one.run.id for one in planned if one.run.record is not None and one.run.other is not None}
        for moved in self._names:
            if moved.id not in wanted and moved.name != moved.had:
                self._rename(moved, known)
        for one in planned:
            if one.changed:
                self._store(one, source, known)
        self._append([entry for one in planned for entry in one.run.entries])
        return [one.run.id for one in planned if one.run.record is None and one.run.own is not None]

    def count(self, planned: Sequence[Planned], report: MergeReport) -> None:
        """Take what was done into the report."""
        for one in planned:
            run_, log_ = one.run, one.log
            report.audit += len(run_.entries)
            if run_.record is None:
                report.removed += run_.own is not None
                report.unchanged += run_.own is None and run_.other is not None
                continue
            if run_.own is None:
                report.new += 1
            elif run_.other is not None or one.changed:
                report.changed += one.changed
                report.unchanged += not one.changed
            report.events += log_.new if log_.way != "keep" else 0
            name = self._names[run_.id] if run_.other is not None else None
            if name is not None and run_.own is None and run_.other is not None and name != run_.other.name:
                report.rename(run_.id, run_.other.name, name, here=False)
        for moved in self._names:
            if moved.had is not None and moved.had != moved.name:
                report.rename(moved.id, moved.had, moved.name, here=True)

    # Names

    def holder(self, name: str, but: set[str]) -> Asking | None:
        """The run that has this name now, as it asks for one where all is merged; none of those in `but`."""
        if name in self._unused:
            return None
        row = self._connection.execute(_CLAIM.where(run.c.name == name)).one_or_none()
        if row is None or row.id in but:
            return None
        claim, created = _claim(row), row.created
        if self._foreign.execute(sa.select(run.c.number).where(run.c.id == row.id)).first() is not None:
            theirs = self._other(row.id)
            if theirs is not None:
                mine = bundles(self._connection, [row.id])[row.id]
                said = theirs.human.get(NAME)
                claim = max(claim, names.claim(row.id, theirs.name, -1 if said is None else said.at))
                created = _created(mine, theirs)
        return Asking(row.id, created, claim, row.name)

    def _other(self, run_id: str) -> Bundle | None:
        """The run as the other registry has it, if what that says can be right."""
        if run_id in self._page.bundles:
            return self._page.bundles[run_id]
        found = bundles(self._foreign, [run_id]).get(run_id) if is_small(self._foreign, run_id) else None
        try:
            if found is not None:
                checking.bundle(found, self._now)
        except checking.Wrong:
            return None
        return found

    def _make_room(self) -> None:
        """Take their names from runs that get another one, so that whoever gets those can be written first."""
        for moved in self._names:
            if moved.had is not None and moved.had != moved.name:
                aside = run.update().where(run.c.id == moved.id).values(name=f"{new_run_id()} gives way")
                self._connection.execute(aside)

    def _rename(self, moved: Asking, known: Keys) -> None:
        """Give a run of the registry's own another name, in its record and in what a person said of it, too."""
        bundle = bundles(self._connection, [moved.id])[moved.id]
        self._connection.execute(run.update().where(run.c.number == bundle.number).values(name=moved.name))
        try:
            put_human(self._connection, bundle.number, bundle.human, _named(bundle.human, moved.name))
            recorded = dataclasses.replace(bundle.record, name=moved.name)
            shown = corrections.apply(recorded, facts.of(self._connection, bundle.number))
        except DocumentError:  # `registry verify` tells of it
            return
        self._put_document(bundle.number, encode_run(recorded))
        writing.put_rows(self._database, self._connection, bundle.number, shown, known)

    # Writing

    def _lock(self, ids: Collection[str]) -> None:
        if not self._database.is_sqlite:  # there, whoever writes waits for every other
            rows_ = sa.select(run.c.number).where(run.c.id.in_(ids)).order_by(run.c.id).with_for_update()
            self._connection.execute(rows_)

    def _is_changed(self, one: Planned) -> bool:
        combined_ = one.run
        own = combined_.own
        if combined_.record is None:
            return own is not None
        if own is None or one.log.way != "keep":
            return True
        if combined_.other is None:
            return own.deleted != combined_.fate.deleted
        human = _named(combined_.human, self._names[own.id])
        columns = self._columns(combined_)
        same = all(getattr(own, name) == value for name, value in columns.items())
        return not same or own.text != self._text(combined_) or own.human != human or own.cards != combined_.cards

    def _columns(self, one: Combined) -> dict[str, Any]:
        """The columns of the row that do not follow from the record."""
        assert one.record is not None
        return {
            "name": self._names[one.id],
            "asked_name": one.asked_name,
            "heartbeat": one.heartbeat,
            "deleted": one.fate.deleted,
            "revision": one.record.revision,
            "folded": one.record.folded,
        }

    def _recorded(self, one: Combined) -> Run:
        assert one.record is not None
        return dataclasses.replace(one.record.run, name=self._names[one.id])

    def _text(self, one: Combined) -> str:
        """The document, taken over as it is where it is one of the two."""
        assert one.record is not None
        name = self._names[one.id]
        for bundle in (one.own, one.other):
            if bundle is not None and bundle.run is one.record.run and bundle.name == bundle.run.name == name:
                return bundle.text or ""
        return encode_run(self._recorded(one))

    def _store(self, one: Planned, source: str, known: Keys) -> None:
        combined_, connection = one.run, self._connection
        own = combined_.own
        if combined_.record is None:
            assert own is not None
            writing.purge(connection, own.number)
            return
        if own is not None and combined_.other is None:
            hidden = run.update().where(run.c.number == own.number).values(deleted=combined_.fate.deleted)
            connection.execute(hidden)
            return
        human = _named(combined_.human, self._names[combined_.id])
        recorded = self._recorded(combined_)
        said = {field: decode_value(fact.value) for field, fact in human.items()}
        shown = corrections.apply(recorded, {field: value for field, value in said.items() if value is not None})
        columns = self._columns(combined_)
        if own is None:
            insert = self._database.insert(run).on_conflict_do_nothing().returning(run.c.number)
            number = connection.execute(insert, {**rows.run_columns(shown), **columns, "id": combined_.id}).scalar()
            if number is None:  # somebody else was quicker
                raise RegistryBusy(f"run {combined_.id} was stored by another process", hint="try again")
            auditing.note(connection, MERGE, combined_.id, columns["name"], source)
        else:
            number = own.number
            connection.execute(run.update().where(run.c.number == number).values(**columns))
        self._put_document(number, self._text(combined_), new=own is None)
        put_human(self._connection, number, {} if own is None else own.human, human)
        put_cards(self._connection, number, {} if own is None else own.cards, combined_.cards)
        writing.put_rows(self._database, connection, number, shown, known)
        if one.log.way != "keep":
            logs.store(connection, number, combined_, one.log, self._page.logs[combined_.id])

    def _put_document(self, number: int, text: str, *, new: bool = False) -> None:
        if new:
            self._connection.execute(document.insert(), {"run": number, "text": text})
        else:
            self._connection.execute(document.update().where(document.c.run == number).values(text=text))

    def _append(self, new: Sequence[Entry]) -> None:
        if new:
            order = sorted(new, key=lambda entry: (entry.at, repr(entry)))
            self._connection.execute(audit.insert(), [entry._asdict() for entry in order])


_CLAIM = sa.select(run.c.id, run.c.name, run.c.created, human_fact.c.at).outerjoin(
    human_fact, sa.and_(human_fact.c.run == run.c.number, human_fact.c.field == NAME)
)
"""What tells what runs claim as their names."""


def _claim(row: Any) -> names.Claim:
    return names.claim(row.id, row.name, -1 if row.at is None else row.at)


def put_human(
    connection: sa.Connection, number: int, before: Mapping[str, HumanFact], after: Mapping[str, HumanFact]
) -> None:
    """Write what people say of a run, where it is not as before."""
    changed = [field for field, fact in after.items() if before.get(field) != fact]
    if changed:
        connection.execute(human_fact.delete().where(human_fact.c.run == number, human_fact.c.field.in_(changed)))
        new = [{"run": number, "field": field, **after[field]._asdict()} for field in changed]
        connection.execute(human_fact.insert(), new)


def put_cards(
    connection: sa.Connection, number: int, before: Mapping[str, CardPair], after: Mapping[str, CardPair]
) -> None:
    """Write the pairs of a run, where they are not as before."""
    changed = [target for target, card in after.items() if before.get(target) != card]
    if changed:
        connection.execute(card_text.delete().where(card_text.c.run == number, card_text.c.target.in_(changed)))
        new = [{"run": number, "target": target, **after[target]._asdict()} for target in changed]
        connection.execute(card_text.insert(), new)


def _named(human: Mapping[str, HumanFact], name: str) -> Mapping[str, HumanFact]:
    """What a person says, with the name that the run got in the place of the one that was chosen."""
    said = human.get(NAME)
    if said is None or decode_value(said.value) in (None, name):
        return human
    return {**human, NAME: said._replace(value=encode_value(name))}


def _created(mine: Bundle, theirs: Bundle) -> int | None:
    try:
        return rows.microseconds(documents.merged(mine, theirs).run.created)
    except CardgenError:
        return mine.created
