"""A resumed training goes on with its run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cardgen
from cardgen.identity import new_run_id
from cardgen.registry import Registry
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")
SAVING: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2, "logging_steps": 1}


@pytest.mark.parametrize("restore", [False, True])
def test_the_run_of_the_checkpoint_goes_on(restore: bool, tmp_path: Path, open_registry: Open) -> None:
    """Same id and name, two segments, one log, durations added up, and the argument that changed."""
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer, name="long", project="p") as first:
        trainer.train()
        first.evaluate(tiny.similarity_evaluator("middle"))
    trainer = tiny.st_trainer(
        tmp_path,
        args={**SAVING, "max_steps": 6, "restore_callback_states_from_checkpoint": restore},
    )
    with cardgen.track(trainer, tags=["more"]) as second:
        assert second.id != first.id
        trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
        second.evaluate(tiny.similarity_evaluator("end"))
    assert second.id == first.id
    with open_registry() as registry:
        assert len(registry.listing()) == 1
        run = registry.run("long")
        log = registry.log(run.id)
    assert run == second.run
    assert [(segment.index, segment.start_step, segment.end_step) for segment in run.segments] == [(0, 0, 4), (1, 4, 6)]
    assert run.segments[1].changed["max_steps"] == 6
    assert [event.seq for event in log] == list(range(len(log)))
    assert [event.step for event in log if "loss" in event.values] == [1, 2, 3, 4, 5, 6]
    assert {event.segment for event in log} == {0, 1}
    assert [evaluation.dataset_name for evaluation in run.evaluations] == ["middle", "end"]
    assert run.durations is not None
    assert run.durations.total_seconds == pytest.approx(sum(s.training_seconds or 0 for s in run.segments))
    assert (run.project, run.tags, run.started) == ("p", ("more",), first.run.started)


def test_a_checkpoint_of_somebody_else_starts_a_new_run(tmp_path: Path, open_registry: Open) -> None:
    """Made without the hook, it has no id; with the id of an unknown run, the new run says so."""
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    trainer.train()
    checkpoint = tmp_path / "out" / "checkpoint-2"
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer) as run:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    assert run.run.problems == ()
    assert run.run.segments[0].start_step == 2

    state = checkpoint / "trainer_state.json"
    unknown = new_run_id()
    import json

    text = json.loads(state.read_text())
    text["stateful_callbacks"]["cardgen"] = {"args": {"run_id": unknown}, "attributes": {}}
    state.write_text(json.dumps(text))
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer) as other:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    assert other.id not in (unknown, run.id)
    assert any(unknown in problem for problem in other.run.problems)
    with open_registry() as registry:
        assert {row.id for row in registry.listing()} == {run.id, other.id}


def test_a_run_recorded_offline_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier part may be in a spool that nobody folded yet."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer) as first:
        trainer.train()
    monkeypatch.delenv("CARDGEN_MODE")
    trainer = tiny.st_trainer(tmp_path, args={**SAVING, "max_steps": 6})
    with cardgen.track(trainer) as second:
        trainer.train(resume_from_checkpoint=True)
    assert second.id == first.id
    with cardgen.Registry() as registry:
        assert len(registry.run(first.id).segments) == 2
        assert len(registry.log(first.id)) == len(first.log) + 3


def test_the_id_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CARDGEN_RUN_ID is the id of the next run of the process, and of that one only."""
    wanted = new_run_id()
    monkeypatch.setenv("CARDGEN_RUN_ID", wanted)
    ids = []
    for part in ("a", "b"):
        trainer = tiny.st_trainer(tmp_path / part)
        with cardgen.track(trainer) as run:
            trainer.train()
        ids.append(run.id)
    assert ids[0] == wanted
    assert ids[1] != wanted
