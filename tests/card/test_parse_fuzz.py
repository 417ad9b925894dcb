"""Hostile and damaged texts: each gives a clear result, in bounded time."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from cardgen.card.encoding import repair
from cardgen.card.layout import render
from cardgen.card.merge import merge
from cardgen.card.parse.read import parse
from cardgen.card.parse.values import literal, number
from cardgen.card.yaml_text import LONGEST, Unreadable, load
from cardgen.record import Displayed
from tests.card.fuzz import check, mutated
from tests.card.hostile import CARD, HOSTILE

GOLDEN = sorted((Path(__file__).parent.parent / "golden").rglob("README.md"))
SMALL, LARGE = 60_000, 600_000
MOST = 20
"""Times that ten times the text may take, generously; small times are taken as `LEAST` seconds."""
LEAST = 0.05


def seconds(text: str) -> float:
    """The time that reading, rendering and merging a text takes."""
    start = time.process_time()
    repair(text)
    parsed = parse(text)
    if parsed.run is not None:
        base = parsed.text.restore(render(parsed.run, parsed.log))
        merge(base, render(parsed.run, parsed.log, layout="6.2"), text)
    return time.process_time() - start


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_linear_time(name: str) -> None:
    """Ten times the text takes about ten times as long, and nothing is raised."""
    small = seconds(HOSTILE[name](SMALL))
    large = seconds(HOSTILE[name](LARGE))
    assert large <= MOST * max(small, LEAST)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_keeps_every_promise(name: str) -> None:
    """What is read can be stored, rendered and merged."""
    check(HOSTILE[name](3_000))


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_card_keeps_every_promise(seed: int) -> None:
    """Cut, shuffled, spliced and stuffed: see `tests.card.fuzz`, which goes on for longer."""
    rng = random.Random(seed)
    cards = [path.read_bytes().decode() for path in GOLDEN[::11]]
    for _ in range(10):
        check(mutated(rng, cards))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: *x", "alias"),
        ("a: &x\n- *x", "alias"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: !mine x", "tag"),
        ("[" * 100_000, "deeper"),
        ("- " * 100_000, "deeper"),
        ("\n".join(" " * i + "a:" for i in range(100)), "deeper"),
        ("{" * 100_000, "plain value"),
        ("? [a]\n: b", "plain value"),
        ("x" * (LONGEST + 1), "longer"),
        ("a: [", "expected"),
        ("a\x00b", "control characters"),
        ("a\ud800b", "surrogates"),
        ("a: 1\n---\nb: 2", "document"),
    ],
)
def test_yaml_that_no_card_may_hold_is_refused(text: str, reason: str) -> None:
    """Before it is built: the C parser would recurse until the process dies, an alias stands for gigabytes."""
    with pytest.raises(Unreadable, match=reason):
        load(text)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: no", {"a": False}),
        ("a: 1:30", {"a": 90}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("a: =", {"a": "="}),
        ("a: 'no'", {"a": "no"}),
        ("a: &x 1", {"a": 1}),
        ("a: 1" + ":1" * 1000, {"a": "1" + ":1" * 1000}),
        ("", None),
        ("# only a comment", None),
    ],
)
def test_yaml_is_typed_as_yaml_says(text: str, data: object) -> None:
    """Dates stay texts, and so do numbers that nobody means."""
    assert load(text) == data


def test_plain_yaml_keeps_the_text_of_each_scalar() -> None:
    """What a person wrote is compared as written."""
    assert load("a: no\nb: 1:30\nc: [0x10, ~]", plain=True) == {"a": "no", "b": "1:30", "c": ["0x10", "~"]}


@pytest.mark.parametrize(
    "text", ["1" * 100_000, "1" * 100_000 + ".", "9" * 4001, "1e5" * 9, "\u0661", "1_000", "0x10", "--1"]
)
def test_texts_that_are_no_numbers(text: str) -> None:
    """Numbers too long to be meant and other alphabets' digits are no integers."""
    assert not isinstance(number(text), int)


@pytest.mark.parametrize(
    "text", ["[" * 300, "[" * 41 + "]" * 41, "(" * 10**6, "{1: " * 50, "[__import__('os')]", "[1][0]"]
)
def test_texts_that_are_no_literals_stay_texts(text: str) -> None:
    """Deep ones and code, too: nothing is evaluated."""
    assert literal(text) is text


