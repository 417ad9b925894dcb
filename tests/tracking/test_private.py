"""What must not be seen is not written: rows with samples off, secrets always."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import cardgen
from cardgen.capture.usage import usage_examples
from cardgen.registry import Registry
from tests.tracking import tiny
from tests.tracking.library import BaseEvaluator, MultipleNegativesRankingLoss

pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def stored_bytes(spool: Path, *folders: Path) -> bytes:
    """All that was written: the registry with its journals, the spools, and the files in saved folders."""
    with Registry():  # folds what waits
        written = b"".join(path.read_bytes() for path in spool.parent.rglob("*") if path.is_file())
    files = [path for folder in folders for path in folder.rglob("cardgen.json")]
    assert b"SQLite" in written
    assert len(files) >= len(folders)
    return written + b"".join(path.read_bytes() for path in files)


@pytest.mark.parametrize("kind", tiny.TRAINERS)
def test_no_row_is_written_with_samples_off(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    """A word that stands in every row is in no file of ours, whatever the type of the model."""
    monkeypatch.setenv("CARDGEN_SAMPLES", "off")
    columns = tiny.TRAINERS[kind](tmp_path).train_dataset.to_dict()
    rows = {
        name: [f"zqxjk {cell}" if isinstance(cell, str) else cell for cell in cells] for name, cells in columns.items()
    }
    planted = Dataset.from_dict(rows)
    trainer = tiny.TRAINERS[kind](
        tmp_path,
        train_dataset=planted,
        eval_dataset=planted,
        args={"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2},
    )
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
    assert "zqxjk" in repr(trainer.model.model_card_data.train_datasets)
    assert b"zqxjk" not in stored_bytes(spool, tmp_path / "out")
    assert "zqxjk" not in repr((run.run, run.log)) + cardgen.render_card(run)


def test_samples_can_be_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """With CARDGEN_SAMPLES=off no row is in the record, the spool or the registry, nor what was computed from one."""
    monkeypatch.setenv("CARDGEN_SAMPLES", "off")
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path, eval_dataset=tiny.pairs(16, offset=20))
    assert usage_examples(trainer.model.model_card_data)
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
    record = run.run
    assert all(dataset.samples is None and dataset.size for dataset in record.datasets)
    assert (record.usage.examples, record.usage.widget, record.usage.similarities) == (None, (), None)
    assert record.datasets[0].columns[0].statistics is not None
    spooled = (spool / f"{run.id}.jsonl").read_text()
    sidecar = (tmp_path / "out" / "cardgen.json").read_text()
    for text in (*tiny.texts(40), *(usage_examples(trainer.model.model_card_data) or ())):
        assert text not in spooled
        assert text not in sidecar
    assert "The weather is lovely today." in cardgen.render_card(run)


def test_examples_of_the_library_are_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With samples off, the built-in example texts and what they gave stay."""
    monkeypatch.setenv("CARDGEN_SAMPLES", "off")
    trainer = tiny.st_trainer(tmp_path, train_dataset=tiny.streaming_pairs())
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
    if hasattr(trainer.model.model_card_data, "similarities"):  # the library runs the examples
        assert run.run.usage.examples is not None
        assert run.run.usage.examples[0] == "The weather is lovely today."
        assert run.run.usage.similarities is not None
    assert "The weather is lovely today." in cardgen.render_card(run)


