"""One line in a script, and every training of the process is recorded."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from accelerate.state import GradientState
from transformers import TrainerCallback

import cardgen
from cardgen.errors import RecordingError, SettingsError
from cardgen.record import ModelType, Run
from cardgen.registry import Registry
from tests.live.scenarios import SCENARIOS
from tests.live.test_live_cards import check, evaluate_and_save
from tests.tracking import library, tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def hooks(trainer: Any) -> list[cardgen.CardCallback]:
    """The hooks that a trainer has."""
    return [callback for callback in trainer.callback_handler.callbacks if isinstance(callback, cardgen.CardCallback)]


def runs_of(open_registry: Open) -> list[Run]:
    """All runs, the oldest first; none where there is no registry."""
    if not Path(os.environ["CARDGEN_REGISTRY"]).exists():
        return []
    with open_registry() as registry:
        return registry.runs(order_by="created")


def current() -> cardgen.ActiveRun:
    """The current run, which there must be."""
    run = cardgen.current_run()
    assert run is not None
    return run


class Raise(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Raises at the second step."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raise at the step."""
        if state.global_step == 2:
            raise self.error


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("kind", get_args(ModelType))
def test_every_type_of_trainer_is_recorded(
    kind: str, early: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_registry: Open
) -> None:
    """Whether `autolog` comes before or after the trainer is made, our card is the library's."""
    scenario = SCENARIOS[{"SentenceTransformer": "st_best", "CrossEncoder": "ce_three_labels"}.get(kind, "st_pairs")]
    make = scenario.trainer if scenario is not SCENARIOS["st_pairs"] else tiny.TRAINERS[kind]
    if early:
        cardgen.autolog(project="p", group="g", tags=["t"])
    trainer = make(tmp_path)
    if not early:
        cardgen.autolog(project="p", group="g", tags=["t"])
    for evaluator in scenario.before:
        evaluator()(trainer.model)
    trainer.train()
    run = current()
    evaluate_and_save(scenario, trainer.model, run, tmp_path / "final", monkeypatch)
    run.finish()
    check(run, tmp_path / "final")
    (kept,) = runs_of(open_registry)
    assert (kept.project, kept.group, kept.tags) == ("p", "g", ("t",))
    assert kept.status == "finished"
    assert kept.hyperparameters is not None
    assert kept.hyperparameters.defaults["max_steps"] == -1


def test_a_subclass_of_a_trainer_is_recorded(tmp_path: Path, open_registry: Open) -> None:
    """Also one that makes no use of the library's card callback, which is where trainers are seen being made."""

    class Mine(library.SentenceTransformerTrainer):  # type: ignore[misc,unused-ignore]
        def train(self, *args: Any, **kwargs: Any) -> Any:
            return super().train(*args, **kwargs)

    class Bare(Mine):
        def add_model_card_callback(self, default_args_dict: Any) -> None:
            pass

    cardgen.autolog()
    for number, kind in enumerate((Mine, Bare)):
        plain = tiny.st_trainer(tmp_path / str(number))
        trainer = kind(model=plain.model, args=plain.args, train_dataset=plain.train_dataset, loss=plain.loss)
        trainer.train()
    assert [run.status for run in runs_of(open_registry)] == ["finished", "finished"]


def test_each_training_is_a_run(tmp_path: Path, open_registry: Open) -> None:
    """Two `train()` of one trainer; what stands between them is the first's, and nothing is recorded twice."""
    cardgen.autolog()
    cardgen.autolog()
    trainer = tiny.st_trainer(tmp_path)
    trainer.train()
    first = current()
    first.evaluate(tiny.similarity_evaluator("between"))
    trainer.train()
    second = current()
    tiny.similarity_evaluator("after")(trainer.model)
    second.finish()
    assert len(hooks(trainer)) == 1
    assert [run.id for run in runs_of(open_registry)] == [first.id, second.id]
    assert [[e.dataset_name for e in run.evaluations] for run in runs_of(open_registry)] == [["between"], ["after"]]


def test_settings_count_for_what_begins_later(tmp_path: Path, open_registry: Open) -> None:
    """A second call replaces the settings; `disable=True` ends it, and what has begun goes on to its end."""
    cardgen.autolog(project="one")
    first, second = (tiny.st_trainer(tmp_path / part) for part in "ab")
    first.train()
    cardgen.autolog(project="two", tags=["later"])
    second.train()
    run = current()
    cardgen.autolog(disable=True)
    assert run.evaluate(tiny.similarity_evaluator("still"))
    second.train()
    tiny.similarity_evaluator("no more")(second.model)
    tiny.st_trainer(tmp_path / "c").train()
    assert not hooks(second)
    first_run, second_run = runs_of(open_registry)
    assert (first_run.project, second_run.project, second_run.tags) == ("one", "two", ("later",))
    assert [e.dataset_name for e in second_run.evaluations] == ["still"]


