"""The run that a card belongs to: the one that it was rendered from here, in whatever form, edited or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.read import ImportedCard, read_card
from cardgen.actions.render import RUN_TARGET, Form, merged_card
from cardgen.card.eras import forms, version_text
from cardgen.card.format import value_text
from cardgen.card.layout import render
from cardgen.card.merge import merge
from cardgen.card.parse.document import undress
from cardgen.card.parse.read import parse
from cardgen.errors import AmbiguousRun, EditConflict, RunNotFound
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry
    from cardgen.registry.texts import CardText

CANDIDATES = 50
"""Newest runs of the same title that a card is compared with."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A run, and what was rendered of it that the card came from.

    `words` says that the card has more than this, `exact` that it is what the record alone renders in some layout.
    """

    run: Run
    base: str
    words: bool
    exact: bool = False


def find_owner(card: ImportedCard, registry: Registry, *, named: str | None, target: str | None) -> Owner | None:
    """The run that a card was rendered from; None if there is none.

    That is the run whose card was written to this place, or that `cardgen.json` names, if the card tells of the same
    training; else a run whose rendering the card is, in any layout, with the words that stand or without; else a
    recorded run whose rendering tells the same training, to the last number: then a person edited the card.

    Args:
        card: a card with a record.
        registry: an open registry.
        named: the id that `cardgen.json` beside the card has.
        target: where the card stands, if that is known.
    """
    assert card.run is not None
    dress = undress(card.text)
    pair = registry.card_text(None, target) if target is not None else None
    if pair is not None and _same_training(pair.base, card) and (run := stored(pair.run_id, registry)) is not None:
        words = undress(pair.base).body != dress.body
        return Owner(run, pair.base, words=words, exact=not words and _is_plain(run, registry.log(run.id), dress.body))
    if named is not None and (run := stored(named, registry)) is not None and may_be(run, card.run):
        return _nearest(run, registry.log(run.id), card)
    return owner_among(card, _candidates(card.run, registry), registry)


def owner_among(card: ImportedCard, runs: Iterable[Run], registry: Registry) -> Owner | None:
    """The one of these runs that a card was rendered from, exactly or with words; None if it was from none of them."""
    dress, edited = undress(card.text), None
    for run in runs:
        log = registry.log(run.id)
        captured = run.origin == "captured"  # an imported run is its bytes, line ends and final newline included
        for plain, text in _renderings(run, log, registry):
            if (undress(text).body == dress.body) if captured else (text == card.text):
                return Owner(run, text, words=False, exact=plain)
        if edited is None and captured:
            nearest = _nearest(run, log, card)
            edited = nearest if _same_training(nearest.base, card) else None
    return edited


def save_words(owner: Owner, card: ImportedCard, registry: Registry, *, target: str | None) -> None:
    """Keep the words of a run's card, together with those that the run's own text has already.

    Raises:
        EditConflict: both changed one place; nothing is kept then.
    """
    run, own = owner.run, registry.card_text(owner.run.id, RUN_TARGET)
    words = words_of(owner, card, own)
    if words is not None:
        base, text, deleted = words
        registry.save_card_text(
            run.id, RUN_TARGET, base=base, text=text, deleted=deleted, action="import", instead_of=own
        )
    if target is not None and registry.card_text(run.id, target) is None:
        registry.save_card_text(run.id, target, base=owner.base, text=card.text)


def words_of(owner: Owner, card: ImportedCard, own: CardText | None) -> tuple[str, str, frozenset[str]] | None:
    """Base, text and deleted sections of a run's own text with the words of a card; None if that changes nothing.

    Raises:
        EditConflict: both changed one place.
    """
    if not owner.words:
        return None
    if own is None:
        return owner.base, card.text, frozenset()
    merged = merge(owner.base, card.text, own.text)
    if merged.conflicts:
        places = ", ".join(dict.fromkeys(conflict.place for conflict in merged.conflicts))
        raise EditConflict(
            f"{card.source} and the text of {owner.run.name} were both changed: {places}",
            hint=f"put the words together with `cardgen runs edit {owner.run.name}`",
        )
    return None if merged.text == own.text else (own.base, merged.text, own.deleted | merged.deleted)


def rendered_before(run: Run, text: str, registry: Registry) -> str | None:
    """What a text was before anybody edited it, as far as that can be told from it; None for no generated card.

    Of a card of this run, what training goes on to change (log, results, durations) is as the text has it, the rest as
    the run was recorded: so a title or a sample that a person put right is that person's. A card of another run was
    what its own record renders.
    """
    card = read_card(text.encode("utf-8", "replace"))
    recorded = run if stored(run.id, registry) is None else registry.recorded(run.id)
    if card.run is None or not may_be(recorded, card.run):
        return card.base
    read = card.run
    earlier = dataclasses.replace(
        recorded,
        evaluations=read.evaluations,
        durations=read.durations,
        emissions=read.emissions,
        best_step=read.best_step,
        log_columns=read.log_columns,
    )
    return _nearest(earlier, card.log, card).base


def stored(run_id: str, registry: Registry) -> Run | None:
    """The run of exactly this id, if the registry has it."""
    try:
        found = registry.run(run_id)
    except (RunNotFound, AmbiguousRun):
        return None
    return found if found.id == run_id else None


def _candidates(read: Run, registry: Registry) -> Iterator[Run]:
    """The newest runs of the title that may have been rendered as this one reads."""
    from cardgen.registry.language import quote

    title = read.model.title
    for row in registry.listing(f"title = {quote(title)}" if title else "", limit=CANDIDATES):
        run = stored(row.id, registry)
        if run is not None and may_be(run, read):
            yield run


def may_be(run: Run, read: Run) -> bool:
    """Whether a card of the run could read like this: what every layout shows must be the same."""
    mine, theirs = run.environment.versions, read.environment.versions
    if run.model.type != read.model.type or any(mine.get(name) != version for name, version in theirs.items()):
        return False
    if run.hyperparameters is None or read.hyperparameters is None:
        return run.hyperparameters is read.hyperparameters
    values = run.hyperparameters.values
    shown = read.hyperparameters.values.items()
    return all(name in values and value_text(values[name]) == value_text(value) for name, value in shown)


def _renderings(run: Run, log: Sequence[LogEvent], registry: Registry) -> Iterator[tuple[bool, str]]:
    """Every text that rendering the run gives, its own form first, without (True) and with the words that stand."""
    own = registry.card_text(run.id, RUN_TARGET)
    for layout in (None, *_layouts(run)):
        yield True, render(run, log, layout=layout)
        if own is not None:
            form = Form(layout=layout)
            yield False, merged_card(run, log, form, base=own.base, text=own.text, deleted=own.deleted)[1].text


def _is_plain(run: Run, log: Sequence[LogEvent], body: str) -> bool:
    """Whether a text is what the record alone renders, in any layout."""
    return any(render(run, log, layout=layout) == body for layout in (None, *_layouts(run)))


def _layouts(run: Run) -> list[str]:
    return [version_text(layout.version) for layout in forms(run.model.type)]


def _nearest(run: Run, log: Sequence[LogEvent], card: ImportedCard) -> Owner:
    """The rendering of a run that has most lines in common with a card."""
    dress = undress(card.text)
    lines = set(dress.body.split("\n"))
    texts = [render(run, log, layout=layout) for layout in (None, *_layouts(run))]
    base = min(texts, key=lambda text: len(lines.symmetric_difference(text.split("\n"))))
    words = base != dress.body
    return Owner(run, dress.restore(base), words=words, exact=not words)


def _same_training(base: str, card: ImportedCard) -> bool:
    """Whether a rendering and a card tell of the same training, to the last number."""
    mine, theirs = parse(base), card.run
    if mine.run is None or theirs is None or not (theirs.hyperparameters or card.log):
        return False
    names = ("hyperparameters", "datasets", "evaluations", "environment", "durations", "emissions")
    # as texts, for NaN is not equal to itself
    same = all(repr(getattr(mine.run, name)) == repr(getattr(theirs, name)) for name in names)
    return same and repr(mine.log) == repr(card.log)
