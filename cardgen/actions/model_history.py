"""The history of a model: what the registry knows, and the commits of its repository."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.errors import HubError, RepositoryNotFound, RevisionNotFound
from cardgen.hub.history import RemoteCommit, commits_of
from cardgen.hub.problems import host
from cardgen.hub.retry import Policy, connection

if TYPE_CHECKING:
    from cardgen.registry.model_history import ModelEntry
    from cardgen.registry.store import Registry

PATIENCE = Policy(tries=2, connect=5, silence=10, deadline=20)
"""How long the Hub is waited for: without it there is a history, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was done to a model, the oldest first; `without_hub` says why the Hub's commits are not in it, else None."""

    model: str
    entries: tuple[ModelEntry, ...]
    without_hub: str | None = None


def history(
    registry: Registry,
    name: str,
    *,
    since: dt.datetime | str | None = None,
    until: dt.datetime | str | None = None,
    policy: Policy = PATIENCE,
) -> History:
    """What was done to a model, here and, where it can be reached, on the Hub; raises as `Models.history` does.

    A commit that was made from here is told once. The Hub is asked only of what is, or may be, a repository.
    """
    ours = registry.models.history(name, since=since, until=until)
    published = [one for one in registry.publications.of_repository(name) if one.endpoint == host()]
    if not published and name.count("/") != 1:
        return History(model=name, entries=tuple(ours))
    branches = dict.fromkeys([None, *(one.revision for one in published if one.pull_request is None)])
    branches.pop("main", None)
    reason = None
    commits: dict[str, RemoteCommit] = {}
    try:
        with connection(policy):
            for branch in branches:
                try:
                    commits.update((commit.id, commit) for commit in commits_of(name, branch))
                except RevisionNotFound:  # the branch is gone
                    continue
    except RepositoryNotFound as error:
        reason = str(error) if published else None
    except HubError as error:
        reason = str(error)
    known = {one.commit for one in published}
    theirs = [_entry(commit) for commit in commits.values() if commit.id not in known]
    entries = sorted([*ours, *_within(theirs, since, until)], key=lambda entry: entry.at)
    return History(model=name, entries=tuple(entries), without_hub=reason)


def _within(
    entries: list[ModelEntry], since: dt.datetime | str | None, until: dt.datetime | str | None
) -> list[ModelEntry]:
    from cardgen.registry.models import bounds
    from cardgen.registry.rows import microseconds

    start, end = bounds(since, until)
    found = [(microseconds(entry.at) or 0, entry) for entry in entries]
    return [entry for at, entry in found if (start is None or at >= start) and (end is None or at < end)]


def _entry(commit: RemoteCommit) -> ModelEntry:
    from cardgen.registry.model_history import ModelEntry

    return ModelEntry(
        at=commit.at, actor=", ".join(commit.authors), action="commit", commit=commit.id, detail=commit.title
    )
