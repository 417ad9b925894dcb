"""Publishing over real HTTP: one commit that loses nothing and leaks nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.card.layout import render
from cardgen.errors import CardConflict, HubAccessDenied, HubUnreachable, PublishRefused, SettingsError, Undecided
from cardgen.record import Dataset
from cardgen.registry import Registry
from tests.actions.publishing import (
    REPO,
    RUN_ID,
    Publisher,
    checkpoint,
    drift_there,
    history_there,
    publish_there,
    record,
    refresh_there,
    save_model,
)
from tests.hub_server import Client, HubServer
from tests.hub_server.http import Answer, Fault

COMMIT = rf"/api/models/{REPO}/commit/"


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubServer]:
    with HubServer().running() as server:
        server.token("ada")
        server.token("bob", role="read")
        server.hub.add("org/open", kind="dataset")
        yield server


@pytest.fixture(autouse=True)
def _fresh(server: HubServer) -> Iterator[None]:
    server.requests.clear()
    yield
    server.faults.clear()
    server.hub.repos.clear()
    server.hub.renamed.clear()


@pytest.fixture(name="publisher")
def _publisher(client: Client, server: HubServer, tmp_path: Path) -> Publisher:
    return Publisher(client, server, tmp_path)


def test_model_and_card_go_in_one_commit(publisher: Publisher) -> None:
    """A new repository gets both at once; what stays home is not sent; the registry remembers."""
    made, changed, url, _, _ = publisher.publish(tag="v1")
    assert publisher.commits() == 1
    assert changed
    assert made.commit in url
    files = publisher.files()
    assert set(files) - {".gitattributes"} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "modules.json",
        "1_Pooling/config.json",
    }
    assert f'SentenceTransformer("{REPO}")'.encode() in files["README.md"]
    with Registry(publisher.registry, mode="read") as registry:
        (kept,) = registry.publications.all()
        assert (kept, kept.version, kept.user, kept.step) == (made, 1, "ada", 6)
        pair = registry.card_text(RUN_ID, f"hf://{REPO}")
        assert pair is not None
        assert pair.text.encode() == files["README.md"]
        run = registry.run(RUN_ID)
        there = dataclasses.replace(run, model=dataclasses.replace(run.model, hub_id=REPO))
        assert render(there, registry.log(RUN_ID)).encode() == files["README.md"]


def test_the_same_again_changes_nothing(publisher: Publisher) -> None:
    """No commit is made, and no version."""
    first, *_ = publisher.publish()
    again, changed, *_ = publisher.publish()
    assert not changed
    assert again.version == first.version == 1


def test_a_new_repository_is_private_or_public_on_purpose(publisher: Publisher) -> None:
    """Nobody guesses; and what is there is not contradicted."""
    with pytest.raises(Undecided) as caught:
        publisher.publish(private=None)
    assert caught.value.question == "visibility"
    assert publisher.commits() == 0
    publisher.publish(private=True)
    with pytest.raises(PublishRefused, match="is private, and --public was asked for"):
        publisher.publish(private=False)


def test_rows_of_unknown_data_are_asked_about(publisher: Publisher) -> None:
    """In a public repository only; omitting takes them from samples, snippet and widget."""
    with Registry(publisher.registry) as registry:
        run = registry.run(RUN_ID)
        rows = (("the secret row", "a"),)
        columns = run.datasets[0].columns[:2]
        private = Dataset(role="train", name="mine", size=1, columns=columns, samples=rows)
        usage = dataclasses.replace(run.usage, examples=("the secret row", "b", "c"), similarities=None)
        registry.save(dataclasses.replace(run, datasets=(*run.datasets, private), usage=usage))
    with pytest.raises(Undecided) as caught:
        publisher.publish(private=False)
    assert caught.value.question == "samples"
    assert "mine" in str(caught.value)
    publisher.publish(private=False, samples="omit")
    assert b"secret row" not in publisher.files()["README.md"]
    del publisher.server.hub.repos[REPO]
    publisher.publish(private=True)
    assert b"secret row" in publisher.files()["README.md"]


def test_an_edit_on_the_hub_stays(publisher: Publisher) -> None:
    """A person writes there, then new facts are published: both stand."""
    publisher.publish()
    edited = publisher.files()["README.md"].replace(b"## Training Details", b"Made at night.\n\n## Training Details")
    publisher.repo().commit({"README.md": edited}, author="bob")
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    publisher.publish()
    text = publisher.files()["README.md"]
    assert b"Made at night." in text
    assert b"license: apache-2.0" in text


def test_an_edit_that_comes_in_between_stays(publisher: Publisher) -> None:
    """The head moves while we publish: look, merge and commit again."""
    publisher.publish()
    edited = publisher.files()["README.md"].replace(b"## Training Details", b"Made at night.\n\n## Training Details")
    repo = publisher.repo()
    publisher.server.faults.append(
        Fault("POST", COMMIT, times=1, run=lambda: repo.commit({"README.md": edited}, author="bob"))
    )
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    publisher.publish()
    text = publisher.files()["README.md"]
    assert b"Made at night." in text
    assert b"license: apache-2.0" in text


def test_both_changed_the_same_place(publisher: Publisher) -> None:
    """That is a conflict, exit code 4; a pull request proposes the new facts."""
    publisher.publish()
    edited = publisher.files()["README.md"].replace(b"license: mit", b"license: gpl-3.0")
    publisher.repo().commit({"README.md": edited}, author="bob")
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    with pytest.raises(CardConflict):
        publisher.publish()
    made, _, url, _, _ = publisher.publish(create_pr=True)
    assert made.pull_request == url
    assert "discussions" in url
    assert b"license: gpl-3.0" in publisher.files()["README.md"]


def test_only_our_own_files_are_removed(publisher: Publisher) -> None:
    """Those of our last release that this one lacks; a stranger's file, and one that was changed, stay."""
    save_model(publisher.model, names=("config.json", "vocab.txt", "merges.txt"))
    publisher.publish(allow_changed=True)
    publisher.repo().commit({"other.txt": b"x", "merges.txt": b"changed"}, author="bob")
    for name in ("vocab.txt", "merges.txt"):
        (publisher.model / name).unlink()
    *_, removed = publisher.publish()
    assert removed == ("vocab.txt",)
    assert {"other.txt", "merges.txt"} <= set(publisher.files())
    assert "vocab.txt" not in publisher.files()


