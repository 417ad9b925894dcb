"""Cards come from the Hub: the real client in a process of its own, against a Hub on the loopback interface."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.errors import (
    CardError,
    CardNotFound,
    HubAccessDenied,
    HubError,
    HubOffline,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
)
from cardgen.hub.fetch import FetchedCard, fetch_card
from tests.hub_server import Client, HubServer
from tests.hub_server.http import Answer, Fault
from tests.hub_server.state import User

FILES = {
    "README.md": b"# Card\r\n",
    "config.json": b"{}",
    "modules.json": b"[]",
    "1_Pooling/config.json": b'{"pooling_mode": "mean"}',
    "trainer_state.json": b'{"global_step": 7}',
    "model.safetensors": b"weights",
    "optimizer.pt": b"state",
    "tokenizer.json": b"{}",
    "onnx/config.json": b"{}",
}
COMPANIONS = {"config.json", "modules.json", "1_Pooling/config.json", "trainer_state.json"}


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubServer]:
    with HubServer().running() as server:
        server.hub.users |= {"ada": User("ada"), "bob": User("bob")}
        server.hub.add("ada/model", FILES)
        server.hub.add("ada/secret", FILES, private=True)
        server.hub.add("ada/gated", FILES, gated=True).granted.add("bob")
        server.hub.add("ada/empty")
        server.hub.add("ada/before", FILES)
        server.hub.rename("ada/before", "ada/after")
        yield server


@pytest.fixture(name="client", scope="module")
def _client(server: HubServer) -> Iterator[Client]:
    with Client(server.endpoint) as client:
        yield client


@pytest.fixture(autouse=True)
def _fresh_log(server: HubServer) -> Iterator[None]:
    server.requests.clear()
    yield
    server.faults.clear()


def test_card_and_small_files_are_fetched_from_one_commit(server: HubServer, client: Client) -> None:
    """The model info names the commit; every file is asked for at it, and no weights or other files are touched."""
    fetched = client.call(fetch_card, "ada/model")
    sha = server.hub.repos["ada/model"].refs["main"]
    assert fetched == FetchedCard("ada/model", sha, FILES["README.md"], {name: FILES[name] for name in COMPANIONS})
    info, *downloads = server.requests
    assert info.path == "/api/models/ada/model"
    wanted = {f"/ada/model/resolve/{sha}/{name}" for name in {"README.md", *COMPANIONS}}
    assert {request.path for request in downloads} == wanted
    assert all(request.token is None for request in server.requests)


def test_an_edit_between_the_calls_is_not_seen(server: HubServer, client: Client) -> None:
    """A commit that lands after the model info was read changes nothing."""
    repo = server.hub.add("ada/busy", {"README.md": b"old"})
    before = repo.refs["main"]
    assert client.call(fetch_card, "ada/busy").readme == b"old"
    repo.commit({"README.md": b"new"})
    assert client.call(fetch_card, "ada/busy").readme == b"new"
    assert client.call(fetch_card, "ada/busy", before).readme == b"old"


@pytest.mark.parametrize("revision", ["v1", "refs/pr/1", "feature/a b"])
def test_a_revision_is_a_branch_a_tag_or_a_pull_request(server: HubServer, client: Client, revision: str) -> None:
    """The card is the one of the named revision, and its commit is told."""
    repo = server.hub.repos["ada/model"]
    commit = repo.commit({"README.md": revision.encode()}, ref=revision)
    fetched = client.call(fetch_card, "ada/model", revision)
    assert (fetched.readme, fetched.revision_sha) == (revision.encode(), commit.oid)


def test_what_is_not_there_is_said(server: HubServer, client: Client) -> None:
    """A repository, a revision and a README that are missing are three errors, all of them "not found"."""
    for token in (None, "ada"):
        with pytest.raises(RepositoryNotFound, match=r"no repository ada/none on 127\.0\.0\.1") as missing:
            client.call(fetch_card, "ada/none", token=token)
        assert missing.value.exit_code == 3
    with pytest.raises(RevisionNotFound, match="ada/model has no revision 'v9'") as missing_revision:
        client.call(fetch_card, "ada/model", "v9")
    with pytest.raises(CardNotFound, match=r"ada/empty has no README\.md") as missing_card:
        client.call(fetch_card, "ada/empty")
    assert (missing_revision.value.exit_code, missing_card.value.exit_code) == (3, 3)
    assert missing_revision.value.hint


def test_private_and_gated_need_the_right_token(server: HubServer, client: Client) -> None:
    """With the right token both are read; without, a private one is not found and a gated one is denied."""
    assert client.call(fetch_card, "ada/secret", token="ada").readme == FILES["README.md"]
    for token in (None, "bob"):
        with pytest.raises(RepositoryNotFound, match="private"):
            client.call(fetch_card, "ada/secret", token=token)
    assert client.call(fetch_card, "ada/gated", token="bob").readme == FILES["README.md"]
    with pytest.raises(HubAccessDenied, match="ada/gated is gated") as denied:
        client.call(fetch_card, "ada/gated")
    assert denied.value.exit_code == 5
    assert denied.value.repo_id == "ada/gated"
    assert denied.value.hint
    assert "HF_TOKEN" in denied.value.hint


def test_an_open_card_over_gated_files_is_read(server: HubServer, client: Client) -> None:
    """What may not be had besides the card is noted and does not lose the card."""
    gated = Answer.error(403, "GatedRepo", "restricted")
    server.faults.append(Fault("HEAD", r"/resolve/.*json$", times=9, answer=gated))
    fetched = client.call(fetch_card, "ada/model")
    assert (fetched.readme, fetched.files) == (FILES["README.md"], {})
    assert fetched.notes == ("ada/model is gated: only its card was read",)


def test_a_bad_token_is_denied(server: HubServer, client: Client) -> None:
    """A token that the Hub does not know is no missing repository."""
    with pytest.raises(HubAccessDenied, match="token"):
        client.call(fetch_card, "ada/model", token="expired")


def test_a_renamed_repository_is_followed_and_said(server: HubServer, client: Client) -> None:
    """The new id is the one that is told."""
    fetched = client.call(fetch_card, "ada/before")
    assert (fetched.repo_id, fetched.readme) == ("ada/after", FILES["README.md"])
    assert fetched.notes == ("ada/before is now ada/after",)


def test_large_files_are_left_out_and_large_cards_refused(server: HubServer, client: Client) -> None:
    """Sizes are known before anything is downloaded; a long training's state comes by way of LFS."""
    state = json.dumps({"log_history": ["x" * 11_000_000]}).encode()
    server.hub.add("ada/long", {"README.md": b"card", "trainer_state.json": state})
    assert client.call(fetch_card, "ada/long", token="ada").files == {"trainer_state.json": state}
    (blob,) = [request for request in server.requests if request.path.startswith("/blobs/") and request.method == "GET"]
    assert blob.token is None  # the storage is somebody else
    server.requests.clear()
    server.hub.add("ada/large", {"README.md": b"card", "trainer_state.json": b"0" * 50_000_001, "config.json": b"{}"})
    fetched = client.call(fetch_card, "ada/large")
    assert fetched.files == {"config.json": b"{}"}
    assert fetched.notes == ("trainer_state.json is too large and was not read",)
    server.hub.add("ada/huge", {"README.md": b"0" * 20_000_001})
    with pytest.raises(CardError, match="larger than 20 MB"):
        client.call(fetch_card, "ada/huge")
    assert not [request.path for request in server.requests if "huge/resolve" in request.path]
    for name in ("ada/long", "ada/large", "ada/huge"):
        del server.hub.repos[name]


