"""Whether a run is shown, hidden or gone, as the audits of two registries together say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cardgen.registry.merging.bundle import Bundle, Entry

JOIN = "join"
"""What the audit calls that an imported run's words went to the run that its card was rendered from; it is hidden."""

_RANKS = {"restore": 0, JOIN: 1, "delete": 2, "purge": 3}
"""What decides, and which of two decisions of one moment stands."""


class Fate(NamedTuple):
    """What becomes of a run: it is gone, or hidden since `deleted`, or shown."""

    gone: bool
    deleted: int | None


def decided(found: Iterable[Entry]) -> Entry | None:
    """The last decision about a run."""
    decisions = [entry for entry in found if entry.action in _RANKS]
    return max(decisions, key=_order, default=None)


def come_back(bundle: Bundle | None, found: set[Entry]) -> Entry | None:
    """The decision that is missing where a run is there although it was purged: it was saved anew after that.

    What writes it down with the saving is younger than the oldest registries.
    """
    last = decided(found)
    if bundle is None or last is None or last.action != "purge":
        return None
    later = [entry for entry in found if entry.action == "create" and entry.at > last.at]
    made = max(later, key=lambda entry: entry.at, default=None)
    if made is not None:
        return made._replace(action="restore", detail=None)
    return last._replace(action="restore", at=last.at + 1, detail=None)


def fate(found: Iterable[Entry], sides: Iterable[Bundle]) -> Fate:
    """What becomes of a run of which this is known, and which these registries have."""
    last = decided(found)
    hidden = [side.deleted for side in sides if side.deleted is not None]
    if last is None:
        return Fate(False, max(hidden, default=None))
    if last.action == "purge":
        return Fate(True, None)
    if last.action == "restore":
        return Fate(False, None)
    return Fate(False, max(hidden, default=last.at))


def _order(entry: Entry) -> tuple[int, int, str]:
    return entry.at, _RANKS[entry.action], repr(entry)
