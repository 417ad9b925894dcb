"""Real trainings: our card, rendered from the registry, is the card that the library saves, byte for byte."""

from __future__ import annotations

import importlib
import os
import types
from pathlib import Path
from typing import Any

import pytest

import cardgen
from cardgen.tracking import ActiveRun
from tests.live.scenarios import SCENARIOS, Scenario
from tests.tracking import tiny
from tests.tracking.library import SequentialEvaluator

pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")

BY_CALLBACK = ("st_best", "st_two_sets", "st_given", "ce_three_labels", "sparse_best", "mv_colbert")


def make_trainer(scenario: Scenario, folder: Path) -> Any:
    """The trainer of a scenario, its model evaluated before."""
    trainer = scenario.trainer(folder)
    for make in scenario.before:
        make()(trainer.model)
    return trainer


def evaluate_and_save(
    scenario: Scenario, model: Any, run: ActiveRun, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows the training of a scenario."""
    for make in scenario.after:
        make()(model)
    durations = run.run.durations
    assert durations is not None
    start = getattr(model.model_card_data, "_training_start_time", None)
    if start is not None:  # newer versions read the duration off a clock at each save: let it be the recorded one
        library = importlib.import_module("sentence_transformers.base.model_card")
        end = start + durations.total_seconds
        monkeypatch.setattr(library, "time", types.SimpleNamespace(time=lambda: end))
    model.save_pretrained(str(folder))


def check(run: ActiveRun, folder: Path) -> None:
    """The folder's README.md and the card from the registry are the same bytes."""
    card = cardgen.render_card(run.id, registry=os.environ["CARDGEN_REGISTRY"])
    assert run.run.problems == ()
    assert card.encode().decode() == (folder / "README.md").read_bytes().decode()


@pytest.mark.parametrize("name", SCENARIOS)
def test_our_card_is_the_librarys(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, evaluate and save in a `with` block."""
    trainer = make_trainer(SCENARIOS[name], tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        evaluate_and_save(SCENARIOS[name], trainer.model, run, tmp_path / "final", monkeypatch)
    check(run, tmp_path / "final")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", BY_CALLBACK)
def test_with_a_callback_our_card_is_the_librarys(
    name: str, late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with a `CardCallback`, given to the trainer's constructor or added to the trainer later."""
    callback = cardgen.CardCallback()
    if not late:
        monkeypatch.setattr(tiny, "CALLBACKS", [callback])
    trainer = make_trainer(SCENARIOS[name], tmp_path)
    if late:
        trainer.add_callback(callback)
    trainer.train()
    run = callback.run
    assert run is not None
    evaluate_and_save(SCENARIOS[name], trainer.model, run, tmp_path / "final", monkeypatch)
    run.finish()
    check(run, tmp_path / "final")


def test_a_sequence_of_evaluators_is_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluated through the handle, it is in our card as in the library's: by its parts."""
    scenario = SCENARIOS["st_pairs"]
    trainer = make_trainer(scenario, tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        run.evaluate(SequentialEvaluator([tiny.triplet_evaluator("one"), tiny.similarity_evaluator("two")]))
        evaluate_and_save(scenario, trainer.model, run, tmp_path / "final", monkeypatch)
    assert [evaluation.dataset_name for evaluation in run.run.evaluations] == ["one", "two"]
    check(run, tmp_path / "final")
