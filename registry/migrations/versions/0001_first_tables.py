"""The first tables. Written out and frozen: later changes are later revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables of the first version."""
    op.create_table(
        "run",
        sa.Column("number", Number, nullable=False),
        sa.Column("id", Text, nullable=False),
        sa.Column("name", Text, nullable=False),
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
        sa.PrimaryKeyConstraint("number", name="pk_run"),
        sa.UniqueConstraint("id", name="uq_run_id"),
        sa.UniqueConstraint("name", name="uq_run_name"),
    )
    op.create_index("ix_run_created", "run", ["created", "number"])
    op.create_index("ix_run_project", "run", ["project"])
    op.create_table(
        "document",
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("text", Text, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_document"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_document_run", ondelete="CASCADE"),
    )
    op.create_table(
        "key",
        sa.Column("number", Number, nullable=False),
        sa.Column("kind", Text, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_key"),
        sa.UniqueConstraint("kind", "name", name="uq_key_kind_name"),
    )
    op.create_table(
        "fact",
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("key", Number, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.Double),
        sa.Column("text", Text),
        sa.PrimaryKeyConstraint("run", "key", "position", name="pk_fact"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_fact_run", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["key"], ["key.number"], name="fk_fact_key"),
        sqlite_with_rowid=False,
    )
    for column in ("number", "text"):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_fact_{column}", "fact", ["key", column, "run"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "log_event",
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("epoch", Text),
        sa.Column("kind", Text, nullable=False),
        sa.Column("at", sa.BigInteger),
        sa.Column("values", Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_log_event"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_log_event_run", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spool",
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("folded", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "first", name="pk_spool"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_spool_run", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "card_text",
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.Column("base", Text, nullable=False),
        sa.Column("text", Text, nullable=False),
        sa.Column("deleted", Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "target", name="pk_card_text"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_card_text_run", ondelete="CASCADE"),
    )
    op.create_index("ix_card_text_target", "card_text", ["target", "at"])
    op.create_table(
        "human_fact",
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("field", Text, nullable=False),
        sa.Column("value", Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "field", name="pk_human_fact"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_human_fact_run", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("number", Number, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("action", Text, nullable=False),
        sa.Column("run_id", Text),
        sa.Column("name", Text),
        sa.Column("detail", Text),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_run_id", "audit", ["run_id"])
