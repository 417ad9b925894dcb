"""The routes that change files: which way each is sent, and the commit."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from tests.hub_server.access import REPO, REVISION, find_commit, find_repo, may_write, proposer, writer
from tests.hub_server.content import File, is_ignored, is_large
from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.rules import README_LIMIT, front_matter, has_secret
from tests.hub_server.state import Commit, Repo, User
from tests.hub_server.xet import stored_with_xet

MOST_FILES = 256
"""Files of one `preupload`; guess: more are refused as too large."""
OID = re.compile(r"[0-9a-f]{7}|[0-9a-f]{40}")


@route("POST", f"/api/models/{REPO}/preupload/{REVISION}")
def preupload(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Say of each file how it is to be sent, whether it is ignored, and the content that is there already."""
    repo = find_repo(server, request, names["repo"])
    _committer(server, request, repo, names["revision"])
    commit = find_commit(repo, names["revision"])
    body = request.json
    files = body.get("files") if isinstance(body, dict) else None
    if not isinstance(files, list):
        raise Refused(Answer.error(400, None, "files is required"))
    if len(files) > MOST_FILES:
        raise Refused(Answer.error(413, None, f"at most {MOST_FILES} files"))
    gitignore = body.get("gitIgnore") or _text(commit, ".gitignore")
    answer = []
    for file in files:
        path, size = check_path(file.get("path")), file.get("size")
        if not isinstance(size, int) or size < 0:
            raise Refused(Answer.error(400, None, f"size of {path} is required"))
        sample = _decoded(file.get("sample", ""), path)
        large = is_large(path, size, sample, _text(commit, ".gitattributes").encode())
        entry: dict[str, Any] = {
            "path": path,
            "uploadMode": "lfs" if large else "regular",
            "shouldIgnore": is_ignored(path, gitignore),
        }
        there = commit.files.get(path)
        if there is not None:
            entry["oid"] = there.etag
        answer.append(entry)
    return Answer.of({"files": answer})


