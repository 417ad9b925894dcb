"""A checkpoint of a run that cannot go on starts a child run, whose log and times are whole."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

import cardgen
from cardgen.identity import new_run_id
from cardgen.record import LogEvent
from cardgen.registry import Registry, SpoolWriter, spool_folder
from cardgen.standing import standing_log
from cardgen.tracking import options, resume
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")
SAVING: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2, "logging_steps": 1}


def train(folder: Path, *, at: int | None = None, steps: int = 4, break_at: int | None = None, **options: Any) -> Any:
    """A tracked training, evaluated every two steps; it may be broken off by an exception."""
    trainer = tiny.st_trainer(
        folder,
        args={**SAVING, "max_steps": steps, "eval_strategy": "steps", "eval_steps": 2},
        evaluator=tiny.similarity_evaluator("dev"),
        callbacks=[Break(break_at)],
    )
    checkpoint = None if at is None else str(folder / "out" / f"checkpoint-{at}")
    with cardgen.track(trainer, **options) as run:
        try:
            trainer.train(resume_from_checkpoint=checkpoint)
        except ZeroDivisionError:
            run.finish("failed")
        else:
            run.evaluate(tiny.similarity_evaluator("test"))
    return run


class Break(TrainerCallback):
    """Raises at the end of a step."""

    def __init__(self, step: int | None) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raise at the step."""
        if state.global_step == self.step:
            raise ZeroDivisionError


def losses(log: list[LogEvent]) -> list[int]:
    """The steps that logged a training loss, in the order of the log."""
    return [event.step for event in log if "loss" in event.values]