def test_a_trainer_that_is_recorded_otherwise_is_left_alone(tmp_path: Path, open_registry: Open) -> None:
    """With `track`, or a `CardCallback` given early or late, there is one run, and it is theirs."""
    cardgen.autolog(project="auto")
    given = tiny.st_trainer(tmp_path / "given", callbacks=[cardgen.CardCallback(project="given")])
    given.train()
    late = tiny.st_trainer(tmp_path / "late")
    late.add_callback(cardgen.CardCallback(project="late"))
    late.train()
    tracked = tiny.st_trainer(tmp_path / "tracked")
    with cardgen.track(tracked, project="tracked") as run:
        tracked.train()
        assert current().id == run.id
    fitted = tiny.build_st(tmp_path / "fitted")
    with cardgen.track(fitted, project="model"):
        tiny.st_trainer(tmp_path / "fitted", model=fitted).train()
    for trainer in (given, late):
        assert len(hooks(trainer)) == 1
        hooks(trainer)[0].run.finish()  # type: ignore[union-attr]
    assert [run.project for run in runs_of(open_registry)] == ["given", "late", "tracked", "model"]
    tracked.train()  # the block is over
    assert runs_of(open_registry)[-1].project == "auto"


def test_a_trainer_that_is_never_trained_leaves_nothing(tmp_path: Path, spool: Path) -> None:
    """No run and no file, although it was evaluated and its model was saved."""
    cardgen.autolog()
    trainer = tiny.st_trainer(tmp_path, eval_dataset=tiny.pairs(4))
    trainer.evaluate()
    tiny.similarity_evaluator()(trainer.model)
    trainer.model.save_pretrained(str(tmp_path / "saved"))
    current().finish()
    del trainer
    gc.collect()
    assert not spool.exists()
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()
    assert not list(tmp_path.rglob("cardgen.json"))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cardgen")]


