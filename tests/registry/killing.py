"""Long commands that are killed at any moment, many times, without the cost of starting Python each time.

`main` forks a child for each line of JSON on stdin, `[action, seconds, arguments]`, kills it with SIGKILL after so many
seconds, and prints `[exit code, seconds, steps]`: -9, or 0 for a child that was done before; and how often it told that
a step was done.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable

import alembic.command
import alembic.config  # noqa: F401
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

from cardgen.actions.import_ import import_cards
from cardgen.registry import Registry, backing, copying, schema

Told = Callable[[], object]


def main() -> None:
    """Fork, kill and report, until stdin ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        action, seconds, arguments = json.loads(line)
        told, tell = os.pipe()
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                ACTIONS[action](functools.partial(os.write, tell, b"x"), *arguments)
                code = 0
            finally:
                os._exit(code)
        os.close(tell)
        while not (done := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() - start < seconds:
            time.sleep(0.001)
        if not done[0]:
            os.kill(child, signal.SIGKILL)
            done = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(done[1])
        with os.fdopen(told, "rb") as file:
            steps = len(file.read())
        print(json.dumps([status, time.monotonic() - start, steps]), flush=True)


def import_all(told: Told, url: str, *sources: str) -> None:
    """Import cards one after the other."""
    with Registry(url, busy_seconds=60) as registry:
        for _ in import_cards(sources, registry):
            told()


def upgrade(told: Told, url: str, revision: str, scripts: str) -> None:
    """Upgrade to a revision."""
    schema.REVISION, schema.SCRIPTS = revision, scripts
    schema.upgrade_registry(url, busy_seconds=60)
    told()


def back_up(told: Told, url: str, target: str) -> None:
    """Back up over a file."""
    backing.back_up_registry(url, target, force=True)
    told()


def copy(told: Told, source: str, target: str) -> None:
    """Copy a registry."""
    copying.copy_registry(source, target)
    told()


ACTIONS: dict[str, Callable[..., None]] = {"import": import_all, "upgrade": upgrade, "backup": back_up, "copy": copy}
