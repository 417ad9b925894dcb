"""Facts -> record -> registry -> another process without torch -> the library's card, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.golden.facts import folders
from tests.golden.roundtrip import render_elsewhere, store

ROOT = Path(__file__).parent
FOUND = folders(ROOT)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, bytes]:
    """All golden cards, rendered elsewhere from one registry."""
    folder = tmp_path_factory.mktemp("golden")
    ids = store(FOUND, folder / "registry.db")
    rendered = render_elsewhere(folder / "registry.db", list(ids.values()), folder / "cards")
    return {found: rendered[run] for found, run in ids.items()}


def test_the_corpus_is_there() -> None:
    """All versions of the corpus take part: 198 cards of 14 versions."""
    assert len(FOUND) == 198
    assert len({found.parent.name for found in FOUND}) == 14


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_golden_card_is_rendered_exactly(folder: Path, cards: Mapping[Path, bytes]) -> None:
    """The card is what the library wrote."""
    assert cards[folder] == (folder / "README.md").read_bytes()
