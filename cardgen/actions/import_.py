"""Import cards: what a generated card says goes into the registry, and its text is kept."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.folder import enrich
from cardgen.actions.read import ImportedCard, read_card
from cardgen.actions.render import RUN_TARGET
from cardgen.actions.sources import Source, read_source
from cardgen.card.layout import render
from cardgen.errors import AmbiguousRun, CardgenError, RunNotFound
from cardgen.record import Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry

CANDIDATES = 50
"""Newest captured runs of the same title that a card is compared with to find the run it was rendered from."""


@dataclass(frozen=True, slots=True)
class FailedImport:
    """A source that could not be read, and why."""

    source: str
    error: CardgenError


def import_card(
    source: str | os.PathLike[str], *, data: bytes | None = None, registry: Registry | None = None
) -> ImportedCard:
    """Import one card into the registry.

    The same bytes are the same run, here or elsewhere; a card that was rendered from here joins its own run.

    Args:
        source: a file, a model or checkpoint folder, or hf://REPO[@REV].
        data: the card's bytes, if they are at hand; `source` then only names them.
        registry: an open registry; None opens that of the settings.

    Raises:
        FileProblem, HubError: the source cannot be read.
        RegistryError: the registry cannot be used.
    """
    found = Source(name=os.fspath(source), data=data) if data is not None else read_source(source)
    if registry is not None:
        return store_card(found, registry)
    from cardgen.registry.store import Registry

    with Registry() as opened:
        return store_card(found, opened)


def import_cards(
    sources: Iterable[str | os.PathLike[str]], registry: Registry
) -> Iterator[ImportedCard | FailedImport]:
    """Import many; one that cannot be read does not stop the others."""
    for source in sources:
        try:
            yield import_card(source, registry=registry)
        except CardgenError as error:
            yield FailedImport(os.fspath(source), error)


def store_card(source: Source, registry: Registry) -> ImportedCard:
    """Read a source and keep its run and its text; an opaque text is not kept."""
    card = read_card(source.data, source.name)
    if card.run is None or card.base is None:
        return card
    own = _own_run(card, source, registry)
    if own is not None:
        base = render(own, registry.log(own.id))
        if card.text != base:
            registry.save_card_text(own.id, RUN_TARGET, base=base, text=card.text, action="import")
        return dataclasses.replace(card, run=own, base=base, known=True)
    known = _stored(card.run.id, registry)
    if known is not None:
        return dataclasses.replace(card, run=known, known=True)
    run, log = card.run, list(card.log)
    base = card.base
    if source.facts is not None:
        # what the files add is no change that a person made: it belongs to the base
        run, log = enrich(run, log, source.facts)
        base = render(run, log)
    run = registry.save(dataclasses.replace(run, created=dt.datetime.now(dt.UTC)))
    registry.append(run.id, log)
    registry.save_card_text(run.id, RUN_TARGET, base=base, text=card.text, action="import")
    if source.target is not None:
        registry.save_card_text(run.id, source.target, base=base, text=card.text)
    return dataclasses.replace(card, run=run, log=tuple(log))


def _own_run(card: ImportedCard, source: Source, registry: Registry) -> Run | None:
    """The captured run that a card was rendered from: named by a folder of this machine, or rendering the same text."""
    if source.facts is not None and source.facts.folder is not None and source.facts.run_id is not None:
        named = _stored(source.facts.run_id, registry)
        if named is not None:
            return named
    title = card.run.model.title if card.run is not None else None
    for row in registry.listing(title or "", limit=CANDIDATES):
        if row.origin == "captured" and row.title == title:
            candidate = registry.run(row.id)
            if render(candidate, registry.log(row.id)) == card.text:
                return candidate
    return None


def _stored(run_id: str, registry: Registry) -> Run | None:
    try:
        found = registry.run(run_id)
    except (RunNotFound, AmbiguousRun):
        return None
    return found if found.id == run_id else None
