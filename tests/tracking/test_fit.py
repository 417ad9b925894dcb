"""`model.fit()` and `CrossEncoder.fit()`, which make their trainers inside: nobody can give these a callback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import InputExample
from torch.utils.data import DataLoader

import cardgen
from cardgen.errors import RecordingError
from cardgen.record import Run
from cardgen.registry import Registry
from tests.live.scenarios import Scenario
from tests.live.test_live_cards import check, evaluate_and_save
from tests.tracking import library, tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")

AFTER = Scenario(tiny.st_trainer, after=(tiny.triplet_evaluator,))
CE_AFTER = Scenario(tiny.ce_trainer, after=(tiny.classification_evaluator,))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both `fit()`s put checkpoints into the working directory."""
    monkeypatch.chdir(tmp_path)


def loader(rows: Any, count: int = 8) -> Any:
    """What the scripts of that time gave to `fit()`."""
    *texts, label = rows.column_names if "label" in rows.column_names else (*rows.column_names, None)
    examples = [
        InputExample(texts=[row[name] for name in texts], label=row[label] if label else 0)
        for row in rows.select(range(count))
    ]
    return DataLoader(examples, shuffle=False, batch_size=4)  # type: ignore[arg-type,unused-ignore]


def fit(model: Any, **options: Any) -> None:
    """Two steps an epoch on each of two objectives."""
    objectives = [
        (loader(tiny.pairs()), library.MultipleNegativesRankingLoss(model)),
        (loader(tiny.scored_pairs()), library.CoSENTLoss(model)),
    ]
    model.fit(objectives, warmup_steps=1, show_progress_bar=False, **options)


def fit_ce(model: Any, **options: Any) -> None:
    """Two steps an epoch."""
    model.fit(loader(tiny.labelled_pairs(labels=3)), warmup_steps=1, show_progress_bar=False, **options)


def stored(open_registry: Open) -> list[Run]:
    """All runs, the oldest first."""
    with open_registry() as registry:
        return registry.runs(order_by="created")


