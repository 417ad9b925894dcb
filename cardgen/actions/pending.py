"""Publications that wait: a training asked for them and could not, or may not, make them itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.actions.publish import Published, publish
from cardgen.actions.publish_plan import Plan, Wanted
from cardgen.errors import CardgenError
from cardgen.hub.retry import Policy

if TYPE_CHECKING:
    from cardgen.registry.publications import Pending
    from cardgen.registry.store import Registry


@dataclass(frozen=True, slots=True)
class StillPending:
    """One that waits on, and why."""

    pending: Pending
    error: CardgenError


def push(
    registry: Registry,
    chosen: Sequence[Pending],
    *,
    change: Callable[[Wanted], Wanted] = lambda wanted: wanted,
    confirm: Callable[[Plan], bool] = lambda plan: True,
    policy: Policy | None = None,
) -> Iterator[Published | StillPending]:
    """Publish what waits, one after the other; one that fails waits on and stops no other.

    Args:
        registry: open for writing.
        chosen: what to publish.
        change: gives what is wanted of each, from what its training wanted.
        confirm: asked with each plan; where it gives False, that one waits on.
        policy: see `cardgen.actions.publish.publish`.
    """
    for one in chosen:
        try:
            wanted = change(Wanted.from_plain(one.options))
            done = publish(one.run_id, one.repo_id, registry=registry, wanted=wanted, confirm=confirm, policy=policy)
        except CardgenError as error:
            registry.publications.wait(one.run_id, one.run_name, one.repo_id, one.options, str(error))
            yield StillPending(one, error)
        else:
            if done is not None:
                registry.publications.drop([one], noted=False)
                yield done
