"""Cards as other people and other tools leave them: imported, the text comes back, and no line of theirs is lost.

With CARDGEN_TEST_LONG=1 in the environment every edit is tried on every card (20 s), else each on one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cardgen.actions.import_ import import_card
from cardgen.actions.render import render_card
from cardgen.actions.write import write_card
from cardgen.errors import CardConflict
from cardgen.registry import Registry

GOLDEN = Path(__file__).parents[1] / "golden"
CARDS = (
    GOLDEN / "5.1.2" / "st_named_eval" / "README.md",
    next((GOLDEN / "5.4.1").glob("ce_*")) / "README.md",
    GOLDEN / "6.2.0" / "st_ir_eval" / "README.md",
)
GERMAN = "Dieses Modell kennt nur Flüsse: keine „Straßen“.\n\nZweiter Absatz: Größe & Maß."
FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)

Edit = Callable[[str], str]


class _Indented(yaml.SafeDumper):
    """Lists below their key, as some tools write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def front(change: Callable[[str], str]) -> Edit:
    """A change of the front matter."""
    return lambda card: FRONT.sub(lambda found: f"---\n{change(found[1])}\n---\n", card)


def written(**options: Any) -> Edit:
    """The front matter as another program writes it."""
    options = {"Dumper": yaml.SafeDumper, "allow_unicode": True, "sort_keys": False, **options}
    return front(lambda text: str(yaml.dump(yaml.safe_load(text), **options)).strip())


def line(pattern: str, text: str) -> Edit:
    """A change of the first line of this form."""
    return lambda card: re.sub(pattern, text, card, count=1, flags=re.MULTILINE)


def before(heading: str, text: str) -> Edit:
    """A text above a heading."""
    return line(f"^{heading}$", f"{text}\n\n{heading}")


def moved(card: str) -> str:
    """The usage behind what follows it."""
    start = card.index("## Usage\n")
    end = card.index("\n## ", start) + 1
    after = card.index("\n## ", end) + 1
    return card[:start] + card[end:after] + card[start:end] + card[after:]


EDITS: dict[str, Edit] = {
    "German above the introduction": line("^(This is a )", GERMAN + r"\n\n\1"),
    "German below the introduction": line("^(This is a .*)$", r"\1\n\n" + GERMAN),
    "badges": line("^(# .*)$", r"\1\n\n[![License](https://img.shields.io/x.svg)](https://x) ![b](y)"),
    "a table": before("## Usage", "## Benchmarks\n\n| Model | Score |\n|:--|--:|\n| ours | **0.9** |"),
    "HTML": before("## Usage", '<div align="center">\n<img src="x.png"/>\n</div>\n\n<details>\nMehr\n</details>'),
    "code between tildes": before("## Usage", "~~~bash\n# Kommentar\n## kein Titel\npip install x\n~~~"),
    "a hidden heading": before("## Training Details", "<!-- Müller fragt\n## Nicht sichtbar\n-->"),
    "contents": before("## Model Details", "## Inhalt\n\n- [Usage](#usage)\n- [Training](#training-details)"),
    "another citation": before("### BibTeX", "```bibtex\n@misc{ich, title={Mein}}\n```"),
    "pasted twice": lambda card: f"{card}\n\n{card}",
    "a section moved": moved,
    "a row of the log": line(r"^(\| 0\.\d+ .*)$", r"\1\n| 9.9 | 999 | mein Wert |"),
    "a heading with an emoji": line("^## Usage$", "## 🚀 Usage"),
    "headings with closing marks": lambda card: re.sub(r"^## (Usage|Citation)$", r"## \1 ##", card, flags=re.MULTILINE),
    "a title between lines": line("^# (.*)$", r"\1\n======"),
    "another title": line("^# .*$", "# Mein Modell"),
    "another snippet": line(r'^model = (\w+)\("(.*)"\)$', r'model = \1("me/my-model", device="cuda")'),
    "no versions": lambda card: re.sub(r"### Framework Versions\n(- .*\n)*", "", card),
    "no front matter": lambda card: FRONT.sub("", card),
    "keys sorted": written(sort_keys=True),
    "keys in braces": written(default_flow_style=True, width=10**9),
    "lists indented": written(Dumper=_Indented),
    "everything in quotes": written(default_style='"'),
    "keys of other tools": front(
        lambda text: f"thumbnail: x.png\n# Kommentar\n{text}\nmy-key:\n  a: 1 # eins\n  b: [x]"
    ),
    "a long text in the front matter": front(lambda text: f"{text}\nextra_gated_prompt: |\n  Bitte\n    lesen.\n"),
    "some line ends": lambda card: card.replace("\n## ", "\r\n## ", 3),
    "blanks at ends": lambda card: card.replace("\n\n## ", "  \n\n## "),
    "hard blanks": lambda card: card.replace("Sentence Transformer", "Sentence\u00a0Transformer"),
}
REWRITTEN = ("everything in quotes", "lists indented", "some line ends", "blanks at ends", "hard blanks")
"""A tool's hand in lines of ours: a new fact in such a line takes its place or its words."""

ASKED = ("a section moved", "no front matter", "keys in braces", "another title", "hard blanks")
"""Edits after which it may have to be asked what becomes of a place."""


def lacking(card: str, edited: str, text: str) -> list[str]:
    """The lines of the edited card that are neither in the card nor in a text."""
    known = {entry.rstrip() for entry in [*card.split("\n"), *text.split("\n")]}
    return [entry for entry in edited.split("\n") if entry.rstrip() not in known]


EVERY = [(name, path) for name in EDITS for path in CARDS]
SOME = [(name, CARDS[number % len(CARDS)]) for number, name in enumerate(EDITS)]


@pytest.mark.parametrize(
    ("name", "path"),
    EVERY if os.environ.get("CARDGEN_TEST_LONG") else SOME,
    ids=lambda value: value if isinstance(value, str) else value.parent.name,
)
def test_no_line_of_a_person_is_lost(tmp_path: Path, name: str, path: Path) -> None:
    """The card is a run's, comes back byte for byte, and its lines stand in other layouts and beside new facts."""
    card = path.read_bytes().decode()
    text = EDITS[name](card)
    if text == card:
        pytest.skip("nothing in this card to edit")
    file = tmp_path / "README.md"
    file.write_bytes(text.encode())
    with Registry(tmp_path / "cards.db") as registry:
        found = import_card(file, registry=registry)
        assert found.run is not None
        assert found.grade == "edited"
        assert bool(found.problems) == (name == "everything in quotes")
        assert render_card(found.run.id, registry=registry) == text
        for layout in ("6.2", "5.0"):
            try:
                other = render_card(found.run.id, registry=registry, layout=layout)
            except CardConflict:
                assert name in ASKED or name in REWRITTEN
                other = render_card(found.run.id, registry=registry, layout=layout, prefer="theirs")
            assert name in REWRITTEN or lacking(card, text, other) == []
        registry.set_facts(found.run.id, {"task": "Größenvergleich", "card_tags": "+neu"})
        try:
            write_card(found.run.id, file, registry=registry)
        except CardConflict:
            assert name in ASKED
            assert file.read_bytes().decode() == text
            return
        after = file.read_bytes().decode()
        assert "Größenvergleich" in after
        assert lacking(card, text, after) == [] or name in REWRITTEN
        assert write_card(found.run.id, file, registry=registry).outcome == "unchanged"
