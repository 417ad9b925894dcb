"""Models that `train()` makes (`model_init`), and searches over hyperparameters."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers.trainer
from transformers.trainer_utils import BestRun, HPSearchBackend

import cardgen
from cardgen.record import Run
from cardgen.registry import Registry
from tests.tracking import library, tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def make_trainer(folder: Path, made: list[int] | None = None, **options: Any) -> Any:
    """A trainer that makes its model, which it notes in `made`."""

    def init(trial: Any = None) -> Any:
        model = tiny.build_st(folder)
        if made is not None:
            made.append(id(model))
        return model

    arguments = library.SentenceTransformerTrainingArguments(
        output_dir=str(folder / "out"), **{**tiny.ARGUMENTS, "max_steps": 2, "logging_steps": 1}
    )
    return library.SentenceTransformerTrainer(
        model_init=init,
        args=arguments,
        train_dataset=tiny.pairs(),
        eval_dataset=tiny.pairs(4),
        loss=library.MultipleNegativesRankingLoss,
        **options,
    )


def finish_all() -> None:
    """End what was recorded."""
    while (run := cardgen.current_run()) is not None:
        run.finish()


def runs_of(open_registry: Open) -> list[Run]:
    """All runs, the oldest first."""
    with open_registry() as registry:
        return registry.runs(order_by="created")


@pytest.mark.parametrize("how", ["track", "autolog", "callback"])
def test_the_model_that_training_makes_is_recorded(how: str, tmp_path: Path, open_registry: Open) -> None:
    """The saves and results of that model are the run's; what only the first model's card data knows is kept.

    The library tells data sets, loss and tags to the model of the trainer's constructor, so its card of the model that
    was trained lacks them.
    """
    made: list[int] = []
    if how == "autolog":
        cardgen.autolog()
    trainer = make_trainer(tmp_path, made, callbacks=[cardgen.CardCallback()] if how == "callback" else None)
    first_tags = tuple(trainer.model.model_card_data.tags)
    for number in (1, 2):
        if how == "track":
            with cardgen.track(trainer):
                trainer.train()
                tiny.similarity_evaluator(str(number))(trainer.model)
                trainer.model.save_pretrained(str(tmp_path / f"final-{number}"))
        else:
            trainer.train()
            tiny.similarity_evaluator(str(number))(trainer.model)
            trainer.model.save_pretrained(str(tmp_path / f"final-{number}"))
    assert id(trainer.model) == made[-1]
    assert len(set(made)) > 2
    finish_all()
    runs = runs_of(open_registry)
    assert [[e.dataset_name for e in run.evaluations] for run in runs] == [["1"], ["2"]]
    assert [[Path(point.path).name for point in run.checkpoints] for run in runs] == [["final-1"], ["final-2"]]
    for run in runs:
        assert run.problems == ()
        assert [(dataset.role, dataset.size) for dataset in run.datasets] == [("train", 16), ("eval", 4)]
        assert run.datasets[0].loss is not None
        assert run.model.tags == first_tags
        assert "generated_from_trainer" in first_tags
        assert [citation.heading for citation in run.citations] == [
            "Sentence Transformers",
            "MultipleNegativesRankingLoss",
        ]
        card = cardgen.render_card(run.id, registry=os.environ["CARDGEN_REGISTRY"])
        assert "MultipleNegativesRankingLoss" in card


class Trial:
    """A trial as far as the library asks it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.params = {"learning_rate": 1e-5 * (number + 1), "width": f"{number} wide"}


class Trials:
    """A search that trains and evaluates its trials one after the other, as that of optuna does, without optuna."""

    @staticmethod
    def ensure_available() -> None:
        """It is."""

    @staticmethod
    def default_hp_space(trial: Trial) -> Any:
        """What the trial chose."""
        return trial.params

    def run(self, trainer: Any, n_trials: int, direction: str, **kwargs: Any) -> BestRun:
        """Train and evaluate."""
        for number in range(n_trials):
            trainer.objective = None
            trainer.train(trial=Trial(number))
            trainer.objective = trainer.compute_objective(trainer.evaluate())
        return BestRun("0", trainer.objective, {})


