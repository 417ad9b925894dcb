"""The hook in the training process.

`track`, `autolog` and `CardCallback` follow a trainer through events of transformers and methods of the library (see
`trainers` and `patches`); a `Recording` turns what they see into a `Run` and its log; a `Sink` writes both to the spool
and folds them into the registry from a thread. Nothing in here raises into training, waits for a network or keeps a
model alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cardgen.tracking.active import ActiveRun
    from cardgen.tracking.automatic import autolog
    from cardgen.tracking.callback import CardCallback
    from cardgen.tracking.context import track
    from cardgen.tracking.live import current_run
    from cardgen.tracking.reopen import OpenRun, open_run

__all__ = ["ActiveRun", "CardCallback", "OpenRun", "autolog", "current_run", "open_run", "track"]

_HOMES = {
    "ActiveRun": "cardgen.tracking.active",
    "CardCallback": "cardgen.tracking.callback",
    "OpenRun": "cardgen.tracking.reopen",
    "autolog": "cardgen.tracking.automatic",
    "current_run": "cardgen.tracking.live",
    "open_run": "cardgen.tracking.reopen",
    "track": "cardgen.tracking.context",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cardgen.tracking' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
