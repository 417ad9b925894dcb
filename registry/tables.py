"""The tables of a registry.

A run is one row of `run` for listings, one `document` that is the truth about it, rows of `fact` to search by (they
can be rebuilt from the document), and its `log_event`s. `audit` says who did what when and is only ever appended to.

Numbers join the tables, ids are for people. Times are microseconds since 1970 in UTC. Text that is searched or listed
has no NUL and no lone surrogate (see `rows.searchable`); what must be exact is ASCII-escaped tagged JSON. Text sorts by
code point on every engine.

What identifies a row in any registry is said with each table: numbers are of one registry alone. Rows of `run`, `key`,
`fact` and `history` follow from documents and logs; where two registries know of one thing, the newer word stands.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers its rows by INTEGER alone

run = sa.Table(
    "run",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("asked_name", Text, nullable=False),
    sa.Column("project", Text),
    sa.Column("group", Text),
    sa.Column("tags", Text, nullable=False),
    sa.Column("status", Text, nullable=False),
    sa.Column("origin", Text, nullable=False),
    sa.Column("model_type", Text, nullable=False),
    sa.Column("title", Text),
    sa.Column("base_model", Text),
    sa.Column("created", sa.BigInteger),
    sa.Column("started", sa.BigInteger),
    sa.Column("ended", sa.BigInteger),
    sa.Column("seconds", sa.Double),
    sa.Column("metric_name", Text),
    sa.Column("metric", sa.Double),
    sa.Column("words", Text, nullable=False),
    sa.Column("heartbeat", sa.BigInteger),
    sa.Column("deleted", sa.BigInteger),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("folded", sa.BigInteger, nullable=False),
    sa.Index("ix_run_created", "created", "number"),
    sa.Index("ix_run_project", "project", "created", "number"),
    sa.Index("ix_run_base_model", "base_model"),
)
"""Identified by `id`. `asked_name` is the name a run asked for, `name` the one it got; `words` is what free words
search, case-folded; `folded` the greatest number of a spool entry that is in; `revision` counts the saves."""

document = sa.Table(
    "document",
    metadata,
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("text", Text, nullable=False),
)
"""Apart from `run`, so that a listing reads no documents."""

key = sa.Table(
    "key",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.UniqueConstraint("kind", "name"),
)
"""Names of facts, each stored once; `kind` is the word before the dot of a query (`params`, `metrics` …)."""

_fact_number, _fact_text = sa.Column("number", sa.Double), sa.Column("text", Text)

fact = sa.Table(
    "fact",
    metadata,
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("key", Number, sa.ForeignKey(key.c.number), primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    _fact_number,
    _fact_text,
    sa.Index("ix_fact_number", "key", "number", "run", sqlite_where=_fact_number.is_not(None)),
    sa.Index("ix_fact_text", "key", "text", "run", sqlite_where=_fact_text.is_not(None)),
    sqlite_with_rowid=False,
)
"""A value of a run to search by: as a number, or as text (cut to `rows.TEXT_LIMIT`). None and NaN have no number."""

log_event = sa.Table(
    "log_event",
    metadata,
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("segment", sa.BigInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("epoch", Text),
    sa.Column("kind", Text, nullable=False),
    sa.Column("at", sa.BigInteger),
    sa.Column("values", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Identified by the run and `seq`. `epoch` and `values` are tagged JSON: an epoch of 1 is not one of 1.0."""

history = sa.Table(
    "history",
    metadata,
    sa.Column("key", Number, sa.ForeignKey(key.c.number), primary_key=True, autoincrement=False),
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("lowest", sa.Double),
    sa.Column("highest", sa.Double),
    sa.Column("last", sa.Double),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Index("ix_history_run", "run"),
    sqlite_with_rowid=False,
)
"""What a log says of each of its names (kind `log`): follows from `log_event`, so that a query reads no log."""

