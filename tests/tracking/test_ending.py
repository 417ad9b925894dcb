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
import transformers
from transformers import TrainerCallback

import cardgen
from cardgen.errors import RecordingError
from cardgen.registry import Registry
from cardgen.registry.codec import decode_run
from tests.tracking import tiny
from tests.tracking.library import SentenceTransformer

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
    assert isinstance(stored.durations.total_seconds, float)
    assert stored.durations.total_seconds > 0
    assert stored.segments[0].end_step == 2


class Failing:
    """A part of a trainer that raises at its third call."""

    def __init__(self, part: Any, error: Exception) -> None:
        self.part, self.error, self.calls = part, error, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise, or do what the part does."""
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return self.part(*args, **kwargs)


@pytest.mark.parametrize("part", ["loss", "data_collator", "evaluator"])
def test_an_exception_of_a_part_of_the_trainer_passes_unchanged(part: str, tmp_path: Path, open_registry: Open) -> None:
    """Loss, data collator, evaluator; the hook is gone from the trainer, and the next training is recorded."""
    error = ZeroDivisionError("mine")
    trainer = tiny.st_trainer(
        tmp_path, evaluator=tiny.similarity_evaluator(), args={"eval_strategy": "steps", "eval_steps": 1}
    )
    setattr(trainer, part, Failing(getattr(trainer, part), error))
    with pytest.raises(ZeroDivisionError) as caught, cardgen.track(trainer) as first:
        trainer.train()
    assert caught.value is error
    assert not any(isinstance(callback, cardgen.CardCallback) for callback in trainer.callback_handler.callbacks)
    with cardgen.track(trainer) as second:
        trainer.train()
    with open_registry() as registry:
        assert [registry.run(run.id).status for run in (first, second)] == ["failed", "finished"]
        assert registry.run(first.id) == first.run


@pytest.mark.parametrize(
    ("code", "status"), [(0, "finished"), (None, "finished"), (1, "interrupted"), ("no", "interrupted")]
)
def test_leaving_the_process_after_training_is_no_interruption(code: Any, status: str, tmp_path: Path) -> None:
    """`sys.exit()` at the end of a script; with a code that tells of a failure it is one."""
    trainer = tiny.st_trainer(tmp_path)
    with pytest.raises(SystemExit), cardgen.track(trainer) as run:  # noqa: PT012 - the block is the subject
        trainer.train()
        sys.exit(code)
    assert run.run.status == status


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
    assert isinstance(at_end.total_seconds, float)
    assert isinstance(at_end.evaluation_seconds, float)
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


def test_what_comes_after_the_end_is_not_the_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """After `finish()` evaluations, validations and saves in the block change nothing, and nothing fails."""
    trainer = tiny.st_trainer(tmp_path, eval_dataset=tiny.pairs(4))
    with cardgen.track(trainer) as run:
        trainer.train()
        run.finish()
        before, log = run.run, run.log
        trainer.evaluate()
        trainer.save_model()
        capfd.readouterr()
        assert run.evaluate(tiny.similarity_evaluator("late"))["late_spearman_cosine"] is not None
    assert (run.run, run.log) == (before, log)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("cardgen:")]
    assert said == [f"cardgen: {run.name} has ended: this result does not belong to it"]


def test_one_callback_may_serve_two_trainers(tmp_path: Path, open_registry: Open) -> None:
    """Each training is a run of its own model, and what happens to the other model is not the run's."""
    callback = cardgen.CardCallback()
    trainers = [tiny.st_trainer(tmp_path / part, callbacks=[callback]) for part in "ab"]
    runs = []
    for trainer in trainers:
        trainer.train()
        assert callback.run is not None
        runs.append(callback.run)
        for number, other in enumerate(trainers):
            tiny.similarity_evaluator(f"{len(runs)} on {number}")(other.model)
    callback.run.finish()  # type: ignore[union-attr]
    with open_registry() as registry:
        found = [[evaluation.dataset_name for evaluation in registry.run(run.id).evaluations] for run in runs]
        assert [[event.kind for event in registry.log(run.id)].count("evaluator") for run in runs] == [1, 2]
    assert found == [["1 on 0"], ["1 on 1", "2 on 1"]]


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


