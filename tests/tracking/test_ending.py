"""How runs end, and what their files are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

import cardgen
from cardgen.errors import RecordingError
from cardgen.registry import Registry
from cardgen.registry.codec import decode_run
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


class Raise(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Raises at a step."""

    def __init__(self, error: BaseException, step: int = 3) -> None:
        self.error, self.step = error, step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raise at the step."""
        if state.global_step == self.step:
            raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("boom"), "failed"), (KeyboardInterrupt(), "interrupted"), (SystemExit(1), "interrupted")],
)
def test_a_training_that_breaks_off_is_recorded_up_to_there(
    error: BaseException, status: str, tmp_path: Path, open_registry: Open
) -> None:
    """The exception passes unchanged; the run has its status, its log and its times."""
    trainer = tiny.st_trainer(tmp_path, args={"logging_steps": 1}, callbacks=[Raise(error)])
    with pytest.raises(type(error)) as caught, cardgen.track(trainer) as run:
        trainer.train()
    assert caught.value is error
    with open_registry() as registry:
        stored = registry.run(run.id)
        assert [event.step for event in registry.log(run.id)] == [1, 2]
    assert stored.status == status
    assert stored.ended is not None
    assert stored.durations is not None
    assert stored.durations.total_seconds > 0
    assert stored.segments[0].end_step == 2


def test_an_error_after_training_fails_the_run(tmp_path: Path) -> None:
    """What happens in the block belongs to the run."""
    trainer = tiny.st_trainer(tmp_path)
    with pytest.raises(KeyError, match="mine"), cardgen.track(trainer) as run:  # noqa: PT012 - the block is the subject
        trainer.train()
        raise KeyError("mine")
    assert run.run.status == "failed"


def test_durations_are_frozen_when_training_ends(tmp_path: Path) -> None:
    """Evaluating and saving later does not make the training longer."""
    trainer = tiny.st_trainer(tmp_path, eval_dataset=tiny.pairs(6), args={"eval_strategy": "steps", "eval_steps": 2})
    with cardgen.track(trainer) as run:
        trainer.train()
        at_end = run.run.durations
        trainer.evaluate()
        trainer.save_model()
    assert run.run.durations == at_end
    assert at_end is not None
    runtimes = [event.values["eval_runtime"] for event in run.log if event.kind == "eval"]
    assert len(runtimes) == 3
    assert at_end.evaluation_seconds == pytest.approx(sum(runtimes[:2]))
    assert at_end.total_seconds > at_end.evaluation_seconds
    (segment,) = run.run.segments
    assert segment.training_seconds == at_end.total_seconds
    assert (segment.index, segment.start_step, segment.end_step) == (0, 0, 4)


def test_what_comes_after_the_block_is_not_the_runs(tmp_path: Path) -> None:
    """After the block nothing is recorded, and the trainer has no hook of ours."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
    before = run.run
    tiny.similarity_evaluator("late")(trainer.model)
    trainer.train()
    assert run.run == before
    assert not any(isinstance(callback, cardgen.CardCallback) for callback in trainer.callback_handler.callbacks)
    run.finish("failed")
    assert run.run.status == "finished"


def test_the_next_training_is_another_run(tmp_path: Path, open_registry: Open) -> None:
    """Two `train()` of one trainer are two runs; what stands between them belongs to the first."""
    callback = cardgen.CardCallback(project="p")
    trainer = tiny.st_trainer(tmp_path, callbacks=[callback])
    trainer.train()
    first = callback.run
    assert first is not None
    tiny.similarity_evaluator("between")(trainer.model)
    trainer.train()
    second = callback.run
    assert second is not None
    second.finish()
    with open_registry() as registry:
        assert [e.dataset_name for e in registry.run(first.id).evaluations] == ["between"]
        assert registry.run(second.id).evaluations == ()
        assert [run.project for run in registry.runs()] == ["p", "p"]
        assert len(registry.log(second.id)) == len(registry.log(first.id)) - 1


def test_finish_takes_a_status_that_a_run_can_end_with(tmp_path: Path) -> None:
    """`run.finish("failed")` inside the block; another word is refused."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        with pytest.raises(RecordingError) as caught:
            run.finish("done")  # type: ignore[arg-type]
        assert caught.value.hint
        run.finish("failed")
    assert run.run.status == "failed"


def test_a_block_without_training_keeps_what_was_evaluated(tmp_path: Path, open_registry: Open) -> None:
    """Without anything at all there is no run."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as nothing:
        pass
    with cardgen.track(trainer) as run:
        run.evaluate(tiny.similarity_evaluator())
    with open_registry() as registry:
        assert [row.id for row in registry.listing()] == [run.id]
        assert registry.run(run.id).hyperparameters is None
    assert nothing.id != run.id


SCRIPT = """
import sys
from pathlib import Path
import cardgen
from tests.tracking import tiny

trainer = tiny.st_trainer(Path(sys.argv[1]), callbacks=[cardgen.CardCallback(name="script"), *eval(sys.argv[2])])
trainer.train()
tiny.similarity_evaluator("after")(trainer.model)
"""
RAISING = "[type('R', (__import__('transformers').TrainerCallback,), {'on_step_end': lambda *a, **k: 1 / 0})()]"


