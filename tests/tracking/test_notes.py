"""Words said in a training script reach the card, and never the training."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import cardgen
from cardgen.cli import main
from cardgen.errors import CardConflict, SettingsError
from cardgen.registry import Registry
from cardgen.settings import user_config_path
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def test_notes_stand_in_the_card(tmp_path: Path, open_registry: Open) -> None:
    """Words from before, in and after training, and from after the run, are in the rendered card; the last count.

    So they are in the card of the live run, and in the record of the registry while it goes on.
    """
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="noted") as run:
        run.note("bias", "Old words.")
        trainer.train()
        run.note("bias", "English only.")
        run.note("Intended use", "# Search\n\nin manuals")
        live = cardgen.render_card(run)
    assert live == cardgen.render_card("noted")
    assert set(open_registry().run("noted").notes) == {"bias", "direct use"}
    run.note("glossary", "Otter: an animal.")
    card = cardgen.render_card("noted")
    assert "## Bias, Risks and Limitations\n\nEnglish only.\n\n<!--" in card
    assert "### Direct Usage (Transformers)\n\n#### Search\n\nin manuals\n" in card
    assert "## Glossary\n\nOtter: an animal.\n" in card
    assert run.run.problems == ()


def test_what_cannot_be_kept_disturbs_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], open_registry: Open
) -> None:
    """An unknown section and a note that is no text are said; words that do not fit are kept in a file."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="noted") as run:
        run.note("metrics", "x")
        run.note("bias", 3)  # type: ignore[arg-type]
        run.note("contact", "```\nopen")
        run.note("authors", "Me.")
        trainer.train()
    said = capsys.readouterr().err
    assert "metrics" in said
    assert "swallow" in said
    assert "\nMe.\n" in cardgen.render_card("noted")
    [kept] = Path(os.environ["CARDGEN_REGISTRY"] + ".spool").glob("*.md")
    assert kept.read_text() == "```\nopen"
    assert open_registry().run("noted").status == "finished"


def test_notes_wait_for_a_registry_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, words and facts wait in the spool, also those from after the run, and count at the next open."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="noted") as run:
        trainer.train()
        run.note("out-of-scope use", "Né medicina.")
        run.set(license="mit", task="searching")
    run.note("authors", "Ich.")
    run.set(license="apache-2.0")
    run.tag("late")
    monkeypatch.delenv("CARDGEN_MODE")
    Registry().close()
    card = cardgen.render_card("noted")
    assert "### Out-of-Scope Use\n\nNé medicina.\n" in card
    assert "## Model Card Authors\n\nIch.\n" in card
    found = cardgen.open_run("noted").run
    assert (found.model.license, found.model.task, found.tags) == ("apache-2.0", "searching", ("late",))


def test_a_person_who_edits_goes_before_a_script_that_says_it_again(tmp_path: Path, open_registry: Open) -> None:
    """Words that were edited since stay when the resumed script notes the same; other words meet them as a conflict."""
    saving = {"save_strategy": "steps", "save_steps": 2}
    trainer = tiny.st_trainer(tmp_path, args=saving)
    with cardgen.track(trainer, name="noted") as run:
        run.note("bias", "English only.")
        trainer.train()
    (tmp_path / "words.md").write_text("English and Dutch.")
    assert main(["runs", "edit", "noted", "--section", "bias", "--file", str(tmp_path / "words.md")]) == 0
    for words, conflicts in (("English only.", False), ("Three languages.", True)):
        trainer = tiny.st_trainer(tmp_path, args=saving)
        with cardgen.track(trainer) as resumed:
            resumed.note("bias", words)
            trainer.train(resume_from_checkpoint=True)
        assert resumed.id == run.id
        if conflicts:
            with pytest.raises(CardConflict):
                cardgen.render_card("noted")
        else:
            assert "English and Dutch." in cardgen.render_card("noted")


def test_a_run_that_is_renamed_is_told_by_its_new_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`run.set(name=…)` is the name of the handle and of the last line, with the number that the registry adds."""
    for name in ("better", "better-2"):
        trainer = tiny.st_trainer(tmp_path)
        with cardgen.track(trainer, name="plain") as run:
            run.set(name="better")
            trainer.train()
        assert run.name == name
        assert f"cardgen runs show {name};" in capsys.readouterr().err


def test_a_fact_without_a_place_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], open_registry: Open
) -> None:
    """A fact of a data set that the run has not is said at once; the other facts of the same call are kept."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="noted") as run:
        run.set(**{"dataset.train.7.name": "x", "license": "mit"})
        trainer.train()
    assert "dataset.train.7.name cannot be set: the run has no dataset.train.7" in capsys.readouterr().err
    assert open_registry().run("noted").model.license == "mit"


def test_disabled_notes_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is recorded the method is there and silent."""
    monkeypatch.setenv("CARDGEN_MODE", "disabled")
    with cardgen.track(tiny.st_trainer(tmp_path)) as run:
        run.note("bias", "x")
        run.note("nonsense", "x")
    run.note("bias", "x")
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()


def test_the_configuration_says_what_is_so_of_each_run(tmp_path: Path, open_registry: Open) -> None:
    """Its facts go before what is recorded, and a person's before them, said before or after."""
    path = user_config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[facts]\nlicense = "mit"\nlanguage = ["nl"]\ntask = "searching"\n')
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="told") as run:
        trainer.train()
        run.set(license="apache-2.0")
    model = open_registry().run("told").model
    assert (model.license, model.language, model.task) == ("apache-2.0", ("nl",), "searching")
    path.write_text('[facts]\nname = "x"\n')
    with pytest.raises(SettingsError, match="facts in"):
        cardgen.CardCallback()
    path.write_text('[facts]\nlicence = "x"\n')
    with pytest.raises(SettingsError, match="no fact 'licence'"):
        cardgen.CardCallback()
