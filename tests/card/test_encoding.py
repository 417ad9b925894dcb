"""Repair of text that was decoded with the wrong code page."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from cardgen.card.encoding import LOST, repair
from cardgen.card.layout import render
from cardgen.card.parse.read import parse

GOLDEN = sorted((Path(__file__).parent.parent / "golden").rglob("README.md"))
SEEDS = {path.name[:3]: path for path in sorted((Path(__file__).parent.parent / "seeds").glob("*.txt"))}
PAGES = {"000": "cp1254", "001": "mac_roman", "002": "cp1252", "003": "mac_roman", "004": "mac_roman"}
FULL_TABLE_ROW = 349
"""Characters of each line of the sample table of seed 000."""


def seed(number: str) -> str:
    """The text of a seed card."""
    return SEEDS[number].read_bytes().decode()


def lenient(text: str, page: str) -> str:
    """UTF-8 read with a code page as browsers do: bytes that the page leaves undefined become control characters."""
    return "".join(bytes([byte]).decode(page) if _defined(byte, page) else chr(byte) for byte in text.encode())


def _defined(byte: int, page: str) -> bool:
    try:
        bytes([byte]).decode(page)
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("number", SEEDS)
def test_a_seed_is_repaired_as_a_whole_and_comes_back(number: str) -> None:
    """Its code page is recognised, and the repaired card is what its record renders."""
    found = repair(seed(number))
    assert found is not None
    assert found.code_page == PAGES[number]
    assert (found.lost > 0) == (number == "000")
    parsed = parse(found.text)
    assert parsed.run is not None
    assert parsed.text.restore(render(parsed.run, parsed.log)) == found.text


@pytest.mark.parametrize("number", sorted(SEEDS.keys() - {"000"}))
def test_a_seed_without_loss_can_be_damaged_again(number: str) -> None:
    """The damage is undone exactly: reading the repaired text wrongly once more gives the seed."""
    found = repair(seed(number))
    assert found is not None
    assert found.text.encode().decode(PAGES[number]) == seed(number)


def test_the_lost_bytes_of_a_seed_are_counted_and_its_tables_line_up() -> None:
    """90 characters of seed 000 are gone for good: each is one U+FFFD, and all sample lines have one width again."""
    found = repair(seed("000"))
    assert found is not None
    assert found.lost == found.text.count(LOST) == 90
    assert "90 characters are lost" in str(found)
    lines = found.text.split("\n")
    start = lines.index("* Samples:") + 1
    assert {len(line) for line in lines[start : start + 5]} == {FULL_TABLE_ROW}
    assert sum(line.count(LOST) for line in lines) == 90
    assert sum(LOST in line for line in lines) == 14


def test_the_lost_letters_of_a_seed_are_known_from_what_is_left() -> None:
    """With the two letters that the page cannot hold in the gaps, damaging the text again gives the seed."""
    repaired = repair(seed("000"))
    assert repaired is not None
    data = seed("000").encode("cp1254")
    whole = bytearray()
    for position, byte in enumerate(data):
        whole.append(byte)
        follows = data[position + 1 : position + 2]
        if byte in (0xD8, 0xD9) and not (follows and 0x80 <= follows[0] < 0xC0):
            whole.append({0xD8: 0xAD, 0xD9: 0x81}[byte])
    text = whole.decode()
    assert text.replace("ف", LOST).replace("ح", LOST) == repaired.text
    again = bytes(byte for byte in text.encode() if byte not in (0x81, 0xAD)).decode("cp1254")
    assert again == seed("000")


@pytest.mark.parametrize("path", GOLDEN[::3], ids=lambda path: f"{path.parts[-3]}/{path.parts[-2]}")
def test_a_correct_card_is_never_repaired(path: Path) -> None:
    """Neither is a card without the Hub's face."""
    text = path.read_bytes().decode()
    assert repair(text) is None
    assert repair(text.replace("🤗", "")) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "naïve café", "Größe: 5 µm", "“quoted” — text…", "Ãœ is how a lone Ü looks when it is damaged, ü",
        "日本語", "한국어 🤗 Ã©", "العربية", "\ufeffdé", "\x00é", "é" * 1000, "Â", "ï»¿ as the mark looks, and é",
    ],
)  # fmt: skip
def test_correct_text_stays(text: str) -> None:
    """What is no valid UTF-8 in any code page is as somebody meant it."""
    assert repair(text) is None


@pytest.mark.parametrize("page", ["cp1252", "cp1254", "mac_roman", "latin-1", "cp1250", "cp437"])
@pytest.mark.parametrize("path", GOLDEN[5::60], ids=lambda path: f"{path.parts[-3]}/{path.parts[-2]}")
def test_each_damage_is_undone(page: str, path: Path) -> None:
    """Also where the page leaves bytes undefined, which then are control characters."""
    text = path.read_bytes().decode()
    found = repair(lenient(text, page))
    assert found is not None
    assert found.text == text
    assert found.lost == 0


def test_damage_done_twice_is_not_made_worse() -> None:
    """A text damaged two times loses one layer, or stays; damaging the result again gives it back."""
    text = GOLDEN[7].read_bytes().decode()
    twice = lenient(lenient(text, "cp1252"), "cp1252")
    found = repair(twice)
    assert found is not None
    assert found.lost == 0
    assert lenient(found.text, found.code_page) == twice
    again = repair(found.text)
    assert again is not None
    assert again.text == text


def test_a_text_damaged_in_part_stays() -> None:
    """Half a file that is damaged and half that is not is no text of one code page: nothing is guessed."""
    text = GOLDEN[7].read_bytes().decode()
    half = len(text) // 2
    assert repair(lenient(text[:half], "cp1252") + text[half:] + "日本🤗") is None


def test_every_page_is_known_to_python() -> None:
    """The pages that are tried are codecs of single bytes."""
    from cardgen.card.encoding import CODE_PAGES

    for page in CODE_PAGES:
        assert codecs.lookup(page)
        assert len("a".encode(page)) == 1
