"""Take everything of another registry into one; imported cards find the recorded runs that they were rendered from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cardgen.actions.owner import may_be, owner_among, stored, words_of
from cardgen.actions.read import read_card
from cardgen.actions.render import RUN_TARGET
from cardgen.errors import CardgenError, EditConflict
from cardgen.record import Run

if TYPE_CHECKING:
    from cardgen.registry.merging.meeting import Meeting
    from cardgen.registry.merging.report import MergeReport
    from cardgen.registry.store import Registry

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, and how much of how much of it is."""


def merge_registry(
    source: str | os.PathLike[str],
    registry: Registry | str | os.PathLike[str] | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> MergeReport:
    """Take everything that another registry holds into one.

    Merging again changes nothing, and merged in either order two registries are equal: their exports are, byte for
    byte. Nothing of the other is believed: what cannot be right is left out, and said in the report. It is only read,
    and nothing is written beside it. A merge that is stopped leaves a whole registry; merging again finishes it.

    Args:
        source: a path or URL of a registry, or a folder that `export_registry` wrote.
        registry: an open registry, or a path or URL, where one is made if there is none; None is that of the settings.
        dry_run: merge into a copy that is thrown away, and say what came of it.
        progress: called from time to time.

    Raises:
        RegistryNotFound: one of them is not there.
        SettingsError: both are the same.
        NotARegistry: the other is none, or is damaged.
        SchemaTooNew, SchemaTooOld: another version of cardgen wrote it.
        RegistryError: the registry cannot be written.
    """
    from cardgen.registry.store import Registry

    if not isinstance(registry, Registry):
        with Registry(registry, mode="read" if dry_run else "write") as opened:
            return merge_registry(source, opened, dry_run=dry_run, progress=progress)
    if not dry_run:
        return registry.merge(source, meet=lambda meeting: _meet(meeting, registry), progress=progress)
    with tempfile.TemporaryDirectory(prefix="cardgen-") as folder:
        copy = Path(folder) / "merged.db"
        registry.copy_to(copy)
        with Registry(copy) as scratch:
            report = scratch.merge(
                source, meet=lambda meeting: _meet(meeting, scratch), progress=progress, instead_of=registry
            )
    report.target, report.dry_run = registry.url, True
    return report


def _meet(meeting: Meeting, registry: Registry) -> str | None:
    """Join an imported run with the recorded one that its card was rendered from, if that is among the candidates.

    Returns:
        why it was not joined although it belongs together.
    """
    own = registry.card_text(meeting.imported, RUN_TARGET)
    if own is None:
        return None
    card = read_card(own.text.encode("utf-8", "replace"), source=f"the card of run {meeting.imported}")
    if card.run is None:
        return None
    owner = owner_among(card, _candidates(meeting, card.run, registry), registry)
    if owner is None:
        return None
    try:
        words = words_of(owner, card, registry.card_text(owner.run.id, RUN_TARGET))
    except EditConflict as error:
        return str(error)
    meeting.join(owner.run.id, words)
    return None


def _candidates(meeting: Meeting, read: Run, registry: Registry) -> Iterator[Run]:
    for run_id in meeting.candidates:
        try:
            run = stored(run_id, registry)
        except CardgenError:  # its record is damaged
            continue
        if run is not None and may_be(run, read):
            yield run
