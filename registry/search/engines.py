"""The index on each engine: FTS5 on SQLite, a `tsvector` on PostgreSQL.

Neither is left to find words: FTS5's tokenizer splits at the blanks that are written between tokens, and a `tsvector`
is written with its positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cardgen.registry.search.asking import Phrase, Question, Term
from cardgen.registry.search.postings import GAP, ROOM, Columns
from cardgen.registry.search.texts import PARTS

WEIGHTS = (10.0, 4.0, 2.0, 1.0)
"""What a word in each of `PARTS` counts for."""

QUESTION = sa.bindparam("question", type_=sa.Text)
"""Stands for what `Engine.written` made."""

table = sa.table("search", sa.column("rowid"), sa.column("run"), sa.column("vector"))


@dataclass(frozen=True, slots=True)
class Engine:
    """The statements of one engine. `digest`, `put` and `delete` are in the words of its driver.

    `number` is the column of the run's number. `row` makes what `put` is given: the tokens of a run. `match` and
    `rank` are a condition and a value, greater is better, for a question that `written` has put into words.
    """

    digest: str
    put: str
    delete: str
    number: sa.ColumnClause[Any]
    row: Callable[[Columns], tuple[str, ...]]
    written: Callable[[Question], str]
    match: sa.ColumnElement[bool]
    rank: sa.ColumnElement[float]


def of(connection: sa.Connection) -> Engine:
    """The engine that a connection is to."""
    return SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL


def _text(question: Question, phrase: Callable[[Phrase], str], *, either: str, both: str, without: str) -> str:
    """A question with these words between its parts."""

    def term(one: Term) -> str:
        return f"({either.join(map(phrase, one.phrases))})"

    wanted = both.join(map(term, question.wanted))
    return f"({wanted}){without}({either.join(map(term, question.unwanted))})" if question.unwanted else wanted


# SQLite

_WHOLE: sa.ColumnElement[Any] = sa.literal_column("search")  # FTS5 has a column of the table's name for all of them


def _fts5_phrase(phrase: Phrase) -> str:
    tokens = " ".join(phrase.tokens).replace('"', '""')
    return f'"{tokens}"*' if phrase.is_prefix else f'"{tokens}"'


def _fts5(question: Question) -> str:
    return _text(question, _fts5_phrase, either=" OR ", both=" AND ", without=" NOT ")


SQLITE = Engine(
    digest="SELECT digest FROM search WHERE rowid = ?",
    put="INSERT OR REPLACE INTO search (rowid, digest, names, about, cards, samples) VALUES (?, ?, ?, ?, ?, ?)",
    delete="DELETE FROM search WHERE rowid = ?",
    number=table.c.rowid,
    row=lambda columns: tuple(map(" ".join, columns)),
    written=_fts5,
    match=_WHOLE.op("MATCH", is_comparison=True)(QUESTION),
    rank=-sa.func.bm25(_WHOLE, *map(sa.literal, WEIGHTS)),
)


# PostgreSQL


def _quoted(token: str) -> str:
    return "'" + token.replace("\\", "\\\\").replace("'", "''") + "'"


def _tsquery_phrase(phrase: Phrase) -> str:
    return f"({' <-> '.join(map(_quoted, phrase.tokens))}{':*' if phrase.is_prefix else ''})"


def _tsquery(question: Question) -> str:
    return _text(question, _tsquery_phrase, either=" | ", both=" & ", without=" & !")


def _vector(columns: Columns) -> tuple[str]:
    """The tokens with their positions, each part at its own ones and with its own label."""
    places: dict[str, list[str]] = {}
    start = 1
    for label, part, column in zip("ABCD", PARTS, columns, strict=True):
        for position, token in enumerate(column, start):
            if token != GAP:
                places.setdefault(token, []).append(f"{position}{label}")
        start += ROOM[part] + 1
    return (" ".join(f"{_quoted(token)}:{','.join(found)}" for token, found in places.items()),)


class _Tsquery(sa.types.UserDefinedType[str]):
    """By its name alone: the types of SQLAlchemy's dialect take a while to load."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type in SQL."""
        return "TSQUERY"


_ASKED = sa.cast(QUESTION, _Tsquery())
_LABELS: sa.ColumnElement[Any] = sa.literal_column(
    "CAST('{" + ",".join(str(weight / WEIGHTS[0]) for weight in reversed(WEIGHTS)) + "}' AS real[])"
)

POSTGRESQL = Engine(
    digest="SELECT digest FROM search WHERE run = %s",
    put="INSERT INTO search (run, digest, vector) VALUES (%s, %s, %s::tsvector) "
    "ON CONFLICT (run) DO UPDATE SET digest = excluded.digest, vector = excluded.vector",
    delete="DELETE FROM search WHERE run = %s",
    number=table.c.run,
    row=_vector,
    written=_tsquery,
    match=table.c.vector.op("@@", is_comparison=True)(_ASKED),
    rank=sa.func.ts_rank_cd(_LABELS, table.c.vector, _ASKED, sa.literal_column("1")),  # long texts count for less
)
