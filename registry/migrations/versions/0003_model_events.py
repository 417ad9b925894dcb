"""Versions of models with ids, what was done to models, and an index for lineages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_PAGE = 300
_COLUMNS = ("model", "version", "run_id", "run_name", "weights", "step", "card", "commit", "at")


def upgrade() -> None:
    """Give every version that is there an id, and the event that it was registered."""
    connection = op.get_bind()
    connection.execute(sa.text("CREATE TABLE model_version_before AS SELECT * FROM model_version"))
    op.drop_table("model_version")
    op.create_table(
        "model_version",
        sa.Column("model", Text, nullable=False),
        sa.Column("version", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("id", Text, nullable=False),
        sa.Column("run_id", Text, nullable=False),
        sa.Column("run_name", Text, nullable=False),
        sa.Column("weights", Text),
        sa.Column("step", sa.BigInteger),
        sa.Column("card", Text),
        sa.Column("commit", Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("model", "version", name="pk_model_version"),
        sa.UniqueConstraint("id", name="uq_model_version_id"),
    )
    op.create_index("ix_model_version_run_id", "model_version", ["run_id"])
    op.create_table(
        "model_event",
        sa.Column("number", Number, nullable=False),
        sa.Column("id", Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("model", Text, nullable=False),
        sa.Column("action", Text, nullable=False),
        sa.Column("version_id", Text),
        sa.Column("value", Text),
        sa.PrimaryKeyConstraint("number", name="pk_model_event"),
        sa.UniqueConstraint("id", name="uq_model_event_id"),
    )
    op.create_index("ix_model_event_model", "model_event", ["model", "at", "id"])
    op.create_index("ix_run_base_model", "run", ["base_model"])
    for row in _before(connection):
        version_id = _version_id(connection, row)
        _insert(connection, "model_version", **row, id=version_id)
        _insert(
            connection,
            "model_event",
            id=_digest("register", version_id),
            at=row["at"],
            actor=_actor(connection, row),
            model=row["model"],
            action="register",
            version_id=version_id,
        )
    connection.execute(sa.text("DROP TABLE model_version_before"))


def _before(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    shown = ", ".join(f'"{name}"' for name in _COLUMNS)
    after = ""
    place: dict[str, Any] = {}
    while True:
        page = sa.text(f"SELECT {shown} FROM model_version_before {after} ORDER BY model, version LIMIT {_PAGE}")
        rows = [dict(row) for row in connection.execute(page, place).mappings()]
        yield from rows
        if len(rows) < _PAGE:
            return
        after = "WHERE (model, version) > (:model, :version)"
        place = {name: rows[-1][name] for name in ("model", "version")}


def _version_id(connection: sa.Connection, row: dict[str, Any]) -> str:
    """What the version is, in every copy of the registry: a digest of its content, and of how often that was there."""
    content = [row[name] for name in ("model", "run_id", "weights", "card", "commit", "at")]
    taken = sa.text("SELECT 1 FROM model_version WHERE id = :id")
    found, again = _digest(*content), 1
    while connection.execute(taken, {"id": found}).first() is not None:
        again += 1
        found = _digest(*content, again)
    return found


def _actor(connection: sa.Connection, row: dict[str, Any]) -> str:
    """Who published it: until now nothing else made versions."""
    made = sa.text(
        "SELECT actor FROM audit WHERE run_id = :run_id AND action = 'publish' AND detail = :detail "
        "ORDER BY number LIMIT 1"
    )
    detail = f"{row['model']}@{row['commit']}"[:2000]
    return connection.execute(made, {"run_id": row["run_id"], "detail": detail}).scalar_one_or_none() or "?"


def _insert(connection: sa.Connection, table: str, **values: Any) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


def _digest(*content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
