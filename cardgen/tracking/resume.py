"""An earlier part of a run, fetched from the registry when training is resumed."""

from __future__ import annotations

import threading

from cardgen.record import LogEvent, Run
from cardgen.tracking.guard import say

LOAD_SECONDS = 20.0
"""How long the start of a resumed training waits for the registry."""


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
