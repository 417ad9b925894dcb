"""Recording changes nothing in training, keeps nothing alive and never raises into it."""

from __future__ import annotations

import contextlib
import copy
import errno
import gc
import multiprocessing
import os
import pickle
import random
import socket
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback, set_seed

import cardgen
from cardgen.tracking import journal, patches, sink
from tests.tracking import tiny

pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def random_states() -> tuple[Any, ...]:
    """The states of Python's, NumPy's and torch's random numbers, comparable."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    return random.getstate(), (kind, list(keys), position, has_gauss, gauss), torch.get_rng_state().tolist()


class Modes(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Notes at every event in which mode the model is."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []

    def on_log(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Note the mode."""
        self.seen.append(("log", model.training))

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Note the mode."""
        self.seen.append(("save", model.training))

    def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Note the mode."""
        self.seen.append(("evaluate", model.training))


def train(folder: Path, kind: str, *, recorded: bool) -> tuple[Any, ...]:
    """Everything that recording could change: weights, losses, random states, modes, the saved files' names."""
    set_seed(3)
    modes = Modes()
    options: dict[str, Any] = {"callbacks": [modes]}
    if kind == "SentenceTransformer":
        options["evaluator"] = tiny.similarity_evaluator()
        options["eval_dataset"] = tiny.pairs(6, offset=25)
    args = {"save_strategy": "steps", "save_steps": 2, "logging_steps": 1}
    if "evaluator" in options:
        args |= {"eval_strategy": "steps", "eval_steps": 2}
    trainer = tiny.TRAINERS[kind](folder, args=args, **options)
    if recorded:
        with cardgen.track(trainer):
            trainer.train()
            trainer.model.save_pretrained(str(folder / "final"))
    else:
        trainer.train()
        trainer.model.save_pretrained(str(folder / "final"))
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    files = sorted(path.name for path in (folder / "final").rglob("*") if path.name != "cardgen.json")
    return tiny.weights(trainer.model), losses, random_states(), modes.seen, files, trainer.model.training


@pytest.mark.parametrize("kind", tiny.TRAINERS)
def test_weights_losses_and_random_states_are_the_same_with_and_without(kind: str, tmp_path: Path) -> None:
    """Two trainings from one seed, one of them recorded, cannot be told apart, eval mode included."""
    bare = train(tmp_path / "bare", kind, recorded=False)
    recorded = train(tmp_path / "recorded", kind, recorded=True)
    assert bare[0].keys() == recorded[0].keys()
    assert all(torch.equal(bare[0][name], recorded[0][name]) for name in bare[0])
    assert bare[1:] == recorded[1:]


def test_nothing_is_kept_alive_after_the_run(tmp_path: Path) -> None:
    """Model, trainer, data set, loss, evaluator and arguments are gone once nobody else holds them."""
    trainer = tiny.st_trainer(
        tmp_path, evaluator=tiny.similarity_evaluator(), args={"eval_strategy": "steps", "eval_steps": 2}
    )
    watched = [
        weakref.ref(thing)
        for thing in (trainer, trainer.model, trainer.train_dataset, trainer.loss, trainer.evaluator, trainer.args)
    ]
    with cardgen.track(trainer) as run:
        trainer.train()
    del trainer
    gc.collect()
    assert [reference() for reference in watched] == [None] * 6
    assert run.run.status == "finished"


def test_a_run_without_end_ends_with_its_model(tmp_path: Path) -> None:
    """With a CardCallback alone, the model is freed when the script lets go of it, and the run is closed and stored."""
    callback = cardgen.CardCallback()
    trainer = tiny.st_trainer(tmp_path, callbacks=[callback])
    trainer.train()
    run = callback.run
    assert run is not None
    model = weakref.ref(trainer.model)
    writing = callback.recording._draft.journal._sink  # type: ignore[union-attr]
    assert writing is not None
    del trainer
    gc.collect()
    assert model() is None
    writing._thread.join(20)
    assert not writing._thread.is_alive()
    assert callback.recording is not None
    assert callback.recording.phase == "closed"
    assert cardgen.Registry().run(run.id).status == "finished"


