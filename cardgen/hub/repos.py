"""Repositories, branches and tags are made: each once, however often it had to be asked for."""

from __future__ import annotations

from typing import Any

from cardgen.errors import HubAccessDenied, HubError, HubUnreachable, RepositoryNotFound
from cardgen.hub.look import Repository, repository
from cardgen.hub.problems import hub_errors
from cardgen.hub.retry import connection


def create_repo(repo_id: str, *, private: bool) -> Repository:
    """Make a model repository and look at it; one that is there already is taken as it is, whatever its visibility.

    Raises:
        HubAccessDenied: the token may not make one there.
        HubError: see `cardgen.hub.problems`.
    """
    with connection():
        try:
            with hub_errors(repo_id):
                _api().create_repo(repo_id, private=private, exist_ok=True)  # exists: also when an answer got lost
        except (HubUnreachable, HubAccessDenied):
            raise
        except HubError:  # the client cannot make out a "there is one already" without an address
            made = repository(repo_id)
            if made is None:
                raise
            return made
        made = repository(repo_id)
    if made is None:
        raise RepositoryNotFound(f"{repo_id} was made and is not there", repo_id=repo_id, hint="try again")
    return made


def create_branch(repo_id: str, branch: str, *, sha: str) -> None:
    """Make a branch that begins at a commit; one that is there already stays as it is.

    Raises:
        HubError: see `cardgen.hub.problems`.
    """
    with connection(), hub_errors(repo_id, sha):
        _api().create_branch(repo_id, branch=branch, revision=sha, exist_ok=True)


def create_tag(repo_id: str, tag: str, *, sha: str, message: str | None = None) -> None:
    """Give a commit a tag; the same tag on the same commit is as good as new.

    Raises:
        HubError: the tag is on another commit; otherwise see `cardgen.hub.problems`.
    """
    with connection(), hub_errors(repo_id, sha):
        api = _api()
        api.create_tag(repo_id, tag=tag, revision=sha, tag_message=message, exist_ok=True)
        there = repository(repo_id, tag)  # a list of tags may have ids of their own for those with a message
    if there is None or there.sha != sha:
        raise HubError(
            f"{repo_id} has the tag {tag!r} on another commit",
            repo_id=repo_id,
            hint="choose another tag, or remove that one there",
        )


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(library_name="cardgen")