def test_an_experiment_from_an_old_checkpoint_is_a_child_run(
    tmp_path: Path, open_registry: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a finished run: it stays as it is, and the child has its history up to there, its parent, name and tag."""
    first = train(tmp_path, name="long", project="p", group="g")
    before = first.run, first.log
    capsys.readouterr()
    child = train(tmp_path, at=2, steps=6, name="long")
    said = next(line for line in capsys.readouterr().err.splitlines() if "recording" in line)
    assert "from step 2 of long on, which finished at step 4" in said
    assert "max_steps=6" in said
    with open_registry() as registry:
        assert (registry.run("long"), registry.log(first.id)) == before
        run, log = registry.run("long-from-2"), registry.log("long-from-2")
    assert run == child.run
    assert (run.model.parent_run, run.tags, run.project, run.group) == (first.id, ("fork",), "p", "g")
    assert run.id != first.id
    assert [event.seq for event in log] == list(range(len(log)))
    assert losses(log) == [1, 2, 3, 4, 5, 6]
    assert log[: len([e for e in log if e.segment == 0])] == [e for e in before[1] if 0 <= e.step <= 2]
    assert [(segment.start_step, segment.end_step) for segment in run.segments] == [(0, 2), (2, 6)]
    assert run.segments[1].changed["max_steps"] == 6
    seconds = [segment.training_seconds for segment in run.segments]
    assert run.durations is not None
    assert run.durations.total_seconds == pytest.approx(sum(s or 0.0 for s in seconds))
    assert 0 < (seconds[0] or 0.0) < (first.run.segments[0].training_seconds or 0.0)
    assert [(e.dataset_name, e.step) for e in run.evaluations] == [("dev", 6), ("test", -1)]
    card = cardgen.render_card("long-from-2")
    assert [
        line for line in card.splitlines() if line.startswith(("| 0.25 ", "| 0.5 ", "| 0.75 ", "| 1.0 ", "| 1.25 "))
    ]
    # its own checkpoints belong to it: it goes on with itself
    assert train(tmp_path, at=6, steps=7).id == child.id


def test_a_run_that_broke_off_goes_on_and_steps_trained_again_count_once(tmp_path: Path, open_registry: Open) -> None:
    """It had gone past the checkpoint; the log keeps every event, the card shows each step once, times are added."""
    first = train(tmp_path, break_at=5, steps=6, name="broken")
    assert losses(first.log) == [1, 2, 3, 4]
    with open_registry() as registry:
        assert registry.run("broken").status == "failed"
    again = train(tmp_path, at=2, steps=6)
    assert (again.id, again.name) == (first.id, "broken")
    with open_registry() as registry:
        run, log = registry.run("broken"), registry.log("broken")
        assert len(registry.listing()) == 1
    assert losses(log) == [1, 2, 3, 4, 3, 4, 5, 6]
    assert losses(standing_log(run.segments, log)) == [1, 2, 3, 4, 5, 6]
    assert run.status == "finished"
    assert run.model.parent_run is None
    assert [(s.start_step, s.end_step) for s in run.segments] == [(0, 4), (2, 6)]
    table = cardgen.render_card("broken").partition("### Training Logs")[2].partition("###")[0]
    steps = [line.split("|")[2].strip(" *") for line in table.splitlines() if line.startswith("| ")][1:]
    assert steps == ["1", "2", "3", "4", "5", "6", "-1"]


def test_a_run_that_is_recorded_now_is_left_alone(tmp_path: Path, open_registry: Open) -> None:
    """Another process holds its spool: the training is a child, and nothing is written into the living run."""
    first = train(tmp_path, break_at=5, steps=6, name="alive")
    with open_registry() as registry:
        events = len(registry.log("alive"))
    writer = SpoolWriter(spool_folder(os.environ["CARDGEN_REGISTRY"]), first.id)
    try:
        child = train(tmp_path, at=4, steps=6)
    finally:
        writer.close()
    assert child.name == "alive-from-4"
    assert child.run.model.parent_run == first.id
    assert losses(child.log) == [1, 2, 3, 4, 5, 6]
    with open_registry() as registry:
        assert len(registry.log("alive")) == events


def test_a_recorder_on_another_machine_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gave a sign of life lately: it lives if another one comes, and is gone if none does."""
    first = train(tmp_path, break_at=5, steps=6, name="there")
    with Registry() as registry:
        there = dataclasses.replace(registry.run("there").environment, hostname="elsewhere")
        registry.change("there", lambda run: dataclasses.replace(run, status="running", environment=there))
    monkeypatch.setattr(resume, "WATCH_SECONDS", 30.0)
    stop = threading.Event()

    def beat() -> None:
        with Registry() as registry:
            while not stop.wait(0.3):
                registry.heartbeat(first.id)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        child = train(tmp_path, at=4, steps=5)
    finally:
        stop.set()
        thread.join()
    assert child.run.model.parent_run == first.id
    monkeypatch.setattr(resume, "WATCH_SECONDS", 0.3)
    trainer_state = tmp_path / "out" / "checkpoint-2"  # still names the first run
    assert trainer_state.is_dir()
    again = train(tmp_path, at=2, steps=5)
    assert again.id == first.id
    # what that machine has not handed in yet finds its numbers free
    assert again.log[-1].seq > 1_000_000_000_000
    assert losses(standing_log(again.run.segments, again.log)) == [1, 2, 3, 4, 5]


def test_an_explicit_id_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_registry: Open) -> None:
    """With a checkpoint of another run: a child of that run under this id, which a restart then goes on with."""
    first = train(tmp_path, name="first")
    wanted = new_run_id()
    monkeypatch.setenv("CARDGEN_RUN_ID", wanted)
    child = train(tmp_path, at=4, steps=8, break_at=5)
    assert (child.id, child.run.model.parent_run) == (wanted, first.id)
    assert losses(child.log) == [1, 2, 3, 4]
    options.give_back(wanted)  # as if this were another process
    again = train(tmp_path, at=4, steps=6)
    assert again.id == wanted
    assert losses(standing_log(again.run.segments, again.log)) == [1, 2, 3, 4, 5, 6]
    with open_registry() as registry:
        assert {row.id for row in registry.listing()} == {first.id, wanted}


def test_an_imported_run_is_a_parent_and_a_deleted_one_is_gone(tmp_path: Path, open_registry: Open) -> None:
    """Neither is written into; the training is a run of its own and says why."""
    first = train(tmp_path, name="first", steps=2)
    with Registry() as registry:
        registry.change("first", lambda run: dataclasses.replace(run, origin="imported"))
    child = train(tmp_path, at=2, steps=3)
    assert child.run.model.parent_run == first.id
    with Registry() as registry:
        registry.delete("first")
    other = train(tmp_path / "b", steps=2)
    state = tmp_path / "b" / "out" / "checkpoint-2" / "trainer_state.json"
    state.write_text(state.read_text().replace(other.id, first.id))
    alone = train(tmp_path / "b", at=2, steps=3)
    assert alone.run.model.parent_run is None
    assert any(first.id in problem for problem in alone.run.problems)
    with open_registry() as registry:
        assert {row.id for row in registry.listing()} == {child.id, other.id, alone.id}