@pytest.mark.parametrize(
    "damage",
    [
        # found by fuzzing: values that no field of the record may hold
        lambda card: card.replace("- **Output Dimensionality:** ", "- **Output Dimensionality:** -->"),
        lambda card: card.replace("- **Maximum Sequence Length:** ", "- **Maximum Sequence Length:** x"),
        lambda card: card.replace("* Size: ", "* Size: ,,,"),
        lambda card: card.replace("* Size: ", "* Size: " + "9" * 5000),
        lambda card: card.replace("first ", "first " + "9" * 5000),
        # a table of metrics without rows, a log without an epoch
        lambda card: "\n".join(line for line in card.split("\n") if not line.startswith("| **cosine")),
        lambda card: card.replace("| Epoch ", "| Epoch |").replace(" | 1 ", " | x "),
        lambda card: card.replace("widget:\n", "widget:\n- 2024-01-01\n- text: 2024-01-01\n"),
        lambda card: card.replace("\n", "\r\n") + "\n",
        lambda card: card.replace("---\n", "", 1),
        lambda card: card.replace("\n---\n", "\n", 1),
    ],
)
def test_damage_that_once_broke_something(damage: object) -> None:
    """The card is read, and keeps every promise."""
    assert callable(damage)
    for path in (*GOLDEN[3::60], *GOLDEN[-1:]):
        check(damage(path.read_bytes().decode()))
    check(damage(CARD))


def test_a_card_without_its_version_is_recognised_by_its_form() -> None:
    """The version is inferred, marked, and selects a layout that gives the text again."""
    for path in GOLDEN[2::13]:
        text = path.read_bytes().decode()
        version = path.parts[-3]
        without = text.replace(f"- Sentence Transformers: {version}", "- Sentence Transformers: ")
        parsed = parse(without)
        assert parsed.inferred
        assert parsed.run is not None
        assert parsed.run.layout is not None
        assert parsed.text.restore(render(parsed.run, parsed.log)) == without
        start = text.index("### Framework Versions\n")
        cut = text[:start] + text[text.index("\n## ", start) + 1 :]
        found = parse(cut)
        assert found.run is not None
        assert set(cut.split("\n")) <= set(render(found.run, found.log).split("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "", "# A model\n\nHello.", "```python\nfrom sentence_transformers import SentenceTransformer\n```",
        "---\nlicense: mit\n---\n# x", "\x00", "| a |\n|---|", "This is a [model](https://x) model.",
        "# Mine\n\nThis is a [sentence-transformers](https://www.SBERT.net) model from x.\n\n## Model Details\n",
        "# Mine\n\n## Model Details\n\n- **Model Type:** Sentence Transformer\n\n## Training Details\n",
        f"# How cards look\n\n````md\n{CARD}\n````\n", f"# How cards look\n\n~~~\n{CARD}\n~~~\n",
        "\n".join(f"> {line}" for line in CARD.split("\n")), "\n".join(f"    {line}" for line in CARD.split("\n")),
    ],
)  # fmt: skip
def test_what_is_no_generated_card_has_no_record(text: str) -> None:
    """A page that uses the library is not one that it wrote."""
    assert parse(text).run is None


@pytest.mark.parametrize("lines", [30, 60, 400])
def test_a_piece_of_a_generated_card_has_a_record(lines: int) -> None:
    """Its beginning, and what is left of one whose introduction somebody wrote anew."""
    for path in GOLDEN[::20]:
        text = path.read_bytes().decode()
        start = text.index("\n# ") + 1
        assert parse("\n".join(text[start:].split("\n")[:lines])).run is not None
        assert parse(re.sub("^This is a .*$", "Our own words.", text, flags=re.MULTILINE)).run is not None


def test_lengths_without_limit_come_back() -> None:
    """`inf tokens` is infinite, `None tokens` is displayed so."""
    line = next(line for line in CARD.split("\n") if line.startswith("- **Maximum Sequence Length:** "))
    for shown, value in (("inf", float("inf")), ("None", Displayed("None", None)), ("512", 512)):
        card = CARD.replace(line, f"- **Maximum Sequence Length:** {shown} tokens")
        parsed = parse(card)
        assert parsed.run is not None
        assert parsed.run.model.max_seq_length == value
        assert render(parsed.run, parsed.log) == card
