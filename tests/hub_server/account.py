"""The routes of accounts and repositories as a whole: who am I, create, delete, move, settings."""

from __future__ import annotations

import re
from typing import Any

from tests.hub_server.access import REPO, admit_reader, find_repo, known_user, may_write, writer
from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.rules import front_matter
from tests.hub_server.state import Repo, User

NAME = re.compile(r"(?!-|\.)(?!.*(?:--|\.\.))[\w.-]{1,96}(?<![-.])(?<!\.git)(?<!\.ipynb)", re.ASCII)


@route("GET", "/api/whoami-v2")
def whoami(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Who the token stands for, and what it is for."""
    user = known_user(server, request)
    token: dict[str, Any] = {"displayName": "test", "role": user.role, "createdAt": "2026-01-01T00:00:00.000Z"}
    if user.role == "fineGrained":
        scoped = [
            {
                "entity": {"type": "model" if "/" in name else "user", "name": name, "_id": "0" * 24},
                "permissions": sorted(permissions),
            }
            for name, permissions in user.scopes.items()
        ]
        token["fineGrained"] = {"canReadGatedRepos": False, "global": [], "scoped": scoped}
    return Answer.of(
        {
            "type": "user",
            "id": "0" * 24,
            "name": user.name,
            "fullname": user.name.title(),
            "isPro": False,
            "orgs": [
                {"type": "org", "id": "0" * 24, "name": name, "roleInOrg": "read" if name in user.readers else "write"}
                for name in user.organizations
            ],
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


@route("POST", "/api/validate-yaml")
def validate_yaml(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Check the metadata of a card before anything is sent."""
    server.user(request)
    body = request.json
    if not isinstance(body, dict) or not isinstance(body.get("content"), str):
        raise Refused(Answer.error(400, None, "content is required"))
    found = front_matter(body["content"].encode("utf-8", "surrogatepass"))
    answer = {kind: [{"message": text} for text in getattr(found, kind)] for kind in ("errors", "warnings")}
    return Answer.of(answer, 400 if found.errors else 200)


@route("POST", "/api/repos/create")
def create(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Make a repository; its first commit is the Hub's own.

    guess: without a visibility it is public, whatever the organization's default is; an old name stays taken.
    """
    user = known_user(server, request)
    body = request.json
    if body.get("type", "model") != "model":
        raise Refused(Answer.error(400, None, "this Hub makes models only"))
    repo_id = _repo_id(user, body)
    _may_create(user, repo_id)
    taken = server.hub.repos.get(server.hub.renamed.get(repo_id, repo_id))
    if taken is not None:
        said = {"error": "You already created this model repo", "url": f"{server.endpoint}/{taken.id}"}
        return Answer.of(said, 409, **{"X-Error-Message": said["error"]})
    visibility = body.get("visibility") or ("private" if body.get("private") else "public")
    if visibility not in ("private", "public"):
        raise Refused(Answer.error(400, None, f"Invalid visibility: {visibility}"))
    repo = server.hub.add(repo_id, private=visibility == "private")
    return Answer.of({"url": f"{server.endpoint}/{repo.id}", "name": repo.id, "id": "0" * 24})


def _repo_id(user: User, body: Any) -> str:
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refused(Answer.error(400, None, f"Invalid repo name: {name}"))
    return f"{body.get('organization') or user.name}/{name}"


def _may_create(user: User, repo_id: str) -> None:
    owner = repo_id.partition("/")[0]
    if not user.is_of(owner) or owner in user.readers or not user.may("repo.write", owner):
        message = f"You don't have the rights to create a model under the namespace {owner!r}"
        raise Refused(Answer.error(403, None, message))


@route("DELETE", "/api/repos/delete")
def delete(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Delete a repository."""
    repo = find_repo(server, request, _repo_id(known_user(server, request), request.json))
    writer(server, request, repo)
    del server.hub.repos[repo.id]
    return Answer.of({})


@route("POST", "/api/repos/move")
def move(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Give a repository another id."""
    user = known_user(server, request)
    body = request.json
    repo = find_repo(server, request, str(body.get("fromRepo")))
    writer(server, request, repo)
    new = str(body.get("toRepo"))
    owner, _, name = new.partition("/")
    if not NAME.fullmatch(owner) or not NAME.fullmatch(name):
        raise Refused(Answer.error(400, None, f"Invalid repo name: {new}"))
    _may_create(user, new)
    if new in server.hub.repos:
        raise Refused(Answer.error(409, None, f"{new} exists already"))
    server.hub.rename(repo.id, new)
    return Answer.of({})


@route("PUT", f"/api/models/{REPO}/settings")
def settings(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Change who may see a repository and read its files."""
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    body = request.json
    if "private" in body or "visibility" in body:
        repo.private = body.get("visibility", "private" if body.get("private") else "public") == "private"
    if "gated" in body:
        if body["gated"] not in ("auto", "manual", False):
            raise Refused(Answer.error(400, None, f"Invalid gated: {body['gated']}"))
        repo.gated = body["gated"]
    return Answer.of({})


@route("GET", f"/api/models/{REPO}/auth-check(?P<write>/write)?")
def auth_check(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Whether the asker may read, or write, a repository's files."""
    repo: Repo = find_repo(server, request, names["repo"])
    admit_reader(server, request, repo)
    if "write" in names and not may_write(known_user(server, request), repo):
        raise Refused(Answer.error(403, None, "Forbidden"))
    return Answer.of({})
