"""Publish the cards of many runs again: in another layout, with other facts, or as the record is by now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen import corrections
from cardgen.actions.publish import Published, publish
from cardgen.actions.publish_plan import Plan, Wanted
from cardgen.corrections import Value
from cardgen.errors import CardgenError
from cardgen.hub.problems import host
from cardgen.hub.retry import Policy, connection
from cardgen.record import Run

if TYPE_CHECKING:
    from cardgen.registry.publications import Publication
    from cardgen.registry.store import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A published card that would be published again: `plan`, or the `error` that stands against it."""

    run: Run
    publication: Publication
    plan: Plan | None = None
    error: CardgenError | None = None

    @property
    def changes(self) -> bool:
        """Whether the card would be another than stands there."""
        return self.plan is not None and self.plan.card.text != self.plan.card.there


def plan_refresh(
    registry: Registry,
    runs: Sequence[Run],
    *,
    wanted: Wanted,
    facts: Mapping[str, Value | None] | None = None,
    policy: Policy | None = None,
) -> Iterator[Refresh]:
    """What publishing the cards of these runs again would do; nothing is changed.

    Of each repository and branch only the run that was published there last counts.

    Args:
        registry: the registry.
        runs: those that are meant; runs that were never published are passed over.
        wanted: layout, samples and so on; only cards are published.
        facts: what is said of each run, as `cardgen runs set` would.
        policy: see `cardgen.actions.publish.publish`.
    """
    with connection(policy):  # one for all: who we are is asked once
        yield from _planned(registry, runs, wanted, facts)


def _planned(
    registry: Registry, runs: Sequence[Run], wanted: Wanted, facts: Mapping[str, Value | None] | None
) -> Iterator[Refresh]:
    chosen = {run.id: run for run in runs}
    seen: set[tuple[str, str]] = set()
    for made in registry.publications.all():
        place = (made.repo_id, made.revision)
        if made.pull_request is not None or made.endpoint != host() or place in seen:
            continue
        seen.add(place)
        if made.run_id not in chosen:
            continue
        run = _with_facts(registry, chosen[made.run_id], facts)
        found: list[Plan] = []

        def look(plan: Plan, found: list[Plan] = found) -> bool:
            found.append(plan)
            plan.refuse()
            return False

        failed = None
        try:
            publish(run, made.repo_id, registry=registry, wanted=_of(made, wanted), confirm=look)
        except CardgenError as error:
            failed = error
        plan = found[0] if found else None
        if plan is not None and plan.repo_id != made.repo_id:  # it has another name by now
            if (plan.repo_id, made.revision) in seen:
                continue
            seen.add((plan.repo_id, made.revision))
        yield Refresh(run=run, publication=made, error=failed, plan=plan)


def carry_out(
    registry: Registry,
    planned: Sequence[Refresh],
    *,
    wanted: Wanted,
    facts: Mapping[str, Value | None] | None = None,
    policy: Policy | None = None,
    done: Callable[[], None] = lambda: None,
) -> Iterator[Published | Refresh]:
    """Publish what was planned; one that fails is given back with its error and stops no other."""
    with connection(policy):
        yield from _carried_out(registry, planned, wanted, facts, done)


def _carried_out(
    registry: Registry,
    planned: Sequence[Refresh],
    wanted: Wanted,
    facts: Mapping[str, Value | None] | None,
    done: Callable[[], None],
) -> Iterator[Published | Refresh]:
    for one in planned:
        try:
            run = registry.set_facts(one.run.id, facts) if facts else registry.run(one.run.id)
            made = publish(run, one.publication.repo_id, registry=registry, wanted=_of(one.publication, wanted))
            assert made is not None
            yield made
        except CardgenError as error:
            yield Refresh(run=one.run, publication=one.publication, plan=one.plan, error=error)
        done()


def _of(made: Publication, wanted: Wanted) -> Wanted:
    return dataclasses.replace(wanted, card_only=True, revision=made.revision)


def _with_facts(registry: Registry, run: Run, facts: Mapping[str, Value | None] | None) -> Run:
    if not facts:
        return run
    human = corrections.combine(registry.human_facts(run.id), corrections.check(facts))
    return corrections.apply(registry.recorded(run.id), human)