@pytest.mark.parametrize(
    ("error", "status"), [(ZeroDivisionError("mine"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_training_that_breaks_off_goes_on_being_recorded(
    error: BaseException, status: str, tmp_path: Path, open_registry: Open
) -> None:
    """The exception passes unchanged; who catches it may evaluate and save, and the next training is another run."""
    cardgen.autolog()
    trainer = tiny.st_trainer(tmp_path, callbacks=[Raise(error)], args={"logging_steps": 1})
    with pytest.raises(type(error)) as caught:
        trainer.train()
    assert caught.value is error
    assert runs_of(open_registry)[0].status == status
    run = current()
    run.evaluate(tiny.similarity_evaluator())
    trainer.model.save_pretrained(str(tmp_path / "saved"))
    trainer.pop_callback(Raise)
    trainer.train()
    broken, whole = runs_of(open_registry)
    assert (broken.id, broken.status, whole.status) == (run.id, status, "finished")
    assert (len(broken.evaluations), len(broken.checkpoints)) == (1, 1)
    assert broken.segments[0].end_step == 1
    assert (len(whole.evaluations), len(whole.checkpoints)) == (0, 0)


def test_wrong_settings_raise_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_registry: Open) -> None:
    """With a hint; what was set before stays."""
    cardgen.autolog(project="right")
    for wrong, expected in (
        ({"project": b"p"}, RecordingError),
        ({"group": "two\nlines"}, RecordingError),
        ({"tags": "tag"}, RecordingError),
        ({"registry": "mongodb://host/db"}, SettingsError),
    ):
        with pytest.raises(expected) as caught:
            cardgen.autolog(**wrong)
        assert caught.value.hint
    monkeypatch.setenv("CARDGEN_MODE", "sometimes")
    with pytest.raises(SettingsError, match="CARDGEN_MODE"):
        cardgen.autolog()
    tiny.st_trainer(tmp_path).train()
    assert [run.project for run in runs_of(open_registry)] == ["right"]


def test_a_registry_of_its_own_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line at the start, one at the end, with all that a command needs; silent otherwise."""
    place = tmp_path / "my cards.db"
    cardgen.autolog(registry=place)
    trainer = tiny.st_trainer(tmp_path)
    trainer.train()
    run = current()
    run.evaluate(tiny.similarity_evaluator())
    run.finish()
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("cardgen:")]
    where = f"--registry 'sqlite:///{place}'"
    assert lines == [
        f"cardgen: recording {run.name} in sqlite:///{place}",
        f"cardgen: {run.name} finished; see it: cardgen runs show {run.name} {where}; "
        f"publish it: cardgen publish {run.name} REPO_ID {where}",
    ]
    with Registry(place, mode="read") as registry:
        assert registry.run(run.name).evaluations


def test_disabled_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written or said; the handle is there and does nothing, so that a script runs in either mode."""
    monkeypatch.setenv("CARDGEN_MODE", "disabled")
    cardgen.autolog()
    trainer = tiny.st_trainer(tmp_path)
    trainer.train()
    assert current().evaluate(tiny.similarity_evaluator())
    assert current().log == []
    current().finish()
    assert cardgen.current_run() is None
    assert not spool.exists()
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()
    assert "cardgen" not in capfd.readouterr().err


def test_offline_only_spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """Whoever opens the registry later finds the run."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    cardgen.autolog()
    trainer = tiny.st_trainer(tmp_path)
    trainer.train()
    run = current()
    run.finish()
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()
    assert [path.stem for path in spool.iterdir()] == [run.id]
    with Registry() as registry:
        assert registry.run(run.id) == run.run


def test_trainers_and_models_can_be_copied(tmp_path: Path, open_registry: Open) -> None:
    """With `autolog` on, copied and pickled ones are others: the training of a copy is a run of its own, once."""
    cardgen.autolog(project="p")
    GradientState._reset_state()  # shared by all trainers; after any training in the process it cannot be pickled
    trainer = tiny.st_trainer(tmp_path)
    pickled = pickle.dumps(trainer)
    trainer.train()
    runs = [current()]
    for other in (copy.deepcopy(trainer), pickle.loads(pickled)):
        tiny.similarity_evaluator("other")(other.model)
        other.train()
        assert len(hooks(other)) == 1
        runs.append(current())
        runs[-1].finish()
    runs[0].finish()
    assert [(kept.id, kept.project) for kept in runs_of(open_registry)] == [(run.id, "p") for run in runs]
    assert runs_of(open_registry)[0].evaluations == ()


def test_nothing_is_kept_alive(tmp_path: Path, open_registry: Open) -> None:
    """When the script lets go of trainer and model, they are freed, and the run is closed with them."""
    cardgen.autolog()
    trainer = tiny.st_trainer(tmp_path)
    trainer.train()
    run = current()
    watched = [weakref.ref(thing) for thing in (trainer, trainer.model, trainer.train_dataset, trainer.args)]
    del trainer
    gc.collect()
    assert [reference() for reference in watched[:3]] == [None] * 3
    assert cardgen.current_run() is None
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("cardgen")]:
        thread.join(20)
    assert watched[3]() is None
    assert [(kept.id, kept.status) for kept in runs_of(open_registry)] == [(run.id, "finished")]


def test_trouble_of_ours_does_not_reach_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever fails when a hook is made or begins, the training ends, and the user is told."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("deliberate")

    cardgen.autolog()
    for place in ("callback.Recording", "trainers.live.block_of", "callback.live.note"):
        with monkeypatch.context() as patch:
            patch.setattr(f"cardgen.tracking.{place}", broken)
            trainer = tiny.st_trainer(tmp_path)
            trainer.train()
            assert trainer.state.global_step == 4
        assert "deliberate" in capfd.readouterr().err


def test_current_run_is_the_innermost(tmp_path: Path) -> None:
    """A training within a training, a thread within a block: each sees its own; outside there is none."""
    seen: dict[str, str | None] = {}

    def look(name: str) -> None:
        run = cardgen.current_run()
        seen[name] = None if run is None else run.run.project

    class Look(TrainerCallback):  # type: ignore[misc,unused-ignore]
        def __init__(self, name: str, inside: Callable[[], None] = lambda: None) -> None:
            self.name, self.inside = name, inside

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 1:
                look(f"{self.name}, before")
                self.inside()
                look(f"{self.name}, after")

    models = []

    def train(name: str) -> None:
        trainer = tiny.st_trainer(tmp_path / name, callbacks=[Look(name), cardgen.CardCallback(project=name)])
        trainer.train()
        models.append(trainer.model)
        look(f"{name}, behind")

    def thread() -> None:
        worker = threading.Thread(target=train, args=("thread",))
        worker.start()
        worker.join()

    look("first")
    outer = tiny.st_trainer(tmp_path / "outer", callbacks=[Look("outer", lambda: train("inner"))])
    with cardgen.track(outer, project="outer"):
        look("block")
        outer.train()
        look("trained")
        thread()
        look("threads over")
    look("block over")
    assert seen == {
        "first": None,
        "block": "outer",
        "outer, before": "outer",
        "inner, before": "inner",
        "inner, after": "inner",
        "inner, behind": "outer",
        "outer, after": "outer",
        "trained": "outer",
        "thread, before": "thread",
        "thread, after": "thread",
        "thread, behind": "thread",
        "threads over": "outer",
        "block over": "inner",
    }


def test_trainings_in_threads_are_apart(tmp_path: Path, open_registry: Open) -> None:
    """Two at once; each thread has its own current run."""
    cardgen.autolog()
    # made here: making a trainer resets a state that accelerate shares between threads
    trainers = {name: tiny.st_trainer(tmp_path / name) for name in ("one", "two")}
    found: dict[str, str] = {}

    def train(name: str) -> None:
        trainers[name].train()
        current().evaluate(tiny.similarity_evaluator(name))
        found[name] = current().id

    threads = [threading.Thread(target=train, args=(name,)) for name in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (run := cardgen.current_run()) is not None:
        run.finish()
    assert {run.id: [e.dataset_name for e in run.evaluations] for run in runs_of(open_registry)} == {
        found["one"]: ["one"],
        found["two"]: ["two"],
    }


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """Without sentence-transformers, the name of the extra; nothing heavy is loaded before `autolog()`."""
    code = (
        "import sys\nsys.modules['sentence_transformers'] = None\nimport cardgen\n"
        "assert cardgen.current_run() is None\n"
        "try:\n    cardgen.autolog()\nexcept cardgen.CardgenError as error:\n    print(error.hint)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["pip install 'cardgen[train]'", "False"]
