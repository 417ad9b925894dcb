"""A recorded run is opened again, in any process: what is added names its weights, and nothing is lost."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import cardgen
from cardgen.cli import main
from cardgen.errors import OtherWeights, SettingsError
from cardgen.registry import Registry
from cardgen.standing import described_checkpoint, standing_evaluations
from cardgen.tracking import weights
from tests.tracking import tiny
from tests.tracking.library import SentenceTransformer

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


@pytest.fixture(name="recorded")
def _recorded(tmp_path: Path) -> cardgen.ActiveRun:
    """A finished run with two checkpoints and a final model, evaluated in training."""
    trainer = tiny.st_trainer(
        tmp_path,
        args={"save_strategy": "steps", "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2},
        evaluator=tiny.similarity_evaluator("dev"),
    )
    with cardgen.track(trainer, name="done", tags=["a"]) as run:
        trainer.train()
        trainer.save_model(str(tmp_path / "final"))
    return run


def load(folder: Path) -> Any:
    """The model in a folder."""
    return SentenceTransformer(str(folder), device="cpu")


def test_a_later_evaluation_is_as_one_in_the_block(recorded: cardgen.ActiveRun, tmp_path: Path) -> None:
    """On the final model: it names the weights, and the card is that of a run that was evaluated at once."""
    with cardgen.open_run("done") as run:
        result = run.evaluate(tiny.triplet_evaluator("test"), load(tmp_path / "final"))
    assert run.id == recorded.id
    point = described_checkpoint(run.run)
    assert point is not None
    evaluation = run.run.evaluations[-1]
    assert (evaluation.dataset_name, evaluation.weights, evaluation.step) == ("test", point.weights, 4)
    assert evaluation.metrics == result
    trainer = tiny.st_trainer(
        tmp_path / "again",
        args={"save_strategy": "steps", "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2},
        evaluator=tiny.similarity_evaluator("dev"),
    )
    with cardgen.track(trainer, name="at once") as other:
        trainer.train()
        trainer.save_model(str(tmp_path / "other"))
        other.evaluate(tiny.triplet_evaluator("test"))

    def card(name: str) -> list[str]:
        text = cardgen.render_card(name)
        times = ("- **Training**", "- **Evaluation**", "- **Total**")
        return [line for line in text.splitlines() if not line.startswith(times)]

    assert any("test_cosine_accuracy" in line for line in card("done"))
    assert card("done") == card("at once")


def test_other_weights_stay_out_of_the_card(
    recorded: cardgen.ActiveRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older checkpoint, and a folder that becomes one: both are kept, and neither card nor listing shows them."""
    before = cardgen.render_card("done")
    run = cardgen.open_run(recorded.id[:20])
    run.evaluate(tiny.similarity_evaluator("dev"), load(tmp_path / "out" / "checkpoint-2"))
    run.evaluate(tiny.similarity_evaluator("dev"), load(tmp_path / "out" / "checkpoint-2"))
    stranger = tiny.build_st(tmp_path / "x")
    stranger.save_pretrained(str(tmp_path / "stranger"))
    run.evaluate(tiny.triplet_evaluator("odd"), load(tmp_path / "stranger"))
    stored = run.run
    assert [(e.dataset_name, e.step) for e in stored.evaluations] == [("dev", 4), ("dev", 2), ("odd", None)]
    assert len({e.weights for e in stored.evaluations}) == 3
    assert [Path(point.path).name for point in stored.checkpoints] == [
        "checkpoint-2",
        "checkpoint-4",
        "final",
        "stranger",
    ]
    assert run.log == recorded.log
    assert cardgen.render_card("done") == before
    with Registry(mode="read") as registry:
        (row,) = registry.listing()
    assert row.metric == stored.evaluations[0].metrics["dev_spearman_cosine"]
    capsys.readouterr()
    assert main(["runs", "show", "done"]) == 0
    assert f", on {tmp_path / 'stranger'}" in "".join(capsys.readouterr().out.split("\n"))


def test_weights_of_nowhere_are_refused(recorded: cardgen.ActiveRun, tmp_path: Path) -> None:
    """A model that was changed since it was loaded, one of no folder, and one of another type: nothing is evaluated."""
    run = cardgen.open_run("done")
    before = run.run
    changed = load(tmp_path / "final")
    with torch.no_grad():
        next(changed.parameters()).add_(1)

    def evaluator(model: Any) -> None:
        raise AssertionError

    homeless = tiny.build_st(tmp_path / "y")
    shutil.rmtree(tmp_path / "y")
    for model in (changed, homeless, tiny.build_ce(tmp_path / "z"), object()):
        with pytest.raises(OtherWeights) as caught:
            run.evaluate(evaluator, model)
        assert caught.value.hint
    assert run.run == before


