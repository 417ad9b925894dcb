"""The routes that make and remove branches and tags."""

from __future__ import annotations

import re

from tests.hub_server.access import REPO, REVISION, find_commit, find_repo, writer
from tests.hub_server.http import Answer, HubServer, Refused, Request, route

NAME = re.compile(r"(?!refs/|/|\.|-)(?!.*(?:\.\.|//|@\{|\.lock$|/$|\.$))[^\s~^:?*\[\\\x00-\x20]{1,200}")


@route("POST", f"/api/models/{REPO}/branch/{REVISION}")
def create_branch(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Make a branch at `startingPoint`, else at the newest commit of the main one."""
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    name = _checked(names["revision"])
    start = find_commit(repo, (request.json or {}).get("startingPoint") or "main")
    if name in repo.refs or name in repo.tags:
        raise Refused(Answer.error(409, None, f"Reference already exists: refs/heads/{name}"))
    repo.refs[name] = start.oid
    return Answer.of({"name": name, "ref": f"refs/heads/{name}", "targetCommit": start.oid})


@route("DELETE", f"/api/models/{REPO}/branch/{REVISION}")
def delete_branch(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Remove a branch, but not the main one."""
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    name = names["revision"]
    if name == "main" or name.startswith("refs/"):
        raise Refused(Answer.error(403, None, f"Cannot delete {name}"))
    if repo.refs.pop(name, None) is None:
        raise Refused(Answer.error(404, "RevisionNotFound", f"Invalid rev id: {name}"))
    return Answer.of({})


@route("POST", f"/api/models/{REPO}/tag/{REVISION}")
def create_tag(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Give a commit a name that stays."""
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    tag = _checked((request.json or {}).get("tag"))
    commit = find_commit(repo, names["revision"])
    if tag in repo.tags or tag in repo.refs:
        raise Refused(Answer.error(409, None, f"Tag {tag} already exists"))
    repo.tags[tag] = commit.oid
    return Answer.of({"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": commit.oid})


@route("DELETE", f"/api/models/{REPO}/tag/{REVISION}")
def delete_tag(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Remove such a name."""
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    if repo.tags.pop(names["revision"], None) is None:
        raise Refused(Answer.error(404, "RevisionNotFound", f"Invalid rev id: {names['revision']}"))
    return Answer.of({})


def _checked(name: object) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refused(Answer.error(400, None, f"Invalid reference name: {name}"))
    return name
