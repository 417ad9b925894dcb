"""The commits of a repository."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from cardgen.errors import RepositoryNotFound, RevisionNotFound
from cardgen.hub.problems import hub_errors
from cardgen.hub.retry import connection


def last_commit(repo_id: str, revision: str, line: str) -> str | None:
    """The newest commit of a branch in whose message a line begins like this; None if there is none.

    Raises:
        HubError: see `cardgen.hub.problems`.
    """
    try:
        commits = _commits(repo_id, revision)
    except (RepositoryNotFound, RevisionNotFound):
        return None
    for commit in commits:
        if any(text.startswith(line) for text in f"{commit.title}\n{commit.message}".splitlines()):
            return str(commit.commit_id)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCommit:
    """A commit as the Hub tells it: `id`, when, the names of its authors, and the first line of its message."""

    id: str
    at: dt.datetime
    authors: tuple[str, ...]
    title: str


def commits_of(repo_id: str, revision: str | None = None) -> list[RemoteCommit]:
    """The commits of a branch, the newest first; None is the main branch.

    Raises:
        RepositoryNotFound: there is no such repository, or it is private.
        RevisionNotFound: it has no such branch.
        HubError: see `cardgen.hub.problems`.
    """
    return [
        RemoteCommit(
            id=str(commit.commit_id), at=commit.created_at, authors=tuple(commit.authors), title=str(commit.title)
        )
        for commit in _commits(repo_id, revision)
    ]


def _commits(repo_id: str, revision: str | None) -> Any:
    from huggingface_hub import HfApi

    with connection(), hub_errors(repo_id, revision):
        return HfApi(library_name="cardgen").list_repo_commits(repo_id, revision=revision)