def test_saved_in_another_form_they_are_the_same_weights(
    recorded: cardgen.ActiveRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this library would write other bytes, the tensors of the folder tell."""
    monkeypatch.setattr(weights, "saved_hash", lambda model: "0" * 64)
    run = cardgen.open_run("done")
    run.evaluate(tiny.triplet_evaluator("test"), load(tmp_path / "final"))
    assert run.run.evaluations[-1].weights == described_checkpoint(run.run).weights  # type: ignore[union-attr]
    assert len(run.run.checkpoints) == 3


def test_a_newer_result_on_the_same_weights_takes_the_place(recorded: cardgen.ActiveRun, tmp_path: Path) -> None:
    """The in-training result of the last checkpoint gives way to one made later on it, and stays where it stood."""
    run = cardgen.open_run("done")
    run.evaluate(tiny.similarity_evaluator("dev"), load(tmp_path / "final"))
    (evaluation,) = standing_evaluations(run.run)
    assert evaluation.epoch is None
    assert len(run.run.evaluations) == 1


def test_a_result_survives_the_recorder(tmp_path: Path, open_registry: Open) -> None:
    """Evaluated from elsewhere while the run is recorded: the recorder, which knows nothing of it, undoes nothing."""
    trainer = tiny.st_trainer(tmp_path, args={"save_strategy": "steps", "save_steps": 2})
    with cardgen.track(trainer, name="live") as run:
        trainer.train()
        run._recording._draft.journal.flush(10)
        point = tmp_path / "out" / "checkpoint-2"
        while not all(p.weights for p in cardgen.open_run("live").run.checkpoints):
            run._recording._draft.journal.flush(1)
        cardgen.open_run("live").evaluate(tiny.triplet_evaluator("aside"), load(point))
        cardgen.open_run("live").tag("seen")
        run.evaluate(tiny.similarity_evaluator("own"))
    with open_registry() as registry:
        stored, log = registry.run("live"), registry.log("live")
    assert [e.dataset_name for e in stored.evaluations] == ["own", "aside"]
    assert (stored.status, stored.tags) == ("finished", ("seen",))
    assert log == run.log
    assert "aside" not in cardgen.render_card("live")


def test_words_tags_and_facts(recorded: cardgen.ActiveRun) -> None:
    """`note`, `tag` and `set` reach registry and card; what cannot be right is refused and changes nothing."""
    run = cardgen.open_run("done")
    run.note("bias", "English only.")
    run.tag("b", "c")
    run.set(license="apache-2.0", name="better")
    assert (run.name, run.run.tags, run.run.model.license) == ("better", ("a", "b", "c"), "apache-2.0")
    card = cardgen.render_card("better")
    assert "license: apache-2.0" in card
    assert "English only." in card
    for wrong in ({"licence": "mit"}, {"license": "a b"}, {"dataset.train.7.name": "x"}):
        with pytest.raises(SettingsError):
            run.set(**wrong)
    with pytest.raises(SettingsError):
        run.tag("a,b")
    with pytest.raises(SettingsError):
        run.note("nonsense", "x")
    run.set(license=None)
    assert run.run.model.license is None


def test_a_run_of_a_spool_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded offline, it is in the registry once it is opened."""
    Registry().close()
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="away") as recorded:
        trainer.train()
    assert cardgen.open_run("away").run == recorded.run


def test_a_run_that_there_is_not(tmp_path: Path, recorded: cardgen.ActiveRun) -> None:
    """An unknown run, and an unknown registry, are typed errors; nothing is made."""
    with pytest.raises(cardgen.RunNotFound) as caught:
        cardgen.open_run("nobody")
    assert caught.value.hint
    with pytest.raises(cardgen.CardgenError):
        cardgen.open_run("done", registry=tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    run = cardgen.open_run("done")
    with Registry() as registry:
        registry.delete("done")
        with pytest.raises(cardgen.RunNotFound):
            run.tag("late")
        with pytest.raises(cardgen.RunNotFound):
            cardgen.open_run("done", registry=registry)


def test_many_add_at_once(recorded: cardgen.ActiveRun) -> None:
    """Of handles that write at the same moment none undoes another's: tags, words, results."""
    results = dataclasses.replace(recorded.run.evaluations[0], epoch=None)
    sections = ("contact", "recommendations", "glossary", "authors")

    def add(number: int) -> None:
        run = cardgen.open_run("done")
        for part in range(3):
            run.tag(f"tag-{number}-{part}")
        run.note(sections[number], f"words {number}")
        new = dataclasses.replace(results, dataset_name=f"set-{number}")
        with Registry() as registry:
            registry.change("done", lambda run: dataclasses.replace(run, evaluations=(*run.evaluations, new)))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = cardgen.open_run("done").run
    assert {*run.tags} == {"a", *(f"tag-{number}-{part}" for number in range(4) for part in range(3))}
    assert {e.dataset_name for e in run.evaluations} == {"dev", *(f"set-{number}" for number in range(4))}
    assert all(f"words {number}" in cardgen.render_card("done") for number in range(4))


def test_without_torch(recorded: cardgen.ActiveRun) -> None:
    """Everything but `evaluate` works in a process that has no training library."""
    code = (
        "import sys, cardgen\n"
        "run = cardgen.open_run('done')\n"
        "run.tag('x'); run.note('bias', 'No.'); run.set(license='mit')\n"
        "print(run.name, len(run.log), run.run.tags)\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules), 'loaded'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split(maxsplit=2) == ["done", str(len(recorded.log)), "('a', 'x')\n"], done.stderr


def test_the_live_handle_tags_and_sets(tmp_path: Path, open_registry: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Before, in and after the run; what is wrong is said, and never raised into the training."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="live") as run:
        run.tag("early")
        run.set(license="mit")
        trainer.train()
        run.set(licence="x", base_model="/a/path")
        run.tag("a,b")
        assert (run.run.tags, run.run.model.license) == (("early",), "mit")
        assert "license: mit" in cardgen.render_card(run)
    run.tag("late")
    run.set(language=["en"])
    said = capsys.readouterr().err
    assert "licence" in said
    assert "a,b" in said
    with open_registry() as registry:
        stored = registry.run("live")
    assert (stored.tags, stored.model.license, stored.model.language) == (("early", "late"), "mit", ("en",))
    assert run.run == stored
