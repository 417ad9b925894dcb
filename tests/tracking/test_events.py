"""The log's events are what the library saw, in its order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cardgen
from cardgen.record import Displayed, LogEvent
from tests.tracking import tiny
from tests.tracking.library import BaseEvaluator, SequentialEvaluator

Rows = Callable[[list[LogEvent]], list[dict[str, Any]]]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")

STEPS = {"eval_strategy": "steps", "eval_steps": 2, "logging_steps": 1}


class Fixed(BaseEvaluator):  # type: ignore[misc,unused-ignore]
    """Gives the library these metrics."""

    def __init__(self, metrics: dict[str, Any], primary: Any, name: str | None = None) -> None:
        super().__init__()
        self.metrics, self.primary_metric = metrics, primary
        if name is not None:
            self.name = name

    def __call__(self, model: Any, output_path: Any = None, epoch: Any = -1, steps: Any = -1) -> dict[str, Any]:
        """Tell the library and return them."""
        self.store_metrics_in_model_card_data(model, self.metrics, epoch, steps)
        return dict(self.metrics)


def test_the_rows_of_the_table_follow_from_the_events(tmp_path: Path, rows: Rows) -> None:
    """Evaluators before, during and after training, losses, validations of several sets: the library's own rows."""
    free = Fixed({"free": 1.0}, None)
    del free.primary_metric
    evaluators = [tiny.similarity_evaluator(), tiny.triplet_evaluator(), free]
    trainer = tiny.st_trainer(
        tmp_path,
        evaluator=evaluators,
        eval_dataset={"a": tiny.pairs(4), "b": tiny.pairs(4, offset=9)},
        args={**STEPS, "max_steps": 5},
    )
    with cardgen.track(trainer) as run:
        run.evaluate(tiny.similarity_evaluator("before"))
        run.evaluate(Fixed({"x": 1.0}, "x"))
        trainer.evaluate()
        trainer.train()
        run.evaluate(tiny.similarity_evaluator("after"))
        trainer.evaluate()
        run.evaluate(Fixed({"y": 2.0}, "y"))
    expected = trainer.model.model_card_data.training_logs
    assert rows(run.log) == expected
    assert [list(row) for row in rows(run.log)] == [list(row) for row in expected]
    assert len(expected) > 6


def test_an_evaluator_comes_before_the_log_and_the_log_before_the_validation(tmp_path: Path) -> None:
    """Within a step the order is the library's."""
    trainer = tiny.st_trainer(
        tmp_path, evaluator=tiny.similarity_evaluator(), eval_dataset=tiny.pairs(4), args={**STEPS, "max_steps": 2}
    )
    with cardgen.track(trainer) as run:
        trainer.train()
    assert [(event.kind, event.step) for event in run.log] == [
        ("train", 1), ("train", 2), ("evaluator", 2), ("eval", 2), ("train", 2),
    ]  # fmt: skip
    assert [event.epoch for event in run.log] == [0.25, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("evaluator", "values"),
    [
        (Fixed({"a": 1.0, "b": 2.0}, None), None),
        (Fixed({"a": 1.0}, "other"), {}),
        (Fixed({"a": 1.0, "b": 2, "c": 3.0}, ["a", "b"]), {"a": 1.0, "b": 2}),
        (Fixed({"a": np.float64(0.25)}, "a"), {"a": 0.25}),
        (Fixed({"a": np.float32(0.1)}, "a"), {"a": Displayed("0.1", float(np.float32(0.1)))}),
        (Fixed({"a": float("nan")}, "a", name="n"), {"a": pytest.approx(float("nan"), nan_ok=True)}),
        (SequentialEvaluator([Fixed({"a": 1.0}, "a")]), {"a": 1.0}),
    ],
)
def test_an_evaluator_adds_its_primary_metrics(evaluator: Any, values: Any, tmp_path: Path) -> None:
    """Without a primary metric there is no event; one that is not among the metrics makes an empty one."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        run.evaluate(evaluator)
        events = run.log
        assert [event.values for event in events] == ([] if values is None else [values])
        assert all((event.kind, event.epoch, event.step) == ("evaluator", -1, -1) for event in events)


def test_only_a_validations_own_log_is_left_out(tmp_path: Path) -> None:
    """A user's `data_runtime` beside the loss costs nothing; the parts of a validation's loss are kept."""
    from transformers import TrainerCallback

    class Timed(TrainerCallback):  # type: ignore[misc,unused-ignore]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if "loss" in logs:
                logs["data_runtime"] = 0.5

    args = {**STEPS, "max_steps": 2, "include_num_input_tokens_seen": "all"}
    sets = {"a": tiny.question_pairs(4), "b": tiny.question_pairs(6)}
    for eval_dataset, prefix in ((tiny.question_pairs(4), "eval"), (sets, None)):
        trainer = tiny.splade_trainer(tmp_path, eval_dataset=eval_dataset, args=args, callbacks=[Timed()])
        with cardgen.track(trainer) as run:
            trainer.train()
        logged = [event.values for event in run.log if event.kind == "train"]
        assert [values["data_runtime"] for values in logged if "loss" in values] == [0.5, 0.5]
        assert not any(name.endswith("eval_runtime") for values in logged for name in values)
        parts = [values for values in logged if f"{prefix}_base_loss" in values]
        assert [len(values) for values in parts] == ([3] if prefix else [])
        assert all("epoch" not in values and "num_input_tokens_seen" not in values for values in parts)


def test_results_are_the_latest_of_each_evaluator(tmp_path: Path) -> None:
    """In order of first use, with full keys, pure Python values and the step they were made at."""
    evaluator = tiny.similarity_evaluator()
    late = Fixed({"n_a": np.float32(0.5), "n_b": np.int64(3), "n_c": "3.5 (of 4)"}, "n_a", name="n")
    trainer = tiny.st_trainer(tmp_path, evaluator=evaluator, args=STEPS)
    with cardgen.track(trainer) as run:
        trainer.train()
        run.evaluate(late)
    first, second = run.run.evaluations
    metrics = trainer.model.model_card_data.eval_results_dict[evaluator]
    assert (first.dataset_name, first.metrics, first.step, first.epoch) == ("sts-dev", metrics, 4, 1.0)
    assert first.primary_metric == "sts-dev_spearman_cosine"
    assert first.description == "Semantic Similarity"
    assert first.evaluator.startswith("sentence_transformers.")
    assert first.evaluator.endswith(".EmbeddingSimilarityEvaluator")
    assert second.metrics == {"n_a": 0.5, "n_b": 3, "n_c": "3.5 (of 4)"}
    assert [type(value) for value in second.metrics.values()] == [float, int, str]
    assert (second.evaluator, second.description, second.step) == (f"{Fixed.__module__}.Fixed", "Fixed", -1)


def test_evaluations_from_before_the_block_belong_to_the_run(tmp_path: Path, rows: Rows) -> None:
    """What was evaluated on the fresh model before `track` is in the library's card, so it is in the record."""
    trainer = tiny.st_trainer(tmp_path)
    tiny.similarity_evaluator("base")(trainer.model)
    with cardgen.track(trainer) as run:
        trainer.train()
    assert rows(run.log) == trainer.model.model_card_data.training_logs
    assert [evaluation.dataset_name for evaluation in run.run.evaluations] == ["base"]