def test_secrets_are_gone_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    """In arguments, configurations, the command line, metrics and rows; the record says where."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    token = "hf" + "_" + "a1B2c3D4e5F6g7H8" * 2
    monkeypatch.setattr(sys, "argv", ["train.py", "--hub_token", token, "--api-key=hunter22"])
    rows = tiny.pairs(8).to_dict()
    rows["anchor"][1] = f"use {token} to log in"
    trainer = tiny.st_trainer(
        tmp_path,
        train_dataset=Dataset.from_dict(rows),
        args={"hub_token": token, "run_name": f"x {token}", "liger_kernel_config": {"api_key": "hunter22"}},
    )
    with cardgen.track(trainer) as run:
        trainer.train()
    record = run.run
    assert record.hyperparameters is not None
    assert record.hyperparameters.values["hub_token"] == "<HUB_TOKEN>"
    assert record.hyperparameters.values["run_name"] == "x [redacted]"
    assert record.hyperparameters.values["liger_kernel_config"] == {"api_key": "[redacted]"}
    assert record.environment.command_line == ("train.py", "--hub_token", "[redacted]", "--api-key=[redacted]")
    assert record.datasets[0].samples is not None
    assert record.datasets[0].samples[1][0] == "use [redacted] to log in"
    assert {"hyperparameters.values.run_name", "environment.command_line.2", "datasets.0.samples.1.0"} <= set(
        record.redactions
    )
    spooled = (spool / f"{run.id}.jsonl").read_text()
    assert token not in spooled
    assert "hunter22" not in spooled


TOKEN = "hf" + "_" + "a1B2c3D4e5F6g7H8" * 2


class Cited(MultipleNegativesRankingLoss):  # type: ignore[misc,unused-ignore]
    """A loss that tells secrets in its citation and in a configuration that is no JSON."""

    citation = f"@misc{{cited, note={{{TOKEN}}}}}"

    def get_config_dict(self) -> dict[str, Any]:
        """Tell one by its name."""
        return {"set": {1}, "api_key": "hunter22"}


class Telling(BaseEvaluator):  # type: ignore[misc,unused-ignore]
    """An evaluator that tells secrets in its name, its metrics and its configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.primary_metric = f"dev-{TOKEN}", f"dev-{TOKEN}_a"

    def get_config_dict(self) -> dict[str, Any]:
        """Tell one by its name."""
        return {"set": {1}, "password": "hunter22"}

    def __call__(self, model: Any, output_path: Any = None, epoch: Any = -1, steps: Any = -1) -> dict[str, float]:
        """Tell the library."""
        metrics = {self.primary_metric: 1.0}
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics


def test_no_byte_of_a_secret_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """In names, card data, citations, folders, configurations, metrics, problems and words of the command line."""
    monkeypatch.setattr(sys, "argv", ["t.py", '--config={"api_key": "hunter22"}', "--token", "hunter22", f"a-{TOKEN}"])
    model = tiny.build_st(tmp_path)
    card = model.model_card_data
    card.model_name, card.license, card.model_id, card.language = TOKEN, TOKEN, f"me/{TOKEN}", [TOKEN]
    card.tags.append(TOKEN)
    folder = tmp_path / f"out-{TOKEN}"
    saving = {"save_strategy": "steps", "save_steps": 4, "eval_strategy": "steps", "eval_steps": 4}
    trainer = tiny.st_trainer(
        folder,
        model=model,
        loss=Cited(model),
        eval_dataset=tiny.pairs(4),
        args={"run_name": f"run-{TOKEN}", "load_best_model_at_end": True, **saving},
    )
    broken = Telling()
    monkeypatch.setattr(broken, "get_config_dict", _tell)
    with cardgen.track(trainer, name=f"n-{TOKEN}", project=TOKEN, group=TOKEN, tags=[TOKEN]) as run:
        trainer.train()
        run.evaluate(Telling())
        run.evaluate(broken)
        trainer.save_model(str(folder))
    written = stored_bytes(spool, folder)
    assert TOKEN.encode() not in written
    assert b"hunter22" not in written
    assert TOKEN not in repr((run.run, run.log))
    best, final = run.run.checkpoints
    assert (Path(best.path).name, best.best) == ("checkpoint-4", True)
    assert (Path(final.path).name, final.best) == ("out-[redacted]", False)
    assert best.weights == final.weights is not None
    assert {"name", "project", "group", "tags.0", "model.license", "checkpoints.path"} <= set(run.run.redactions)


def _tell() -> dict[str, Any]:
    raise ValueError(f"{TOKEN} is wrong, api_key='hunter22' too")
