"""Import of real cards, as their authors left them. They are not ours to copy: the folder lies beside the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardgen.card.layout import render
from cardgen.card.merge import merge
from cardgen.card.parse.read import parse
from tests.card.fuzz import check

FOLDER = Path(__file__).parents[2].parent / "shared" / "cards"
CARDS = sorted(FOLDER.glob("[0-9]*.md"))

EDITED = {
    "027.md": "a heading above the front matter",
    "153.md": "another tool sorted the keys of the front matter",
    "156.md": "a person's own sections",
}
"""The cards that somebody changed, and how."""

pytestmark = pytest.mark.skipif(not CARDS, reason=f"no real cards in {FOLDER}")


def rendered(text: str) -> str:
    """What the record of a card renders."""
    parsed = parse(text)
    assert parsed.run is not None
    return parsed.text.restore(render(parsed.run, parsed.log))


def test_real_cards_come_back_but_for_those_that_were_edited() -> None:
    """All but three of 60 are exact, with their line ends and lone carriage returns; the three have a reason each."""
    differing = {path.name for path in CARDS if rendered(text := path.read_bytes().decode()) != text}
    assert differing == EDITED.keys() & {path.name for path in CARDS}
    assert len(differing) / len(CARDS) <= 0.05


@pytest.mark.parametrize("name", EDITED)
def test_an_edited_card_keeps_its_edits_over_a_new_layout(name: str) -> None:
    """What somebody added stands after the merge with today's form of the card, every line of it."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no {path}")
    text = path.read_bytes().decode()
    parsed = parse(text)
    assert parsed.run is not None
    base = rendered(text)
    new = parsed.text.restore(render(parsed.run, parsed.log, layout="6.2"))
    merged = merge(base, new, text)
    assert merged.conflicts == ()
    added = set(text.split("\n")) - set(base.split("\n"))
    assert added <= set(merged.text.split("\n"))
    assert merge(base, base, text).text == text


@pytest.mark.parametrize("path", CARDS[::6], ids=lambda path: path.name)
def test_a_real_card_keeps_every_promise(path: Path) -> None:
    """It is read, stored, rendered and merged without loss."""
    check(path.read_bytes().decode())
