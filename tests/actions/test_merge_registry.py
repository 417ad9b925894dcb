"""Registries that meet: imported cards find the recorded runs that they were rendered from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cardgen.actions.edit import fill_section
from cardgen.actions.import_ import import_card
from cardgen.actions.merge_registry import merge_registry
from cardgen.actions.render import RUN_TARGET, render_card
from cardgen.errors import RegistryNotFound
from cardgen.record import Run
from cardgen.registry import Registry
from cardgen.registry.exporting.write import export_registry
from tests.golden.facts import load

FOLDER = Path(__file__).parents[1] / "golden" / "5.1.2" / "st_named_eval"
RUN, LOG = load(FOLDER)
TRAINING = "## Training Details\n"
WORDS = "## Mine\n\nWords.\n\n"

Make = Callable[..., Registry]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a registry, with a recorded run or without."""
    with ExitStack() as stack:

        def new(name: str, *, recorded: bool = False) -> Registry:
            registry = stack.enter_context(Registry(tmp_path / f"{name}.db"))
            if recorded:
                registry.save(RUN)
                registry.append(RUN.id, LOG)
            return registry

        yield new


def path(registry: Registry) -> str:
    """Its file."""
    return registry.url.removeprefix("sqlite:///")


def told(registry: Registry, folder: Path) -> dict[str, bytes]:
    """All that it holds."""
    export_registry(path(registry), folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def imported(registry: Registry, text: str, source: str = "x.md") -> Run:
    """The run that a card is imported as."""
    run = import_card(source, data=text.encode(), registry=registry).run
    assert run is not None
    return run


def edited() -> str:
    """The card of the recorded run with a section of a person."""
    card = (FOLDER / "README.md").read_text()
    assert TRAINING in card
    return card.replace(TRAINING, WORDS + TRAINING, 1)


@pytest.mark.parametrize("words", [True, False])
def test_an_imported_card_joins_its_run(make: Make, words: bool, tmp_path: Path) -> None:
    """In either order the same: the words are the recorded run's, the imported one is hidden, and stays so."""
    here, there = make("here"), make("there", recorded=True)
    card = imported(here, edited() if words else (FOLDER / "README.md").read_text())
    here.set_facts(card.id, {"license": "mit", "name": "from-a-card"})
    one, other = make("one"), make("other", recorded=True)
    merge_registry(path(here), one)
    merge_registry(path(there), other)
    report = merge_registry(path(other), one)
    assert [(joined.id, joined.to) for joined in report.joined] == [(card.id, RUN.id)]
    assert [joined.id for joined in merge_registry(path(here), other).joined] == [card.id]
    for registry in (one, other):
        assert [row.id for row in registry.listing()] == [RUN.id]
        assert registry.is_deleted(card.id)
        assert (registry.card_text(RUN.id, RUN_TARGET) is not None) == words
        assert (WORDS in render_card(RUN.id, registry=registry)) == words
        assert registry.human_facts(RUN.id) == {"license": "mit"}
        assert registry.verify().findings == ()
    merge_registry(path(there), other)
    assert told(one, tmp_path / "a")["card_texts.jsonl"] == told(other, tmp_path / "b")["card_texts.jsonl"]
    for source in (here, there, other):
        again = merge_registry(path(source), one)
        assert (again.joined, again.new, again.changed) == ([], 0, 0)
    for source in (here, there, one):
        merge_registry(path(source), other)
    assert told(one, tmp_path / "c") == told(other, tmp_path / "d")


def test_words_of_both_come_together(make: Make) -> None:
    """What the recorded run's own text has stays beside what the card has; both changing one place leaves both runs."""
    here, there = make("here"), make("there", recorded=True)
    fill_section(there, RUN.id, "bias", "Only rivers.")
    imported(here, edited())
    assert merge_registry(path(here), there).joined_count == 1
    text = render_card(RUN.id, registry=there)
    assert WORDS in text
    assert "Only rivers." in text
    other = make("other", recorded=True)
    fill_section(other, RUN.id, "bias", "Only mountains.")
    card = imported(make("third"), render_card(RUN.id, registry=there))
    report = merge_registry(path(make("third")), other)
    assert report.joined == []
    assert [(one.id, "were both changed" in one.reason) for one in report.skipped] == [(card.id, True)]
    assert {row.id for row in other.listing()} == {RUN.id, card.id}


def test_runs_that_have_met_are_not_joined(make: Make) -> None:
    """Two that stand beside each other in one of the registries stay as they are."""
    here = make("here")
    card = imported(here, (FOLDER / "README.md").read_text())
    here.save(RUN)
    here.append(RUN.id, LOG)
    there = make("there", recorded=True)
    assert merge_registry(path(here), there).joined == []
    assert merge_registry(path(there), here).joined == []
    assert {row.id for row in there.listing()} == {row.id for row in here.listing()} == {RUN.id, card.id}


def test_another_training_is_another_run(make: Make) -> None:
    """The same title is not enough: numbers must be the same."""
    here, there = make("here"), make("there")
    assert RUN.hyperparameters is not None
    values = {**RUN.hyperparameters.values, "learning_rate": 7e-3}
    arguments = dataclasses.replace(RUN.hyperparameters, values=values)
    there.save(dataclasses.replace(RUN, hyperparameters=arguments))
    card = imported(here, edited())
    assert merge_registry(path(there), here).joined == []
    assert {row.id for row in here.listing()} == {RUN.id, card.id}


def test_places_of_the_card_go_along(make: Make, tmp_path: Path) -> None:
    """Where the imported card stood, the recorded run's card is merged into it from now on."""
    here, there = make("here"), make("there", recorded=True)
    file = tmp_path / "README.md"
    file.write_text(edited())
    card = import_card(file, registry=here).run
    assert card is not None
    merge_registry(path(there), here)
    pair = here.card_text(RUN.id, f"file:{file}")
    assert pair is not None
    assert pair.text == edited()
    assert here.card_text(card.id, RUN_TARGET) is not None


def test_a_dry_run_joins_nothing(make: Make) -> None:
    """And says what would be joined, on a registry that is open or only named."""
    here, there = make("here"), make("there", recorded=True)
    imported(here, edited())
    for registry in (here, path(here)):
        report = merge_registry(path(there), registry, dry_run=True)
        assert (report.dry_run, report.joined_count, report.target) == (True, 1, here.url)
    assert len(here.listing()) == 1
    with pytest.raises(RegistryNotFound):
        merge_registry(path(there), "none.db", dry_run=True)


def test_a_dry_run_on_a_server(make: Make, postgresql_url: str) -> None:
    """A registry on a server is copied into a file for it."""
    there = make("there", recorded=True)
    with Registry(postgresql_url) as server:
        imported(server, edited())
        report = merge_registry(path(there), server, dry_run=True)
        assert (report.new, report.joined_count, report.target) == (1, 1, server.url)
        assert len(server.listing()) == 1
        assert merge_registry(path(there), server).joined_count == 1


def test_a_killed_merge_joins_later(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that came, and had not met anybody when the merge ended, meet in the next one."""
    here, there = make("here"), make("there", recorded=True)
    imported(here, edited())
    with monkeypatch.context() as patch:
        patch.setattr("cardgen.registry.merging.merger.Merger.meetings", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            merge_registry(path(there), here)
    assert len(here.listing()) == 2
    assert merge_registry(path(there), here).joined_count == 1
    assert [row.id for row in here.listing()] == [RUN.id]
