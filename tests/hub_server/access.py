"""Who may do what: repositories that are found or not, and refusals with the Hub's codes."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.hub_server.http import Answer, HubServer, Refused, Request
from tests.hub_server.state import Commit, Repo, User

REPO = r"(?P<repo>[^/]+(?:/[^/]+)?)"
REVISION = r"(?P<revision>[^/]+)"


def find_repo(server: HubServer, request: Request, repo_id: str, kind: str = "model") -> Repo:
    """The repository, if the asker may know of it.

    guess: what is sent to an old name (POST, PUT, DELETE) is refused; the real Hub may lead it on.

    Raises:
        Refused: it was renamed (307), is not there, or is private.
    """
    user = server.user(request)
    repos = server.hub.repos if kind == "model" else server.hub.datasets
    if kind == "model" and repo_id in server.hub.renamed and request.method in ("GET", "HEAD"):
        path = request.path.replace(repo_id, server.hub.renamed[repo_id], 1)
        query = urlencode(request.query, doseq=True)
        raise Refused(Answer(307, headers={"Location": f"{path}?{query}" if query else path}))
    repo = repos.get(repo_id)
    if repo is None or not may_see(user, repo):
        # with a good token 404, without one 401: nobody learns whether a private one is there
        raise Refused(Answer.error(404 if user else 401, "RepoNotFound", "Repository not found"))
    return repo


def may_see(user: User | None, repo: Repo) -> bool:
    """Whether somebody may know of a repository."""
    if not repo.private:
        return True
    return user is not None and user.is_of(repo.owner) and user.may("repo.content.read", repo.owner, repo.id)


def may_write(user: User, repo: Repo) -> bool:
    """Whether somebody may change a repository."""
    return user.is_of(repo.owner) and repo.owner not in user.readers and user.may("repo.write", repo.owner, repo.id)


def known_user(server: HubServer, request: Request) -> User:
    """Who asks.

    Raises:
        Refused: nobody in particular, or with a token that is none of ours.
    """
    user = server.user(request)
    if user is None:
        raise Refused(Answer.error(401, None, "Invalid username or password."))
    return user


def writer(server: HubServer, request: Request, repo: Repo) -> User:
    """Who asks, if they may change the repository.

    Raises:
        Refused: they may not (403), or are nobody (401).
    """
    user = known_user(server, request)
    if not may_write(user, repo):
        raise Refused(Answer.error(403, None, f"Forbidden: you do not have the right to write to {repo.id}"))
    return user


def proposer(server: HubServer, request: Request, repo: Repo) -> User:
    """Who asks, if they may open a pull request or a discussion.

    Raises:
        Refused: the token is for reading only, or there is none.
    """
    user = known_user(server, request)
    if not user.may("discussion.write", repo.owner, repo.id):
        raise Refused(Answer.error(403, None, "Forbidden: this token may not open pull requests"))
    return user


def admit_reader(server: HubServer, request: Request, repo: Repo) -> None:
    """Let those pass who may read the files.

    Raises:
        Refused: the repository is gated for the asker.
    """
    user = server.user(request)
    if repo.gated and (user is None or not (user.is_of(repo.owner) or user.name in repo.granted)):
        raise Refused(Answer.error(403 if user else 401, "GatedRepo", f"Access to model {repo.id} is restricted"))


def find_commit(repo: Repo, revision: str) -> Commit:
    """The commit of a revision.

    Raises:
        Refused: there is none.
    """
    commit = repo.at(revision)
    if commit is None:
        raise Refused(Answer.error(404, "RevisionNotFound", f"Invalid rev id: {revision}"))
    return commit
