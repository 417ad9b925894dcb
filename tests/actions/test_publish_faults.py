"""Publishing while the Hub fails and others write: a complete release or none, and no edit lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cardgen.errors import CardgenError, HubError
from cardgen.registry import Registry
from tests.actions.publishing import RUN_ID, publish_there, record, save_model
from tests.hub_server import Client, HubServer
from tests.hub_server.http import Answer, Fault

REPO = "ada/model"
FILES = {"README.md", "config.json", "model.safetensors", "modules.json", "1_Pooling/config.json"}

REQUESTS = {
    "who am I": ("GET", r"/api/whoami"),
    "make the repository": ("POST", r"/api/repos/create"),
    "look at the repository": ("GET", r"/api/models/ada/model"),
    "check the card": ("POST", r"/api/validate-yaml"),
    "how to upload": ("POST", r"/preupload/"),
    "upload by LFS": ("POST", r"/info/lfs/objects/batch"),
    "the bytes": ("PUT", r"."),
    "the commit": ("POST", r"/commit/"),
}
FAULTS: dict[str, dict[str, Any]] = {
    "500 once": {"times": 1, "answer": Answer(500)},
    "503 and HTML once": {"times": 1, "answer": Answer(503, b"<html>", {"Content-Type": "text/html"})},
    "hung up before": {"times": 1, "drop": True},
    "hung up after": {"times": 1, "drop": True, "after": True},
    "500 after the work": {"times": 1, "answer": Answer(500), "after": True},
    "429": {"times": 1, "answer": Answer(429, b"", {"Retry-After": "1"})},
}


@pytest.fixture(autouse=True)
def _fresh(server: HubServer) -> Iterator[None]:
    server.requests.clear()
    yield
    server.faults.clear()
    server.hub.repos.clear()


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Path:
    save_model(tmp_path / "final")
    record(tmp_path / "cards.db", tmp_path / "final")
    return tmp_path / "cards.db"


def publish(client: Client, server: HubServer, registry: Path, **wanted: Any) -> Any:
    """Publish as ada."""
    token = next(token for token, user in server.hub.users.items() if user.name == "ada")
    return client.call(publish_there, registry, REPO, wanted, {"tries": 3}, token=token)


def is_whole(server: HubServer) -> bool:
    """Whether the repository has the whole release; it never has a part of it."""
    repo = server.hub.repos.get(REPO)
    there = set(repo.head.files) - {".gitattributes"} if repo is not None else set()
    assert there in (set(), FILES)
    return there == FILES


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("request_", REQUESTS)
def test_what_fails_once_is_got_over(
    client: Client, server: HubServer, registry: Path, request_: str, fault: str
) -> None:
    """One commit, and it is remembered."""
    method, path = REQUESTS[request_]
    server.faults.append(Fault(method, path, **FAULTS[fault]))
    made, *_ = publish(client, server, registry)
    assert is_whole(server)
    assert [commit.title for commit in server.hub.repos[REPO].commits.values()].count("Publish amber-otter-3") == 1
    assert made.commit == server.hub.repos[REPO].head.oid


@pytest.mark.parametrize("request_", REQUESTS)
def test_what_goes_on_failing_is_one_clear_error(
    client: Client, server: HubServer, registry: Path, request_: str
) -> None:
    """Nothing of the release is visible then; a second run completes it, and sends no stored bytes again."""
    method, path = REQUESTS[request_]
    server.faults.append(Fault(method, path, times=10_000, answer=Answer(503)))
    with pytest.raises(HubError) as caught:
        publish(client, server, registry)
    assert caught.value.hint
    assert not is_whole(server)
    with Registry(registry, mode="read") as opened:
        assert opened.publications.all() == []
    server.faults.clear()
    stored = len(server.log("PUT"))
    publish(client, server, registry)
    assert is_whole(server)
    if request_ == "the commit":
        assert len(server.log("PUT")) == stored


def test_the_next_run_inherits_what_people_wrote(client: Client, server: HubServer, registry: Path) -> None:
    """Words, licence and language of the repository come into the next run's card."""
    publish(client, server, registry)
    repo = server.hub.repos[REPO]
    text = (repo.head.files["README.md"].data or b"").decode()
    edited = text.replace("license: mit", "license: gpl-3.0").replace(
        "## Training Details", "Hm.\n\n## Training Details"
    )
    repo.commit({"README.md": edited.encode()}, author="bob")
    with Registry(registry) as opened:
        run = opened.run(RUN_ID)
        other = dataclasses.replace(run, id="0198c1a0-0000-7000-8000-000000000002", name="next")
        opened.delete(RUN_ID)
        opened.save(other)
        opened.append(other.id, [])
    token = next(token for token, user in server.hub.users.items() if user.name == "ada")
    client.call(publish_other, registry, token=token)
    after = (server.hub.repos[REPO].head.files["README.md"].data or b"").decode()
    assert "license: gpl-3.0" in after
    assert "Hm.\n\n## Training" in after


def publish_other(registry: Path) -> None:
    """Publish the next run; over there."""
    from cardgen.actions.publish import publish as carry_out

    with Registry(registry) as opened:
        assert carry_out("next", REPO, registry=opened) is not None


