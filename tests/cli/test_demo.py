"""`cardgen demo`: a real training from nothing, offline, recorded and shown."""

from __future__ import annotations

import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from cardgen import Registry, render_card
from cardgen.actions import demo
from cardgen.errors import MissingExtra

COMMAND = [sys.executable, "-m", "cardgen", "demo"]


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo as a user does."""
    return subprocess.run([*COMMAND, str(folder)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A demo that has run once."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    return folder, run_demo(folder)


def test_a_demo_leaves_registry_model_and_card(done: tuple[Path, Any]) -> None:
    """The folder has the registry with the run, the model, and the run's card; nothing else."""
    folder, process = done
    assert process.returncode == 0, process.stderr
    names = {entry.name for entry in folder.iterdir()}
    assert {"README.md", "model", "registry.db"} <= names <= {"README.md", "model", "registry.db", "registry.db.spool"}
    assert (folder / "model" / "model.safetensors").exists()
    with Registry(folder / "registry.db", mode="read") as registry:
        (run,) = registry.runs()
        assert run.status == "finished"
        assert run.problems == ()
        assert (folder / "README.md").read_bytes() == render_card(run, registry=registry).encode()
        assert len(registry.log(run.id)) > 10


def test_a_demo_shows_run_card_and_what_comes_next(done: tuple[Path, Any]) -> None:
    """The run's name, its improvement, its card and the next commands are on screen; progress is on stderr."""
    folder, process = done
    with Registry(folder / "registry.db", mode="read") as registry:
        name = registry.run("latest").name
    assert name in process.stdout
    assert "# SentenceTransformer" in process.stdout
    before, after = (float(word) for word in process.stdout.split("nDCG@10 on held-out names: ")[1].split()[::3][:2])
    assert after > before + 0.2
    assert "Training …" in process.stderr
    assert f"cardgen --registry {folder}/registry.db render {name}" in process.stderr
    assert "Warning" not in process.stderr
    assert "Traceback" not in process.stderr


def test_a_demo_runs_again_in_its_folder(done: tuple[Path, Any]) -> None:
    """A second run comes into the same registry; its card replaces the first one's, and a person's words stay."""
    folder, _ = done
    card = folder / "README.md"
    card.write_bytes(card.read_bytes() + b"\nMy words.\n")
    process = run_demo(folder)
    assert process.returncode == 0, process.stderr
    with Registry(folder / "registry.db", mode="read") as registry:
        newest, _ = registry.runs()
        expected = render_card(newest, registry=registry)
    assert card.read_text() == expected + "\nMy words.\n"
    assert (folder / "model" / "model.safetensors").exists()


def test_ctrl_c_leaves_no_half_of_anything(tmp_path: Path) -> None:
    """An interrupted demo exits with 130: no model, no card, no temporary files, and the run is interrupted."""
    folder = tmp_path / "demo"
    process = subprocess.Popen([*COMMAND, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Training …" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert out == ""
    assert {entry.name for entry in folder.iterdir()} <= {"registry.db", "registry.db.spool"}
    with Registry(folder / "registry.db") as registry:
        assert [run.status for run in registry.runs()] == ["interrupted"]


def test_a_folder_with_other_things_is_refused(call: Any, tmp_path: Path) -> None:
    """The demo never works in somebody's project folder."""
    (tmp_path / "README.md").write_text("mine")
    said = call("demo", tmp_path)
    assert said.code == 1
    assert "folder of its own" in said.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["README.md"]


def test_recording_switched_off_is_said_first(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CARDGEN_MODE=disabled there would be nothing to show: a settings error before anything is made."""
    monkeypatch.setenv("CARDGEN_MODE", "disabled")
    said = call("demo", tmp_path / "demo")
    assert said.code == 2
    assert "CARDGEN_MODE" in said.err
    assert not (tmp_path / "demo").exists()


def test_without_the_training_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error has the exact command to install them."""
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "sentence_transformers" else object())
    with pytest.raises(MissingExtra) as caught:
        demo.run_demo(tmp_path / "demo", lambda *_: None)
    assert caught.value.hint == "pip install 'cardgen[train]'"


def test_the_data_are_the_docstrings_of_the_standard_library() -> None:
    """Pairs of a name and a first paragraph, the same at every call, each passage once."""
    pairs = demo.read_pairs(Path(sysconfig.get_path("stdlib")))
    assert len(pairs) > 2000
    assert pairs == demo.read_pairs(Path(sysconfig.get_path("stdlib")))
    assert len({passage for _, passage in pairs}) == len(pairs)
    assert any(name == "json dumps" and passage.startswith("Serialize") for name, passage in pairs)
