"""Publishing to Hubs that answer otherwise, as far as the protocol lets them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.sources import read_source
from cardgen.errors import PublishRefused
from cardgen.registry import Registry
from tests.actions.publishing import REPO, RUN_ID, Publisher, drift_there, refresh_there, save_model
from tests.hub_server import Client, HubServer
from tests.hub_server.http import Answer, Fault
from tests.hub_server.manners import MANNERS

MODEL = {"README.md", "config.json", "model.safetensors", "modules.json", "1_Pooling/config.json"}


@pytest.fixture(name="publisher")
def _publisher(client: Client, server: HubServer, tmp_path: Path) -> Iterator[Publisher]:
    server.requests.clear()
    yield Publisher(client, server, tmp_path)
    server.manners.clear()
    server.faults.clear()
    server.hub.repos.clear()
    server.hub.renamed.clear()
    server.hub.page, server.hub.part = 50, 1 << 30


def live(publisher: Publisher) -> None:
    """What happens to a repository: made, edited, published to in each way, overtaken, renamed, looked at."""
    made, changed, url, _, _ = publisher.publish(tag="v1")
    repo = publisher.repo()
    assert changed
    assert (made.commit, made.version) == (repo.head.oid, 1)
    assert made.commit in url
    assert set(publisher.files()) - {".gitattributes"} == MODEL
    assert repo.tags == {"v1": made.commit}
    assert not publisher.publish(tag="v1")[1]
    assert len(repo.commits) == 2

    def write(word: str) -> None:
        text = publisher.files()["README.md"].replace(b"## Training Details", f"{word}\n\n## Training Details".encode())
        repo.commit({"README.md": text}, author="bob")

    write("At night.")
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    # somebody writes while we publish, and then the answer to the commit is lost
    publisher.server.faults += [
        Fault("POST", "/commit/", run=lambda: write("In May.")),
        Fault("POST", "/commit/", drop=True, after=True),
    ]
    save_model(publisher.model, b"better", names=("config.json", "vocab.txt"))
    made, *_ = publisher.publish(allow_changed=True)
    text = publisher.files()["README.md"]
    assert all(word in text for word in (b"At night.", b"In May.", b"license: apache-2.0"))
    assert made.commit == repo.head.oid
    assert len([commit for commit in repo.commits.values() if commit.title == "Publish amber-otter-3"]) == 2
    (publisher.model / "vocab.txt").unlink()
    assert publisher.publish(allow_changed=True)[-1] == ("vocab.txt",)
    assert publisher.publish(card_only=True, create_pr=True)[1] is False
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "bsd"})
    made, *_ = publisher.publish(card_only=True, create_pr=True)
    assert made.pull_request is not None
    assert made.commit == repo.refs["refs/pr/1"]
    made, *_ = publisher.publish(card_only=True, revision="next")
    assert made.commit == repo.refs["next"]
    publisher.server.hub.rename(REPO, "ada/better")
    assert publisher.call(drift_there)[0][1] == "as published"
    made, _, _, notes, _ = publisher.publish(allow_changed=True)
    assert made.repo_id == "ada/better"
    assert notes[0] == "ada/model is now ada/better"
    assert publisher.call(refresh_there, "5.0", {})[1]
    source = publisher.client.call(read_source, f"hf://{REPO}", token=publisher.token("ada"))
    assert source.data == repo.head.files["README.md"].data
    publisher.server.hub.repos.clear()
    assert publisher.call(drift_there)[0][1] == "gone"


LONG = pytest.mark.skipif("CARDGEN_TEST_LONG" not in os.environ, reason="takes a minute; CARDGEN_TEST_LONG=1 runs it")


@pytest.mark.parametrize(
    "manners",
    [
        " ".join(MANNERS),
        "terse rude hasty",
        "wordy shuffled created lower",
        *(pytest.param(manner, marks=LONG) for manner in MANNERS),
    ],
)
def test_another_hub_is_as_good(publisher: Publisher, manners: str) -> None:
    """Whatever is left out, added, turned round, packed, led on or said in other words."""
    publisher.server.manners[:] = [MANNERS[manner] for manner in manners.split()]
    publisher.server.hub.page = 2
    publisher.server.hub.part = 20
    live(publisher)


def test_a_repository_that_was_made_meanwhile_is_looked_at(publisher: Publisher) -> None:
    """By somebody who made it public: nothing that was for a private one goes there."""
    for manner in ([], [MANNERS["rude"]]):
        publisher.server.manners[:] = manner
        make = Fault("POST", "/api/repos/create", run=lambda: publisher.server.repo(REPO, {"x.txt": b"x"}))
        publisher.server.faults.append(make)
        with pytest.raises(PublishRefused, match="is public, and --private was asked for"):
            publisher.publish()
        assert publisher.commits() == 0
        publisher.server.hub.repos.clear()


def test_a_token_may_tell_little(publisher: Publisher) -> None:
    """Of its role and its organizations; the Hub itself then says what it may not."""
    publisher.server.faults.append(Fault("GET", "whoami", times=99, answer=Answer.of({"name": "ada"})))
    publisher.publish()
    assert set(publisher.files()) > MODEL
