"""Runs that a question finds, the best first, each with the place that it was found by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import DocumentError, QueryError
from cardgen.record import Run
from cardgen.registry import facts, query
from cardgen.registry.codec import decode_run
from cardgen.registry.engine import Database
from cardgen.registry.language.binding import All
from cardgen.registry.language.compile import Compiler
from cardgen.registry.language.stored import StoredKeys
from cardgen.registry.pages import Filters, with_filters
from cardgen.registry.parts import parts
from cardgen.registry.search import asking, engines, index, place, texts
from cardgen.registry.search.asking import Question
from cardgen.registry.search.index import Cards
from cardgen.registry.search.place import Place, Span
from cardgen.registry.search.texts import Text
from cardgen.registry.tables import document, run

RANKED = 1000
"""Of so many runs that a question finds, those that were saved last, the order is worked out: ranking what a hundred
thousand runs have in common would take longer than any answer to it is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A run that was found.

    `rank` is greater for a better one; it means nothing but beside the others. `text` is the part of a `field` of the
    run in which it was found, in one line, and `spans` are the pairs of offsets in it that are to be marked.
    """

    id: str
    name: str
    title: str | None
    rank: float
    field: str
    text: str
    spans: tuple[Span, ...]


def search(database: Database, text: str, limit: int, filters: Filters) -> list[Hit]:
    """The best runs that a question finds, at most `limit`.

    Raises:
        QueryError: a question, filter or limit that cannot be right.
    """
    question = asking.read(text)
    if limit < 0:
        raise QueryError(f"the limit is {limit}", hint="use 0 or more")
    with database.read() as connection:
        ranks = _ranks(database, connection, question, min(limit, RANKED), filters) if limit else {}
        return list(_hits(connection, ranks, question))


def _ranks(
    database: Database, connection: sa.Connection, question: Question, limit: int, filters: Filters
) -> dict[int, float]:
    """The ranks of the best runs by their numbers, the best first."""
    engine = engines.of(connection)
    compiler = Compiler(database, connection, StoredKeys(connection), query.status_column(database))
    wanted = [engine.match, run.c.deleted.is_(None), compiler.where(with_filters(All(()), filters))]
    # The index is gone through from the newest run on, so that SQLite ranks no more than what is taken.
    pair = engines.table.join(run, run.c.number == engine.number)
    newest = sa.select(engine.number.label("number"), engine.rank.label("rank"), run.c.created).select_from(pair)
    some = newest.where(*wanted).order_by(engine.number.desc()).limit(RANKED).subquery()
    best = sa.select(some.c.number, some.c.rank)
    best = best.order_by(some.c.rank.desc(), some.c.created.desc().nulls_last(), some.c.number.desc()).limit(limit)
    found = connection.execute(best, {"question": engine.written(question)})
    return {row.number: row.rank for row in found}


def _hits(connection: sa.Connection, ranks: Mapping[int, float], question: Question) -> Iterator[Hit]:
    """The runs with their places, which are read from what is stored; what cannot be read is shown by its name."""
    numbers = list(ranks)
    for some in parts(numbers):
        stored = sa.select(run.c.number, run.c.id, run.c.name, run.c.title, document.c.text)
        stored = stored.join_from(run, document, isouter=True).where(run.c.number.in_(some))
        rows = {row.number: row for row in connection.execute(stored)}
        cards = index.cards_of_many(connection, some)
        try:
            human = facts.of_many(connection, some)
        except DocumentError:
            human = {}
        for number in some:
            row, where = rows[number], None
            with contextlib.suppress(DocumentError):
                shown = corrections.apply(decode_run(row.text or ""), human.get(number, {}))
                where = place.best(_texts(shown, cards.get(number, ())), question)
            where = where or Place("name", row.name, ())
            yield Hit(
                id=row.id,
                name=row.name,
                title=row.title,
                rank=ranks[number],
                field=where.field,
                text=where.text,
                spans=where.spans,
            )


def _texts(shown: Run, cards: Cards) -> list[Text]:
    """Everything of a run that is indexed, the weightiest part first."""
    found = [*texts.of_run(shown), *texts.of_cards(index.readable(cards))]
    return sorted(found, key=lambda text: texts.PARTS.index(text.part))
