"""Listings of a registry: whole runs, rows, and chosen columns of runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from cardgen import corrections
from cardgen.record import Run
from cardgen.registry import facts, query
from cardgen.registry.engine import Database
from cardgen.registry.language.compile import Compiler
from cardgen.registry.language.stored import StoredKeys
from cardgen.registry.pages import Asked, Page, select
from cardgen.registry.parts import parts
from cardgen.registry.query import RunRow
from cardgen.registry.showing import Shown
from cardgen.registry.tables import document, run

STREAMED = 500
"""Rows of a page where somebody reads all pages."""


def runs(database: Database, asked: Asked) -> Page[Run]:
    """The runs of a page, whole.

    Raises:
        QueryError: as `pages.select` does.
        DocumentError: a document cannot be decoded.
    """
    with database.read() as connection:
        page = _select(database, connection, asked, [run.c.name])
        whole = _whole(connection, [(row[0], row[2]) for row in page])
    return Page(whole, page.next)


def _whole(connection: sa.Connection, named: Sequence[tuple[int, str]]) -> Iterator[Run]:
    """The records of runs, given their numbers and names; all is read at once, and decoded when it is asked for."""
    numbers = [number for number, _ in named]
    documents: dict[int, str] = {}
    for some in parts(numbers):
        texts = sa.select(document.c.run, document.c.text).where(document.c.run.in_(some))
        documents.update((row.run, row.text) for row in connection.execute(texts))
    human = facts.of_many(connection, numbers)
    return (
        corrections.apply(query.decoded(name, documents.get(number)), human.get(number, {})) for number, name in named
    )


def results(database: Database, asked: Asked) -> Iterator[tuple[str, Run]]:
    """The derived status and the record of the runs that are asked for, page after page, each in a transaction.

    Raises:
        QueryError, DocumentError: as `runs` does.
    """
    asked = dataclasses.replace(asked, limit=STREAMED)
    while True:
        with database.read() as connection:
            page = _select(database, connection, asked, [run.c.name, query.status_column(database)])
            whole = _whole(connection, [(row[0], row[2]) for row in page])
        yield from zip((row[3] for row in page), whole, strict=True)
        if page.next is None:
            return
        asked = dataclasses.replace(asked, after=page.next)


def run_rows(database: Database, asked: Asked) -> Page[RunRow]:
    """The rows of a page, without reading a document; raises QueryError as `pages.select` does."""
    with database.read() as connection:
        page = _select(database, connection, asked, query.listed_columns(database))
        return Page((query.to_row(row[2:]) for row in page), page.next)


def shown(database: Database, asked: Asked, columns: Sequence[str]) -> Page[dict[str, Any]]:
    """Chosen columns of a page, see `Shown.rows`; raises QueryError as `pages.select` does."""
    with database.read() as connection:
        keys, status = StoredKeys(connection), query.status_column(database)
        chosen = Shown(columns, keys, Compiler(database, connection, keys, status))
        page = select(database, connection, asked, chosen.columns, status, keys)
        return Page(chosen.rows(connection, page), page.next)


def stream(database: Database, asked: Asked, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of `shown`, page after page, each read in a transaction of its own."""
    while True:
        page = shown(database, dataclasses.replace(asked, limit=STREAMED), columns)
        yield from page
        if page.next is None:
            return
        asked = dataclasses.replace(asked, after=page.next)


def _select(
    database: Database, connection: sa.Connection, asked: Asked, columns: Sequence[sa.ColumnElement[Any]]
) -> Page[Sequence[Any]]:
    return select(database, connection, asked, columns, query.status_column(database), StoredKeys(connection))