def test_changed_weights_need_a_word(publisher: Publisher) -> None:
    """And nothing was asked of the Hub before."""
    save_model(publisher.model, b"other weights")
    with pytest.raises(PublishRefused, match="changed since"):
        publisher.publish()
    assert publisher.server.requests == []
    publisher.publish(allow_changed=True)


def test_a_secret_in_a_file_stops_everything(publisher: Publisher) -> None:
    """Nothing leaves."""
    (publisher.model / "config.json").write_text(json.dumps({"token": "hf_" + "a1" * 17}))
    with pytest.raises(PublishRefused, match="looks like a token"):
        publisher.publish(allow_changed=True)
    assert publisher.commits() == 0
    assert not publisher.server.received(b"hf_a1a1")


def test_a_failed_check_stops_everything(publisher: Publisher) -> None:
    """The error names the rule and the remedy."""
    with Registry(publisher.registry) as registry:
        run = registry.run(RUN_ID)
        assert run.hyperparameters is not None
        values = {**run.hyperparameters.values, "resume_from_checkpoint": "/home/ada/out"}
        changed = dataclasses.replace(
            run.hyperparameters,
            values=values,
            defaults={**run.hyperparameters.defaults, "resume_from_checkpoint": None},
        )
        registry.save(dataclasses.replace(run, hyperparameters=changed))
    with pytest.raises(PublishRefused, match="home-path") as caught:
        publisher.publish()
    assert "--redact paths" in (caught.value.hint or "")
    assert publisher.commits() == 0
    publisher.publish(redact=("paths",))
    assert b"/home/ada" not in publisher.files()["README.md"]


