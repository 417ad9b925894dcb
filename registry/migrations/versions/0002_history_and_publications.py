"""Figures of logs to search by; publications, versions of models, and publications that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; what follows from documents and logs is made when all revisions are in."""
    op.create_table(
        "history",
        sa.Column("key", Number, autoincrement=False, nullable=False),
        sa.Column("run", Number, autoincrement=False, nullable=False),
        sa.Column("lowest", sa.Double),
        sa.Column("highest", sa.Double),
        sa.Column("last", sa.Double),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", "run", name="pk_history"),
        sa.ForeignKeyConstraint(["key"], ["key.number"], name="fk_history_key"),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name="fk_history_run", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_history_run", "history", ["run"])
    op.create_table(
        "publication",
        sa.Column("number", Number, nullable=False),
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
        sa.PrimaryKeyConstraint("number", name="pk_publication"),
        sa.UniqueConstraint("repo_id", "endpoint", "commit", name="uq_publication_repo_id_endpoint_commit"),
    )
    op.create_index("ix_publication_run_id", "publication", ["run_id"])
    op.create_table(
        "model_version",
        sa.Column("model", Text, nullable=False),
        sa.Column("version", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("run_id", Text, nullable=False),
        sa.Column("run_name", Text, nullable=False),
        sa.Column("weights", Text),
        sa.Column("step", sa.BigInteger),
        sa.Column("card", Text),
        sa.Column("commit", Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("model", "version", name="pk_model_version"),
    )
    op.create_index("ix_model_version_run_id", "model_version", ["run_id"])
    op.create_table(
        "pending",
        sa.Column("number", Number, nullable=False),
        sa.Column("run_id", Text, nullable=False),
        sa.Column("run_name", Text, nullable=False),
        sa.Column("repo_id", Text, nullable=False),
        sa.Column("options", Text, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pending"),
        sa.UniqueConstraint("run_id", "repo_id", name="uq_pending_run_id_repo_id"),
    )
    op.drop_index("ix_run_project", "run")
    op.create_index("ix_run_project", "run", ["project", "created", "number"])