FORKS = """
import os, sys
from pathlib import Path
import cardgen
from tests.tracking import tiny
from tests.tracking.library import SentenceTransformer
cardgen.CardCallback

def start(script):
    child = os.fork()
    if child:
        return child
    exec(script, {"cardgen": cardgen, "tiny": tiny, "folder": Path(sys.argv[1])})
    sys.exit()

children = [start(script) for script in sys.argv[2:]]
print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""
ENDING = """
trainer = tiny.st_trainer(folder / "ending", callbacks=[cardgen.CardCallback(name="ending")])
trainer.train()
tiny.similarity_evaluator("after")(trainer.model)
"""
RAISING = """
from tests.tracking.test_ending import Raise
callbacks = [cardgen.CardCallback(name="raising"), Raise(ZeroDivisionError())]
tiny.st_trainer(folder / "raising", callbacks=callbacks).train()
"""
KILLED = """
import os, signal
from transformers import TrainerCallback
class Kill(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 3:
            os.kill(os.getpid(), signal.SIGKILL)

trainer = tiny.st_trainer(folder / "killed", args={"logging_steps": 1}, callbacks=[Kill()])
with cardgen.track(trainer, name="killed"):
    trainer.train()
"""
AUTOMATIC = """
cardgen.autolog(project="automatic")
trainer = tiny.st_trainer(folder / "automatic", args={"dataloader_num_workers": 1})
trainer.train()
tiny.similarity_evaluator("after")(trainer.model)
trainer.model.save_pretrained(str(folder / "automatic" / "final"))
never = tiny.st_trainer(folder / "never")
tiny.similarity_evaluator("never")(never.model)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_run_ends_with_its_process(tmp_path: Path) -> None:
    """The common script: train, evaluate, end: what comes last is in the registry. A training that broke off failed.

    After SIGKILL within step 3 the two log entries before it are there; the run is running, and will be lost. With
    `autolog` and a worker that loads data there is one run, and nothing of a trainer that never trains. Four processes
    (forks of one, which imports everything) write one registry.
    """
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(tmp_path), ENDING, RAISING, KILLED, AUTOMATIC],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "0 1 -9 0", done.stdout + done.stderr
    with Registry() as registry:  # for writing, which folds what the killed process left
        ending, raising, killed = (registry.run(name) for name in ("ending", "raising", "killed"))
        log = registry.log(killed.id)
        (automatic,) = registry.runs(project="automatic")
    assert (automatic.status, automatic.problems) == ("finished", ())
    assert [evaluation.dataset_name for evaluation in automatic.evaluations] == ["after"]
    assert [Path(point.path).name for point in automatic.checkpoints] == ["final"]
    assert [run.status for run in (ending, raising, killed)] == ["finished", "failed", "running"]
    assert [evaluation.dataset_name for evaluation in ending.evaluations] == ["after"]
    assert raising.evaluations == ()
    assert [event.step for event in log] == [1, 2]
    assert killed.hyperparameters is not None


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
            "command_line",
            tiny.texts(1)[0],
        ):
            assert json.dumps(private)[1:-1] not in text
        assert not {"output_dir", "logging_dir"} & record.hyperparameters.values.keys()
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

    monkeypatch.setattr(sys.modules[SentenceTransformer.push_to_hub.__module__], "HfApi", Api)
    trainer = tiny.st_trainer(tmp_path)
    out = tmp_path / "out"
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
        assert (out / "cardgen.json").is_file()
        trainer.model.push_to_hub("me/tiny", replace_model_card=True)
        trainer.hub_model_id = "me/tiny"
        if hasattr(transformers.trainer, "upload_folder"):  # of transformers 4
            monkeypatch.setattr(transformers.trainer, "upload_folder", Api().upload_folder)
        else:
            monkeypatch.setattr(transformers.trainer, "hf_api", Api)
        trainer.push_to_hub()
        assert not (out / "cardgen.json").exists()
        trainer.save_model()
        assert not (out / "cardgen.json").exists()
    assert len(uploaded) == 2
    assert all("README.md" in files and "cardgen.json" not in files for files in uploaded)
    assert [Path(point.path) for point in run.run.checkpoints] == [out]
    assert run.run.model.hub_id == "me/tiny"
