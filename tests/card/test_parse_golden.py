"""Import of the golden cards: the text comes back, and every field that a card shows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cardgen.card.eras import recorded_layout
from cardgen.card.layout import render
from cardgen.card.log import log_rows
from cardgen.card.parse.read import parse
from tests.card.comparing import alike, as_shown, general, leaves, shown
from tests.golden.facts import folders, load

ROOT = Path(__file__).parent.parent / "golden"
FOUND = folders(ROOT)

ABSENT = {
    "id": "given at import",
    "name": "given at import",
    "origin": "imported, not captured",
    "created": "no card has times of day",
    "started": "no card has times of day",
    "ended": "no card has times of day",
    "datasets[].split": "no layout shows it",
    "hyperparameters.values{}": "some arguments are never listed",
    "hyperparameters.defaults{}": "a card shows that an argument differs, not from what",
    "environment.versions{}": "only seven packages are listed",
    "durations.training_seconds": "imported as the card words it; captured runs have the other two in full",
}
"""Fields, or entries of them, that no card shows."""

PARTLY = {
    "model.similarity_function": "a model without one shows its type's own",
    "model.information_retrieval": "shown by the snippet, where the layout has one for retrieval",
    "datasets[].revision": "shown with the Hub's id only",
    "datasets[].samples[][]": "long texts and lists are cut",
    "datasets[].loss.name": "a class of the library stands with its short name",
    "evaluations[].evaluator": "a class of the library stands with its short name",
    "evaluations[].dataset_name": "an empty name is shown as none",
    "evaluations[].configuration": "from 4.0 on, unless it is empty",
    "usage.examples[]": "the library's own examples are None",
    "citations[].bibtex": "without the blank lines around it",
    "emissions.duration_seconds": "up to 5.3, as hours with three decimals",
    "durations.total_seconds": "with one decimal",
    "durations.evaluation_seconds": "with one decimal",
}
"""Fields that a card shows in part, or in another form: `as_shown` says which."""

SHARE_OF_ALL, SHARE_OF_SHOWN = 0.86, 0.97
"""Shares of the fields of the golden runs that come back as they were recorded: of all, of those that a card shows."""


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_golden_card_comes_back(folder: Path) -> None:
    """Importing a card and rendering it again gives the card, and its version is the run's."""
    text = (folder / "README.md").read_bytes().decode()
    parsed = parse(text)
    assert parsed.run is not None
    assert not parsed.inferred
    assert parsed.text.restore(render(parsed.run, parsed.log)) == text
    assert parsed.run.environment.versions["sentence_transformers"] == folder.parent.name


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_field_that_a_card_shows_is_imported(folder: Path) -> None:
    """The imported record is the captured one, but for what the tables say is absent or shown in part."""
    run, log = load(folder)
    parsed = parse((folder / "README.md").read_bytes().decode())
    assert parsed.run is not None
    layout = recorded_layout(run.model.type, run.environment.versions["sentence_transformers"])
    found = {path: value for path, value in leaves(parsed.run) if general(path) not in ABSENT or "{" in path}
    wanted = {
        path: value for path, value in leaves(as_shown(run, layout)) if general(path) not in ABSENT or "{" in path
    }
    assert list(found) == list(wanted)
    assert [path for path in wanted if not alike(found[path], wanted[path])] == []
    rows, expected_rows = log_rows(parsed.log, layout), log_rows(log, layout)
    assert len(rows) == len(expected_rows)
    for row, expected in zip(rows, expected_rows, strict=True):
        assert row.keys() == expected.keys()
        assert all(shown(row[column]) & shown(expected[column]) for column in row)


def test_the_share_of_fields_that_is_recovered() -> None:
    """Nearly all that cards show comes back as it was recorded; the tables name every field that does not."""
    counts: Counter[str] = Counter()
    differing: set[str] = set()
    for folder in FOUND:
        run, _ = load(folder)
        imported = parse((folder / "README.md").read_bytes().decode()).run
        found = dict(leaves(imported))
        for path, value in leaves(run):
            kind = general(path)
            if path in found and alike(found[path], value):
                counts["exact"] += 1
                continue
            differing.add(kind)
            counts["partly" if kind in PARTLY else "absent"] += 1
    assert differing <= PARTLY.keys() | ABSENT.keys()
    assert differing >= PARTLY.keys()
    of_all = counts["exact"] / counts.total()
    of_shown = counts["exact"] / (counts["exact"] + counts["partly"])
    print(f"{counts.total():,} fields: {of_all:.1%} as recorded, {of_shown:.1%} of those that cards show")
    assert of_all > SHARE_OF_ALL, counts
    assert of_shown > SHARE_OF_SHOWN, counts


OLD = [found for found in FOUND if found.parent.name < "5"]


@pytest.mark.parametrize("folder", OLD, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_an_old_card_renders_in_a_new_layout_without_inventing_anything(folder: Path) -> None:
    """A card of 3.x or 4.x in today's form holds facts of the old card only."""
    old = parse((folder / "README.md").read_bytes().decode())
    assert old.run is not None
    text = render(old.run, old.log, layout="6.2")
    version = old.run.environment.versions["sentence_transformers"]
    new = parse(text.replace(f"- Sentence Transformers: {version}\n", "- Sentence Transformers: 6.2.0\n"))
    assert new.run is not None
    # the anchor in an evaluator's link is all that is known of its full name
    form = ("evaluations[].evaluator", "environment.versions{}")
    before, after = dict(leaves(old.run)), dict(leaves(new.run))
    invented = {
        path: value
        for path, value in after.items()
        if value not in (None, False, ()) and general(path) not in form and not _known(value, before.get(path))
    }
    assert invented == {}
    assert [event.values for event in new.log] == [event.values for event in old.log]


def _known(value: object, before: object) -> bool:
    """Whether a fact was there before, or is the beginning of a text that the new layout cuts."""
    cut = isinstance(value, str) and isinstance(before, str) and value.endswith("...") and before.startswith(value[:-3])
    return cut or alike(value, before)
