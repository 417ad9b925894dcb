"""Cards become runs of the registry."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.edit import fill_section
from cardgen.actions.import_ import FailedImport, import_card, import_cards
from cardgen.actions.read import read_card
from cardgen.actions.render import RUN_TARGET, render_card
from cardgen.registry import Registry
from tests.golden.facts import load

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = GOLDEN / "5.1.2" / "st_named_eval"
CARD = FOLDER / "README.md"


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry."""
    with Registry(tmp_path / "cards.db") as registry:
        yield registry


def test_a_generated_card_is_exact_and_comes_back(registry: Registry) -> None:
    """The run renders the card's bytes, and can be asked for."""
    card = import_card(CARD, registry=registry)
    assert (card.grade, card.known) == ("exact", False)
    assert card.run is not None
    assert card.run.origin == "imported"
    assert render_card(card.run.id, registry=registry).encode() == CARD.read_bytes()
    assert [row.id for row in registry.listing("tiny-bert")] == [card.run.id]


def test_the_same_bytes_are_the_same_run(registry: Registry, tmp_path: Path) -> None:
    """Imported again, from elsewhere and into another registry, a card has one id; other bytes have another."""
    first = import_card(CARD, registry=registry)
    again = import_card("stdin", data=CARD.read_bytes(), registry=registry)
    with Registry(tmp_path / "other.db") as other:
        elsewhere = import_card(CARD, registry=other)
    assert first.run is not None
    assert again.run is not None
    assert elsewhere.run is not None
    assert first.run.id == again.run.id == elsewhere.run.id
    assert again.known
    assert len(registry.listing()) == 1
    changed = import_card("x", data=CARD.read_bytes() + b"\n", registry=registry)
    assert changed.run is not None
    assert changed.run.id != first.run.id
    assert changed.grade == "exact"


def test_a_card_of_ours_joins_its_own_run(registry: Registry) -> None:
    """A card that was rendered from here makes no second run."""
    run, log = load(FOLDER)
    registry.save(run)
    registry.append(run.id, log)
    card = import_card(CARD, registry=registry)
    assert card.known
    assert card.run is not None
    assert card.run.id == run.id
    assert len(registry.listing()) == 1


