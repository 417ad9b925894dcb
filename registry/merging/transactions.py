"""The transactions of a merge: short ones, which only write where there is something to write, and are tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import sqlalchemy as sa

from cardgen.errors import RegistryBusy
from cardgen.registry.engine import Database

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.2

Result = TypeVar("Result")


class Work(Protocol):
    """Something to be done in a transaction; without `write` it is only looked how much that would be."""

    def __call__(self, connection: sa.Connection, *, write: bool) -> int:
        """Do it; how many rows it changes."""
        ...


class Transactions:
    """Those of one registry."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, work: Work) -> int:
        """Do something in a transaction of its own; how many rows were changed."""
        with self.database.read() as connection:
            count = work(connection, write=False)
        if not count:
            return 0
        return self.write(lambda connection: work(connection, write=True))

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do something in a writing transaction; again, if others were in the way.

        Raises:
            RegistryBusy: they are, each time.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.database.write() as connection:
                    return work(connection)
            except RegistryBusy:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE_SECONDS * attempt)
        raise AssertionError