@pytest.mark.parametrize("path", ["/api/", "/ada/"])
def test_a_hub_that_is_down_is_said(server: HubServer, client: Client, path: str) -> None:
    """A failure of the server is no missing card, at the first call or at a later one."""
    server.faults.append(Fault("GET", f"^{path}", answer=Answer(520, b"<html>sorry</html>")))
    with pytest.raises(HubUnreachable, match=r"answers 520") as down:
        client.call(fetch_card, "ada/model")
    assert down.value.exit_code == 5


def test_a_refusal_that_the_client_hides_is_said(server: HubServer, client: Client) -> None:
    """Where the client only says that a file could not be had, the reason behind it is told."""
    server.faults.append(Fault("HEAD", "^/ada/", answer=Answer(403)))
    with pytest.raises(HubAccessDenied, match="answers 403"):
        client.call(fetch_card, "ada/model")


def test_too_many_requests_are_said(server: HubServer, client: Client) -> None:
    """The limit of the Hub is told as such."""
    server.faults.append(Fault("GET", "^/api/", answer=Answer(429)))
    with pytest.raises(HubUnreachable, match="too many requests"):
        client.call(fetch_card, "ada/model")


@pytest.mark.parametrize("body", [b"<html>log in to the hotel</html>", b"[]", b'{"sha": 1}', b'{"id": "ada/model"}'])
def test_an_answer_that_is_none_is_said(server: HubServer, client: Client, body: bytes) -> None:
    """A proxy's page instead of the Hub's answer is no traceback."""
    server.faults.append(Fault("GET", "^/api/", answer=Answer(200, body)))
    with pytest.raises(HubError) as error:
        client.call(fetch_card, "ada/model")
    assert error.value.exit_code == 5


