"""Adapters: the training of a part of the weights, with `peft`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import cardgen
from tests.live.scenarios import Scenario
from tests.live.test_live_cards import check, evaluate_and_save
from tests.tracking import tiny

peft = pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def with_adapter(model: Any) -> Any:
    """The model with a small adapter on its attention."""
    if not hasattr(model, "add_adapter"):
        pytest.skip(f"this version of the library has no adapters for a {type(model).__name__}")
    model.add_adapter(peft.LoraConfig(r=2, lora_alpha=4, target_modules=["query", "value"]))
    return model


@pytest.mark.parametrize("how", ["track", "autolog"])
def test_the_training_of_an_adapter_is_recorded(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our card is the library's, and the saved adapter is the checkpoint's weights."""
    scenario = Scenario(tiny.st_trainer, after=(tiny.triplet_evaluator,))
    trainer = tiny.st_trainer(
        tmp_path,
        model=with_adapter(tiny.build_st(tmp_path)),
        args={"save_strategy": "steps", "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2},
        evaluator=tiny.similarity_evaluator(),
    )
    if how == "track":
        with cardgen.track(trainer) as run:
            trainer.train()
            evaluate_and_save(scenario, trainer.model, run, tmp_path / "final", monkeypatch)
    else:
        cardgen.autolog()
        trainer.train()
        current = cardgen.current_run()
        assert current is not None
        run = current
        evaluate_and_save(scenario, trainer.model, run, tmp_path / "final", monkeypatch)
        run.finish()
    check(run, tmp_path / "final")
    points = {Path(point.path).name: point for point in run.run.checkpoints}
    assert set(points) == {"checkpoint-2", "checkpoint-4", "final"}
    for name, folder in (("final", tmp_path / "final"), ("checkpoint-4", tmp_path / "out" / "checkpoint-4")):
        saved = {file.path: file for file in points[name].files}
        assert {"adapter_config.json", "adapter_model.safetensors"} <= set(saved)
        assert "model.safetensors" not in saved
        digest = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
        assert points[name].weights == saved["adapter_model.safetensors"].sha256 == digest
    assert points["final"].weights == points["checkpoint-4"].weights != points["checkpoint-2"].weights


def test_the_adapter_of_a_cross_encoder_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for the other common type."""
    trainer = tiny.ce_trainer(tmp_path, model=with_adapter(tiny.build_ce(tmp_path)))
    with cardgen.track(trainer) as run:
        trainer.train()
        evaluate_and_save(Scenario(tiny.ce_trainer), trainer.model, run, tmp_path / "final", monkeypatch)
    check(run, tmp_path / "final")
    assert "adapter_model.safetensors" in {file.path for file in run.run.checkpoints[-1].files}
