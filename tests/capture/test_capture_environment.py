"""Where a run is made."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from cardgen.capture import environment
from cardgen.capture.environment import capture_emissions, capture_environment, git_state
from cardgen.capture.problems import Problems
from cardgen.jobs import job_ids
from cardgen.record import Emissions


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as nobody in particular."""
    identity = [
        "-c",
        "user.name=n",
        "-c",
        "user.email=e@x",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=/dev/null",
    ]
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout


def test_commit_and_dirty_flag_are_known(tmp_path: Path) -> None:
    """Of the repository around a folder; a changed file makes it dirty, an unknown one does not."""
    assert git_state(tmp_path) == (None, None)
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == (None, None)
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "m")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    inside = tmp_path / "folder"
    inside.mkdir()
    (inside / "new").write_text("x")
    assert git_state(inside) == (commit, False)
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == (commit, True)


def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking is bounded in time."""
    (tmp_path / ".git").mkdir()
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent) + os.pathsep + os.environ["PATH"])
    monkeypatch.setattr(environment, "GIT_SECONDS", 0.2)
    assert git_state(tmp_path) == (None, None)


def test_a_repository_cannot_name_a_program_to_run(tmp_path: Path) -> None:
    """Its configuration may ask for a file system monitor; ours says no."""
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "m")
    script = tmp_path / "monitor"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(script))
    git_state(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_schedulers_are_recognised() -> None:
    """SLURM, LSF and PBS by their variables, Kubernetes by the address of its service."""
    assert job_ids({"SLURM_JOB_ID": "7", "HOME": "/h", "LSB_JOBID": ""}) == {"SLURM_JOB_ID": "7"}
    assert job_ids({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "pod-1"}) == {"POD_NAME": "pod-1"}
    assert job_ids({"HOSTNAME": "h"}) == {}


def test_the_environment_of_this_process_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions as the library notes them, hardware, command line, world size; no problem on the way."""
    monkeypatch.setattr("sys.argv", ["train.py", "--x"])
    problems = Problems()
    card = SimpleNamespace(version={"python": "3.11", "torch": "2.0+cpu"})
    found = capture_environment(card, SimpleNamespace(world_size=2), problems)
    assert problems.texts == []
    assert found.versions == {"python": "3.11", "torch": "2.0+cpu"}
    assert found.command_line == ("train.py", "--x")
    assert found.world_size == 2
    assert found.platform == platform.platform()
    assert found.cpu
    assert found.cpu_count
    assert found.memory_bytes
    assert found.memory_bytes > 1 << 20
    own = capture_environment(SimpleNamespace(), None, problems)
    assert own.versions["python"] == platform.python_version()
    assert own.world_size is None


def test_emissions_are_taken_from_a_tracker_that_was_started() -> None:
    """The library's own way of asking; one that was stopped has its result, and one not started has none."""
    data = SimpleNamespace(
        emissions=0.5, energy_consumed=2, on_cloud="N", cpu_model="cpu", gpu_model="", ram_total_size=16.0, duration=9
    )
    tracker = SimpleNamespace(_start_time=1.0, _prepare_emissions_data=lambda: data)
    card = SimpleNamespace(code_carbon_callback=SimpleNamespace(tracker=tracker))
    assert capture_emissions(card, ask=False) is None
    assert capture_emissions(card) == Emissions(
        emissions_kg=0.5,
        energy_kwh=2.0,
        on_cloud=False,
        cpu_model="cpu",
        gpu_model=None,
        ram_gb=16.0,
        duration_seconds=9.0,
    )
    found = capture_emissions(card)
    tracker._start_time = None
    assert capture_emissions(card) is None
    tracker.final_emissions_data = data
    assert capture_emissions(card, ask=False) == found
    assert capture_emissions(SimpleNamespace(code_carbon_callback=None)) is None
