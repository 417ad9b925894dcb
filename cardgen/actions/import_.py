"""Import cards: what a generated card says goes into the registry, and its text is kept."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.folder import FolderFacts, enrich, hashed
from cardgen.actions.owner import find_owner, save_words, stored
from cardgen.actions.problems import Problem
from cardgen.actions.read import ImportedCard, read_card
from cardgen.actions.render import RUN_TARGET
from cardgen.actions.sources import Source, read_source
from cardgen.card.layout import render
from cardgen.card.merge import merge
from cardgen.card.parse.document import undress
from cardgen.errors import CardgenError
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry


@dataclass(frozen=True, slots=True)
class FailedImport:
    """A source that could not be read, and why."""

    source: str
    error: CardgenError

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, as one problem."""
        return (Problem(file=self.source, message=str(self.error)),)


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
    card = read_card(source.data, source.name, file=source.file)
    if source.facts is not None:
        card = dataclasses.replace(card, problems=(*card.problems, *source.facts.problems))
    if card.run is None or card.base is None:
        return card
    known = _known(card, source, registry)
    if known is not None:
        return known
    run, log, base = card.run, list(card.log), card.base
    if source.facts is not None:
        # what the files add is no change that a person made: it belongs to the base
        run, log = enrich(run, log, hashed(source.facts))
        base = undress(card.text).restore(render(run, log))
    run = registry.save(dataclasses.replace(run, created=dt.datetime.now(dt.UTC)))
    registry.replace_log(run.id, log)  # one that was deleted comes back, with what its log had
    registry.save_card_text(run.id, RUN_TARGET, base=base, text=card.text, action="import")
    if source.target is not None:
        registry.save_card_text(run.id, source.target, base=base, text=card.text)
    return dataclasses.replace(card, run=run, log=tuple(log))


def _known(card: ImportedCard, source: Source, registry: Registry) -> ImportedCard | None:
    """The card of a run that the registry has, with its words and its files' facts kept; None if it has no such run."""
    assert card.run is not None
    facts = source.facts
    named = facts.run_id if facts is not None and facts.folder is not None else None
    run = stored(card.run.id, registry) if named is None or stored(named, registry) is None else None
    if run is None:
        owner = find_owner(card, registry, named=named, target=source.target)
        if owner is None:
            return None
        save_words(owner, card, registry, target=source.target)
        run, card = owner.run, dataclasses.replace(card, base=owner.base)
        if owner.exact:  # maybe in another layout than its own
            card = dataclasses.replace(card, grade="exact", differences=())
    if facts is not None and run.origin == "imported":
        run = _completed(run, facts, source.target, card, registry)
    return dataclasses.replace(card, run=run, known=True)


def _completed(run: Run, facts: FolderFacts, target: str | None, card: ImportedCard, registry: Registry) -> Run:
    """A known imported run with what it lacks and the files beside its card tell; a person's words and facts stay."""
    facts = hashed(facts, run.checkpoints)
    recorded, log = registry.recorded(run.id), registry.log(run.id)
    rich, events = enrich(recorded, log, facts)
    own = registry.card_text(run.id, RUN_TARGET)
    base = card.base or ""
    if _differ(recorded, rich, log, events):
        before = render(run, log)
        run = registry.change(run.id, lambda now: enrich(now, log, facts)[0])
        registry.replace_log(run.id, events)
        if own is not None:
            # as if the files had been there at the first import: what they add is no change that a person made
            base = merge(before, render(run, events), own.base, prefer="ours").text
            registry.save_card_text(
                run.id, RUN_TARGET, base=base, text=own.text, deleted=own.deleted, action="import", instead_of=own
            )
    elif own is not None:
        base = own.base
    if target is not None and registry.card_text(run.id, target) is None:
        registry.save_card_text(run.id, target, base=base, text=card.text)
    return run


def _differ(run: Run, other: Run, log: Sequence[LogEvent], events: Sequence[LogEvent]) -> bool:
    """Whether two records or their logs say other things (NaN is not equal to itself)."""
    from cardgen.registry.codec import encode_run, encode_value

    texts = [encode_value([(e.seq, e.kind, e.step, e.epoch, e.values) for e in side]) for side in (log, events)]
    return encode_run(run) != encode_run(other) or texts[0] != texts[1]
