"""A cardgen whose schema is one revision further than this one's, for tests of upgrades."""

from __future__ import annotations

import shutil
from pathlib import Path

from cardgen.registry import migrations
from cardgen.registry.schema import REVISION

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