@route("POST", f"/api/models/{REPO}/commit/{REVISION}")
def commit(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Make a commit of all that is sent, or none.

    guess: one that changes nothing is made all the same, so that a publisher who repeats himself is seen.
    """
    repo = find_repo(server, request, names["repo"])
    revision = names["revision"]
    user = _committer(server, request, repo, revision)
    head = find_commit(repo, revision)
    if revision not in repo.refs:
        raise Refused(Answer.error(400, None, f"{revision} is no branch"))
    lines = request.lines
    header = _header(lines)
    parent = header.get("parentCommit")
    if parent is not None and not (isinstance(parent, str) and OID.fullmatch(parent)):
        raise Refused(Answer.error(400, None, "parentCommit is no commit id"))
    base = head
    if request.asks("create_pr"):
        base = find_commit(repo, parent) if parent else head  # a pull request begins where its maker looked
    elif parent is not None and not head.oid.startswith(parent):
        raise Refused(Answer.error(412, None, "A commit has happened since. Please refresh and try again."))
    changes = _changes(server, repo, base, lines[1:])
    title, message = header["summary"], header.get("description") or ""
    if request.asks("create_pr"):
        pull = _open_pull(repo, user, title, message, revision, base)
        made = repo.record(changes, ref=pull.ref, title=title, message=message, author=user.name, parent=base.oid)
        url = f"{server.endpoint}/{repo.id}/discussions/{pull.num}"
        return Answer.of({**_made(server, repo, made), "pullRequestUrl": url})
    made = repo.record(changes, ref=revision, title=title, message=message, author=user.name)
    return Answer.of(_made(server, repo, made))


def _made(server: HubServer, repo: Repo, made: Commit) -> dict[str, Any]:
    url = f"{server.endpoint}/{repo.id}/commit/{made.oid}"
    return {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""}


def _open_pull(repo: Repo, user: User, title: str, message: str, target: str, base: Commit) -> Any:
    from tests.hub_server.pulls import open_discussion

    if target.startswith("refs/"):
        raise Refused(Answer.error(400, None, f"no pull request against {target}"))
    return open_discussion(repo, user, title, message, pull_request=True, target=target, base=base.oid)


def _committer(server: HubServer, request: Request, repo: Repo, revision: str) -> User:
    """Who may commit there: writers, who opened the pull request, and anybody for a new one."""
    if request.asks("create_pr"):
        return proposer(server, request, repo)
    pull = next((each for each in repo.discussions.values() if each.ref == revision), None)
    if pull is not None:
        user = proposer(server, request, repo)
        if user.name == pull.author or may_write(user, repo):
            if pull.status not in ("open", "draft"):
                raise Refused(Answer.error(403, None, f"pull request {pull.num} is {pull.status}"))
            return user
    return writer(server, request, repo)


def _header(lines: list[dict[str, Any]]) -> dict[str, Any]:
    header = lines[0].get("value") if lines and lines[0].get("key") == "header" else None
    if not isinstance(header, dict) or not str(header.get("summary") or "").strip():
        raise Refused(Answer.error(400, None, "the first line must be a header with a summary"))
    return header


def _changes(server: HubServer, repo: Repo, base: Commit, lines: list[dict[str, Any]]) -> dict[str, File | None]:
    """What the lines of a commit change.

    guess: a path that is there twice is refused, but it may be deleted and put again.
    """
    changes: dict[str, File | None] = {}
    secrets = []
    for line in lines:
        value = line.get("value")
        if not isinstance(value, dict):
            raise Refused(Answer.error(400, None, "a line needs a value"))
        path = check_path(str(value.get("path") or "").rstrip("/"))
        match line.get("key"):
            case "file" | "lfsFile" if changes.get(path) is not None:
                raise Refused(Answer.error(400, None, f"{path} is there twice"))
            case "file":
                data = _regular(path, value)
                changes[path] = File.regular(data)
                if has_secret(data, server.hub.users):
                    secrets.append(path)
            case "lfsFile":
                changes[path] = _large(server, repo, path, value)
            case "deletedFile" if path in base.files:
                changes[path] = None
            case "deletedFolder" if any(name.startswith(f"{path}/") for name in base.files):
                changes |= dict.fromkeys(name for name in base.files if name.startswith(f"{path}/"))
            case "deletedFile" | "deletedFolder":
                raise Refused(Answer.error(404, "EntryNotFound", f"A file with this name doesn't exist: {path}"))
            case key:
                raise Refused(Answer.error(400, None, f"unknown operation {key}"))
    if secrets:
        message = f"Your push was rejected because it contains secrets: {', '.join(secrets)}"
        raise Refused(Answer.error(400, None, message))
    return changes


def _regular(path: str, value: dict[str, Any]) -> bytes:
    if value.get("encoding") != "base64":
        raise Refused(Answer.error(400, None, f"unknown encoding of {path}"))
    data = _decoded(value.get("content"), path)
    if len(data) > README_LIMIT:
        raise Refused(Answer.error(400, None, f"{path} is larger than 10 MiB and must be stored with LFS"))
    if path == "README.md" and (errors := front_matter(data).errors):
        raise Refused(Answer.error(400, None, f"Invalid metadata in README.md: {'; '.join(errors)}"))
    return data


def _large(server: HubServer, repo: Repo, path: str, value: dict[str, Any]) -> File:
    sha256, size = value.get("oid"), value.get("size")
    if value.get("algo") != "sha256" or not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise Refused(Answer.error(400, None, f"{path} needs a sha256"))
    there = server.hub.store.size(sha256) if sha256 in repo.stored else stored_with_xet(server, sha256)
    if there is None:
        raise Refused(Answer.error(400, None, f"LFS pointer {path} points to a content that was never sent"))
    if size != there:
        raise Refused(Answer.error(400, None, f"LFS pointer {path} has a wrong size"))
    if server.hub.store.size(sha256) is not None:
        with open(server.hub.store.path(sha256), "rb") as file:  # guess: the beginning of large ones is looked at, too
            if has_secret(file.read(1_000_000), server.hub.users):
                raise Refused(Answer.error(400, None, f"Your push was rejected because it contains secrets: {path}"))
    return File.large(sha256, there)


def check_path(path: object) -> str:
    """A path in a repository.

    Raises:
        Refused: it leads out of it, or into git's own folder.
    """
    if (
        not isinstance(path, str)
        or not path
        or "\\" in path
        or "\0" in path
        or any(part in ("", ".", "..", ".git") for part in path.split("/"))
    ):
        raise Refused(Answer.error(422, None, f"Invalid path: {path}"))
    return path


def _decoded(text: object, path: str) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Answer.error(400, None, f"content of {path} is no base64")) from None


def _text(commit: Commit, name: str) -> str:
    file = commit.files.get(name)
    return (file.data or b"").decode("utf-8", "replace") if file is not None else ""
