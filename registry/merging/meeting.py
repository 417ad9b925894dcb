"""Imported runs that meet, for the first time, recorded runs that their cards may have been rendered from.

Two runs that were beside each other in one of the registries have met: what was not joined there is not joined now.
What is written of a join follows from both runs, so that it is the same wherever they meet.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import DocumentError
from cardgen.registry import rows, writing
from cardgen.registry.codec import decode_value, encode_value
from cardgen.registry.merging.bundle import Bundle, CardPair, Entry, HumanFact, bundles, entries
from cardgen.registry.merging.combining import NAME
from cardgen.registry.merging.fate import JOIN
from cardgen.registry.merging.report import Joined, MergeReport
from cardgen.registry.merging.runs import MERGE, put_cards, put_human
from cardgen.registry.merging.transactions import Transactions
from cardgen.registry.search import index
from cardgen.registry.tables import audit, card_text, run

CANDIDATES = 50
"""Newest recorded runs of the same title that a card is compared with."""

OWN_TEXT = "run"
"""The place of a run's own text."""

ACTOR = "cardgen"
"""Who joins runs, wherever they meet."""

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Meeting:
    """An imported run, and the recorded runs of its title that it has not met before, the newest first."""

    imported: str
    candidates: tuple[str, ...]
    _own: Transactions
    _report: MergeReport

    def join(self, recorded: str, words: tuple[str, str, Iterable[str]] | None) -> None:
        """Give the imported run's words to a recorded one, with what a person said of it, and hide it.

        Args:
            recorded: one of the candidates.
            words: base, text and deleted sections of the recorded run's own text from now on; None leaves it.
        """
        work = functools.partial(_join, self._own, imported=self.imported, recorded=recorded, words=words)
        joined = self._own.write(work)
        if joined is not None:
            self._report.join(joined)


def meetings(own: Transactions, foreign: sa.Connection, report: MergeReport) -> Iterator[Meeting]:
    """All that there are, by title and in the order of the imported runs' ids."""
    with own.database.read() as connection:
        titles = connection.execute(_titles()).all()
    for model_type, title in titles:
        with own.database.read() as connection:
            recorded = _of_title(connection, model_type, title, "captured", CANDIDATES)
            imported = _of_title(connection, model_type, title, "imported", None) if recorded else []
        for start in range(0, len(imported), _IDS_AT_ONCE):
            some = imported[start : start + _IDS_AT_ONCE]
            with own.database.read() as connection:
                new = _new(connection, [*some, *recorded])
            there = _there(foreign, [*some, *recorded])
            for one in some:
                unmet = [
                    other
                    for other in recorded
                    if (one in new or other in new) and not (one in there and other in there)
                ]
                if unmet:
                    yield Meeting(one, tuple(unmet), own, report)


def _came() -> sa.Select[Any]:
    """The ids of runs that came since the last merge that was finished."""
    done = sa.select(sa.func.coalesce(sa.func.max(audit.c.number), 0)).where(
        audit.c.action == MERGE, audit.c.run_id.is_(None)
    )
    return sa.select(audit.c.run_id).where(
        audit.c.action == MERGE, audit.c.run_id.is_not(None), audit.c.number > done.scalar_subquery()
    )


def _titles() -> sa.Select[Any]:
    new = sa.select(run.c.model_type, run.c.title).where(run.c.id.in_(_came()), run.c.deleted.is_(None))
    return new.distinct().order_by(run.c.model_type, run.c.title)


def _of_title(
    connection: sa.Connection, model_type: str, title: str | None, origin: str, limit: int | None
) -> list[str]:
    same = sa.and_(run.c.model_type == model_type, run.c.title.is_not_distinct_from(title))
    query = sa.select(run.c.id).where(same, run.c.origin == origin, run.c.deleted.is_(None))
    if origin == "imported":
        text = sa.exists().where(card_text.c.run == run.c.number, card_text.c.target == OWN_TEXT)
        query = query.where(text).order_by(run.c.id)
    else:
        query = query.order_by(run.c.created.desc().nulls_last(), run.c.id.desc()).limit(limit)
    return list(connection.execute(query).scalars())


def _new(connection: sa.Connection, ids: Collection[str]) -> set[str]:
    came = _came().where(audit.c.run_id.in_(ids))
    return {run_id for run_id in connection.execute(came).scalars() if run_id is not None}


def _there(foreign: sa.Connection, ids: Collection[str]) -> set[str]:
    return set(foreign.execute(sa.select(run.c.id).where(run.c.id.in_(ids))).scalars())


def _join(
    own: Transactions,
    connection: sa.Connection,
    *,
    imported: str,
    recorded: str,
    words: tuple[str, str, Iterable[str]] | None,
) -> Joined | None:
    found = bundles(connection, [imported, recorded])
    said = entries(connection, [imported, recorded])
    one, other = found.get(imported), found.get(recorded)
    if one is None or other is None or one.deleted is not None or other.deleted is not None:
        return None  # somebody has removed one meanwhile
    times = [entry.at for some in said.values() for entry in some]
    times += [fact.at for side in (one, other) for fact in side.human.values()]
    times += [card.at for side in (one, other) for card in side.cards.values()]
    at = max(times, default=one.created or 0) + 1
    cards = {target: card for target, card in one.cards.items() if target != OWN_TEXT and target not in other.cards}
    if words is not None:
        base, text, deleted = words
        cards[OWN_TEXT] = CardPair(at, encode_value(base), encode_value(text), encode_value(sorted(deleted)))
    put_cards(connection, other.number, other.cards, {**other.cards, **cards})
    human = _human(one, other)
    if human != other.human:
        put_human(connection, other.number, other.human, human)
        values = {field: decode_value(fact.value) for field, fact in human.items()}
        shown = corrections.apply(other.record, {name: value for name, value in values.items() if value is not None})
        writing.put_rows(own.database, connection, other.number, shown, {})
    index.refresh(connection, other.number)  # its cards may be others by now
    connection.execute(run.update().where(run.c.number == one.number).values(deleted=at))
    entry = Entry(at, ACTOR, JOIN, imported, rows.searchable(one.name), recorded)
    connection.execute(audit.insert(), entry._asdict())
    return Joined(id=imported, name=one.name, to=recorded, to_name=other.name)


def _human(imported: Bundle, recorded: Bundle) -> dict[str, HumanFact]:
    """What people said of either, the newer of both; a name is of one run alone."""
    human = dict(recorded.human)
    for field, fact in imported.human.items():
        try:
            fits = field != NAME and corrections.has(recorded.record, field)
        except DocumentError:
            fits = False
        if fits and (field not in human or fact > human[field]):
            human[field] = fact
    return human