def test_five_publishers_at_once(server: HubServer, client: Client, tmp_path: Path) -> None:
    """Each has a registry of its own; every edit that a person makes meanwhile is kept, and history is one line."""
    registries = []
    for number in range(5):
        save_model(tmp_path / str(number))
        registries.append(tmp_path / f"{number}.db")
        run = record(registries[-1], tmp_path / str(number))
        results = tuple(
            dataclasses.replace(one, metrics=dict.fromkeys(one.metrics, number / 10 + 0.01)) for one in run.evaluations
        )
        with Registry(registries[-1]) as opened:
            opened.save(dataclasses.replace(run, evaluations=results))
    publish(client, server, registries[0])
    repo = server.hub.repos[REPO]
    count = 0

    def edit() -> None:
        nonlocal count
        if count < 3:
            count += 1
            text = repo.head.files["README.md"].data or b""
            repo.commit({"README.md": text + b"\nWord %d.\n" % count}, author="bob")

    server.faults.append(Fault("POST", r"/commit/", times=3, run=edit))
    with ThreadPoolExecutor(5) as pool:
        clients = [Client(server.endpoint, hasty=True) for _ in registries]
        done = list(pool.map(attempted, clients, registries, [server] * 5))
        for one in clients:
            one.__exit__(None, None, None)
    text = (repo.head.files["README.md"].data or b"").decode()
    assert count == 3
    assert all(f"Word {number}." in text for number in (1, 2, 3))
    assert sum(done) >= 1
    assert len(repo.history(repo.head)) == len(repo.commits)


def attempted(client: Client, registry: Path, server: HubServer) -> bool:
    """Publish; the facts of two runs may meet in one place, which is a conflict and no harm."""
    try:
        publish(client, server, registry, card_only=True)
    except CardgenError:
        return False
    return True


AGAIN = {
    "read the card": ("HEAD GET", r"/resolve/"),
    "is the data public": ("GET", r"/api/datasets/"),
    "is it all here": ("POST", r"/objects/verify"),
    "look at what was made": ("GET", r"/api/models/ada/model/revision/[0-9a-f]{40}"),
    "tag it": ("POST", r"/tag/"),
    "make the branch": ("POST", r"/branch/"),
}


@pytest.fixture(name="published")
def _published(client: Client, server: HubServer, registry: Path) -> Path:
    """A run that was published once, whose card a person has edited since, and which has other weights by now."""
    publish(client, server, registry, private=False)
    repo = server.hub.repos[REPO]
    text = repo.head.files["README.md"].data or b""
    edited = text.replace(b"## Training Details", b"At night.\n\n## Training Details")
    repo.commit({"README.md": edited}, author="bob")
    save_model(registry.parent / "final", b"better")
    with Registry(registry) as opened:
        opened.set_facts(RUN_ID, {"license": "apache-2.0"})
    return registry


def again(client: Client, server: HubServer, registry: Path, request_: str) -> Any:
    """Publish it again."""
    wanted = {"revision": "next"} if request_ == "make the branch" else {}
    return publish(client, server, registry, private=None, tag="v2", allow_changed=True, **wanted)


def is_published_again(server: HubServer, request_: str) -> bool:
    """Whether the second release is there as a whole, with what the person wrote; there is never a part of it."""
    repo = server.hub.repos[REPO]
    head = repo.at("next" if request_ == "make the branch" else "main")
    if head is None:
        return False
    text = head.files["README.md"].data or b""
    assert b"At night." in text
    before = next(commit for commit in repo.commits.values() if commit.title == "Publish amber-otter-3")
    parts = {
        b"license: apache-2.0" in text,
        head.files["model.safetensors"].sha256 != before.files["model.safetensors"].sha256,
    }
    assert len(parts) == 1
    assert len([commit for commit in repo.commits.values() if commit.title == before.title]) == 1 + parts.copy().pop()
    return parts.pop()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("request_", AGAIN)
def test_what_fails_once_while_publishing_again_is_got_over(
    client: Client, server: HubServer, published: Path, request_: str, fault: str
) -> None:
    """One commit more, with the tag, and it is remembered."""
    method, path = AGAIN[request_]
    server.faults.append(Fault(method, path, **FAULTS[fault]))
    made, *_ = again(client, server, published, request_)
    assert is_published_again(server, request_)
    assert server.hub.repos[REPO].tags == {"v2": made.commit}


@pytest.mark.parametrize("request_", AGAIN)
def test_what_goes_on_failing_while_publishing_again_is_told(
    client: Client, server: HubServer, published: Path, request_: str
) -> None:
    """All of it is there or none, the error says which; a second run completes it without a second commit."""
    method, path = AGAIN[request_]
    server.faults.append(Fault(method, path, times=10_000, answer=Answer(503)))
    with pytest.raises(CardgenError) as caught:
        again(client, server, published, request_)
    there = is_published_again(server, request_)
    assert ("is published, but" in str(caught.value)) == there
    assert there == (request_ in ("look at what was made", "tag it"))
    with Registry(published, mode="read") as opened:
        assert len(opened.publications.all()) == 1 + (request_ == "tag it")
    server.faults.clear()
    made, *_ = again(client, server, published, request_)
    assert is_published_again(server, request_)
    assert server.hub.repos[REPO].tags == {"v2": made.commit}
    with Registry(published, mode="read") as opened:
        assert len(opened.publications.all()) == 2
