"""Registries of earlier revisions, and a cardgen whose schema is one revision further, for tests of upgrades."""

from __future__ import annotations

import shutil
from pathlib import Path

import sqlalchemy as sa

from cardgen.registry import migrations, schema
from cardgen.registry.engine import Database
from cardgen.registry.location import parse_location
from cardgen.registry.schema import REVISION
from cardgen.registry.tables import metadata, version

NEXT = f"{int(REVISION) + 1:04d}"
"""The revision after the one that is."""

ADD_COLUMN = 'op.add_column("run", sa.Column("stars", sa.BigInteger))'

_SCRIPT = '''
"""The next revision."""
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{revision}"


def upgrade() -> None:
    {body}
'''


def next_scripts(folder: Path, *body: str) -> str:
    """All migrations and that of the next revision, whose statements are `body`; where they are."""
    scripts = folder / "next" / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts)
    text = _SCRIPT.format(next=NEXT, revision=REVISION, body="\n    ".join(body or (ADD_COLUMN,)))
    (scripts / "versions" / f"{NEXT}_next.py").write_text(text)
    return str(scripts)


def migrate(connection: sa.Connection, revision: str) -> None:
    """Run the migrations, and nothing else, up to a revision."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", schema.SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def make_older(url: str, revision: str) -> None:
    """Bring a registry back to an earlier revision: its rows, as far as they have a place, in the tables of then."""
    database = Database(parse_location(url), mode="write", create=False)
    with database.write() as connection:
        rows = {
            table: [row._asdict() for row in connection.execute(table.select())] for table in metadata.tables.values()
        }
        metadata.drop_all(connection)
        version.drop(connection)
        migrate(connection, revision)
        for table in metadata.sorted_tables:
            if not sa.inspect(connection).has_table(table.name):
                continue
            older = sa.Table(table.name, sa.MetaData(), autoload_with=connection)
            kept = [{name: row[name] for name in older.columns.keys()} for row in rows[table]]  # noqa: SIM118
            if kept:
                connection.execute(older.insert(), kept)
            if kept and [*older.primary_key.columns.keys()] == ["number"] and not database.is_sqlite:
                sequence = sa.func.pg_get_serial_sequence(f'"{table.name}"', "number")
                connection.execute(sa.select(sa.func.setval(sequence, max(row["number"] for row in kept))))
    database.close()
