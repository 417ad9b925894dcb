"""The registry: runs and their logs, stored in SQLite or PostgreSQL.

Names are loaded when they are first used, so that a spool can be written without a database library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cardgen.registry.query import RunRow, RunState
    from cardgen.registry.spool import SpoolWriter, spool_folder
    from cardgen.registry.store import Registry, RegistryStatus

__all__ = ["Registry", "RegistryStatus", "RunRow", "RunState", "SpoolWriter", "spool_folder"]

_HOMES = {
    "Registry": "store",
    "RegistryStatus": "store",
    "RunRow": "query",
    "RunState": "query",
    "SpoolWriter": "spool",
    "spool_folder": "spool",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cardgen.registry' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"cardgen.registry.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
