"""Names of runs, each of which is unique: one that is taken is counted up."""

from __future__ import annotations

import re

import sqlalchemy as sa

from cardgen.identity import speakable
from cardgen.registry import rows
from cardgen.registry.tables import run

LATEST = "latest"
"""The reference to the newest run: no run gets it as its name."""


def free_name(connection: sa.Connection, run_id: str, asked: str, number: int) -> str:
    """The name that was asked for, with a number if another run has it."""
    taken = sa.select(run.c.number).where(run.c.name == asked, run.c.number != number)
    if asked != LATEST and connection.execute(taken).first() is None:
        return asked
    return next_name(connection, run_id, asked)


def next_name(connection: sa.Connection, run_id: str, asked: str) -> str:
    """The name with its number counted up: `amber-otter-3` to `-4`, and a name that a person gave to `NAME-2`."""
    stem, first = asked, 2
    if asked == speakable(run_id):
        stem, _, number = asked.rpartition("-")
        first = int(number) + 1
    stem = stem[: rows.NAME_LIMIT - 12]
    # Everything that starts with "STEM-" sorts between it and "STEM.": the dot follows the dash.
    family = sa.select(run.c.name).where(run.c.name >= f"{stem}-", run.c.name < f"{stem}.")
    numbered = re.compile(re.escape(stem) + r"-([1-9][0-9]{0,9})")
    numbers = [int(match[1]) for name in connection.execute(family).scalars() if (match := numbered.fullmatch(name))]
    return f"{stem}-{max([first, *(number + 1 for number in numbers)])}"
