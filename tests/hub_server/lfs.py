"""The routes by which large files come: what to send, the bytes, and that they are all here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.hub_server.access import REPO, find_repo, writer
from tests.hub_server.content import chunks
from tests.hub_server.http import Answer, HubServer, Refused, Request, route
from tests.hub_server.state import Repo

KEY = "X-Signature"


@route("POST", f"/{REPO}\\.git/info/lfs/objects/batch")
def batch(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Say of each content whether, and to where, it is to be sent; nobody sends one twice for a repository.

    guess: into a pull request on somebody else's repository large files may not be sent.
    """
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    body = request.json
    if body.get("operation") != "upload" or body.get("hash_algo") != "sha256":
        raise Refused(Answer.error(422, None, "only uploads by sha256"))
    transfer = "xet" if "xet" in body.get("transfers", ()) else "basic"  # 0.36 asks here, 2.x decides by itself
    return Answer.of({"transfer": transfer, "objects": [_object(server, repo, entry) for entry in body["objects"]]})


def _object(server: HubServer, repo: Repo, entry: dict[str, object]) -> dict[str, object]:
    sha256, size = entry.get("oid"), entry.get("size")
    answer: dict[str, object] = {"oid": sha256, "size": size}
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256) or not isinstance(size, int):
        return {**answer, "error": {"code": 422, "message": "oid is no sha256"}}
    if sha256 in repo.stored and server.hub.store.size(sha256) == size:
        return answer
    place = f"{repo.id}/{sha256}/{size}"
    verify = {"href": f"{server.endpoint}/{repo.id}.git/info/lfs/objects/verify"}
    if size <= server.hub.part:
        href = f"{server.blob_endpoint}/lfs/{place}?{KEY}={_signature(place)}"
        return {**answer, "actions": {"upload": {"href": href}, "verify": verify}}
    parts = range(1, -(-size // server.hub.part) + 1)
    header = {"chunk_size": str(server.hub.part)}
    for number in parts:
        here = f"{place}/{number}"
        header[f"{number:05}"] = f"{server.blob_endpoint}/lfs/{here}?{KEY}={_signature(here)}"
    href = f"{server.endpoint}/complete/{place}?{KEY}={_signature(place)}"
    return {**answer, "actions": {"upload": {"href": href, "header": header}, "verify": verify}}


PLACE = r"(?P<repo>[^/]+/[^/]+)/(?P<sha256>[0-9a-f]{64})/(?P<size>\d+)"


@route("PUT", f"/lfs/(?P<place>{PLACE})")
def put(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Take a content; it must be the one that was announced."""
    file = _incoming(request, names["place"])
    digest = hashlib.sha256()
    for chunk in chunks(file):
        digest.update(chunk)
    _keep(server, names, file, digest.hexdigest())
    return Answer(headers={"ETag": f'"{digest.hexdigest()}"'})


@route("PUT", f"/lfs/(?P<place>{PLACE}/(?P<number>\\d+))")
def put_part(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Take a part of a content."""
    file = _incoming(request, names["place"])
    part = _part(server, names["sha256"], int(names["number"]))
    file.replace(part)
    return Answer(headers={"ETag": f'"{part.name}"'})


@route("POST", f"/complete/(?P<place>{PLACE})")
def complete(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Put the parts together; they must be the content that was announced."""
    _check_signature(request, names["place"])
    parts = sorted(request.json["parts"], key=lambda part: int(part["partNumber"]))
    paths = [_part(server, names["sha256"], int(part["partNumber"])) for part in parts]
    if any(part["etag"].strip('"') != path.name or not path.is_file() for part, path in zip(parts, paths, strict=True)):
        raise Refused(Answer.error(400, None, "InvalidPart"))
    whole, digest = server.hub.store.join(paths, names["sha256"])
    _keep(server, names, whole, digest)
    return Answer.of({"success": True})


@route("POST", f"/{REPO}\\.git/info/lfs/objects/verify")
def verify(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Whether a content is here."""
    repo = find_repo(server, request, names["repo"])
    writer(server, request, repo)
    sha256, size = request.json.get("oid"), request.json.get("size")
    if sha256 not in repo.stored or server.hub.store.size(sha256) != size:
        raise Refused(Answer.error(404, None, f"{sha256} is not here"))
    return Answer.of({})


def _keep(server: HubServer, names: dict[str, str], file: Path, digest: str) -> None:
    if digest != names["sha256"] or file.stat().st_size != int(names["size"]):
        raise Refused(Answer.error(400, None, "BadDigest: the content is not the one that was announced"))
    file.replace(server.hub.store.path(digest))
    repo = server.hub.repos.get(server.hub.renamed.get(names["repo"], names["repo"]))
    if repo is not None:
        repo.stored.add(digest)


def _part(server: HubServer, sha256: str, number: int) -> Path:
    return server.hub.store.incoming / f"{sha256}-{number}"


def _incoming(request: Request, place: str) -> Path:
    _check_signature(request, place)
    if request.file is None:
        raise Refused(Answer.error(400, None, "no content"))
    return request.file


def _check_signature(request: Request, place: str) -> None:
    """As for the storage of the real Hub the address itself is the permission; a token besides is refused."""
    if request.method == "PUT" and "authorization" in request.headers:
        raise Refused(Answer.error(400, None, "Only one auth mechanism allowed"))
    if request.query.get(KEY) != [_signature(place)]:
        raise Refused(Answer.error(403, None, "SignatureDoesNotMatch"))


def _signature(place: str) -> str:
    return hashlib.sha256(f"signed {place}".encode()).hexdigest()[:16]
