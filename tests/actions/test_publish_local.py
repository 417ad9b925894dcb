"""What goes wrong on this machine while a run is published: files that change, a full disk, Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.errors import CardgenError, FileProblem
from cardgen.registry import Registry
from tests.actions.publishing import HEADER, REPO, RUN_ID, Publisher, record, save_model
from tests.hub_server import Client, HubServer
from tests.hub_server.http import Fault

ROOT = Path(__file__).parent.parent.parent
LARGE = b"\0weights" * 1_400_000  # more than what is read at once
COMMAND = ("publish", "latest", REPO, "--private", "--yes")


@pytest.fixture(name="server")
def _server(hub: HubServer) -> HubServer:
    hub.token("ada")
    hub.hub.add("org/open", kind="dataset")
    return hub


@pytest.fixture(name="client")
def _client(server: HubServer) -> Iterator[Client]:
    with Client(server.endpoint, hasty=True) as client:
        yield client


@pytest.fixture(name="publisher")
def _publisher(client: Client, server: HubServer, tmp_path: Path) -> Publisher:
    return Publisher(client, server, tmp_path, LARGE)


def is_recorded(registry: Path) -> bool:
    """Whether a registry knows of a publication, and of the text that it left there; never of one alone."""
    with Registry(registry, mode="read") as opened:
        made, pair = opened.publications.all(), opened.card_text(RUN_ID, f"hf://{REPO}")
    assert bool(made) == (pair is not None)
    return bool(made)


MOMENTS = {
    "the plan was shown": ("POST", "/api/repos/create"),
    "its bytes are sent": ("POST", "/objects/batch"),
    "its bytes were sent": ("POST", "/objects/verify"),
}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_file_that_changes_is_not_published(publisher: Publisher, moment: str, name: str) -> None:
    """What was scanned and shown is what goes out: nothing else does, not even into a request."""
    path = publisher.model / name
    before, token = path.read_bytes(), b"hf_" + b"a1" * 17

    def change() -> None:
        path.write_bytes(before + b' {"token": "%s"}' % token)

    publisher.server.faults.append(Fault(*MOMENTS[moment], run=change))
    if name == "config.json" and moment != "the plan was shown":  # it is in memory by then, as it was scanned
        publisher.publish()
        assert publisher.files()[name] == before
    else:
        with pytest.raises(CardgenError) as caught:
            publisher.publish()
        assert isinstance(caught.value, FileProblem) or "BadDigest" in str(caught.value)
        assert set(publisher.files()) == {".gitattributes"}
        assert not is_recorded(publisher.registry)
        path.write_bytes(before)
        publisher.publish()
    assert is_recorded(publisher.registry)
    assert not publisher.server.received(token)


def shell(server: HubServer, folder: Path, registry: Path) -> dict[str, str]:
    """The environment of ada's commands."""
    token = next(token for token, user in server.hub.users.items() if user.name == "ada")
    variables = server.environment(token, folder / "hf", CARDGEN_REGISTRY=str(registry), PYTHONPATH=_path())
    return {**variables, "TMPDIR": str(folder)}


def _path() -> str:
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


INTERRUPTED: dict[str, dict[str, Any]] = {
    "the bytes": {"method": "PUT", "path": "/lfs/", "pace": 1.0},
    "an answer that does not come": {"method": "PUT", "path": "/lfs/", "stall": True},
    "the commit, before it is made": {"method": "POST", "path": "/commit/", "stall": True},
    "the commit, after it is made": {"method": "POST", "path": "/commit/", "stall": True, "after": True},
}


@pytest.mark.parametrize("moment", INTERRUPTED)
def test_ctrl_c_leaves_all_or_nothing(server: HubServer, tmp_path: Path, moment: str) -> None:
    """It ends soon, with exit code 130 and no traceback; a second run completes it: one commit, no byte twice."""
    registry, model = tmp_path / "cards.db", tmp_path / "final"
    save_model(model, LARGE)
    record(registry, model)
    fault = Fault(**INTERRUPTED[moment], times=99)
    server.faults.append(fault)
    command = [sys.executable, "-m", "cardgen", *COMMAND]
    process = subprocess.Popen(
        command,
        env=shell(server, tmp_path, registry),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while not server.log(fault.method, fault.path) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=40)
    assert time.monotonic() - began < 15
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not is_recorded(registry)
    repo = server.hub.repos[REPO]
    made, stored = len(repo.commits), len(repo.stored)
    assert made == (2 if "after" in moment else 1)
    server.faults.clear()
    sent = len(server.log("PUT"))
    done = subprocess.run(command, env=shell(server, tmp_path, registry), stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0
    assert is_recorded(registry)
    assert len(repo.commits) == 2
    assert len(server.log("PUT")) - sent == 1 - stored
    assert repo.head.files["model.safetensors"].size == 8 + len(HEADER) + len(LARGE)


SMALL_DISK = """
import os, shutil, subprocess, sys
folder, *command = sys.argv[1:]
prepared = folder + ".prepared"
shutil.copytree(folder, prepared)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=True)
shutil.copytree(prepared, folder, dirs_exist_ok=True)
for turn in range(2):
    done = subprocess.run([sys.executable, "-m", "cardgen", *command], stdin=subprocess.DEVNULL)
    print("exit code", done.returncode, file=sys.stderr, flush=True)
    if os.path.exists(folder + "/filler"):
        os.unlink(folder + "/filler")
shutil.copy(folder + "/cards.db", prepared)
"""


@pytest.mark.parametrize("moment", [("GET", "/api/whoami"), ("PUT", "/lfs/"), ("POST", "/commit/")])
def test_a_disk_that_is_full_is_told(server: HubServer, tmp_path: Path, moment: tuple[str, str]) -> None:
    """Wherever it fills up, the release is whole or not there, one message says what is so, and the next run
    completes the registry without a second commit."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("nobody but root can mount a small disk")
    small = tmp_path / "small"
    small.mkdir()
    save_model(small / "final")
    record(small / "cards.db", small / "final")
    process = subprocess.Popen(
        ["unshare", "--mount", sys.executable, "-c", SMALL_DISK, str(small), *COMMAND],
        env=shell(server, small, small / "cards.db"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def fill() -> None:
        with open(f"/proc/{process.pid}/root{small}/filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 1000):
                    pass
            except OSError:
                pass

    server.faults.append(Fault(*moment, run=fill))
    _, errors = process.communicate(timeout=60)
    first, second = errors.split("exit code ", 2)[:2]
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert second.startswith("1\n")
    assert errors.rstrip().endswith("exit code 0")
    assert first.count("Error:") == 1
    assert "no space is left" in first
    assert f"/{REPO}/commit/" in first
    assert "is published, but the registry does not know of it" in first
    assert "publish again: nothing is sent twice" in first
    assert len(server.hub.repos[REPO].commits) == 2
    assert is_recorded(tmp_path / "small.prepared" / "cards.db")