def test_a_token_that_may_only_read_is_told_at_once(publisher: Publisher) -> None:
    """Before anything is hashed or sent there."""
    with pytest.raises(HubAccessDenied, match="bob may not write"):
        publisher.publish(user="bob")


def test_a_lost_answer_makes_no_second_commit(publisher: Publisher) -> None:
    """The commit is there: it is found, and remembered."""
    publisher.publish()
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    before = len(publisher.repo().commits)
    publisher.server.faults.append(Fault("POST", COMMIT, times=1, answer=Answer(500), after=True))
    made, *_ = publisher.publish()
    assert len(publisher.repo().commits) == before + 1
    assert made.commit == publisher.repo().head.oid


def test_a_silent_hub_ends_at_the_deadline(publisher: Publisher) -> None:
    """A hook must not hold a training up."""
    publisher.server.faults.append(Fault("GET", "whoami", times=99, answer=Answer(503)))
    with pytest.raises(HubUnreachable):
        publisher.publish(policy={"deadline": 5.0})


def test_without_the_registrys_pair_the_hub_tells_our_last_text(publisher: Publisher) -> None:
    """Another machine publishes: a person's edit is known by what our last commit had."""
    publisher.publish()
    edited = publisher.files()["README.md"].replace(b"license: mit", b"license: gpl-3.0")
    publisher.repo().commit({"README.md": edited}, author="bob")
    publisher.registry = publisher.registry.with_name("other.db")
    record(publisher.registry, publisher.model)
    publisher.publish()
    assert b"license: gpl-3.0" in publisher.files()["README.md"]


def test_a_branch_is_made_and_published_to(publisher: Publisher) -> None:
    """The main branch stays as it was."""
    publisher.publish()
    before = publisher.files()["README.md"]
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    made, *_ = publisher.publish(revision="next")
    assert made.revision == "next"
    assert publisher.files()["README.md"] == before


def test_what_became_of_published_cards(publisher: Publisher) -> None:
    """As published, outdated, edited, committed to, gone."""
    publisher.publish()
    assert publisher.call(drift_there) == [(REPO, "as published", False)]
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"license": "apache-2.0"})
    assert publisher.call(drift_there) == [(REPO, "as published", True)]
    publisher.repo().commit({"x.txt": b"x"}, author="bob")
    assert publisher.call(drift_there) == [(REPO, "committed to", True)]
    publisher.repo().commit({"README.md": publisher.files()["README.md"] + b"\nx\n"}, author="bob")
    assert publisher.call(drift_there) == [(REPO, "edited", True)]
    publisher.server.hub.repos.clear()
    assert publisher.call(drift_there) == [(REPO, "gone", True)]


def test_cards_are_refreshed(publisher: Publisher) -> None:
    """Another layout and another fact, cards only; what does not change is not committed."""
    publisher.publish()
    weights = publisher.files()["model.safetensors"]
    changes, done = publisher.call(refresh_there, None, {})
    assert (changes, done) == ([(REPO, False, "")], [])
    changes, done = publisher.call(refresh_there, "5.0", {"license": "apache-2.0"})
    assert changes == [(REPO, True, "")]
    assert done == [publisher.repo().head.oid]
    assert b"license: apache-2.0" in publisher.files()["README.md"]
    assert publisher.files()["model.safetensors"] == weights


def test_other_weights_make_the_next_version(publisher: Publisher) -> None:
    """A second checkpoint of the run, published to the same repository."""
    publisher.publish()
    save_model(publisher.model, b"better")
    with Registry(publisher.registry) as registry:
        registry.save(dataclasses.replace(registry.run(RUN_ID), checkpoints=(checkpoint(publisher.model, 12),)))
    made, *_ = publisher.publish()
    assert (made.version, made.step) == (2, 12)