def test_a_recorded_model_can_be_pickled_and_copied(tmp_path: Path) -> None:
    """A copy is another model: what is evaluated on it does not belong to the run."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        twin = copy.deepcopy(trainer.model)
        again = pickle.loads(pickle.dumps(trainer.model))
        for model in (twin, again):
            tiny.similarity_evaluator("other")(model)
        assert run.log[-1].kind == "train"
        tiny.similarity_evaluator("own")(trainer.model)
        assert run.log[-1].values.keys() == {"own_spearman_cosine"}
    assert [evaluation.dataset_name for evaluation in run.run.evaluations] == ["own"]


def test_a_copied_callback_takes_no_run_along(tmp_path: Path) -> None:
    """Trainers are copied and pickled by searches over hyperparameters."""
    callback = cardgen.CardCallback(name="mine")
    trainer = tiny.st_trainer(tmp_path, callbacks=[callback])
    trainer.train()
    for other in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert other.options == callback.options
        assert other.run is None
    assert callback.run is not None
    callback.run.finish()


@pytest.mark.parametrize(
    "part",
    [
        "subject.Subject._look_at_model",
        "subject.Subject._look_at_results",
        "subject.Subject._look_at_datasets",
        "progress.Progress.log",
        "draft.Draft._write",
        "draft.find_run",
        "saves.Saves.add",
    ],
)
def test_a_failure_of_ours_is_noted_once_and_training_goes_on(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever breaks in the recording, the training ends, and the user is told once."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("deliberate")

    trainer = tiny.st_trainer(
        tmp_path,
        evaluator=tiny.similarity_evaluator(),
        args={"eval_strategy": "steps", "eval_steps": 1, "logging_steps": 1, "save_strategy": "steps", "save_steps": 2},
    )
    monkeypatch.setattr(f"cardgen.tracking.{part}", broken)
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.model.save_pretrained(str(tmp_path / "final"))
    assert trainer.state.global_step == 4
    assert (tmp_path / "final" / "README.md").is_file()
    assert any("deliberate" in problem for problem in run.run.problems)
    said = [line for line in capfd.readouterr().err.splitlines() if "deliberate" in line]
    assert len(said) == len(set(said))


def test_a_registry_that_cannot_be_written_does_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    """A file that is no registry: the run stays in the spool, whole, and is folded when the way is free."""
    place = Path(os.environ["CARDGEN_REGISTRY"])
    place.write_bytes(b"this is somebody else's file" * 100)
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
    assert run.run.status == "finished"
    assert [path.name for path in spool.iterdir()] == [f"{run.id}.jsonl"]
    place.unlink()
    with cardgen.Registry() as registry:
        assert registry.run(run.id) == run.run
        assert registry.log(run.id) == run.log


def test_a_registry_that_is_locked_all_the_time_does_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The run is whole in its spool; the end waits for the registry for its set time only and says where the run is."""
    monkeypatch.setattr(sink, "CLOSE_SECONDS", 0.3)
    monkeypatch.setattr(journal, "FLUSH_SECONDS", 0.1)
    cardgen.Registry().close()
    trainer = tiny.st_trainer(tmp_path)
    with contextlib.closing(sqlite3.connect(os.environ["CARDGEN_REGISTRY"], isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with cardgen.track(trainer) as run:
            trainer.train()
            start = time.monotonic()
        assert time.monotonic() - start < 5
    assert f"{run.name} is not in the registry yet" in capfd.readouterr().err
    with cardgen.Registry() as registry:
        assert registry.run(run.id) == run.run
        assert registry.log(run.id) == run.log


@pytest.mark.parametrize("freed", [True, False])
def test_a_full_disk_does_not_disturb(
    freed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the disk refuses is written when there is space again; a run that stays cut is said to be."""
    full = False
    write = os.write

    def write_if_space(file: int, data: bytes) -> int:
        if full and data.startswith((b'{"entry"', b'\n{"entry"')):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    class Fill(TrainerCallback):  # type: ignore[misc,unused-ignore]
        def on_step_begin(self, args: Any, state: Any, *others: Any, **kwargs: Any) -> None:
            nonlocal full
            full = state.global_step == 1 or (state.global_step > 1 and not freed)

    monkeypatch.setattr(os, "write", write_if_space)
    trainer = tiny.st_trainer(tmp_path, args={"logging_steps": 1}, callbacks=[Fill()])
    with cardgen.track(trainer) as run:
        trainer.train()
    full = False
    assert trainer.state.global_step == 4
    assert any("no space is left" in problem for problem in run.run.problems)
    said = capfd.readouterr().err
    assert ("is missing in" in said, "cardgen runs show" in said) == (not freed, freed)
    with cardgen.Registry() as registry:
        assert len(registry.log(run.id)) == (len(run.log) if freed else 1)
        assert registry.run(run.id).status == ("finished" if freed else "running")


def test_no_thread_is_left(tmp_path: Path) -> None:
    """After a run, and after a model that was saved and never trained, the threads are gone."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer):
        trainer.train()
        trainer.save_model()
    trainer = tiny.st_trainer(tmp_path, callbacks=[cardgen.CardCallback()])
    trainer.save_model()
    left = [thread for thread in threading.enumerate() if thread.name.startswith("cardgen")]
    assert [thread.name for thread in left] == ["cardgen-hash"]
    del trainer
    gc.collect()
    left[0].join(10)
    assert not left[0].is_alive()


def test_a_run_is_stored_where_no_thread_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while Python shuts down, when a run that only evaluated ends."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    trainer = tiny.st_trainer(tmp_path)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with cardgen.track(trainer) as run:
        run.evaluate(tiny.similarity_evaluator())
    assert cardgen.Registry(mode="read").run(run.id) == run.run
    assert run.run.problems == ()


def test_a_spool_that_cannot_be_written_does_not_disturb(
    tmp_path: Path, spool: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be: the run is in memory only, and the user is told."""
    spool.parent.mkdir(parents=True, exist_ok=True)
    spool.write_text("in the way")
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
    assert trainer.state.global_step == 4
    assert run.log[0].kind == "train"
    assert any("spool" in problem for problem in run.run.problems)
    assert "cannot be written" in capfd.readouterr().err
    assert cardgen.render_card(run).startswith("---")


def test_no_network_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is connected to, and no name is looked up."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        used.append(args)
        raise OSError("no network here")

    used: list[Any] = []
    trainer = tiny.st_trainer(tmp_path, evaluator=tiny.similarity_evaluator(), args={"eval_strategy": "epoch"})
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with cardgen.track(trainer):
        trainer.train()
    assert used == []


def test_the_methods_of_the_library_are_wrapped_once(tmp_path: Path) -> None:
    """Any number of runs leaves one wrapper, with the name and the words of the method."""
    for part in ("a", "b"):
        trainer = tiny.st_trainer(tmp_path / part)
        with cardgen.track(trainer):
            trainer.train()
    method = type(trainer.model)._create_model_card
    assert method.__name__ == "_create_model_card"
    assert not hasattr(method.__wrapped__, "__wrapped__")
    assert patches.live_recordings() == []


def _say_hello(trainer: Any) -> str:
    (inherited,) = patches.live_recordings()
    tiny.similarity_evaluator("child")(trainer.model)
    return f"{inherited.armed}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_nothing(tmp_path: Path) -> None:
    """Data loader workers inherit the hook; in them it is disarmed."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        before = run.log
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, _say_hello(trainer).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 20) == b"False"
        assert run.log == before
    assert run.run.evaluations == ()


def test_workers_of_a_data_loader_do_no_harm(tmp_path: Path) -> None:
    """A training with worker processes ends, and its record is whole."""
    trainer = tiny.st_trainer(tmp_path, args={"dataloader_num_workers": 1})
    with cardgen.track(trainer) as run:
        trainer.train()
    assert cardgen.Registry().run(run.id) == run.run
    assert multiprocessing.active_children() == []


def test_disabled_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The handle has the same methods; nothing is written, said or noted in the trainer's state."""
    monkeypatch.setenv("CARDGEN_MODE", "disabled")
    trainer = tiny.st_trainer(tmp_path, args={"save_strategy": "steps", "save_steps": 2})
    with cardgen.track(trainer, name="silent") as run:
        trainer.train()
        assert run.evaluate(tiny.similarity_evaluator("x"))["x_spearman_cosine"] is not None
        run.finish()
    assert run.log == []
    assert (run.name, run.run.name, run.run.evaluations) == ("silent", "silent", ())
    assert not spool.exists()
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()
    assert "cardgen" not in trainer.state.stateful_callbacks
    assert not list(tmp_path.rglob("cardgen.json"))
    assert "cardgen" not in capfd.readouterr().err


def test_offline_only_spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """No registry is made; whoever opens one later finds the run."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()
    assert (spool / f"{run.id}.jsonl").stat().st_mode & 0o777 == 0o600
    with cardgen.Registry() as registry:
        assert registry.run("latest") == run.run


def test_other_processes_of_a_training_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    """Only the first process of a distributed training records; the handle of the others has the same methods."""
    trainer = tiny.st_trainer(tmp_path)
    monkeypatch.setattr(type(trainer), "is_world_process_zero", lambda self: False)
    with cardgen.track(trainer) as run:
        trainer.train()
        run.evaluate(tiny.similarity_evaluator())
    assert (run.log, run.run.segments) == ([], ())
    assert not spool.exists()
