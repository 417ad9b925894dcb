"""`cardgen doctor`: looks at everything, makes nothing, shows no token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen.actions.doctor import PACKAGES
from cardgen.hub.look import Account
from cardgen.registry import SpoolWriter, spool_folder
from cardgen.settings import user_config_path
from tests.hub_server import HubServer
from tests.hub_server.messages import Answer, Fault


def values(said: Any) -> dict[tuple[str, str], Any]:
    """What was found, by area and name."""
    return {(check["area"], check["name"]): check["value"] for check in json.loads(said)["checks"]}


def everything(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path) for path in folder.rglob("*"))


def test_an_empty_machine(call: Any, tmp_path: Path) -> None:
    """Nothing is wrong where nothing is yet, and nothing is there afterwards; a publish would stop."""
    home = Path(os.environ["HOME"])
    before = everything(home)
    said = call("doctor")
    assert said.code == 0
    assert "none yet" in said.text
    assert "no run is recorded yet" in said.text
    assert "HF_HUB_OFFLINE is set" in said.text
    assert "there is no token" in said.text
    assert everything(home) == before
    assert call("doctor", "--format", "json").code == 0


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """Versions are read without loading what has them."""
    code = (
        "import sys; from cardgen.cli import main; main(['doctor', '--json']); "
        "sys.exit(bool({'torch', 'transformers', 'sentence_transformers', 'datasets'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert found.returncode == 0
    names = {name for area, name in values(found.stdout) if area == "versions"}
    assert names == {"python", "sqlite", *PACKAGES}


def test_a_registry_is_looked_at(call: Any, registry: Path, new_run: Any) -> None:
    """Its place, size and spools are told, and it stays as it is."""
    writer = SpoolWriter(spool_folder(registry), "spooled")
    writer.snapshot(new_run(7, "spooled"))
    before = everything(registry.parent)
    found = values(call("doctor", "--json").out)
    assert found["registry", "pending spools"] == 1
    assert found["registry", "orphan spools"] == 0
    writer.close()
    said = call("doctor", "--json")
    assert said.code == 0
    found = values(said.out)
    assert found["registry", "place"] == f"sqlite:///{registry}"
    assert found["registry", "runs"] == 3
    assert found["registry", "writable"] is True
    assert found["registry", "network file system"] == "no"
    assert found["registry", "orphan spools"] == 1
    assert "cardgen registry ingest" in call("doctor").err
    assert everything(registry.parent) == before


def test_where_settings_come_from(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument, a variable, the configuration or the default; a password is never shown."""
    user_config_path().parent.mkdir(parents=True)
    user_config_path().write_text('project = "configured"\nmode = "offline"\n')
    monkeypatch.setenv("CARDGEN_MODE", "normal")
    found = values(call("--registry", tmp_path / "x.db", "doctor", "--json").out)
    assert found["settings", "registry"] == f"sqlite:///{tmp_path}/x.db (--registry)"
    assert found["settings", "mode"] == "normal (CARDGEN_MODE)"
    assert found["settings", "project"] == f"configured ({user_config_path()})"
    assert found["settings", "samples"] == "True (default)"
    said = call("--registry", "postgresql+psycopg://me:s3cret@127.0.0.1:1/cards", "doctor", "--json")
    assert said.code == 1
    assert "s3cret" not in said.text + said.err


@pytest.mark.parametrize("what", ["configuration", "registry", "scheme", "disk"])
def test_what_is_wrong_is_said(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A setting that cannot be right, a file that is no registry, a full disk: named, with exit code 1."""
    if what == "configuration":
        user_config_path().parent.mkdir(parents=True)
        user_config_path().write_text("project = [")
    elif what == "registry":
        (tmp_path / "notes.db").write_text("just notes, long enough to be no header of any database whatsoever\n" * 20)
        monkeypatch.setenv("CARDGEN_REGISTRY", str(tmp_path / "notes.db"))
    elif what == "scheme":
        monkeypatch.setenv("CARDGEN_REGISTRY", "mysql://x")
    else:
        monkeypatch.setattr("cardgen.actions.doctor.ENOUGH_BYTES", 1 << 62)
    for arguments in (("doctor",), ("doctor", "--json")):
        said = call(*arguments)
        assert said.code == 1
        assert "Traceback" not in said.err
    problems = [check["problem"] for check in json.loads(said.out)["checks"] if check["problem"]]
    assert len(problems) == 1


def test_the_token_is_asked_for_online_only(hub: HubServer, registry: Path) -> None:
    """The Hub says whose it is and what it may do; the token itself is never shown."""
    token = hub.token("ada", "read")
    for online in (False, True):
        command = [sys.executable, "-m", "cardgen", "doctor", "--json", *(["--online"] if online else [])]
        environment = hub.environment(token, registry.parent, CARDGEN_REGISTRY=str(registry))
        found = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        assert token not in found.stdout + found.stderr
        assert len(hub.log("GET", "whoami")) == online
        stops = [check["stops_publish"] for check in json.loads(found.stdout)["checks"] if check["stops_publish"]]
        if online:
            assert values(found.stdout)["hub", "account"] == "ada"
            assert values(found.stdout)["hub", "role of the token"] == "read"
            assert stops == ["the token may not write to any repository"]
        else:
            assert stops == []
        assert found.returncode == online


def test_a_hub_that_does_not_answer(hub: HubServer, registry: Path) -> None:
    """The wait is short, and what was not answered is said."""
    hub.faults.append(Fault("GET", "whoami", stall=True))
    code = (
        "import sys; from cardgen.hub import account; from cardgen.cli import main; "
        "account.ask_account.__defaults__ = (0.5,); sys.exit(main(['doctor', '--online', '--json']))"
    )
    environment = hub.environment(hub.token("ada"), registry.parent, CARDGEN_REGISTRY=str(registry))
    found = subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True)
    assert found.returncode == 1
    assert "no answer in time" in found.stdout


@pytest.mark.parametrize("answer", [b"[]", b'{"name": "ada", "auth": {"accessToken": 3}}'])
def test_an_answer_of_no_hub(hub: HubServer, registry: Path, answer: bytes) -> None:
    """What no Hub answers is said and no crash."""
    hub.faults.append(Fault("GET", "whoami", times=9, answer=Answer(200, answer, {"Content-Type": "application/json"})))
    environment = hub.environment(hub.token("ada"), registry.parent, CARDGEN_REGISTRY=str(registry))
    command = [sys.executable, "-m", "cardgen", "doctor", "--online", "--json"]
    found = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert found.returncode == 1
    assert "answers what no Hub answers" in found.stdout


@pytest.mark.parametrize(
    ("role", "scopes", "writes"),
    [
        ("write", {}, True),
        ("read", {}, False),
        ("fineGrained", {"ada": frozenset({"repo.content.read", "repo.write"})}, True),
        ("fineGrained", {"ada": frozenset({"repo.content.read"})}, False),
        ("fineGrained", {}, False),
    ],
)
def test_what_a_token_may_do(role: str, scopes: dict[str, frozenset[str]], writes: bool) -> None:
    """The role says it, or the rights of a fine-grained token."""
    assert Account(name="ada", orgs=(), role=role, scopes=scopes).may_write_somewhere is writes
