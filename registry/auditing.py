"""The audit: who did what when. It is only ever appended to."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cardgen.identity import is_run_id
from cardgen.registry import rows
from cardgen.registry.parts import parts
from cardgen.registry.tables import audit

DECISIONS = ("delete", "restore", "purge")
"""What the audit calls that a run is hidden, shown again, or removed for good."""

DETAIL_LIMIT = 2000
"""Characters of what the audit says of an action."""


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def note(
    connection: sa.Connection, action: str, run_id: str | None, name: str | None, detail: str | None = None
) -> None:
    """Append to the audit who did what when; without a run it was done to the whole registry."""
    append(connection, [entry(action, run_id, name, detail)])


def entry(action: str, run_id: str | None, name: str | None, detail: str | None = None) -> dict[str, Any]:
    """What `note` appends, as columns."""
    return {"at": now(), "actor": actor(), "action": action, "run_id": run_id, "name": name, "detail": detail}


def append(connection: sa.Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Append to the audit what `entry` made, in this order."""
    connection.execute(audit.insert(), entries)


def is_purged(connection: sa.Connection, run_id: str) -> bool:
    """Whether the last that was decided about a run was that it is purged."""
    return is_run_id(run_id) and run_id in purged(connection, [run_id])


def purged(connection: sa.Connection, run_ids: Sequence[str]) -> set[str]:
    """Those of some runs of which the last that was decided is that they are purged."""
    last: dict[str, str] = {}
    for some in parts(run_ids):
        decided = sa.select(audit.c.run_id, audit.c.action)
        decided = decided.where(audit.c.run_id.in_(some), audit.c.action.in_(DECISIONS))
        # by time: what came from another registry has a greater number than what was done here before
        for run_id, action in connection.execute(decided.order_by(audit.c.at, audit.c.number)):
            last[run_id] = action
    return {run_id for run_id, action in last.items() if action == "purge"}


def actor() -> str:
    """Who does something here: user and machine."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or (str(os.getuid()) if hasattr(os, "getuid") else "?")
    return rows.searchable(f"{user}@{socket.gethostname()}")
