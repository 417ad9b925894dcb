"""A run's own text: opened, edited and kept, without losing a person's words or a new fact."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.edit import fill_section, open_text, save_text
from cardgen.actions.render import render_card
from cardgen.errors import EditConflict, SettingsError
from cardgen.record import Model, Run
from cardgen.registry import Registry

RUN = Run(
    id="0193b5b0-0000-7000-8000-000000000001",
    name="otter",
    status="finished",
    model=Model(type="SentenceTransformer", title="Otter", tags=("otter",), output_dimensionality=3),
)


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "cards.db") as opened:
        opened.save(RUN)
        yield opened


def test_an_edited_text_is_the_card(registry: Registry) -> None:
    """What was saved is rendered byte for byte, and opened again the next time."""
    own = open_text(registry, "otter")
    assert own.text == own.base == render_card("otter", registry=registry)
    edited = own.text.replace("# Otter\n", "# Otter\n\n![badge](x)\n")
    assert save_text(registry, own, edited)
    assert render_card("otter", registry=registry) == edited
    assert open_text(registry, "otter").text == edited
    assert not save_text(registry, open_text(registry, "otter"), edited + "\n")


def test_a_new_fact_is_opened_with_the_words(registry: Registry) -> None:
    """What was recorded since the last edit stands in the text that is opened."""
    fill_section(registry, "otter", "bias", "Some.")
    registry.set_facts("otter", {"license": "mit"})
    own = open_text(registry, "otter")
    assert "- **License:** mit" in own.text
    assert "\nSome.\n" in own.text
    assert own.conflicts == ()
    assert save_text(registry, own, own.text.replace("Some.", "None."))
    assert render_card("otter", registry=registry) == own.text.replace("Some.", "None.")


def test_a_conflict_is_opened_with_markers_and_must_be_decided(registry: Registry) -> None:
    """A line that both changed stands twice; with the markers the text is not kept, without them it is."""
    own = open_text(registry, "otter")
    save_text(registry, own, own.text.replace("3 dimensions", "three (3!) sizes"))
    changed = dataclasses.replace(RUN, model=dataclasses.replace(RUN.model, output_dimensionality=4))
    registry.save(changed)
    own = open_text(registry, "otter")
    assert own.conflicts == ("### Model Description",)
    with pytest.raises(EditConflict, match="markers"):
        save_text(registry, own, own.text + "!")
    before, _, rest = own.text.partition("<<<<<<< cardgen\n")
    ours, _, rest = rest.partition("=======\n")
    decided = before + ours + rest.partition(">>>>>>> text\n")[2]
    assert save_text(registry, own, decided)
    assert "4 dimensions" in render_card("otter", registry=registry)
    assert open_text(registry, "otter").conflicts == ()


def test_two_editors_do_not_overwrite_each_other(registry: Registry) -> None:
    """The text that was changed in the meantime stays, and the second editor is told."""
    first, second = open_text(registry, "otter"), open_text(registry, "otter")
    assert save_text(registry, first, first.text + "\n\nfirst")
    with pytest.raises(EditConflict, match="somebody else"):
        save_text(registry, second, second.text + "\n\nsecond")
    assert render_card("otter", registry=registry).endswith("first")


def test_a_deleted_section_stays_deleted(registry: Registry) -> None:
    """A section that the person took out does not come back, nor is it asked for, when its facts change."""
    own = open_text(registry, "otter")
    start, end = own.text.index("### Model Description"), own.text.index("### Model Sources")
    save_text(registry, own, own.text[:start] + own.text[end:])
    again = open_text(registry, "otter")
    assert save_text(registry, again, again.text + "\n\nmore")
    fill_section(registry, "otter", "glossary", "Otter: an animal.")
    registry.set_facts("otter", {"license": "mit"})
    last = open_text(registry, "otter")
    assert last.conflicts == ()
    assert save_text(registry, last, last.text + "!")
    card = render_card("otter", registry=registry)
    assert "### Model Description" not in card
    assert "Otter: an animal." in card


def test_a_section_that_cannot_be_filled_changes_nothing(registry: Registry) -> None:
    """No pair is made for words that do not fit."""
    with pytest.raises(SettingsError):
        fill_section(registry, "otter", "bias", "```\nopen")
    assert registry.card_text(RUN.id, "run") is None
