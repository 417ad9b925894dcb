"""Model cards from the record of a training run: capture it, keep it, render it exactly, any time.

    import cardgen

    with cardgen.track(trainer) as run:
        trainer.train()
    print(cardgen.render_card(run))

Every name is loaded when it is first used: `import cardgen` alone loads no database, template or training library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cardgen.actions.check import check_card
    from cardgen.actions.compare import compare_runs
    from cardgen.actions.import_ import import_card
    from cardgen.actions.leaderboard import leaderboard
    from cardgen.actions.read import ImportedCard
    from cardgen.actions.render import render_card
    from cardgen.errors import CardgenError, RunNotFound
    from cardgen.record import Run
    from cardgen.registry import Registry
    from cardgen.tracking import ActiveRun, CardCallback, OpenRun, autolog, current_run, open_run, track

__version__ = "0.1.0"

__all__ = [
    "ActiveRun",
    "CardCallback",
    "CardgenError",
    "ImportedCard",
    "OpenRun",
    "Registry",
    "Run",
    "RunNotFound",
    "__version__",
    "autolog",
    "check_card",
    "compare_runs",
    "current_run",
    "import_card",
    "leaderboard",
    "open_run",
    "render_card",
    "track",
]

_HOMES = {
    "ActiveRun": "cardgen.tracking",
    "CardCallback": "cardgen.tracking",
    "CardgenError": "cardgen.errors",
    "ImportedCard": "cardgen.actions.read",
    "OpenRun": "cardgen.tracking",
    "Registry": "cardgen.registry",
    "Run": "cardgen.record",
    "RunNotFound": "cardgen.errors",
    "autolog": "cardgen.tracking",
    "check_card": "cardgen.actions.check",
    "compare_runs": "cardgen.actions.compare",
    "current_run": "cardgen.tracking",
    "import_card": "cardgen.actions.import_",
    "leaderboard": "cardgen.actions.leaderboard",
    "open_run": "cardgen.tracking",
    "render_card": "cardgen.actions.render",
    "track": "cardgen.tracking",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cardgen' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
