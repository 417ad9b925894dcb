"""Ways in which another Hub may answer and still keep to the protocol: what no publisher may rely on.

A manner takes a request and the answer to it, and gives the answer that is sent. `server.manners` are applied in turn.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from typing import Any

from tests.hub_server.messages import Answer, Request

Manner = Callable[[Request, Answer], Answer]

_KEPT = {
    "whoami": {"name", "type", "orgs", "auth"},
    "model": {"_id", "id", "sha", "private", "siblings"},
    "commit": {"commitOid", "commitUrl", "pullRequestUrl"},
    "create": {"url"},
}
_INFO = re.compile(r"/api/(?:models|datasets)/[^/]+/[^/]+(?:/revision/[^/]+)?")


def _kind(request: Request) -> str | None:
    if request.path == "/api/whoami-v2":
        return "whoami"
    if request.path == "/api/repos/create":
        return "create"
    if "/commit/" in request.path:
        return "commit"
    return "model" if request.method == "GET" and _INFO.fullmatch(request.path) else None


def _json(answer: Answer) -> Any:
    if answer.status >= 300 or answer.file is not None or "json" not in answer.headers.get("Content-Type", ""):
        return None
    return json.loads(answer.body)


def _with_json(answer: Answer, data: Any) -> Answer:
    answer.body = json.dumps(data).encode()
    return answer


def terse(request: Request, answer: Answer) -> Answer:
    """Nothing that is not promised: no field that may be left out, no word on what is stored already, no `verify`."""
    data, kind = _json(answer), _kind(request)
    if isinstance(data, dict) and kind is not None:
        data = {name: value for name, value in data.items() if name in _KEPT[kind]}
    elif "/preupload/" in request.path and data is not None:
        data["files"] = [{name: value for name, value in file.items() if name != "oid"} for file in data["files"]]
    elif request.path.endswith("/objects/batch") and data is not None:
        for entry in data["objects"]:
            entry.get("actions", {}).pop("verify", None)
    elif request.path == "/api/validate-yaml" and data is not None:
        data = {}
    return answer if data is None else _with_json(answer, data)


def wordy(request: Request, answer: Answer) -> Answer:
    """Much that nobody knows of, and each object's names the other way round."""
    data = _json(answer)
    return answer if data is None else _with_json(answer, _decorated(data))


def _decorated(data: Any) -> Any:
    if isinstance(data, dict):
        turned = {name: _decorated(value) for name, value in reversed(data.items())}
        return turned if "chunk_size" in data else {"_new": None, "news": [{"a": 1}, "b"], **turned}
    return [_decorated(entry) for entry in data] if isinstance(data, list) else data


def shuffled(request: Request, answer: Answer) -> Answer:
    """Lists the other way round, where nobody promised an order."""
    data = _json(answer)
    if isinstance(data, dict):
        for name in ("siblings", "files", "objects", "branches", "tags", "pullRequests", "orgs"):
            if isinstance(data.get(name), list):
                data[name].reverse()
        return _with_json(answer, data)
    return answer


def packed(request: Request, answer: Answer) -> Answer:
    """In gzip for whoever takes it, in chunks, and without a length."""
    if request.method == "HEAD" or answer.file is not None or answer.status == 204 or "Content-Range" in answer.headers:
        return answer
    if "gzip" in request.headers.get("accept-encoding", ""):
        answer.body = gzip.compress(answer.body)
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Transfer-Encoding"] = "chunked"
    return answer


def hasty(request: Request, answer: Answer) -> Answer:
    """Each connection is closed after one answer."""
    answer.headers["Connection"] = "close"
    return answer


def lower(request: Request, answer: Answer) -> Answer:
    """Names of headers in small letters, ETags weak."""
    if not request.path.startswith(("/lfs/", "/blobs/")) and "ETag" in answer.headers:
        answer.headers["ETag"] = f"W/{answer.headers['ETag']}"
    answer.headers = {name.lower(): value for name, value in answer.headers.items()}
    return answer


def laconic(request: Request, answer: Answer) -> Answer:
    """Refusals without a body; where one is looked for, a repository that is not there is a plain 404 or 401."""
    if answer.status >= 400:
        answer.body = b""
        answer.headers = {name: value for name, value in answer.headers.items() if name == "X-Error-Code"}
        if _INFO.fullmatch(request.path) and answer.headers.get("X-Error-Code") == "RepoNotFound":
            answer.headers.clear()
    return answer


def created(request: Request, answer: Answer) -> Answer:
    """201 for what was made, 204 for what is right, 202 for what was taken."""
    if answer.status == 200 and request.method == "POST":
        if request.path.endswith("/objects/verify"):
            return Answer(204)
        if re.search(r"/(?:create|commit/[^/]+|branch/[^/]+|tag/[^/]+)$", request.path):
            answer.status = 201
        elif request.path.endswith("/objects/batch"):
            answer.headers["Content-Type"] = "application/vnd.git-lfs+json; charset=utf-8"
            answer.status = 202
    if answer.status == 200 and request.method == "PUT":
        answer.status = 201
    return answer


def detour(request: Request, answer: Answer) -> Answer:
    """Small files are led on to another address of the same Hub, as the real one does by now."""
    found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+)", request.path)
    if found and answer.status == 200 and request.method in ("GET", "HEAD"):
        path = f"/api/resolve-cache/models/{found[1]}/{found[2]}"
        size, etag = str(answer.size), answer.headers["ETag"]
        headers = {"X-Linked-Size": size, "X-Linked-Etag": etag, "X-Repo-Commit": answer.headers["X-Repo-Commit"]}
        return Answer(307, headers={**headers, "Location": path})
    return answer


def rude(request: Request, answer: Answer) -> Answer:
    """Who already is, is told so without an address; who was overtaken, in HTML."""
    if answer.status == 409:
        return Answer(409, b'{"error": "exists"}', {"Content-Type": "application/json"})
    if answer.status == 412:
        return Answer(412, b"<html>precondition failed</html>", {"Content-Type": "text/html"})
    return answer


def plain(request: Request, answer: Answer) -> Answer:
    """No Xet."""
    return Answer.error(404, None, "no such route") if "/xet-" in request.path else answer


MANNERS: dict[str, Manner] = {
    manner.__name__: manner
    for manner in (terse, wordy, shuffled, laconic, created, detour, rude, plain, packed, hasty, lower)
}
"""Every manner by its name; they go together, in this order."""