@pytest.fixture(name="search")
def _search(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Runs such a search."""
    backends = transformers.trainer.ALL_HYPERPARAMETER_SEARCH_BACKENDS
    monkeypatch.setitem(backends, HPSearchBackend.OPTUNA, Trials)
    monkeypatch.setattr("transformers.integrations.hp_params", lambda trial: trial.params)
    return lambda trainer: trainer.hyperparameter_search(
        n_trials=2, backend="optuna", compute_objective=lambda metrics: metrics["eval_loss"]
    )


@pytest.mark.parametrize("how", ["track", "autolog", "callback"])
def test_each_trial_is_a_run_of_one_group(
    how: str, search: Callable[[Any], Any], tmp_path: Path, open_registry: Open
) -> None:
    """Two searches of two trials: four runs, two groups; each has its number, arguments, data sets and validation."""
    if how == "autolog":
        cardgen.autolog(tags=["t"])
    trainer = make_trainer(tmp_path, callbacks=[cardgen.CardCallback(tags=["t"])] if how == "callback" else None)
    if how == "track":
        with cardgen.track(trainer, tags=["t"]):
            search(trainer)
            search(trainer)
    else:
        search(trainer)
        search(trainer)
    finish_all()
    runs = runs_of(open_registry)
    assert [run.status for run in runs] == ["finished"] * 4
    groups = [run.group for run in runs]
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert None not in groups
    assert [run.tags for run in runs] == [("t", f"trial:{n}", f"width={n} wide") for n in (0, 1, 0, 1)]
    for number, run in enumerate(runs):
        assert run.hyperparameters is not None
        assert run.hyperparameters.values["learning_rate"] == 1e-5 * (number % 2 + 1)
        assert len(run.datasets) == 2
        assert run.problems == ()
        with open_registry() as registry:
            assert [event.kind for event in registry.log(run.id)] == ["train"] * 3 + ["eval"]


def test_a_group_that_is_given_is_kept(
    search: Callable[[Any], Any], tmp_path: Path, open_registry: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training after the search is no trial. `CARDGEN_RUN_ID` is the id of the first training."""
    monkeypatch.setenv("CARDGEN_RUN_ID", "sweep-7")
    cardgen.autolog(group="mine")
    trainer = make_trainer(tmp_path)
    search(trainer)
    trainer.train()
    cardgen.current_run().finish()  # type: ignore[union-attr]
    runs = runs_of(open_registry)
    assert [run.id == "sweep-7" for run in runs] == [True, False, False]
    assert [(run.group, run.tags[:1]) for run in runs] == [
        ("mine", ("trial:0",)),
        ("mine", ("trial:1",)),
        ("mine", ()),
    ]


def test_a_search_of_optuna(tmp_path: Path, open_registry: Open) -> None:
    """Numbers and names are optuna's; a trial that it gives up is interrupted."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    cardgen.autolog()
    trainer = make_trainer(tmp_path)
    trainer.args.eval_strategy = transformers.trainer_utils.IntervalStrategy.STEPS
    trainer.args.eval_steps = 1

    class Second(optuna.pruners.BasePruner):  # type: ignore[misc,unused-ignore,name-defined]
        def prune(self, study: Any, trial: Any) -> bool:
            return bool(trial.number == 1)

    def space(trial: Any) -> dict[str, Any]:
        trial.suggest_categorical("width", ["narrow"])
        return {"learning_rate": trial.suggest_float("learning_rate", 1e-6, 1e-4, log=True)}

    best = trainer.hyperparameter_search(
        hp_space=space,
        n_trials=3,
        backend="optuna",
        direction="minimize",
        compute_objective=lambda metrics: metrics["eval_loss"],
        hp_name=lambda trial: f"try {trial.number}",
        pruner=Second(),
    )
    finish_all()
    runs = runs_of(open_registry)
    assert [run.name for run in runs] == ["try 0", "try 1", "try 2"]
    assert [run.status for run in runs] == ["finished", "interrupted", "finished"]
    assert [run.tags for run in runs] == [(f"trial:{number}", "width=narrow") for number in range(3)]
    assert len({run.group for run in runs}) == 1
    values = [run.hyperparameters.values["learning_rate"] for run in runs if run.hyperparameters is not None]
    assert values[int(best.run_id)] == best.hyperparameters["learning_rate"]