def test_an_alias_follows_what_is_published(publisher: Publisher) -> None:
    """`alias` points at the version that the publication made, also where the repository had all of it already."""
    publisher.publish(alias="champion")
    save_model(publisher.model, b"better")
    with Registry(publisher.registry) as registry:
        registry.change(RUN_ID, lambda run: dataclasses.replace(run, checkpoints=(checkpoint(publisher.model, 12),)))
    publisher.publish()
    with Registry(publisher.registry, mode="read") as registry:
        assert [(one.version, one.step, one.aliases) for one in registry.models.versions(REPO)] == [
            (2, 12, ()),
            (1, 6, ("champion",)),
        ]
    publisher.publish(alias="champion")
    with Registry(publisher.registry, mode="read") as registry:
        assert registry.models.aliases(REPO) == {"champion": 2}
        assert registry.run(f"{REPO}@champion").id == RUN_ID
    with pytest.raises(SettingsError, match="makes none"):
        publisher.publish(alias="champion", card_only=True)
    with pytest.raises(SettingsError, match="cannot be an alias"):
        publisher.publish(alias="latest")


def test_the_history_has_the_commits_of_the_hub(publisher: Publisher) -> None:
    """A commit of ours is told once, as what it was; those of others are among it, by time and within the times."""
    made, *_ = publisher.publish()
    repo = publisher.repo()
    repo.commit({"README.md": b"by hand"}, author="bob", title="A word")
    last = repo.head
    told, without = publisher.call(history_there, REPO)
    assert without is None
    assert sorted(one for one in told if one[0] in ("publish", "register")) == [("publish", 1, made.commit, None)]
    assert [one for one in told if one[2] == last.oid] == [("commit", None, last.oid, "A word")]
    assert len([one for one in told if one[0] == "commit"]) == len(repo.history(last)) - 1
    within, _ = publisher.call(history_there, REPO, "2020-01-01", "2020-01-02")
    assert within == []
    with Registry(publisher.registry) as registry:
        registry.models.register(RUN_ID, "plain name")
    publisher.server.requests.clear()
    assert publisher.call(history_there, "plain name") == ([("register", 1, None, None)], None)
    assert publisher.server.requests == []


def test_a_hub_that_is_away_hides_no_history(publisher: Publisher, server: HubServer) -> None:
    """What the registry knows is told, and why the Hub's commits are not; a repository that is gone says so, too."""
    made, *_ = publisher.publish()
    server.faults.append(Fault("GET", "/commits/", times=99, answer=Answer(503)))
    told, without = publisher.call(history_there, REPO)
    assert [one[0] for one in told] == ["publish"]
    assert "503" in without
    server.faults.clear()
    server.hub.repos.clear()
    told, without = publisher.call(history_there, REPO)
    assert [one[2] for one in told] == [made.commit]
    assert REPO in without


def test_a_tag_that_is_taken_is_told_before_anything_is_sent(publisher: Publisher) -> None:
    """And the same tag on the same commit is as good as new."""
    publisher.publish(tag="v1")
    publisher.publish(tag="v1")
    publisher.repo().commit({"x.txt": b"x"}, author="bob")
    before = publisher.commits()
    with pytest.raises(PublishRefused, match="'v1' on another commit"):
        publisher.publish(tag="v1")
    assert publisher.commits() == before


@pytest.mark.parametrize(
    "wanted",
    [
        {"tag": "v 1"},
        {"tag": "v1..2"},
        {"tag": "v1", "create_pr": True},
        {"revision": "-x"},
        {"revision": "refs/heads/x"},
        {"message": " "},
        {"card_only": True, "model": "final"},
    ],
)
def test_wishes_that_cannot_be_are_usage_errors(publisher: Publisher, wanted: dict[str, Any]) -> None:
    """Before anything is read or asked."""
    with pytest.raises(SettingsError) as caught:
        publisher.publish(**wanted)
    assert caught.value.hint
    assert publisher.server.requests == []


@pytest.mark.parametrize("repo_id", ["", "a/b/c", "ada/mo del", "../x", "ada/", "ada/x--y", "ada/x.git", "hf://ada/x"])
def test_what_is_no_repository_is_not_asked_for(publisher: Publisher, repo_id: str) -> None:
    """A wrong argument is no fault of the Hub's."""
    with pytest.raises(SettingsError, match="no repository id"):
        publisher.client.call(publish_there, publisher.registry, repo_id, {}, None, token=publisher.token("ada"))
    assert publisher.server.requests == []
