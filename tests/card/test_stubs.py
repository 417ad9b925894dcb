"""A person's words take the place of a stub, as if written by hand, and harm nothing around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardgen.card.parse.document import sections
from cardgen.card.parse.read import parse
from cardgen.card.stubs import HEADINGS, fill, section_name
from cardgen.errors import SettingsError

GOLDEN = Path(__file__).parent.parent / "golden"
CARDS = sorted(path for path in GOLDEN.glob("*/*/README.md"))
CARD = (GOLDEN / "5.1.0" / "st_ir_eval" / "README.md").read_bytes().decode()
WORDS = "Manuals of *ovens* only.\n\n- no `medical` text"

HARMLESS = {
    "end of a comment": "before --> after",
    "front matter": "---\nlicense: evil\n---",
    "closed comment": "<!-- a note -->\n<!--\nlonger\n-->\nwords",
    "closed code": "```python\n# no heading\n<!--\n```\nwords",
    "code between tildes": "~~~\n# no heading\n```\n<!--\n~~~\nwords",
    "code between longer fences": "`````\n```\n## Glossary\n````\n`````\nwords",
    "headings": "# Top\n\nwords\n\n## Training Details\n\n### Framework Versions\n- Python: 9",
    "conflict": "<<<<<<< a\n=======\n>>>>>>> b",
    "table": "| a | b |\n|---|---|\n| </details> | `x` |",
    "line ends": "a\r\nb\r\n\r\nc",
    "lone carriage return": "a\rb\u2028c",
    "sections of the card": "### Recommendations\n\n## Glossary\n\n### Evaluation\n\n## Model Card Contact",
    "a section of this level": "### Recommendations\n\nx",
    "code that looks like a stub": "```\n<!--\n## Glossary\n-->\n```",
    "emoji": "\U0001f600 \u202ertl",
}


@pytest.mark.parametrize("path", CARDS[::7], ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}")
@pytest.mark.parametrize("section", HEADINGS)
def test_a_stub_is_filled_as_by_hand(path: Path, section: str) -> None:
    """The commented block becomes heading, blank line and words; not a byte beside it changes."""
    card = path.read_bytes().decode()
    heading = HEADINGS[section]
    start = card.index(f"<!--\n{heading}\n")
    end = card.index("-->", start) + 3
    rest = card[end:].removeprefix(" ")  # some layouts have a blank behind their last comment
    assert fill(card, section, f"\n{WORDS}\n\n") == f"{card[:start]}{heading}\n\n{WORDS}{rest}"


@pytest.mark.parametrize("words", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("section", HEADINGS)
def test_words_harm_nothing_of_the_card(section: str, words: str) -> None:
    """Whatever the words, the rest of the card stands byte for byte, reads as before, and the words can be replaced."""
    filled = fill(CARD, section, words)
    assert fill(filled, section, WORDS) == fill(CARD, section, WORDS)
    known, seen = parse(CARD), parse(filled)
    assert seen.run == known.run
    assert seen.log == known.log
    for other in HEADINGS:
        if other != section:
            assert fill(fill(filled, other, "x"), section, WORDS) == fill(fill(CARD, section, WORDS), other, "x")


@pytest.mark.parametrize(
    "words", ["<!-- open", "a\n\n<!--\nb", "```\ncode", "text\n```python", "~~~ x\n```", "````\n```"]
)
@pytest.mark.parametrize("section", HEADINGS)
def test_what_swallows_the_rest_is_refused(section: str, words: str) -> None:
    """An open comment or code block would hide the rest of the card."""
    with pytest.raises(SettingsError, match="swallow") as caught:
        fill(CARD, section, words)
    assert caught.value.hint


def test_words_may_not_be_a_stub() -> None:
    """A commented stub among the words would be filled in place of the card's own."""
    with pytest.raises(SettingsError, match="stub"):
        fill(CARD, "bias", "Some.\n\n<!--\n## Glossary\n\nnot me\n-->")


def test_headings_end_no_section() -> None:
    """Headings in the words are moved below the section's, keeping their order; code is left alone."""
    filled = fill(CARD, "bias", "# One\n\n```\n# code\n```\n\n### Two")
    assert "## Bias, Risks and Limitations\n\n### One\n\n```\n# code\n```\n\n##### Two\n\n<!--\n### Rec" in filled
    deep = fill(CARD, "out-of-scope use", "##### Deep enough")
    assert "\n##### Deep enough\n" in deep


def test_all_sections_can_be_filled_in_any_order() -> None:
    """The order of filling does not matter, and each can be filled anew."""
    there = back = CARD
    for section in HEADINGS:
        there = fill(there, section, f"old {section}")
    for section in HEADINGS:
        there = fill(there, section, f"about {section}")
    for section in reversed(HEADINGS):
        back = fill(back, section, f"about {section}")
    assert there == back
    titles = [f"{'#' * found.level} {found.title}" for found in sections(there.split("\n"))]
    assert [title for title in titles if title in HEADINGS.values()] == list(HEADINGS.values())


@pytest.mark.parametrize("section", HEADINGS)
def test_a_removed_section_comes_back_in_its_place(section: str) -> None:
    """Where a person removed the stub, the words stand before the section that follows it."""
    heading = HEADINGS[section]
    start = CARD.index(f"<!--\n{heading}\n")
    end = CARD.index("-->", start) + 3
    removed = CARD[:start].rstrip("\n") + "\n\n" + CARD[end:].lstrip("\n") if CARD[end:] else CARD[:start].rstrip("\n")
    filled = fill(removed, section, WORDS)
    assert filled.replace("\n\n\n", "\n\n") == fill(CARD, section, WORDS).replace("\n\n\n", "\n\n")


def test_the_dress_of_a_file_stays() -> None:
    """Mark, CRLF and final newlines of the card are kept."""
    dressed = "\ufeff" + (CARD + "\n").replace("\n", "\r\n")
    assert fill(dressed, "glossary", "a\nb") == "\ufeff" + (fill(CARD, "glossary", "a\nb") + "\n").replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Bias", "bias"),
        ("intended-use", "direct use"),
        ("intended use", "direct use"),
        ("out_of_scope_use", "out-of-scope use"),
        ("## Model Card Authors", "authors"),
        ("Bias, Risks and Limitations", "bias"),
        ("Downstream Usage (Sentence Transformers)", "downstream use"),
    ],
)
def test_sections_have_names(given: str, name: str) -> None:
    """A section is called by a short name, by its heading, in any case."""
    assert section_name(given) == name


@pytest.mark.parametrize(("section", "words"), [("metrics", "x"), ("", "x"), ("bias", ""), ("bias", " \n\t\n")])
def test_nothing_to_fill_is_an_error(section: str, words: str) -> None:
    """An unknown section names the known ones; no words are no words."""
    with pytest.raises(SettingsError):
        fill(CARD, section, words)


def test_a_text_that_is_no_card_gets_the_section() -> None:
    """Somebody's own text gets the section at its end."""
    assert fill("# My model\n\nIt is good.\n", "bias", "Some.") == (
        "# My model\n\nIt is good.\n\n## Bias, Risks and Limitations\n\nSome.\n"
    )
