"""The routes that read: what a repository is and has."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.hub_server.access import REPO, REVISION, admit_reader, find_commit, find_repo
from tests.hub_server.content import File
from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.rules import front_matter
from tests.hub_server.state import Commit, Repo


@route("GET", f"/api/models/{REPO}/revision/{REVISION}")
@route("GET", f"/api/models/{REPO}")
def model_info(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """What a repository is; with `blobs` also the sizes of its files, with `expand` only what is named."""
    repo = find_repo(server, request, names["repo"])
    commit = find_commit(repo, names.get("revision", "main"))
    info = _info(repo, commit, blobs=request.asks("blobs")) | {"modelId": repo.id}
    if "expand" in request.query:
        info = {name: info[name] for name in ("_id", "id", *request.query["expand"]) if name in info}
    return Answer.of(info)


@route("GET", f"/api/datasets/{REPO}/revision/{REVISION}")
@route("GET", f"/api/datasets/{REPO}")
def dataset_info(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """What a data set is."""
    repo = find_repo(server, request, names["repo"], "dataset")
    return Answer.of(_info(repo, find_commit(repo, names.get("revision", "main")), blobs=request.asks("blobs")))


def _info(repo: Repo, commit: Commit, *, blobs: bool) -> dict[str, Any]:
    readme = commit.files.get("README.md")
    card = front_matter((readme and readme.data) or b"").data
    tags = card.get("tags")
    return {
        "_id": "0" * 24,
        "id": repo.id,
        "author": repo.owner,
        "sha": commit.oid,
        "private": repo.private,
        "gated": "manual" if repo.gated is True else repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        "cardData": {name: value for name, value in card.items() if isinstance(name, str)},
        "createdAt": repo.history(commit)[-1].time,
        "lastModified": commit.time,
        "siblings": [_sibling(name, file, blobs) for name, file in sorted(commit.files.items())],
    }


def _sibling(name: str, file: File, blobs: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": name}
    if blobs:
        entry |= {"size": file.size, "blobId": file.oid}
        if file.sha256 is not None:
            entry["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
    return entry


@route("GET", f"/api/models/{REPO}/tree/{REVISION}(?:/(?P<path>.+))?")
def tree(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """The files and folders of a folder, with `recursive` those below, page by page."""
    repo = find_repo(server, request, names["repo"])
    admit_reader(server, request, repo)
    commit = find_commit(repo, names["revision"])
    folder = names.get("path", "").strip("/")
    prefix = f"{folder}/" if folder else ""
    inside = [name for name in commit.files if name.startswith(prefix)]
    if not inside:
        raise Refused(Answer.error(404, "EntryNotFound", f"{folder} does not exist on {names['revision']!r}"))
    entries = {name: _file_entry(name, commit.files[name]) for name in inside}
    for name in inside:
        parts = name[len(prefix) :].split("/")
        for end in range(1, len(parts)):
            entries[prefix + "/".join(parts[:end])] = _folder_entry(prefix + "/".join(parts[:end]))
    if not request.asks("recursive"):
        entries = {name: entry for name, entry in entries.items() if "/" not in name[len(prefix) :]}
    return paged(server, request, [entries[name] for name in sorted(entries)])


@route("POST", f"/api/models/{REPO}/paths-info/{REVISION}")
def paths_info(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """What is at some paths; those at which nothing is are left out."""
    repo = find_repo(server, request, names["repo"])
    admit_reader(server, request, repo)
    commit = find_commit(repo, names["revision"])
    found = []
    for path in parse_qs(request.body.decode()).get("paths", []):
        if path in commit.files:
            found.append(_file_entry(path, commit.files[path]))
        elif any(name.startswith(f"{path}/") for name in commit.files):
            found.append(_folder_entry(path))
    return Answer.of(found)


def _file_entry(path: str, file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    if file.sha256 is not None:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
    return entry


def _folder_entry(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "size": 0, "oid": "0" * 40}


@route("GET", f"/api/models/{REPO}/commits/{REVISION}")
def commits(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """The commits of a revision, newest first, page by page."""
    repo = find_repo(server, request, names["repo"])
    commit = find_commit(repo, names["revision"])
    entries = [
        {
            "id": each.oid,
            "title": each.title,
            "message": each.message,
            "authors": [{"user": each.author}],
            "date": each.time,
        }
        for each in repo.history(commit)
    ]
    return paged(server, request, entries)


@route("GET", f"/api/models/{REPO}/refs")
def refs(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Branches, tags and, if asked for, pull requests."""
    repo = find_repo(server, request, names["repo"])
    pulls = {name: oid for name, oid in repo.refs.items() if name.startswith("refs/")}
    branches = {name: oid for name, oid in repo.refs.items() if name not in pulls}
    answer = {
        "branches": [_ref(name, f"refs/heads/{name}", oid) for name, oid in branches.items()],
        "tags": [_ref(name, f"refs/tags/{name}", oid) for name, oid in repo.tags.items()],
        "converts": [],
    }
    if request.asks("include_prs"):
        answer["pullRequests"] = [_ref(name.removeprefix("refs/pr/"), name, oid) for name, oid in pulls.items()]
    return Answer.of(answer)


def _ref(name: str, ref: str, oid: str) -> dict[str, str]:
    return {"name": name, "ref": ref, "targetCommit": oid}


def paged(server: HubServer, request: Request, entries: list[Any]) -> Answer:
    """One page of a listing, and where the next one is."""
    start = int(request.query.get("cursor", ["0"])[0])
    end = start + server.hub.page
    answer = Answer.of(entries[start:end])
    if end < len(entries):
        path = re.sub("%2F", "%252F", request.path).replace(" ", "%20")
        path = re.sub("%252F", "%2F", path)
        query = urlencode({**request.query, "cursor": [str(end)]}, doseq=True)
        answer.headers["Link"] = f'<{server.endpoint}{path}?{query}>; rel="next"'
    return answer