def test_a_fit_in_a_block_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_registry: Open) -> None:
    """Objectives, arguments, evaluations in and after it, saves of the best: our card is the library's."""
    model = tiny.build_st(tmp_path)
    with cardgen.track(model, name="fitted") as run:
        tiny.similarity_evaluator("before")(model)
        fit(model, epochs=2, evaluator=tiny.similarity_evaluator(), evaluation_steps=1, output_path="best")
        evaluate_and_save(AFTER, model, run, tmp_path / "final", monkeypatch)
    check(run, tmp_path / "final")
    (kept,) = stored(open_registry)
    assert (kept.name, kept.status, len(kept.segments)) == ("fitted", "finished", 1)
    assert [(dataset.size, dataset.loss is not None) for dataset in kept.datasets] == [(8, True), (8, True)]
    assert [e.dataset_name for e in kept.evaluations] == ["before", "sts-dev", "all-nli"]
    assert {Path(point.path).name for point in kept.checkpoints} == {"best", "final"}
    assert all(point.weights for point in kept.checkpoints)
    assert kept.hyperparameters is not None
    assert kept.hyperparameters.defaults["num_train_epochs"] == 3.0
    with open_registry() as registry:
        steps = [event.step for event in registry.log(kept.id) if event.kind == "evaluator"]
    assert steps[0] == -1
    assert steps[1:-1] == sorted(steps[1:-1])
    assert set(steps) >= {1, 2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("automatic", [False, True])
def test_a_fit_of_a_cross_encoder_is_recorded(
    automatic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_registry: Open
) -> None:
    """In a block, and by `autolog`, where `current_run()` is the handle; our card is the library's."""
    model = tiny.build_ce(tmp_path, 3)
    if automatic:
        cardgen.autolog(project="p")
        fit_ce(model, evaluator=tiny.classification_evaluator("dev"), evaluation_steps=1, output_path="best")
        run = cardgen.current_run()
        assert run is not None
        evaluate_and_save(CE_AFTER, model, run, tmp_path / "final", monkeypatch)
        run.finish()
        assert cardgen.current_run() is None
    else:
        with cardgen.track(model, project="p") as run:
            fit_ce(model, evaluator=tiny.classification_evaluator("dev"), evaluation_steps=1, output_path="best")
            evaluate_and_save(CE_AFTER, model, run, tmp_path / "final", monkeypatch)
    check(run, tmp_path / "final")
    (kept,) = stored(open_registry)
    assert (kept.id, kept.project, kept.status) == (run.id, "p", "finished")
    assert {Path(point.path).name for point in kept.checkpoints} == {"best", "final"}


def test_a_second_fit_is_another_run(tmp_path: Path, open_registry: Open) -> None:
    """In one block: what stands between two fits belongs to the first, and `current_run()` is the second."""
    model = tiny.build_st(tmp_path)
    with cardgen.track(model) as first:
        fit(model)
        tiny.similarity_evaluator("between")(model)
        fit(model, output_path="second")
        second = cardgen.current_run()
        assert second is not None
        second.evaluate(tiny.similarity_evaluator("after"))
    assert cardgen.current_run() is None
    runs = {run.id: run for run in stored(open_registry)}
    assert list(runs) == [first.id, second.id]
    assert [[e.dataset_name for e in run.evaluations] for run in runs.values()] == [["between"], ["after"]]
    assert [len(run.checkpoints) for run in runs.values()] == [0, 1]
    fit(model)
    tiny.similarity_evaluator("outside")(model)
    assert len(stored(open_registry)) == 2


def test_a_fit_that_raises_is_recorded(tmp_path: Path, open_registry: Open) -> None:
    """The exception passes unchanged, and the run has failed."""
    error = ZeroDivisionError("mine")

    def broken(score: float, epoch: float, steps: int) -> None:
        raise error

    model = tiny.build_st(tmp_path)
    with pytest.raises(ZeroDivisionError) as caught, cardgen.track(model):
        fit(model, evaluator=tiny.similarity_evaluator(), callback=broken)
    assert caught.value is error
    (kept,) = stored(open_registry)
    assert kept.status == "failed"
    assert kept.evaluations


def test_a_trainer_made_in_the_block_of_its_model_is_recorded(tmp_path: Path, open_registry: Open) -> None:
    """One that was made before, too; afterwards neither has a hook."""
    model = tiny.build_st(tmp_path)
    early = tiny.st_trainer(tmp_path, model=model)
    with cardgen.track(model) as run:
        late = tiny.st_trainer(tmp_path, model=model)
        late.train()
        early.train()
        second = cardgen.current_run()
    assert second is not None
    assert [kept.id for kept in stored(open_registry)] == [run.id, second.id]
    for trainer in (early, late):
        assert not any(isinstance(callback, cardgen.CardCallback) for callback in trainer.callback_handler.callbacks)


def test_a_model_is_tracked_once(tmp_path: Path) -> None:
    """A block in a block, of the model or its trainer, is refused."""
    trainer = tiny.st_trainer(tmp_path)
    for outer, inner in ((trainer.model, trainer.model), (trainer.model, trainer), (trainer, trainer.model)):
        with cardgen.track(outer), pytest.raises(RecordingError, match="already") as caught, cardgen.track(inner):
            pass
        assert caught.value.hint


def test_the_model_of_a_block_that_never_trains_leaves_nothing(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run, no file, and the id is given again; with an evaluation there is a run."""
    monkeypatch.setenv("CARDGEN_RUN_ID", "baseline-7")
    model = tiny.build_st(tmp_path)
    with cardgen.track(model):
        pass
    assert not spool.exists()
    with cardgen.track(model) as run:
        run.evaluate(tiny.similarity_evaluator())
    assert Registry().run("baseline-7").evaluations


@pytest.mark.parametrize("how", ["block", "autolog", "neither"])
def test_the_old_loop_says_that_it_cannot_be_recorded(
    how: str, tmp_path: Path, open_registry: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of `old_fit()` a block has evaluations and saves, and its run says what is missing; `autolog` says it only."""
    model = tiny.build_ce(tmp_path, 3)
    options: dict[str, Any] = {"evaluator": tiny.classification_evaluator("dev"), "output_path": str(tmp_path / "old")}
    options["warmup_steps"] = 1

    def train() -> None:
        model.old_fit(loader(tiny.labelled_pairs(labels=3)), show_progress_bar=False, **options)

    if how == "block":
        with cardgen.track(model):
            train()
        (kept,) = stored(open_registry)
        assert [e.dataset_name for e in kept.evaluations] == ["dev"]
        assert [Path(point.path).name for point in kept.checkpoints] == ["old"]
        assert "old_fit()" in kept.problems[0]
    else:
        if how == "autolog":
            cardgen.autolog()
        train()
        assert cardgen.current_run() is None
    assert ("old_fit() has a training loop of its own" in capfd.readouterr().err) == (how != "neither")


def test_another_process_of_a_fit_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """The rank is known before there is a trainer, and the trainer knows better."""
    monkeypatch.setenv("RANK", "1")
    model = tiny.build_st(tmp_path)
    with cardgen.track(model) as run:
        tiny.similarity_evaluator()(model)
        fit(model)
        assert run.evaluate(tiny.similarity_evaluator())
    assert not spool.exists()
    monkeypatch.delenv("RANK")
    monkeypatch.setattr(library.SentenceTransformerTrainer, "is_world_process_zero", lambda self: False)
    with cardgen.track(model):
        fit(model)
    assert not spool.exists()