@pytest.mark.parametrize(("callbacks", "status"), [("[]", "finished"), (RAISING, "failed")])
def test_a_run_ends_with_its_process(callbacks: str, status: str, tmp_path: Path, open_registry: Open) -> None:
    """The common script: train, evaluate, end. What comes last is in the registry, a training that broke off failed."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), callbacks],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode == 0) == (status == "finished"), done.stderr
    with open_registry() as registry:
        run = registry.run("script")
    assert run.status == status
    assert [evaluation.dataset_name for evaluation in run.evaluations] == (["after"] if status == "finished" else [])


def test_saved_folders_are_recorded_with_hashes(tmp_path: Path) -> None:
    """Files, sizes and sha256; the arguments file, which holds the token, is listed and not read."""
    trainer = tiny.st_trainer(tmp_path, args={"save_strategy": "steps", "save_steps": 2})
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model(str(tmp_path / "final"))
    points = run.run.checkpoints
    assert [(Path(point.path).name, point.step) for point in points] == [
        ("checkpoint-2", 2),
        ("checkpoint-4", 4),
        ("final", 4),
    ]
    files = {file.path: file for file in points[0].files}
    assert {"model.safetensors", "optimizer.pt", "trainer_state.json", "README.md"} <= set(files)
    assert "cardgen.json" not in files
    assert files["training_args.bin"].sha256 is None
    for name in ("model.safetensors", "1_Pooling/config.json"):
        data = Path(points[0].path, name).read_bytes()
        assert (files[name].size, files[name].sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert points[0].weights == files["model.safetensors"].sha256
    assert points[1].weights == points[2].weights != points[0].weights


def test_a_folder_is_tied_to_its_run(tmp_path: Path) -> None:
    """`cardgen.json` holds the id and a record without anything that must not be seen."""
    trainer = tiny.st_trainer(tmp_path, args={"save_strategy": "steps", "save_steps": 4})
    with cardgen.track(trainer, project="secret plans", group="g", tags=["t"]) as run:
        trainer.train()
        trainer.save_model(str(tmp_path / "final"))
    for folder in (tmp_path / "out" / "checkpoint-4", tmp_path / "final"):
        text = (folder / "cardgen.json").read_text("ascii")
        data = json.loads(text)
        assert data["run_id"] == run.id
        record = decode_run(json.dumps(data["record"]))
        assert record.id == run.id
        assert record.model.architecture == run.run.model.architecture
        assert record.hyperparameters is not None
        assert record.hyperparameters.values["max_steps"] == 4
        for private in (
            "secret plans",
            str(tmp_path),
            os.uname().nodename,
            sys.argv[0],
            tiny.texts(1)[0],
            "output_dir",
        ):
            assert json.dumps(private)[1:-1] not in text
    assert not [path for path in (tmp_path / "final").iterdir() if path.suffix == ".part"]


def test_what_is_pushed_has_no_file_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the output folder once a push begins, not in the folder that the model uploads, not with `push_to_hub`."""
    uploaded: list[list[str]] = []

    class Api:
        def __init__(self, **kwargs: Any) -> None:
            pass

        def create_repo(self, repo_id: str, **kwargs: Any) -> Any:
            return type("Url", (), {"repo_id": repo_id})()

        def upload_folder(self, folder_path: str, **kwargs: Any) -> Any:
            uploaded.append(sorted(os.listdir(folder_path)))
            return type("Info", (), {"commit_url": "url"})()

    monkeypatch.setattr("sentence_transformers.base.model.HfApi", Api)
    trainer = tiny.st_trainer(tmp_path)
    out = tmp_path / "out"
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
        assert (out / "cardgen.json").is_file()
        trainer.model.push_to_hub("me/tiny", replace_model_card=True)
        trainer.callback_handler.on_push_begin(trainer.args, trainer.state, trainer.control)
        assert not (out / "cardgen.json").exists()
        trainer.save_model()
        assert not (out / "cardgen.json").exists()
    assert len(uploaded) == 1
    assert "README.md" in uploaded[0]
    assert "cardgen.json" not in uploaded[0]
    assert [Path(point.path) for point in run.run.checkpoints] == [out]
    assert run.run.model.hub_id == "me/tiny"


def test_samples_can_be_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """With CARDGEN_SAMPLES=off no row is in the record, the spool or the registry, nor what was computed from one."""
    monkeypatch.setenv("CARDGEN_SAMPLES", "off")
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path, eval_dataset=tiny.pairs(16, offset=20))
    assert trainer.model.model_card_data.usage_examples
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
    record = run.run
    assert all(dataset.samples is None and dataset.size for dataset in record.datasets)
    assert (record.usage.examples, record.usage.widget, record.usage.similarities) == (None, (), None)
    assert record.datasets[0].columns[0].statistics is not None
    spooled = (spool / f"{run.id}.jsonl").read_text()
    sidecar = (tmp_path / "out" / "cardgen.json").read_text()
    for text in (*tiny.texts(40), *trainer.model.model_card_data.usage_examples):
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
    assert run.run.usage.examples is not None
    assert run.run.usage.examples[0] == "The weather is lovely today."
    assert run.run.usage.similarities is not None


def test_secrets_are_gone_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    """In arguments, configurations, the command line, metrics and rows; the record says where."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    token = "hf" + "_" + "a1B2c3D4e5F6g7H8" * 2
    monkeypatch.setattr(sys, "argv", ["train.py", "--hub_token", token, "--api-key=hunter22"])
    rows = tiny.pairs(8).to_dict()
    rows["anchor"][1] = f"use {token} to log in"
    from datasets import Dataset

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
