"""The routes that read: what a repository is and has, and its files."""

from __future__ import annotations

from typing import Any

from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.state import Commit, File, Repo

REPO = r"(?P<repo>[^/]+(?:/[^/]+)?)"
REVISION = r"(?P<revision>[^/]+)"


def find_repo(server: HubServer, request: Request, repo_id: str) -> Repo:
    """The repository, if the asker may know of it.

    Raises:
        Refused: it was renamed (307), is not there, or is private.
    """
    user = server.user(request)
    if repo_id in server.hub.renamed:
        path = request.path.replace(repo_id, server.hub.renamed[repo_id], 1)
        query = "&".join(f"{name}={value}" for name, values in request.query.items() for value in values)
        raise Refused(Answer(307, headers={"Location": f"{path}?{query}" if query else path}))
    repo = server.hub.repos.get(repo_id)
    if repo is None or (repo.private and (user is None or not user.is_of(repo.owner))):
        # with a good token 404, without one 401: nobody learns whether a private one is there
        raise Refused(Answer.error(404 if user else 401, "RepoNotFound", "Repository not found"))
    return repo


def find_commit(repo: Repo, revision: str) -> Commit:
    """The commit of a revision.

    Raises:
        Refused: there is none.
    """
    commit = repo.at(revision)
    if commit is None:
        raise Refused(Answer.error(404, "RevisionNotFound", f"Invalid rev id: {revision}"))
    return commit


@route("GET", f"/api/models/{REPO}/revision/{REVISION}")
@route("GET", f"/api/models/{REPO}")
def model_info(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """What a repository is; with `blobs` also the sizes of its files."""
    repo = find_repo(server, request, names["repo"])
    commit = find_commit(repo, names.get("revision", "main"))
    blobs = request.query.get("blobs", [""])[0].lower() in ("1", "true")
    return Answer.of(
        {
            "_id": "0" * 24,
            "id": repo.id,
            "modelId": repo.id,
            "author": repo.owner,
            "sha": commit.oid,
            "private": repo.private,
            "gated": "manual" if repo.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "createdAt": "2026-01-01T00:00:00.000Z",
            "lastModified": "2026-01-01T00:00:00.000Z",
            "siblings": [_sibling(name, file, blobs) for name, file in sorted(commit.files.items())],
        }
    )


def _sibling(name: str, file: File, blobs: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": name}
    if blobs:
        entry |= {"size": len(file.data), "blobId": file.oid}
        if file.lfs:
            entry["lfs"] = {"sha256": file.sha256, "size": len(file.data), "pointerSize": len(file.pointer)}
    return entry


@route("GET HEAD", f"/{REPO}/resolve/{REVISION}/(?P<path>.+)")
def resolve(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """A file of a commit; an LFS file is elsewhere."""
    repo = find_repo(server, request, names["repo"])
    user = server.user(request)
    if repo.gated and (user is None or not (user.is_of(repo.owner) or user.name in repo.granted)):
        raise Refused(Answer.error(403 if user else 401, "GatedRepo", f"Access to model {repo.id} is restricted"))
    commit = find_commit(repo, names["revision"])
    headers = {"X-Repo-Commit": commit.oid}
    file = commit.files.get(names["path"])
    if file is None:
        return Answer.error(404, "EntryNotFound", "Entry not found", **headers)
    if file.lfs:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.data))}
        return Answer(302, headers={**headers, "Location": f"{server.blob_endpoint}/blobs/{file.sha256}"})
    return Answer(body=file.data, headers={**headers, "ETag": f'"{file.etag}"'})


@route("GET HEAD", "/blobs/(?P<sha256>[0-9a-f]{64})")
def blob(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """The content of an LFS file, from the storage behind the Hub."""
    data = server.hub.blob(names["sha256"])
    return Answer.error(404, None, "no such blob") if data is None else Answer(body=data)
