"""The routes of Xet, the transfer that the client prefers: tokens for a store, which is a folder here.

`hf_xet` has a store of its own for its tests, `local://<folder>`; it is not documented. What was sent, the Hub reads
from the shards that it leaves there: for each file the sha256, the size and the name that Xet gives it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hub_server.access import REPO, REVISION, admit_reader, find_commit, find_repo, proposer, writer
from tests.hub_server.http import Answer, HubServer, Request, route
from tests.hub_server.state import Repo

EXPIRES = 4_000_000_000  # seconds since 1970: later than any test
_HEADER, _ENTRY = 48, 48
_VERIFIED, _DESCRIBED = 1 << 31, 1 << 30


@dataclass(frozen=True)
class Sent:
    """A file in the store: its name there, and its bytes."""

    name: str
    size: int


@route("GET", f"/api/models/{REPO}/xet-write-token/{REVISION}")
def write_token(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Let somebody write to the store."""
    repo = find_repo(server, request, names["repo"])
    if request.asks("create_pr"):
        proposer(server, request, repo)
    else:
        writer(server, request, repo)
    return _token(server, "write")


@route("GET", f"/api/models/{REPO}/xet-read-token/{REVISION}")
def read_token(server: HubServer, request: Request, names: dict[str, str]) -> Answer:
    """Let somebody read from the store."""
    repo = find_repo(server, request, names["repo"])
    admit_reader(server, request, repo)
    find_commit(repo, names["revision"])
    return _token(server, "read")


def _token(server: HubServer, kind: str) -> Answer:
    url = f"local://{_folder(server)}"
    answer = Answer.of({"casUrl": url, "accessToken": kind, "exp": EXPIRES})
    answer.headers |= {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": kind, "X-Xet-Token-Expiration": str(EXPIRES)}
    return answer


def _folder(server: HubServer) -> Path:
    folder = server.hub.store.folder / "xet"
    folder.mkdir(exist_ok=True)
    return folder


def stored_with_xet(server: HubServer, sha256: str) -> int | None:
    """The size of a file in the store; None if it is not there."""
    found = _sent(server).get(sha256)
    return None if found is None else found.size


def xet_headers(server: HubServer, repo: Repo, sha256: str) -> dict[str, str]:
    """What tells the client that a file is to be had from the store."""
    found = _sent(server).get(sha256)
    if found is None:
        return {}
    route = f"{server.endpoint}/api/models/{repo.id}/xet-read-token/{repo.refs['main']}"
    return {"X-Xet-Hash": found.name, "Link": f'<{route}>; rel="xet-auth"'}


def _sent(server: HubServer) -> dict[str, Sent]:
    return {sha256: file for shard in _folder(server).rglob("*.mdb") for sha256, file in _files(shard.read_bytes())}


def _files(shard: bytes) -> Iterator[tuple[str, Sent]]:
    """The files that a shard tells of.

    After a header of 48 bytes comes for each file: its hash, flags and the number of segments (48 bytes); a segment
    each (48), its size after its hash and flags; as many for verification if flagged; the sha256 (48) if flagged.
    """
    at = _HEADER
    while at + _ENTRY <= len(shard) and shard[at : at + 32] != b"\xff" * 32:
        flags, segments = struct.unpack_from("<II", shard, at + 32)
        name = _hexadecimal(shard[at : at + 32])
        at += _ENTRY
        size = sum(struct.unpack_from("<I", shard, at + number * _ENTRY + 36)[0] for number in range(segments))
        at += _ENTRY * segments * (2 if flags & _VERIFIED else 1)
        if flags & _DESCRIBED:
            yield _hexadecimal(shard[at : at + 32]), Sent(name, size)
            at += _ENTRY


def _hexadecimal(digest: bytes) -> str:
    """A hash as Xet writes it: four little-endian numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", digest))
