"""The registry: runs and their logs, stored in SQLite or PostgreSQL.

Names are loaded when they are first used, so that a spool can be written without a database library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cardgen.registry.backing import Backup, back_up_registry
    from cardgen.registry.copying import Copied, copy_registry
    from cardgen.registry.ingesting import Ingested
    from cardgen.registry.keys import KeyUse
    from cardgen.registry.pages import Page
    from cardgen.registry.query import RunRow, RunState
    from cardgen.registry.schema import upgrade_registry
    from cardgen.registry.search.find import Hit
    from cardgen.registry.spool import SpoolWriter, spool_folder
    from cardgen.registry.store import Registry, RegistryStatus
    from cardgen.registry.verifying import Finding, Verification

__all__ = [
    "Backup",
    "Copied",
    "Finding",
    "Hit",
    "Ingested",
    "KeyUse",
    "Page",
    "Registry",
    "RegistryStatus",
    "RunRow",
    "RunState",
    "SpoolWriter",
    "Verification",
    "back_up_registry",
    "copy_registry",
    "spool_folder",
    "upgrade_registry",
]

_HOMES = {
    "Backup": "backing",
    "Copied": "copying",
    "Finding": "verifying",
    "Hit": "search.find",
    "Ingested": "ingesting",
    "KeyUse": "keys",
    "Page": "pages",
    "Registry": "store",
    "RegistryStatus": "store",
    "RunRow": "query",
    "RunState": "query",
    "SpoolWriter": "spool",
    "Verification": "verifying",
    "back_up_registry": "backing",
    "copy_registry": "copying",
    "spool_folder": "spool",
    "upgrade_registry": "schema",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cardgen.registry' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"cardgen.registry.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
