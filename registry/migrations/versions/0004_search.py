"""The index of the texts: FTS5 on SQLite, a `tsvector` on PostgreSQL."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index; what is in it follows from the runs, and is made after the last revision."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE search USING fts5(names, about, cards, samples, digest UNINDEXED, tokenize = 'ascii')"
        )
    else:
        op.execute(
            'CREATE TABLE search (run BIGINT NOT NULL, digest TEXT COLLATE "C" NOT NULL, vector TSVECTOR NOT NULL, '
            "CONSTRAINT pk_search PRIMARY KEY (run), "
            "CONSTRAINT fk_search_run FOREIGN KEY (run) REFERENCES run (number) ON DELETE CASCADE)"
        )
        op.execute("CREATE INDEX ix_search_vector ON search USING gin (vector)")
