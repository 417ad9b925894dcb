"""Words said in a training script reach the card, and never the training."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import cardgen
from cardgen.cli import main
from cardgen.errors import SettingsError
from cardgen.registry import Registry
from cardgen.settings import user_config_path
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


def test_notes_stand_in_the_card(tmp_path: Path, open_registry: Open) -> None:
    """Words from before, in and after training, and from after the run, are in the rendered card; the last count."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="noted") as run:
        run.note("bias", "Old words.")
        trainer.train()
        run.note("bias", "English only.")
        run.note("Intended use", "# Search\n\nin manuals")
    assert open_registry().card_text(run.id, "run") is not None
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


def test_notes_wait_for_a_registry_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline, the words are in a file, and the command that was told puts them into the card later."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="noted") as run:
        trainer.train()
        run.note("out-of-scope use", "Né medicina.")
    command = next(line for line in capsys.readouterr().err.splitlines() if "cardgen runs edit" in line)
    words = shlex.split(command[command.index("cardgen runs edit") :])
    monkeypatch.delenv("CARDGEN_MODE")
    Registry().close()
    assert main(words[1:]) == 0
    assert "### Out-of-Scope Use\n\nNé medicina.\n" in cardgen.render_card("noted")


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