spool = sa.Table(
    "spool",
    metadata,
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("folded", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How far each spool of a run is folded: `first` is the number of its first entry and so the file's identity. A run
that was resumed on another machine has several."""

card_text = sa.Table(
    "card_text",
    metadata,
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("target", Text, primary_key=True),
    sa.Column("base", Text, nullable=False),
    sa.Column("text", Text, nullable=False),
    sa.Column("deleted", Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_card_text_target", "target", "at"),
)
"""What a card was rendered as (`base`) and how it stands (`text`), as tagged JSON; `target` says where it stands.
Identified by run and target: the pair of the newest `at` is the one that stands."""

human_fact = sa.Table(
    "human_fact",
    metadata,
    sa.Column("run", Number, sa.ForeignKey(run.c.number, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("field", Text, primary_key=True),
    sa.Column("value", Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What a person knows better than the record, as tagged JSON: it goes before what was recorded, and stays. Identified
by run and field: the newest `at` is what stands, and a `value` of None says that it was taken back then."""

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("run_id", Text),
    sa.Column("name", Text),
    sa.Column("detail", Text),
    sa.Index("ix_audit_run_id", "run_id"),
)
"""Who did what when. Identified by its whole content without the number; its order is that of `at`, then `number`, for
what comes from another registry is appended later than it happened."""

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("run_id", Text, nullable=False),
    sa.Column("run_name", Text, nullable=False),
    sa.Column("repo_id", Text, nullable=False),
    sa.Column("endpoint", Text, nullable=False),
    sa.Column("revision", Text, nullable=False),
    sa.Column("commit", Text, nullable=False),
    sa.Column("pull_request", Text),
    sa.Column("card", Text, nullable=False),
    sa.Column("weights", Text),
    sa.Column("step", sa.BigInteger),
    sa.Column("files", Text, nullable=False),
    sa.Column("user", Text),
    sa.Column("version", sa.BigInteger),
    sa.UniqueConstraint("repo_id", "endpoint", "commit"),
    sa.Index("ix_publication_run_id", "run_id"),
)
"""A commit of ours in a repository of the Hub; see `publications.Publication`. It stays when its run is purged.
Identified by `repo_id`, `endpoint` and `commit`; `version` is the number of the model's version with this commit."""

model_version = sa.Table(
    "model_version",
    metadata,
    sa.Column("model", Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("run_id", Text, nullable=False),
    sa.Column("run_name", Text, nullable=False),
    sa.Column("weights", Text),
    sa.Column("step", sa.BigInteger),
    sa.Column("card", Text),
    sa.Column("commit", Text),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_model_version_run_id", "run_id"),
)
"""A version of a model: a run's weights and card, under a name; publishing makes one under the repository's id.
Identified by `id`; `version` is the number that people see, and counts the versions of the model in one registry."""

model_event = sa.Table(
    "model_event",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("model", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("version_id", Text),
    sa.Column("value", Text),
    sa.Index("ix_model_event_model", "model", "at", "id"),
)
"""What was done to a model: `register` a version, `alias` one as `value`, `unalias` that, `tag` and `untag` a version
with `value`. Only ever appended to; where aliases point and which tags there are follows from the events in the order
of `at`, then `id`. Identified by `id`."""

pending = sa.Table(
    "pending",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("run_id", Text, nullable=False),
    sa.Column("run_name", Text, nullable=False),
    sa.Column("repo_id", Text, nullable=False),
    sa.Column("options", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("tries", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("run_id", "repo_id"),
)
"""A publication that waits: the training that asked for it could not make it. Identified by run and repository."""

SEARCH_TABLES = frozenset(("search", "search_data", "search_idx", "search_content", "search_docsize", "search_config"))
"""The index of the texts on SQLite, and the tables that FTS5 makes for it; PostgreSQL has the first one alone."""

SEARCH_SQLITE = (
    "CREATE VIRTUAL TABLE search USING fts5(names, about, cards, samples, digest UNINDEXED, tokenize = 'ascii')"
)
SEARCH_POSTGRESQL = (
    'CREATE TABLE search (run BIGINT NOT NULL, digest TEXT COLLATE "C" NOT NULL, vector TSVECTOR NOT NULL, '
    "CONSTRAINT pk_search PRIMARY KEY (run), "
    "CONSTRAINT fk_search_run FOREIGN KEY (run) REFERENCES run (number) ON DELETE CASCADE)",
    "CREATE INDEX ix_search_vector ON search USING gin (vector)",
)
"""What is searched of each run, see `cardgen.registry.search`. It is no table of `metadata`: each engine has its own,
and what is in it is made from the other tables, never copied."""


@sa.event.listens_for(metadata, "after_create")
def _create_search(target: sa.MetaData, connection: sa.Connection, **_: Any) -> None:
    for statement in (SEARCH_SQLITE,) if connection.dialect.name == "sqlite" else SEARCH_POSTGRESQL:
        connection.exec_driver_sql(statement)


@sa.event.listens_for(metadata, "before_drop")
def _drop_search(target: sa.MetaData, connection: sa.Connection, **_: Any) -> None:
    connection.exec_driver_sql("DROP TABLE search")


version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, in the form it makes it, so that a new registry needs no Alembic."""


@sa.event.listens_for(metadata, "before_create")
def _partial_indexes(target: sa.MetaData, connection: sa.Connection, **_: Any) -> None:
    """Indexes are partial on both engines. Saying so at once would load PostgreSQL's dialect, with every start."""
    if connection.dialect.name == "postgresql":
        for index in fact.indexes:
            index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs["sqlite_where"]
