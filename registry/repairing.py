"""Rows made anew from documents. Nothing here takes a fact away."""

from __future__ import annotations

import dataclasses
import logging

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import DocumentError
from cardgen.record import Run
from cardgen.registry import auditing, facts, history, naming, rows, tables, writing
from cardgen.registry.codec import decode_run
from cardgen.registry.engine import Database
from cardgen.registry.preparing import Keys
from cardgen.registry.search import index
from cardgen.registry.tables import card_text, document, fact, human_fact, log_event, run, spool

_PAGE = 300
_MANY = 10_000  # about half a minute's work

logger = logging.getLogger("cardgen.registry")


def rebuild(database: Database, connection: sa.Connection, run_id: str) -> bool:
    """Make row and facts of a run anew from its document and what people set over it, and the figures from its log.

    A name that another run has by now gets a number, in the document, too.

    Returns:
        whether that could be done: not without a document that can be read.
    """
    row = writing.stored_row(database, connection, run_id)
    if row is None:
        return False
    history.rebuild(connection, row.number)
    recorded = _document(connection, row.number)
    if recorded is None or recorded.id != run_id:
        return False
    try:
        human = facts.of(connection, row.number)
    except DocumentError:
        return False
    wanted = rows.usable_name(dataclasses.replace(recorded, name=str(human.get("name", recorded.name))))
    name = naming.free_name(connection, run_id, wanted, row.number)
    if "name" in human and human["name"] != name:
        facts.put(connection, row.number, {**human, "name": name}, at=auditing.now())
    writing.put_record(database, connection, row, dataclasses.replace(recorded, name=name))
    auditing.note(connection, "repair", run_id, name)
    return True


def rebuild_all(database: Database, connection: sa.Connection) -> None:
    """Make what follows from documents and logs anew for all runs, one after another; documents and names stay.

    Where a run's document, or what people set over it, cannot be read, what follows from it stays as it is.
    """
    runs = connection.execute(sa.select(sa.func.count()).select_from(run)).scalar_one()
    if runs > _MANY:
        logger.warning("the rows of %d runs are made anew: this takes some minutes, once", runs)
    known: Keys = {}
    last: int | None = None
    while True:
        pages = sa.select(run.c.number, run.c.id).order_by(run.c.number).limit(_PAGE)
        page = connection.execute(pages if last is None else pages.where(run.c.number > last)).all()
        for number, run_id in page:
            history.rebuild(connection, number)
            recorded = _document(connection, number)
            if recorded is None or recorded.id != run_id:
                continue
            try:
                shown = corrections.apply(recorded, facts.of(connection, number))
            except DocumentError:
                continue
            writing.put_rows(database, connection, number, shown, known)
        if len(page) < _PAGE:
            return
        last = page[-1].number


def restore(database: Database, connection: sa.Connection, number: int) -> bool:
    """Give what belongs to the run of this number its row back; without a document, remove what only searching needs.

    Returns:
        whether nothing of this number is left without a row.
    """
    recorded = _document(connection, number)
    if recorded is None or writing.stored_row(database, connection, recorded.id) is not None:
        for derived in (fact, spool, tables.history):
            connection.execute(derived.delete().where(derived.c.run == number))
        index.delete(connection, number)
        return not any(_has(connection, table, number) for table in (document, log_event, card_text, human_fact))
    asked = rows.usable_name(recorded)
    columns = {
        **rows.run_columns(recorded),
        "number": number,
        "id": recorded.id,
        "name": naming.free_name(connection, recorded.id, asked, number),
        "asked_name": asked,
        "revision": 0,
        "folded": -1,
    }
    connection.execute(run.insert().values(**columns))
    return rebuild(database, connection, recorded.id)


def _document(connection: sa.Connection, number: int) -> Run | None:
    text = connection.execute(sa.select(document.c.text).where(document.c.run == number)).scalar_one_or_none()
    try:
        return decode_run(text or "")
    except DocumentError:
        return None


def _has(connection: sa.Connection, table: sa.Table, number: int) -> bool:
    return connection.execute(sa.select(table.c.run).where(table.c.run == number).limit(1)).first() is not None
