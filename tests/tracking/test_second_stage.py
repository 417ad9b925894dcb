"""A model that is trained further is the child of the run that made its weights."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import cardgen
from cardgen.cli import main
from cardgen.registry import Registry
from cardgen.tracking.lineage import loaded_from
from tests.tracking import tiny
from tests.tracking.library import SentenceTransformer

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


@pytest.fixture(name="first")
def _first(tmp_path: Path) -> cardgen.ActiveRun:
    """A finished run that saved its model into `first`."""
    trainer = tiny.st_trainer(tmp_path / "a")
    with cardgen.track(trainer, name="stage-one") as run:
        trainer.train()
        trainer.save_model(str(tmp_path / "first"))
    return run


def train_further(folder: Path, model_folder: Path) -> cardgen.ActiveRun:
    """Load the model of a folder and train it."""
    trainer = tiny.st_trainer(folder, model=SentenceTransformer(str(model_folder), device="cpu"))
    with cardgen.track(trainer) as run:
        trainer.train()
    return run


def test_a_folder_tells_its_run(
    first: cardgen.ActiveRun, tmp_path: Path, open_registry: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `cardgen.json`, also where the training saves into this very folder; `runs show` tells the parent."""
    before = first.run
    second = train_further(tmp_path / "b", tmp_path / "first")
    third = train_further(tmp_path / "b", tmp_path / "first")
    with open_registry() as registry:
        assert registry.run(second.id).model.parent_run == first.id
        assert registry.run(third.id).model.parent_run == first.id
        assert registry.run(first.id) == before
    capsys.readouterr()
    assert main(["runs", "show", second.id]) == 0
    assert any(line.split() == ["parent", "stage-one"] for line in capsys.readouterr().out.splitlines())


def test_weights_tell_their_run(
    first: cardgen.ActiveRun, tmp_path: Path, open_registry: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy without `cardgen.json` is known by its hash; weights that nobody recorded, or a broken file, are not."""
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "first", copy, ignore=shutil.ignore_patterns("cardgen.json"))
    second = train_further(tmp_path / "b", copy)
    assert second.run.model.parent_run == first.id
    with open_registry() as registry:
        assert registry.run(second.id).model.parent_run == first.id
    (copy / "cardgen.json").write_text(json.dumps({"run_id": "../../x"}))
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:-4] + b"\0\0\0\0")
    unknown = train_further(tmp_path / "c", copy)
    assert unknown.run.model.parent_run is None
    assert unknown.run.problems == ()
    monkeypatch.setenv("CARDGEN_REGISTRY", os.fspath(tmp_path / "empty.db"))
    assert train_further(tmp_path / "d", copy).run.model.parent_run is None


def test_a_model_of_this_process_is_known(tmp_path: Path) -> None:
    """Two trainings of one model are two stages; a model made anew has no parent, and a resumed run is not its own."""
    trainer = tiny.st_trainer(tmp_path, args={"save_strategy": "steps", "save_steps": 4})
    runs = []
    for steps in (4, 4, 6):
        trainer.args.max_steps = steps
        with cardgen.track(trainer) as run:
            trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4") if steps == 6 else None)
        runs.append(run)
    one, two, resumed = runs
    assert one.run.model.parent_run is None
    assert two.run.model.parent_run == one.id
    assert (resumed.id, resumed.run.model.parent_run) == (two.id, one.id)
    other = tiny.st_trainer(tmp_path / "other")
    with cardgen.track(other) as run:
        other.train()
    assert run.run.model.parent_run is None


@pytest.mark.parametrize("kind", ["CrossEncoder", "SparseEncoder", "MultiVectorEncoder"])
def test_the_folder_of_every_type_is_known(kind: str, tmp_path: Path) -> None:
    """A loaded model tells the folder that holds all of it."""
    build = {
        "CrossEncoder": tiny.build_ce,
        "SparseEncoder": tiny.build_splade,
        "MultiVectorEncoder": tiny.build_colbert,
    }
    model = build[kind](tmp_path)
    model.save_pretrained(str(tmp_path / "saved"))
    assert loaded_from(type(model)(str(tmp_path / "saved"), device="cpu")) == tmp_path / "saved"
