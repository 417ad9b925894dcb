"""The routes that files are downloaded from."""

from __future__ import annotations

import re

from tests.hub_server.access import REPO, REVISION, admit_reader, find_commit, find_repo
from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.xet import xet_headers


@route("GET HEAD", f"/api/resolve-cache/models/{REPO}/{REVISION}/(?P<path>.+)")
@route("GET HEAD", f"/{REPO}/resolve/{REVISION}/(?P<path>.+)")
def resolve(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """A file of a commit; a large one is elsewhere."""
    repo = find_repo(server, request, names["repo"])
    admit_reader(server, request, repo)
    commit = find_commit(repo, names["revision"])
    headers = {"X-Repo-Commit": commit.oid}
    file = commit.files.get(names["path"])
    if file is None:
        return Answer.error(404, "EntryNotFound", "Entry not found", **headers)
    if file.sha256 is not None:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
        headers |= xet_headers(server, repo, file.sha256)
        return Answer(302, headers={**headers, "Location": f"{server.blob_endpoint}/blobs/{file.sha256}"})
    return _part(request, Answer(body=file.data or b"", headers={**headers, "ETag": f'"{file.etag}"'}))


@route("GET HEAD", "/blobs/(?P<sha256>[0-9a-f]{64})")
def blob(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """The content of a large file, from the storage behind the Hub, to which nobody brings a token."""
    if request.token is not None:
        raise Refused(Answer.error(400, None, "Only one auth mechanism allowed"))
    if server.hub.store.size(names["sha256"]) is None:
        return Answer.error(404, None, "no such blob")
    return _part(request, Answer(file=server.hub.store.path(names["sha256"])))


def _part(request: Request, answer: Answer) -> Answer:
    """What `Range` asks for, else all."""
    size = answer.size
    answer.headers["Accept-Ranges"] = "bytes"
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if found is None:
        return answer
    start = int(found[1])
    end = min(int(found[2] or size - 1), size - 1)
    if start > end:
        return Answer.error(416, None, "Range not satisfiable", **{"Content-Range": f"bytes */{size}"})
    answer.status = 206
    answer.headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    if answer.file is None:
        answer.body = answer.body[start : end + 1]
    else:
        answer.start, answer.length = start, end + 1 - start
    return answer
