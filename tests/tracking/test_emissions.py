"""What CodeCarbon measured is recorded for each segment, and added up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerCallback

import cardgen
from cardgen.record import Run
from cardgen.registry import Registry
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")
SAVING: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2, "logging_steps": 1}


class Tracker:
    """Counts as CodeCarbon does: a stopped one has a final result, some versions let it run on."""

    def __init__(self, kg: float, *, final: bool = True) -> None:
        self.kg, self.total, self.final = kg, 0.0, final
        self._start_time: float | None = None

    def start(self) -> None:
        """Each start emits so many kg."""
        self._start_time, self.total = 1.0, self.total + self.kg

    def stop(self) -> None:
        """The end of the measurement."""
        if self.final:
            self.final_emissions_data, self._start_time = self._prepare_emissions_data(), None

    def _prepare_emissions_data(self) -> Any:
        return SimpleNamespace(
            emissions=self.total,
            energy_consumed=2 * self.total,
            on_cloud="N",
            cpu_model="cpu",
            gpu_model="",
            ram_total_size=16.0,
            duration=100 * self.total,
        )


class Measure(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Starts and stops a tracker with the training, which may break off."""

    def __init__(self, tracker: Tracker, *, raises: bool = False) -> None:
        self.tracker, self.raises = tracker, raises

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """As the callback of transformers does."""
        self.tracker.start()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """As the callback of transformers does."""
        self.tracker.stop()

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Break off behind the second checkpoint."""
        if self.raises and state.global_step == 3:
            raise RuntimeError("out of memory")


def measured(folder: Path, tracker: Tracker, *, raises: bool = False, **args: Any) -> Any:
    """A trainer with this tracker."""
    trainer = tiny.st_trainer(folder, args={**SAVING, **args})
    measure = Measure(tracker, raises=raises)
    trainer.add_callback(measure)
    trainer.model.model_card_data.code_carbon_callback = measure
    return trainer


def kg(run: Run) -> tuple[list[float | None], float | None]:
    """The emissions of the segments, and those of the run."""
    parts = [None if s.emissions is None else s.emissions.emissions_kg for s in run.segments]
    return parts, None if run.emissions is None else run.emissions.emissions_kg


def test_segments_are_added_up(tmp_path: Path, open_registry: Open) -> None:
    """A training that broke off and goes on in another process has emitted in both; the card tells the sum."""
    trainer = measured(tmp_path, Tracker(0.25), raises=True)
    with pytest.raises(RuntimeError), cardgen.track(trainer, name="two"):
        trainer.train()
    assert kg(open_registry().run("two")) == ([0.25], 0.25)
    trainer = measured(tmp_path, Tracker(0.5))
    with cardgen.track(trainer) as run:
        trainer.train(resume_from_checkpoint=True)
    found = open_registry().run("two")
    assert found == run.run
    assert kg(found) == ([0.25, 0.5], 0.75)
    assert found.emissions is not None
    assert (found.emissions.energy_kwh, found.emissions.duration_seconds) == (1.5, 75.0)
    assert "- **Carbon Emitted**: 0.750 kg of CO2" in cardgen.render_card("two")


@pytest.mark.parametrize("final", [True, False])
def test_a_tracker_that_goes_on_counts_once(final: bool, tmp_path: Path, open_registry: Open) -> None:
    """Where one tracker measures two trainings of a process, each has its own part, resumed or not."""
    tracker = Tracker(0.25, final=final)
    trainer = measured(tmp_path, tracker)
    with cardgen.track(trainer, name="first") as first:
        trainer.train()
    with cardgen.track(trainer, name="second"):
        trainer.train()
    trainer.args.max_steps = 6
    with cardgen.track(trainer) as third:
        trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
    assert third.name == "second"
    with open_registry() as registry:
        assert kg(registry.run(first.id)) == ([0.25], 0.25)
        assert kg(registry.run("second")) == ([0.25, 0.25], 0.5)


def test_a_tracker_of_an_earlier_training_is_not_counted(tmp_path: Path, open_registry: Open) -> None:
    """The card data may still hold the stopped tracker of a training that nobody recorded."""
    trainer = measured(tmp_path, Tracker(0.25))
    trainer.train()
    trainer.remove_callback(Measure)
    with cardgen.track(trainer, name="quiet"):
        trainer.train()
    assert kg(open_registry().run("quiet")) == ([None], None)


def test_a_fork_has_what_is_known(tmp_path: Path, open_registry: Open) -> None:
    """A child that starts within a segment has its own emissions: what its parent emitted up to there is not known."""
    trainer = measured(tmp_path, Tracker(0.25))
    with cardgen.track(trainer, name="parent"):
        trainer.train()
    trainer = measured(tmp_path, Tracker(0.5))
    with cardgen.track(trainer) as child:
        trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))
    assert open_registry().run(child.id).model.parent_run is not None
    assert kg(open_registry().run(child.id)) == ([None, 0.5], 0.5)


def test_codecarbon_itself(tmp_path: Path, open_registry: Open) -> None:
    """With the real tracker, which forgets at its end, two segments have emissions, and the run their sum."""
    pytest.importorskip("codecarbon", reason="codecarbon is not installed")
    for resume in (False, True):
        trainer = tiny.st_trainer(tmp_path, args={**SAVING, "report_to": ["codecarbon"], "max_steps": 4 + 2 * resume})
        with cardgen.track(trainer, name=None if resume else "green"):
            trainer.train(resume_from_checkpoint=resume or None)
    run = open_registry().run("green")
    parts, total = kg(run)
    assert len(parts) == 2
    assert all(part is not None and part > 0 for part in parts)
    assert total == pytest.approx(sum(part or 0 for part in parts))