def test_a_second_training_of_a_model_does_not_inherit_the_first_ones_log(tmp_path: Path) -> None:
    """The library's card goes on with the rows and results of the first stage; a run has only its own."""
    model = tiny.build_st(tmp_path)
    first_evaluator, second_evaluator = tiny.similarity_evaluator("one"), tiny.similarity_evaluator("two")
    trainer = tiny.st_trainer(tmp_path, model=model, evaluator=first_evaluator, args=STEPS)
    with cardgen.track(trainer) as first:
        trainer.train()
    trainer = tiny.st_trainer(tmp_path, model=model, evaluator=second_evaluator, args=STEPS)
    with cardgen.track(trainer) as second:
        trainer.train()
    assert first.id != second.id
    assert [evaluation.dataset_name for evaluation in second.run.evaluations] == ["two"]
    assert [event.step for event in second.log if event.kind == "evaluator"] == [2, 4]
    assert len(first.log) == len(second.log)


def test_the_handle_evaluates_anything_callable(tmp_path: Path) -> None:
    """An evaluator that tells the library nothing, with or without a dictionary, is recorded all the same."""
    trainer = tiny.st_trainer(tmp_path)

    class Accuracy:
        def __call__(self, model: Any) -> float:
            return 0.75

    def score(model: Any) -> dict[str, float]:
        return {"score": 0.5}

    with cardgen.track(trainer) as run:
        trainer.train()
        assert run.evaluate(Accuracy()) == 0.75
        assert run.evaluate(score) == {"score": 0.5}
        assert run.evaluate(Accuracy()) == 0.75
    found = {evaluation.evaluator.rpartition(".")[2]: evaluation.metrics for evaluation in run.run.evaluations}
    assert found == {"function": {"score": 0.5}, "Accuracy": {"Accuracy": 0.75}}
    assert len(run.run.evaluations) == 2


def test_an_evaluator_that_raises_is_the_users_affair(tmp_path: Path) -> None:
    """The exception passes; the run goes on if the user catches it."""
    trainer = tiny.st_trainer(tmp_path)

    def broken(model: Any) -> None:
        raise RuntimeError("mine")

    with cardgen.track(trainer) as run:
        with pytest.raises(RuntimeError, match="mine"):
            run.evaluate(broken)
        trainer.train()
    assert run.run.status == "finished"


def test_the_best_checkpoint_is_known(tmp_path: Path, rows: Rows) -> None:
    """Its step, its folder, and the weights that results were made on."""
    trainer = tiny.st_trainer(
        tmp_path,
        evaluator=tiny.similarity_evaluator(),
        eval_dataset=tiny.pairs(6, offset=40),
        args={
            **STEPS,
            "save_strategy": "steps",
            "save_steps": 2,
            "load_best_model_at_end": True,
            "learning_rate": 1e-2,
        },
    )
    with cardgen.track(trainer) as run:
        run.evaluate(tiny.similarity_evaluator("before"))
        trainer.train()
        run.evaluate(tiny.triplet_evaluator())
        trainer.model.save_pretrained(str(tmp_path / "final"))
    record = run.run
    best = trainer.model.model_card_data.best_model_step
    assert record.best_step == best
    assert [(point.step, point.best) for point in record.checkpoints] == [
        (step, step == best) for step in sorted({2, 4})
    ] + [(best, False)]
    by_step = {point.step: point.weights for point in record.checkpoints}
    assert all(by_step.values())
    before, in_training, after = record.evaluations
    assert before.weights is None
    assert in_training.weights == by_step[4]
    assert after.weights == by_step[best]
    assert rows(run.log) == trainer.model.model_card_data.training_logs