@pytest.mark.parametrize("repo_id", ["a/b/c", "a b", "../x", "-x"])
def test_what_can_be_no_repository_is_refused(server: HubServer, client: Client, repo_id: str) -> None:
    """Such an id is never asked for."""
    with pytest.raises(HubError, match="no repository id"):
        client.call(fetch_card, repo_id)
    assert server.requests == []


def test_a_dropped_connection_is_said(server: HubServer, client: Client) -> None:
    """The server hangs up without an answer."""
    server.faults.append(Fault("GET", "^/api/", drop=True))
    with pytest.raises(HubUnreachable, match="no connection"):
        client.call(fetch_card, "ada/model")


def test_a_hub_that_does_not_answer_is_given_up(server: HubServer) -> None:
    """After the time that the client's own variable sets; one slow answer among the later ones is got over."""
    with Client(server.endpoint, HF_HUB_ETAG_TIMEOUT="1") as hasty:
        server.faults.append(Fault("GET", "^/api/", delay=8))
        started = time.monotonic()
        with pytest.raises(HubUnreachable, match="no answer in time"):
            hasty.call(fetch_card, "ada/model")
        assert time.monotonic() - started < 8
        server.faults.append(Fault("HEAD", "^/ada/", delay=1.5))
        assert hasty.call(fetch_card, "ada/model").readme == FILES["README.md"]


def test_nobody_there_and_nobody_allowed(server: HubServer) -> None:
    """A refused connection and offline mode are told apart, and neither shows the endpoint's password."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://ada:secret@127.0.0.1:{closed.getsockname()[1]}"
        with Client(endpoint) as client, pytest.raises(HubUnreachable, match="no connection") as refused:
            client.call(fetch_card, "ada/model")
    assert "secret" not in str(refused.value)
    with Client(server.endpoint, HF_HUB_OFFLINE="1") as client, pytest.raises(HubOffline) as offline:
        client.call(fetch_card, "ada/model")
    assert offline.value.exit_code == 5
    assert "HF_HUB_OFFLINE" in str(offline.value)
    assert server.requests == []


def test_fetching_leaves_and_prints_nothing(server: HubServer, tmp_path: Path) -> None:
    """No progress bars, and nothing in the user's cache or the temporary folder."""
    code = "from cardgen.hub.fetch import fetch_card; print(fetch_card('ada/model').repo_id)"
    variables = {**os.environ, "HF_ENDPOINT": server.endpoint, "HF_HUB_OFFLINE": "0"}
    folders = {"TMPDIR": str(tmp_path / "tmp"), "HF_HOME": str(tmp_path / "home")}
    folders["TQDM_POSITION"] = "-1"  # bars even where no terminal is
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], env={**variables, **folders}, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("ada/model\n", "")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and "agent" not in path.name]
    assert not [path for path in left if re.search(r"README|config|trainer|\.lock", path.name)], left
