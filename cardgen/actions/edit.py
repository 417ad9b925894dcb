"""Edit a run's own text: the words that a person puts into its card, which every later rendering keeps.

The own text is the pair of what was rendered and what stands that the registry keeps under the target `run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.render import RUN_TARGET, Form, merged_card
from cardgen.card.layout import render
from cardgen.card.merge import OURS, THEIRS
from cardgen.card.stubs import fill
from cardgen.errors import EditConflict
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry
    from cardgen.registry.texts import CardText


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnText:
    """A run's text to edit.

    `base` is what is rendered now, `text` this with the words that stand already; where the two meet, both are between
    markers, and `conflicts` names the places. `pair` is what the registry had when this was opened.
    """

    run: Run
    base: str
    text: str
    conflicts: tuple[str, ...]
    deleted: frozenset[str]
    pair: CardText | None


def open_text(registry: Registry, reference: str) -> OwnText:
    """The text of a run as it is to be edited.

    Raises:
        RunNotFound, AmbiguousRun: the reference names no run, or several.
    """
    run = registry.run(reference)
    log = registry.log(run.id)
    base = render(run, log)
    pair = registry.card_text(run.id, RUN_TARGET)
    if pair is None:
        return OwnText(run=run, base=base, text=base, conflicts=(), deleted=frozenset(), pair=None)
    _, merged = merged_card(run, log, Form(prefer="markers"), base=pair.base, text=pair.text, deleted=pair.deleted)
    _, undecided = merged_card(run, log, Form(), base=pair.base, text=pair.text, deleted=pair.deleted)
    places = tuple(dict.fromkeys(conflict.place for conflict in undecided.conflicts))
    return OwnText(run=run, base=base, text=merged.text, conflicts=places, deleted=merged.deleted, pair=pair)


def save_text(registry: Registry, own: OwnText, text: str) -> bool:
    """Keep an edited text; whether anything was changed.

    A final newline that an editor added is no change.

    Raises:
        EditConflict: a conflict is not decided, or somebody else changed the text in the meantime.
    """
    if text.endswith("\n") and not own.text.endswith("\n"):
        text = text[: -2 if text.endswith("\r\n") else -1]
    if text == own.text:
        return False
    if any(line.rstrip() in (OURS, THEIRS) for line in text.split("\n")):
        raise EditConflict(
            "the text still has markers of a conflict", hint=f"keep one of both texts and remove {OURS!r} to {THEIRS!r}"
        )
    registry.save_card_text(
        own.run.id,
        RUN_TARGET,
        base=own.base,
        text=text,
        deleted=own.deleted,
        action="edit",
        instead_of=own.pair,
    )
    return True


def standing_text(registry: Registry, run: Run, log: Sequence[LogEvent]) -> str:
    """A run's card with the words that stand; where new facts and the words meet, it has the words."""
    pair = registry.card_text(run.id, RUN_TARGET)
    if pair is None:
        return render(run, log)
    return merged_card(run, log, Form(), base=pair.base, text=pair.text, deleted=pair.deleted)[1].text


def fill_section(registry: Registry, reference: str, section: str, words: str) -> bool:
    """Put words into a section of a run's text, see `cardgen.card.stubs`; whether anything was changed.

    Raises:
        RunNotFound, AmbiguousRun: the reference names no run, or several.
        SettingsError: there is no such section, or the words do not fit.
        EditConflict: somebody else changed the text at the same moment.
    """
    run = registry.run(reference)
    pair = registry.card_text(run.id, RUN_TARGET)
    base = render(run, registry.log(run.id)) if pair is None else pair.base
    text = base if pair is None else pair.text
    filled = fill(text, section, words)
    if filled == text:
        return False
    deleted = frozenset[str]() if pair is None else pair.deleted
    registry.save_card_text(run.id, RUN_TARGET, base=base, text=filled, deleted=deleted, action="edit", instead_of=pair)
    return True
