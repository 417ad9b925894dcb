"""`cardgen publish`, `status`, `refresh` and `pending` as a person calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen.registry import Registry
from tests.actions.publishing import RUN_ID, record, save_model
from tests.hub_server import HubServer


class Shell:
    """Calls cardgen in a process of its own, logged in as ada."""

    def __init__(self, hub: HubServer, folder: Path) -> None:
        self.registry = folder / "cards.db"
        save_model(folder / "final")
        record(self.registry, folder / "final")
        self.environment = hub.environment(hub.token("ada"), folder, CARDGEN_REGISTRY=str(self.registry))

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The outcome of a command."""
        command = [sys.executable, "-m", "cardgen", *words]
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(name="shell")
def _shell(hub: HubServer, tmp_path: Path) -> Shell:
    hub.hub.add("org/open", kind="dataset")
    return Shell(hub, tmp_path)


def facts(done: subprocess.CompletedProcess[str]) -> Any:
    """What was printed as JSON."""
    return json.loads(done.stdout)


def test_a_plan_a_publication_and_what_becomes_of_it(shell: Shell, hub: HubServer) -> None:
    """The plan does nothing; the publication ends with its address; an edit there drifts and comes back."""
    asked = shell("publish", "latest", "model", "--dry-run")
    assert asked.returncode == 6
    assert "does not exist yet" in asked.stderr
    assert "--private or --public" in asked.stderr
    planned = shell("publish", "latest", "model", "--private", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "ada/model (new, private)" in planned.stdout
    assert "optimizer.pt  the state of a training" in planned.stdout
    assert "nothing was published" in planned.stderr
    assert hub.hub.repos == {}
    unasked = shell("publish", "latest", "ada/model", "--private")
    assert unasked.returncode == 2
    assert "add --yes" in unasked.stderr
    assert hub.hub.repos == {}
    done = shell("publish", "latest", "ada/model", "--private", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert facts(done)["published"]["version"] == 1
    assert "nothing was published from here" not in shell("status").stderr

    repo = hub.hub.repos["ada/model"]
    text = repo.head.files["README.md"].data or b""
    repo.commit({"README.md": text.replace(b"## Training Details", b"At night.\n\n## Training Details")}, author="bob")
    (drift,) = facts(shell("status", "--json"))
    assert (drift["repo_id"], drift["state"]) == ("ada/model", "edited")
    assert shell("import", "hf://ada/model").returncode == 0
    assert "At night." in shell("render", RUN_ID).stdout

    refreshed = shell("refresh", "status = finished", "--set", "license=apache-2.0", "--yes")
    assert refreshed.returncode == 0, refreshed.stderr
    now = repo.head.files["README.md"].data or b""
    assert b"At night." in now
    assert b"license: apache-2.0" in now
    with Registry(shell.registry, mode="read") as registry:
        assert len(registry.publications.all()) == 2


def test_what_stands_against_it_is_said(shell: Shell, hub: HubServer) -> None:
    """A conflict has both texts and exit code 4, a wrong argument exit code 2, an unknown run 3."""
    assert shell("publish", "nobody", "ada/model").returncode == 3
    assert shell("publish", "latest", "ada/model", "--redact", "names").returncode == 2
    assert shell("publish", "latest", "ada/model", "--model", "nowhere", "--private").returncode == 1
    assert shell("publish", "latest", "ada/model", "--private", "--yes").returncode == 0
    repo = hub.hub.repos["ada/model"]
    text = repo.head.files["README.md"].data or b""
    repo.commit({"README.md": text.replace(b"license: mit", b"license: gpl-3.0")}, author="bob")
    assert shell("runs", "set", RUN_ID, "license=apache-2.0").returncode == 0
    conflict = shell("publish", "latest", "ada/model", "--yes")
    assert conflict.returncode == 4
    assert "apache-2.0" in conflict.stderr
    assert "gpl-3.0" in conflict.stderr
    stopped = shell("refresh", "status = finished", "--yes", "--json")
    assert stopped.returncode == 4
    assert [row["card"] for row in facts(stopped)["plan"]] == ["stopped"]
    assert shell("publish", "latest", "ada/model", "--yes", "--conflict", "theirs").returncode == 0


def test_what_waits_is_listed_pushed_and_dropped(shell: Shell, hub: HubServer) -> None:
    """What fails waits on, with its reason."""
    with Registry(shell.registry) as registry:
        registry.publications.wait(RUN_ID, "amber-otter-3", "ada/model", {"card_only": True}, "asked for")
    (one,) = facts(shell("pending", "list", "--json"))
    assert (one["run"], one["repo_id"], one["reason"]) == ("amber-otter-3", "ada/model", "asked for")
    failed = shell("pending", "push", "--yes")
    assert failed.returncode == 6
    assert "does not exist yet" in failed.stderr
    (one,) = facts(shell("pending", "list", "--json"))
    assert one["tries"] == 2
    assert shell("pending", "drop", "somebody").returncode == 3
    assert shell("pending", "push", "ada/model", "--private", "--yes").returncode == 0
    assert "README.md" in hub.hub.repos["ada/model"].head.files
    assert "nothing waits" in shell("pending", "list").stderr
