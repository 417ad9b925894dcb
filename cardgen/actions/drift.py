"""What became of the cards that were published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cardgen.actions.publish_card import card_for, target_of
from cardgen.actions.release import README
from cardgen.actions.render import Form
from cardgen.errors import CardgenError, RevisionNotFound, RunNotFound
from cardgen.hub.look import Repository, read_text, repository
from cardgen.hub.problems import host
from cardgen.hub.retry import Policy, connection

if TYPE_CHECKING:
    from cardgen.registry.publications import Publication
    from cardgen.registry.store import Registry

State = Literal["as published", "edited", "committed to", "gone", "unknown"]
"""edited: somebody changed the card; committed to: somebody changed other files; unknown: it could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A published card and what stands there now; `outdated` says that its run would give another card by now."""

    publication: Publication
    state: State
    outdated: bool | None
    reason: str | None = None


def drifts(registry: Registry, *, policy: Policy | None = None) -> Iterator[Drift]:
    """Each repository and branch that was published to, by its newest publication, the newest first."""
    seen: set[tuple[str, str]] = set()
    with connection(policy):
        for made in registry.publications.all():
            if made.pull_request is not None or made.endpoint != host() or (made.repo_id, made.revision) in seen:
                continue
            seen.add((made.repo_id, made.revision))
            there: Repository | CardgenError | None
            try:
                there = repository(made.repo_id, made.revision)
            except RevisionNotFound:
                there = None
            except CardgenError as error:
                there = error
            if isinstance(there, Repository) and there.id != made.repo_id:  # it has another name by now
                if (there.id, made.revision) in seen:
                    continue
                seen.add((there.id, made.revision))
            yield _drift(made, there, registry)


def _drift(made: Publication, there: Repository | CardgenError | None, registry: Registry) -> Drift:
    outdated = _outdated(made, registry)
    if isinstance(there, CardgenError):
        return Drift(publication=made, state="unknown", outdated=outdated, reason=str(there))
    if there is None:
        return Drift(publication=made, state="gone", outdated=outdated)
    if there.sha == made.commit:
        return Drift(publication=made, state="as published", outdated=outdated)
    text = read_text(there.id, README, there.sha) or ""
    same = hashlib.sha256(text.encode()).hexdigest() == made.card
    return Drift(publication=made, state="committed to" if same else "edited", outdated=outdated)


def _outdated(made: Publication, registry: Registry) -> bool | None:
    """Whether the run renders another card than was published; None if the run or the pair is gone."""
    target = target_of(made.repo_id, made.revision)
    pair = registry.card_text(made.run_id, target)
    if pair is None:
        return None
    try:
        run = registry.run(made.run_id)
        log = registry.log(run.id)
        card = card_for(run, log, registry, repo_id=made.repo_id, target=target, form=Form(prefer="theirs"))
    except (RunNotFound, CardgenError):
        return None
    return card.base != pair.base
