"""The index of the texts: kept with every run, in the transaction that writes it, and made anew where it is wrong.

It follows from the documents, what people set, and the texts of cards. A digest of these stands beside it, so that
saving a run again whose texts stay costs next to nothing, and a difference is found without cutting words.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import DocumentError
from cardgen.record import Run
from cardgen.registry import facts
from cardgen.registry.codec import decode_run, decode_value
from cardgen.registry.search import engines, texts
from cardgen.registry.search.engines import Engine
from cardgen.registry.search.postings import columns
from cardgen.registry.search.texts import Text
from cardgen.registry.tables import SEARCH_SQLITE, card_text, document, run

FORM = "1"
"""The form of what is indexed: another one makes every run be indexed anew."""

TABLE = "search"

_PAGE = 200

_EMPTIED = (
    "DELETE FROM search_data",
    "INSERT INTO search_data (id, block) VALUES (1, x''), (10, x'00000000000000')",
    "INSERT OR REPLACE INTO search_config (k, v) VALUES ('version', 4)",
)
"""What makes an index of FTS5 an empty one: a broken one can neither be opened nor be dropped."""

Cards = Sequence[tuple[str, str]]
"""The texts of cards as they are stored: target and tagged JSON."""


def add(connection: sa.Connection, new: Iterable[tuple[int, Run]]) -> None:
    """Index runs that are new, given with their numbers: nothing of them is there yet."""
    engine = engines.of(connection)
    connection.exec_driver_sql(engine.put, [_row(engine, number, list(texts.of_run(one)), ()) for number, one in new])


def update(connection: sa.Connection, number: int, shown: Run) -> None:
    """Index a run as it is read from now on, if its texts are not those that are indexed."""
    engine, found, cards = engines.of(connection), list(texts.of_run(shown)), cards_of(connection, number)
    digest = _digest(found, cards)
    if _indexed(connection, number) != digest:
        connection.exec_driver_sql(engine.put, _row(engine, number, found, cards, digest))


def refresh(connection: sa.Connection, number: int) -> None:
    """Index a run from what is stored of it; if that cannot be read, what is indexed stays."""
    stored = connection.execute(sa.select(document.c.text).where(document.c.run == number)).scalar_one_or_none()
    for _, shown in _shown(connection, {number: stored or ""}):
        update(connection, number, shown)


def delete(connection: sa.Connection, number: int) -> None:
    """Take a run out of the index."""
    connection.exec_driver_sql(engines.of(connection).delete, (number,))


def is_right(connection: sa.Connection, number: int, shown: Run) -> bool:
    """Whether what is indexed of a run are its texts."""
    digest = _digest(list(texts.of_run(shown)), cards_of(connection, number))
    return _indexed(connection, number) == digest


def fill(connection: sa.Connection) -> None:
    """Index every run, where nothing is indexed yet; one whose record cannot be read is left out."""
    engine, last = engines.of(connection), -1
    while True:
        page = sa.select(document.c.run, document.c.text).join_from(document, run).where(document.c.run > last)
        rows = connection.execute(page.order_by(document.c.run).limit(_PAGE)).all()
        cards = cards_of_many(connection, [row.run for row in rows])
        shown = _shown(connection, {row.run: row.text for row in rows})
        new = [_row(engine, number, list(texts.of_run(one)), cards.get(number, ())) for number, one in shown]
        if new:
            connection.exec_driver_sql(engine.put, new)
        if len(rows) < _PAGE:
            return
        last = rows[-1].run


def damage(connection: sa.Connection, *, whole: bool) -> str | None:
    """What is wrong with the index itself, as far as SQLite tells; `whole` compares all of it, and takes a writer."""
    probes = ["SELECT count(*), max(rowid) FROM search", "SELECT rowid FROM search WHERE search MATCH '\"a\"' LIMIT 1"]
    if whole:
        probes.append("INSERT INTO search (search) VALUES ('integrity-check')")
    if connection.dialect.name == "sqlite":
        try:
            for probe in probes:
                connection.exec_driver_sql(probe)
        except sa.exc.DatabaseError as error:
            return str(error.orig)
    return None


def remake(connection: sa.Connection) -> None:
    """Make SQLite's index anew from nothing."""
    for statement in (*_EMPTIED, "DROP TABLE search", SEARCH_SQLITE):
        connection.exec_driver_sql(statement)
    fill(connection)


def strays(connection: sa.Connection) -> list[int]:
    """Numbers that are indexed and of no run."""
    column = engines.of(connection).number
    query = sa.select(column).select_from(engines.table).where(column.not_in(sa.select(run.c.number)))
    return list(connection.execute(query.order_by(column)).scalars())


def cards_of(connection: sa.Connection, number: int) -> Cards:
    """The texts of a run's cards, as they are stored."""
    query = "SELECT target, text FROM card_text WHERE run = %s ORDER BY target"
    if connection.dialect.name == "sqlite":
        query = query.replace("%s", "?")
    return [(target, text) for target, text in connection.exec_driver_sql(query, (number,))]


def cards_of_many(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, Cards]:
    """The same of some runs, by their numbers; one without cards is not in it."""
    query = sa.select(card_text.c.run, card_text.c.target, card_text.c.text).where(card_text.c.run.in_(numbers))
    found: dict[int, list[tuple[str, str]]] = {}
    for number, target, text in connection.execute(query.order_by(card_text.c.run, card_text.c.target)):
        found.setdefault(number, []).append((target, text))
    return {**found}


def readable(cards: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts of cards, but those that are damaged."""
    found = []
    for target, stored in cards:
        try:
            text = decode_value(stored)
        except DocumentError:
            continue
        if isinstance(text, str):
            found.append((target, text))
    return found


def _row(
    engine: Engine, number: int, of_run: list[Text], cards: Cards, digest: str | None = None
) -> tuple[int | str, ...]:
    found = columns([*of_run, *texts.of_cards_once(readable(cards))])
    return number, digest or _digest(of_run, cards), *engine.row(found)


def _indexed(connection: sa.Connection, number: int) -> str | None:
    found = connection.exec_driver_sql(engines.of(connection).digest, (number,)).scalar_one_or_none()
    return None if found is None else str(found)


def _digest(of_run: Iterable[Text], cards: Iterable[tuple[str, str]]) -> str:
    """Says whether two lists of texts are the same."""
    whole = hashlib.blake2b(FORM.encode(), digest_size=12)
    for item in (*of_run, *cards):
        for text in item:
            data = text.encode("utf-8", "surrogatepass")
            whole.update(b"%d:" % len(data))
            whole.update(data)
    return whole.hexdigest()


def _shown(connection: sa.Connection, documents: Mapping[int, str]) -> Iterator[tuple[int, Run]]:
    """The runs of some documents as they are read, with their numbers, but those that cannot be."""
    try:
        human = facts.of_many(connection, documents)
    except DocumentError:
        human = None  # of one of them
    for number, text in documents.items():
        with contextlib.suppress(DocumentError):
            said = facts.of(connection, number) if human is None else human.get(number, {})
            yield number, corrections.apply(decode_run(text), said)
