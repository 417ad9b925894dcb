"""The routes of discussions and pull requests."""

from __future__ import annotations

from typing import Any

from tests.hub_server.access import REPO, find_repo, may_write, proposer, writer
from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.state import Discussion, Repo, User

NUMBER = r"(?P<number>\d+)"
DATE = "2026-01-01T00:00:00.000Z"


def open_discussion(
    repo: Repo,
    user: User,
    title: str,
    description: str,
    *,
    pull_request: bool,
    status: str = "open",
    target: str = "main",
    base: str | None = None,
) -> Discussion:
    """Open one; the branch of a pull request is there when its first commit is."""
    num = len(repo.discussions) + 1
    discussion = Discussion(num, title, description, user.name, pull_request, status, target, base)
    _event(discussion, user, "comment", {"edited": False, "hidden": False, "latest": {"raw": description}})
    repo.discussions[num] = discussion
    return discussion


@route("POST", f"/api/models/{REPO}/discussions")
def create(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Open a discussion, or a pull request as a draft that has no change yet."""
    repo = find_repo(server, request, names["repo"])
    user = proposer(server, request, repo)
    body = request.json
    title = str(body.get("title") or "").strip()
    if len(title) < 3:
        raise Refused(Answer.error(400, None, "a title has three letters at least"))  # guess: as the real Hub's form
    pull_request = body.get("pullRequest") is True
    description = str(body.get("description") or "")
    discussion = open_discussion(
        repo,
        user,
        title,
        description,
        pull_request=pull_request,
        status="draft" if pull_request else "open",
        base=repo.refs["main"] if pull_request else None,
    )
    if pull_request:
        repo.refs[discussion.ref] = repo.refs["main"]
    return Answer.of({"num": discussion.num, "pullRequest": pull_request})


@route("GET", f"/api/models/{REPO}/discussions")
def listing(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """The discussions, newest first, page by page."""
    repo = find_repo(server, request, names["repo"])
    wanted: dict[str, str] = {name: values[0] for name, values in request.query.items()}
    found = [each for each in repo.discussions.values() if _is_wanted(each, wanted)][::-1]
    start = int(request.query.get("p", ["0"])[0]) * server.hub.page
    shown = [_summary(repo, each) for each in found[start : start + server.hub.page]]
    return Answer.of({"discussions": shown, "count": len(found), "start": start})


def _is_wanted(each: Discussion, wanted: dict[str, str]) -> bool:
    kind = "pull_request" if each.pull_request else "discussion"
    state = "open" if each.status in ("open", "draft") else "closed"
    return (
        wanted.get("type", "all") in ("all", kind)
        and wanted.get("status", "all") in ("all", state)
        and wanted.get("author", each.author) == each.author
    )


@route("GET", f"/api/models/{REPO}/discussions/{NUMBER}")
def details(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """All of one discussion."""
    repo = find_repo(server, request, names["repo"])
    each = _find(repo, names["number"])
    answer = _summary(repo, each) | {"events": each.events}
    if each.pull_request:
        answer |= {
            "changes": {"base": f"refs/heads/{each.target}", "mergeCommitId": each.merged},
            "filesWithConflicts": _conflicts(repo, each),
            "diff": "\n".join(sorted(_changed(repo, each))),  # guess: only names; nobody here reads a diff
        }
    return Answer.of(answer)


@route("POST", f"/api/models/{REPO}/discussions/{NUMBER}/comment")
def comment(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Say something."""
    repo = find_repo(server, request, names["repo"])
    user = proposer(server, request, repo)
    text = str(request.json.get("comment") or "")
    data = {"edited": False, "hidden": False, "latest": {"raw": text}}
    return Answer.of({"newMessage": _event(_find(repo, names["number"]), user, "comment", data)})


@route("POST", f"/api/models/{REPO}/discussions/{NUMBER}/status")
def status(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Open or close one; opening makes a draft a real pull request."""
    repo = find_repo(server, request, names["repo"])
    user = proposer(server, request, repo)
    each = _find(repo, names["number"])
    if user.name != each.author and not may_write(user, repo):
        raise Refused(Answer.error(403, None, "Forbidden"))
    new = request.json.get("status")
    if new not in ("open", "closed") or each.status == "merged":
        raise Refused(Answer.error(400, None, f"Invalid status: {new}"))
    each.status = new
    return Answer.of({"newStatus": _event(each, user, "status-change", {"status": new})})


@route("POST", f"/api/models/{REPO}/discussions/{NUMBER}/merge")
def merge(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Put the changes of a pull request on its branch, as one commit.

    guess: a file that both sides changed since makes a conflict, which is refused; the real Hub merges lines.
    """
    repo = find_repo(server, request, names["repo"])
    user = writer(server, request, repo)
    each = _find(repo, names["number"])
    if not each.pull_request or each.status != "open":
        raise Refused(Answer.error(400, None, f"{each.num} is no open pull request"))
    if conflicts := _conflicts(repo, each):
        raise Refused(Answer.error(409, None, f"conflicts: {', '.join(conflicts)}"))
    files = repo.commits[repo.refs[each.ref]].files
    changes = {name: files.get(name) for name in _changed(repo, each)}
    title = f"{each.title} (#{each.num})"
    each.merged = repo.record(changes, ref=each.target, title=title, author=user.name).oid
    each.status = "merged"
    _event(each, user, "status-change", {"status": "merged"})
    return Answer.of({})


def _find(repo: Repo, number: str) -> Discussion:
    found = repo.discussions.get(int(number))
    if found is None:
        raise Refused(Answer.error(404, None, f"no discussion {number}"))
    return found


def _changed(repo: Repo, each: Discussion, ref: str | None = None) -> set[str]:
    """The files that a branch, else the pull request's own, has otherwise than where the pull request began."""
    assert each.base is not None
    before, now = repo.commits[each.base].files, repo.commits[repo.refs[ref or each.ref]].files
    return {name for name in {*before, *now} if before.get(name) != now.get(name)}


def _conflicts(repo: Repo, each: Discussion) -> list[str]:
    if each.status == "merged":
        return []
    ours, theirs = repo.commits[repo.refs[each.ref]].files, repo.commits[repo.refs[each.target]].files
    both = _changed(repo, each) & _changed(repo, each, each.target)
    return sorted(name for name in both if ours.get(name) != theirs.get(name))


def _summary(repo: Repo, each: Discussion) -> dict[str, Any]:
    return {
        "num": each.num,
        "title": each.title,
        "status": each.status,
        "author": {"name": each.author},
        "isPullRequest": each.pull_request,
        "createdAt": DATE,
        "repo": {"name": repo.id, "type": "model"},
    }


def _event(each: Discussion, user: User, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {"id": f"{each.num}-{len(each.events)}", "type": kind, "createdAt": DATE}
    event |= {"data": data, "author": {"name": user.name}}
    each.events.append(event)
    return event