def test_an_edited_card_keeps_its_text_byte_for_byte(registry: Registry) -> None:
    """The text comes back as it was, CRLF and mark included, and says where it was changed."""
    text = CARD.read_text().replace("## Training Details\n", "## Mine\n\nWords.\n\n## Training Details\n")
    data = ("\ufeff" + text.replace("\n", "\r\n") + "\r\n").encode()
    card = import_card("x.md", data=data, registry=registry)
    assert card.grade == "edited"
    assert card.differences == ("## Mine",)
    assert card.run is not None
    assert render_card(card.run.id, registry=registry).encode() == data
    newer = render_card(card.run.id, registry=registry, layout="6.2")
    assert "## Mine\r\n\r\nWords.\r\n" in newer
    assert "It maps inputs to" in newer


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    """A model folder with the golden card, the trainer's log in full, configuration files and weights."""
    _, log = load(FOLDER)
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "README.md").write_bytes(CARD.read_bytes())
    history = [
        {
            **{f"eval_{name}" if event.kind == "evaluator" else name: value for name, value in event.values.items()},
            "step": event.step,
            "epoch": event.epoch,
        }
        for event in log
        if event.step >= 0
    ]
    history.append({"step": max(entry["step"] for entry in history), "epoch": 9.0, "train_runtime": 12.5})
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": history, "global_step": 4}))
    (folder / "modules.json").write_text('[{"type": "a.Pooling", "path": "1_Pooling"}]')
    (folder / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 32}')
    (folder / "config.json").write_text('{"transformers_version": "4.0.0"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def state(registry: Registry, run_id: str) -> str:
    """All that a registry has of a run, but for when it came."""
    run = dataclasses.replace(registry.run(run_id), created=None)
    pair = registry.card_text(run_id, RUN_TARGET)
    assert pair is not None
    return repr((run, registry.log(run_id), pair.base, pair.text, registry.human_facts(run_id)))


def test_a_known_run_gains_what_a_folder_adds(registry: Registry, model: Path, tmp_path: Path) -> None:
    """The card first and its folder later is the folder at once; again, nothing changes."""
    card = import_card(CARD, registry=registry)
    assert card.run is not None
    plain = state(registry, card.run.id)
    again = import_card(model, registry=registry)
    assert again.run is not None
    assert (again.run.id, again.known) == (card.run.id, True)
    rich = state(registry, card.run.id)
    assert rich != plain
    with Registry(tmp_path / "other.db") as other:
        import_card(model, registry=other)
        assert state(other, card.run.id) == rich
    run = registry.run(card.run.id)
    assert again.run == run
    assert [len(point.files) for point in run.checkpoints] == [6]
    assert all(file.sha256 for file in run.checkpoints[0].files)
    assert any("train_runtime" in event.values for event in registry.log(run.id))
    assert render_card(run.id, registry=registry) == CARD.read_text()
    for source in (model, CARD, model / "README.md"):
        import_card(source, registry=registry)
        assert state(registry, card.run.id) == rich


def test_what_a_person_said_of_a_known_run_stays(registry: Registry, model: Path) -> None:
    """Facts that were set and words in its text are not touched by what its files add."""
    card = import_card(CARD, registry=registry)
    assert card.run is not None
    run_id = card.run.id
    registry.set_facts(run_id, {"license": "gpl-3.0", "name": "mine"})
    fill_section(registry, run_id, "bias", "Only rivers.")
    shown = render_card(run_id, registry=registry)
    import_card(model, registry=registry)
    assert render_card(run_id, registry=registry) == shown
    assert "\nlicense: gpl-3.0\n" in shown
    assert "Only rivers." in shown
    assert registry.human_facts(run_id) == {"license": "gpl-3.0", "name": "mine"}
    assert registry.recorded(run_id).model.license == "mit"
    assert registry.run(run_id).checkpoints


def test_a_deleted_run_that_is_imported_again_has_its_folders_log(registry: Registry, model: Path) -> None:
    """It comes back with all that the folder tells now."""
    card = import_card(CARD, registry=registry)
    assert card.run is not None
    registry.delete(card.run.id)
    import_card(model, registry=registry)
    assert any("train_runtime" in event.values for event in registry.log(card.run.id))


def test_an_opaque_text_is_said_and_not_kept(registry: Registry) -> None:
    """A README of somebody else is no run."""
    card = import_card("x.md", data=b"# My project\n\nHello.\n", registry=registry)
    assert (card.grade, card.run) == ("opaque", None)
    assert registry.listing() == []


def test_damage_is_repaired_and_said(registry: Registry) -> None:
    """UTF-8 that was read with another code page is repaired as a whole, and the text is the repaired one."""
    original = CARD.read_text()
    damaged = original.encode().decode("mac_roman").encode()
    card = import_card("x.md", data=damaged, registry=registry)
    assert card.repairs == ("UTF-8 that was read as mac_roman, repaired",)
    assert card.grade == "exact"
    assert card.run is not None
    assert render_card(card.run.id, registry=registry) == original


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"---\n- a\n---\n", b"\x00" * 1000, b"# x\n" * 1000])
def test_any_bytes_give_a_result(data: bytes) -> None:
    """No content is an exception."""
    assert read_card(data, "x").grade in ("exact", "edited", "opaque")


def test_one_bad_source_does_not_stop_the_others(registry: Registry, tmp_path: Path) -> None:
    """What cannot be read is reported with its name; the rest is imported."""
    results = list(import_cards([tmp_path / "missing.md", CARD], registry))
    assert isinstance(results[0], FailedImport)
    assert "missing.md" in str(results[0].error)
    assert not isinstance(results[1], FailedImport)
    assert results[1].grade == "exact"


def test_an_edited_card_of_a_captured_run_brings_its_words(registry: Registry) -> None:
    """The text of an imported run is kept as the run's own."""
    card = import_card(CARD, registry=registry)
    assert card.run is not None
    pair = registry.card_text(card.run.id, RUN_TARGET)
    assert pair is not None
    assert pair.base == pair.text == CARD.read_text()
