"""Render a run's card, with what people wrote into it.

A run's own text (an imported card, an edited one) is the pair of what was rendered and what stands, kept in the
registry under the target `run`. Rendering again merges what is new into it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cardgen.card.carry import carried
from cardgen.card.layout import render
from cardgen.card.merge import Merged, Prefer, merge
from cardgen.errors import CardConflict, FileProblem
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry

RUN_TARGET = "run"
"""The target of a run's own text, which every rendering of the run starts from."""


class Recording(Protocol):
    """A run that is being recorded: an `ActiveRun`."""

    @property
    def run(self) -> Run:
        """The record as it is now."""
        ...

    @property
    def log(self) -> Sequence[LogEvent]:
        """The log as it is now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a card is wanted: the layout, the templates that stand in front, and what a conflict becomes."""

    layout: str | None = None
    templates: Path | None = None
    prefer: Prefer | None = None


def render_card(
    run: Run | Recording | str,
    *,
    log: Sequence[LogEvent] | None = None,
    registry: Registry | str | os.PathLike[str] | None = None,
    layout: str | None = None,
    templates: str | os.PathLike[str] | None = None,
    prefer: Prefer | None = None,
) -> str:
    """The text of a run's card, with a person's words in it where the registry has some.

    Args:
        run: a record, a run that is being recorded, or a reference to one in the registry (id, name, prefix, `latest`).
        log: the run's events; None reads them from the registry (or from the run that is being recorded).
        registry: where the run is, if not in the registry of the settings.
        layout: a library version such as `6.2`; None is the version that the run was made with.
        templates: a folder whose templates stand in front of the built-in ones.
        prefer: what becomes of a place that both the person and the facts changed.

    Raises:
        RunNotFound, AmbiguousRun: the reference names no run, or several.
        UnknownLayout, LayoutTooOld, TemplateFailed: see `cardgen.card.layout.render`.
        CardConflict: a person's words and new facts meet in one place, and nothing is preferred.
        RegistryError: the registry cannot be read.
    """
    form = wanted(layout, templates, prefer)
    if not isinstance(run, Run | str):
        return render(run.run, run.log if log is None else log, layout=form.layout, templates=form.templates)
    if isinstance(run, Run) and log is not None:
        return render(run, log, layout=form.layout, templates=form.templates)
    from cardgen.registry.store import Registry

    if isinstance(registry, Registry):
        return stored_card(run, registry, form, log=log)
    with Registry(registry, mode="read") as opened:
        return stored_card(run, opened, form, log=log)


def stored_card(run: Run | str, registry: Registry, form: Form, *, log: Sequence[LogEvent] | None = None) -> str:
    """The card of a run in an open registry; raises as `render_card` does."""
    record = registry.run(run) if isinstance(run, str) else run
    events = registry.log(record.id) if log is None else log
    own = registry.card_text(record.id, RUN_TARGET)
    if own is None:
        return render(record, events, layout=form.layout, templates=form.templates)
    new, merged = merged_card(record, events, form, base=own.base, text=own.text, deleted=own.deleted)
    text = settled(merged, form, f"the card of {record.name}")
    if form.prefer is not None and registry.mode == "write":  # decided: it is not asked again
        registry.save_card_text(record.id, RUN_TARGET, base=new, text=text, deleted=merged.deleted)
    return text


def merged_card(
    run: Run, log: Sequence[LogEvent], form: Form, *, base: str, text: str, deleted: frozenset[str] = frozenset()
) -> tuple[str, Merged]:
    """What the record alone renders now, and what it renders with carried facts merged into a text that stands.

    The first is the next base: a fact that was carried must differ from it, or it would be lost the next time.
    """
    new = plain = render(run, log, layout=form.layout, templates=form.templates)
    model = carried(run.model, base, text)
    if model != run.model:
        new = render(dataclasses.replace(run, model=model), log, layout=form.layout, templates=form.templates)
    return plain, merge(base, new, text, prefer=form.prefer, deleted=deleted)


def settled(merged: Merged, form: Form, what: str) -> str:
    """The merged text.

    Raises:
        CardConflict: something is left to decide, and nothing is preferred.
    """
    if merged.conflicts and form.prefer is None:
        raise CardConflict(what, [(c.place, c.ours, c.theirs) for c in merged.conflicts])
    return merged.text


def wanted(layout: str | None, templates: str | os.PathLike[str] | None, prefer: Prefer | None) -> Form:
    """The arguments as a `Form`.

    Raises:
        FileProblem: there is no such folder of templates.
    """
    folder = None if templates is None else Path(templates).absolute()
    if folder is not None and not folder.is_dir():
        raise FileProblem(f"no folder {templates}", hint="--templates takes a folder of Jinja templates")
    return Form(layout=layout, templates=folder, prefer=prefer)
