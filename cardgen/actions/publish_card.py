"""The card as it is published: rendered for its repository, merged with what stands there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.owner import rendered_before
from cardgen.actions.render import RUN_TARGET, Form, merged_card, settled
from cardgen.card.layout import render
from cardgen.card.merge import Merged, merge
from cardgen.card.parse.document import split_front_matter, undress
from cardgen.personal import hide
from cardgen.record import LogEvent, Run, Usage

if TYPE_CHECKING:
    from cardgen.registry.store import Registry
    from cardgen.registry.texts import CardText

TARGET = "hf://"
"""How the name of a repository's pair begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCard:
    """A card for a repository.

    `base` is what the record renders for it (the next base), `text` what is published, `there` what stands in the
    repository, or None. `conflicts` are places that both sides changed; `text` holds theirs.
    """

    run: Run
    base: str
    text: str
    there: str | None
    merged: Merged | None

    @property
    def conflicts(self) -> Sequence[tuple[str, str, str]]:
        """(place, ours, theirs) of what is left to decide."""
        return [(c.place, c.ours, c.theirs) for c in self.merged.conflicts] if self.merged else ()


def target_of(repo_id: str, revision: str | None) -> str:
    """The name of a repository's pair; its main branch is the repository."""
    return f"{TARGET}{repo_id}" + (f"@{revision}" if revision not in (None, "main") else "")


@dataclass(frozen=True, slots=True)
class PrivateRows:
    """Rows that the card would show and that are not known to be public: `names` for a person, `positions` of the
    data sets. The snippet's and the widget's inputs come from any of them."""

    names: tuple[str, ...]
    positions: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.names)


def private_rows(run: Run, is_public: Callable[[str], bool | None]) -> PrivateRows:
    """The rows of data sets that the Hub does not show to everybody, as far as `is_public` knows."""
    shows_inputs = run.usage.examples is not None or bool(run.usage.widget)
    known: dict[str, bool | None] = {}
    found: dict[int, str] = {}
    for position, dataset in enumerate(run.datasets):
        if not dataset.samples and not shows_inputs:
            continue
        if dataset.hub_id is not None and dataset.hub_id not in known:
            known[dataset.hub_id] = is_public(dataset.hub_id)
        if dataset.hub_id is None or not known[dataset.hub_id]:
            found[position] = dataset.hub_id or dataset.name or "an unnamed data set"
    names = tuple(dict.fromkeys(found.values()))
    if shows_inputs and not run.datasets:
        names = ("the usage examples",)
    return PrivateRows(names, frozenset(found))


def without_rows(run: Run, private: PrivateRows) -> Run:
    """The record without these rows, in samples, snippet and widget alike."""
    datasets = tuple(
        dataclasses.replace(dataset, samples=None) if position in private.positions else dataset
        for position, dataset in enumerate(run.datasets)
    )
    return dataclasses.replace(run, datasets=datasets, usage=Usage())


def card_for(
    run: Run,
    log: Sequence[LogEvent],
    registry: Registry,
    *,
    repo_id: str,
    target: str,
    form: Form,
    redact: Collection[str] = (),
    there: str | None = None,
    last: Callable[[], str | None] = lambda: None,
    elsewhere: Callable[[], str | None] = lambda: None,
) -> PublishedCard:
    """Render and merge.

    Args:
        run: the record, without what is omitted.
        log: its log.
        registry: has the run's own text, and the pair of the repository.
        repo_id: the repository, which the snippet names.
        target: the name of the pair.
        form: layout, templates and preference.
        redact: `paths`, `emails`: hidden in facts; a person's words stay.
        there: the README that stands in the repository.
        last: gives the README of our last commit there, asked where the registry knows no pair.
        elsewhere: gives the target that our last commit there was published to, if that was another: the repository
            had another name, or the branch is a new one.

    Raises:
        CardConflict: the run's own text and new facts meet in one place, and nothing is preferred.
        UnknownLayout, LayoutTooOld, TemplateFailed: see `cardgen.card.layout.render`.
    """
    run = dataclasses.replace(hide(run, redact), model=dataclasses.replace(hide(run.model, redact), hub_id=repo_id))
    own = registry.card_text(run.id, RUN_TARGET)
    if own is None:
        new = render(run, log, layout=form.layout, templates=form.templates)
    else:
        _, merged = merged_card(run, log, form, base=own.base, text=own.text, deleted=own.deleted)
        new = settled(merged, form, f"the card of {run.name}")
    if there is None or there == new:
        return PublishedCard(run=run, base=new, text=new, there=there, merged=None)
    pair = _pair(registry, run.id, target)
    if pair is None and (origin := elsewhere()) is not None:
        pair = _pair(registry, run.id, origin)
    base = pair.base if pair is not None else rendered_before(run, last() or there, registry)
    if base is None:  # no card that was ever generated: every line of it is a person's
        merged = _merged_with_foreign(new, there, form)
        return PublishedCard(run=run, base=new, text=merged.text, there=there, merged=merged)
    deleted = pair.deleted if pair is not None else frozenset()
    if own is None:
        new, merged = merged_card(run, log, form, base=base, text=there, deleted=deleted)
    else:
        merged = merge(base, new, there, prefer=form.prefer, deleted=deleted)
    return PublishedCard(run=run, base=new, text=merged.text, there=there, merged=merged)


def _pair(registry: Registry, run_id: str, target: str) -> CardText | None:
    """The pair of a repository: this run's, else that of the run before it."""
    return registry.card_text(run_id, target) or registry.card_text(None, target)


def _merged_with_foreign(new: str, there: str, form: Form) -> Merged:
    """A README that nobody generated: a front matter alone, as the Hub makes it with a licence, gives its keys."""
    above, front, body = split_front_matter(undress(there).body)
    if front is not None and not (above + body).strip():
        _, _, ours = split_front_matter(new)
        return merge(f"---\n---\n{ours}", new, f"---\n{front}\n---\n{ours}", prefer=form.prefer)
    return merge("", new, there, prefer=form.prefer)
