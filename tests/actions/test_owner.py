"""Cards that were rendered from here find back to their run, in whatever form and whoever edited them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.edit import fill_section
from cardgen.actions.import_ import import_card
from cardgen.actions.render import RUN_TARGET, Form, render_card
from cardgen.actions.write import write_card
from cardgen.card.eras import forms, version_text
from cardgen.errors import EditConflict
from cardgen.record import Run
from cardgen.registry import Registry
from tests.golden.facts import load

FOLDER = Path(__file__).parents[1] / "golden" / "5.1.2" / "st_named_eval"
TRAINING = "## Training Details\n"


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with one recorded run."""
    run, log = load(FOLDER)
    with Registry(tmp_path / "cards.db") as registry:
        registry.save(run)
        registry.append(run.id, log)
        yield registry


@pytest.fixture(name="run")
def _run(registry: Registry) -> Run:
    """The run that was recorded."""
    return registry.run(registry.listing()[0].id)


def edited(card: str) -> str:
    """A card with a section of a person."""
    assert TRAINING in card
    return card.replace(TRAINING, f"## Mine\n\nWords.\n\n{TRAINING}", 1)


def imported(text: str, registry: Registry) -> Run:
    """The run that a text is imported as."""
    found = import_card("x.md", data=text.encode(), registry=registry).run
    assert found is not None
    return found


@pytest.mark.parametrize("layout", [version_text(layout.version) for layout in forms("SentenceTransformer")])
def test_a_card_in_any_layout_joins_its_run(registry: Registry, run: Run, layout: str) -> None:
    """Of a recorded run and of an imported one; nothing is an edit."""
    card = import_card("x.md", data=render_card(run, registry=registry, layout=layout).encode(), registry=registry)
    assert card.run is not None
    assert (card.run.id, card.grade, card.differences) == (run.id, "exact", ())
    assert registry.card_text(run.id, RUN_TARGET) is None
    registry.delete(run.id, purge=True)
    other = imported((FOLDER / "README.md").read_text(), registry)
    assert other.id != run.id
    before = registry.card_text(other.id, RUN_TARGET)
    assert imported(render_card(other, registry=registry, layout=layout), registry).id == other.id
    assert registry.card_text(other.id, RUN_TARGET) == before
    assert len(registry.listing()) == 1


def test_a_card_with_the_words_that_stand_joins_its_run(registry: Registry, run: Run) -> None:
    """In its own layout and another one; the words are there once."""
    fill_section(registry, run.id, "bias", "Only rivers.")
    before = registry.card_text(run.id, RUN_TARGET)
    for layout in (None, "6.2"):
        assert imported(render_card(run, registry=registry, layout=layout), registry).id == run.id
    assert registry.card_text(run.id, RUN_TARGET) == before


@pytest.mark.parametrize("layout", [None, "6.2", "4.1"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_an_edited_card_brings_its_words(registry: Registry, run: Run, layout: str | None, ends: str) -> None:
    """They join those that stand already, survive every rendering, and the record stays as it was recorded."""
    card = edited(render_card(run, registry=registry, layout=layout)).replace("\n", ends)
    fill_section(registry, run.id, "bias", "Only rivers.")
    recorded = registry.recorded(run.id)
    for _ in range(2):
        assert imported(card, registry).id == run.id
        for shown in (None, "6.2", "3.4"):
            text = render_card(run, registry=registry, layout=shown)
            assert text.count("## Mine\n\nWords.\n") == text.count("Only rivers.") == 1
    assert registry.recorded(run.id) == recorded
    assert len(registry.listing()) == 1


def test_words_that_meet_are_a_conflict(registry: Registry, run: Run) -> None:
    """The file's and the run's own text of one place: nothing is changed, and the error names the place."""
    card = render_card(run, registry=registry)
    fill_section(registry, run.id, "bias", "Only rivers.")
    other = card.replace(
        "<!--\n## Bias, Risks and Limitations\n", "## Bias, Risks and Limitations\n\nOnly lakes.\n<!--\n"
    )
    before = registry.card_text(run.id, RUN_TARGET)
    with pytest.raises(EditConflict, match=r"x\.md and the text of .* were both changed") as caught:
        imported(other, registry)
    assert caught.value.exit_code == 4
    assert registry.card_text(run.id, RUN_TARGET) == before


def test_a_card_of_another_training_is_another_run(registry: Registry, run: Run) -> None:
    """One number of the log, one argument or one version differs: it is not this run's card."""
    card = render_card(run, registry=registry)
    ids = {run.id}
    for old, new in (("- `seed`: 12", "- `seed`: 13"), ("- Python: 3.", "- Python: 2."), ("| 0.3333 ", "| 0.3334 ")):
        assert old in card
        ids.add(imported(card.replace(old, new), registry).id)
    assert len(ids) == 4


def test_a_file_that_was_written_joins_its_run_though_the_facts_went_on(
    registry: Registry, run: Run, tmp_path: Path
) -> None:
    """Its words come with it, and the next rendering has them with the new facts."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry, form=Form(layout="4.1"))
    assert import_card(path, registry=registry).grade == "exact"
    path.write_text(edited(path.read_text()))
    arguments = run.hyperparameters
    assert arguments is not None
    registry.save(
        dataclasses.replace(run, hyperparameters=dataclasses.replace(arguments, values={**arguments.values, "seed": 7}))
    )
    card = import_card(path, registry=registry)
    assert card.run is not None
    assert (card.run.id, card.grade) == (run.id, "edited")
    text = render_card(run.id, registry=registry)
    assert "## Mine\n\nWords.\n" in text
    assert "- `seed`: 7\n" in text
    assert write_card(run.id, path, registry=registry).outcome != "unchanged"
    assert path.read_text() == text


def test_a_folder_of_another_model_is_not_taken_for_its_run(registry: Registry, run: Run, tmp_path: Path) -> None:
    """A `cardgen.json` that was left beside the card of something else does not make it this run's text."""
    from cardgen.tracking.sidecar import write_sidecar

    write_sidecar(tmp_path, run)
    other = next((FOLDER.parents[1] / "6.2.0").glob("ce_*/README.md"))
    (tmp_path / "README.md").write_bytes(other.read_bytes())
    card = import_card(tmp_path, registry=registry)
    assert card.run is not None
    assert card.run.id != run.id
    assert registry.card_text(run.id, RUN_TARGET) is None
    (tmp_path / "README.md").write_text(edited((FOLDER / "README.md").read_text()))
    found = import_card(tmp_path, registry=registry).run
    assert found is not None
    assert found.id == run.id
