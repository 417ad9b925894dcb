"""How a resumed training finds its run: its id is in the trainer's state, its earlier part in the registry."""

from __future__ import annotations

import threading
from typing import Any

from cardgen.record import LogEvent, Run
from cardgen.tracking.guard import say

LOAD_SECONDS = 20.0
"""How long the start of a resumed training waits for the registry."""


def noted_run(state: Any) -> str | None:
    """The id of the run that a trainer's state, as a checkpoint had it, belongs to."""
    callbacks = state.stateful_callbacks
    noted = callbacks.get("cardgen") if isinstance(callbacks, dict) else None
    args = noted.get("args") if isinstance(noted, dict) else None
    run_id = args.get("run_id") if isinstance(args, dict) else None
    return run_id if isinstance(run_id, str) and run_id else None


def note_run(state: Any, run_id: str) -> None:
    """Have every checkpoint from now on say that it belongs to this run, in the form of a stateful callback."""
    if state.stateful_callbacks is None:
        state.stateful_callbacks = {}
    state.stateful_callbacks["cardgen"] = {"args": {"run_id": run_id}, "attributes": {}}


def load_earlier(registry_url: str, run_id: str) -> tuple[Run, list[LogEvent]] | None:
    """The run and its log; None if the registry does not know it, fails or takes too long.

    Opening for writing folds what a killed process left in the run's spool.
    """
    found: list[tuple[Run, list[LogEvent]]] = []

    def load() -> None:
        from cardgen.errors import RunNotFound
        from cardgen.registry import Registry

        try:
            with Registry(registry_url) as registry:
                run = registry.run(run_id)
                if run.id == run_id:
                    found.append((run, registry.log(run_id)))
        except RunNotFound:
            pass
        except Exception as error:
            say(f"the earlier part of run {run_id} cannot be read ({error})")

    thread = threading.Thread(target=load, name="cardgen-resume", daemon=True)
    thread.start()
    thread.join(LOAD_SECONDS)
    return found[0] if found else None
