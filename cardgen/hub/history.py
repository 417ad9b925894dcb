"""The commits of a repository."""

from __future__ import annotations

from typing import Any

from cardgen.errors import RepositoryNotFound, RevisionNotFound
from cardgen.hub.problems import hub_errors
from cardgen.hub.retry import connection


def last_commit(repo_id: str, revision: str, line: str) -> str | None:
    """The newest commit of a branch in whose message a line begins like this; None if there is none.

    Raises:
        HubError: see `cardgen.hub.problems`.
    """
    from huggingface_hub import HfApi

    try:
        with connection(), hub_errors(repo_id, revision):
            commits: Any = HfApi(library_name="cardgen").list_repo_commits(repo_id, revision=revision)
    except (RepositoryNotFound, RevisionNotFound):
        return None
    for commit in commits:
        if any(text.startswith(line) for text in f"{commit.title}\n{commit.message}".splitlines()):
            return str(commit.commit_id)
    return None
