"""`cardgen search`: runs by their words, with the place, for a person and for a script."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Model, Run
from cardgen.registry import Registry


def names(said: Any) -> list[str]:
    """The names in a JSON listing."""
    return [row["name"] for row in json.loads(said.out)]


def test_a_person_sees_name_title_and_place(call: Any, registry: Path) -> None:
    """A run has a line with name and title, and one with the place; into a pipe there is no colour."""
    said = call("search", "negatives", "ranking")
    assert (said.code, said.err) == (0, "")
    assert said.text.splitlines() == [
        "amber-otter  SentenceTransformer amber-otter",
        "  loss: MultipleNegativesRankingLoss",
    ]
    assert call("search", "lynx").text.splitlines()[0] == "calm-lynx  SentenceTransformer calm-lynx"


def test_a_script_gets_fields_with_their_types(call: Any, registry: Path) -> None:
    """JSON has the offsets of what was found; CSV reads back; `-q` has ids alone."""
    [row] = json.loads(call("search", "sentencetransformer otter", "--json").out)
    assert list(row) == ["id", "name", "title", "field", "text", "spans", "rank"]
    assert (row["field"], row["text"]) == ("title", "SentenceTransformer amber-otter")
    assert [row["text"][start:end] for start, end in row["spans"]] == ["SentenceTransformer", "otter"]
    [line] = csv.DictReader(io.StringIO(call("search", "otter", "--format", "csv").text))
    assert line["name"] == "amber-otter"
    assert call("search", "otter", "-q").text == f"{row['id']}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("SentenceTransformer",), ["amber-otter", "calm-lynx"]),
        (("sentencetransformer", "-otter"), ["calm-lynx"]),
        (("sentencetransformer -otter",), ["calm-lynx"]),
        (("-otter", "sentencetransformer", "--json"), ["calm-lynx"]),
        (("sentencetransformer", '-"calm lynx"'), ["amber-otter"]),
        (('"amber otter"',), ["amber-otter"]),
        (("ott*",), ["amber-otter"]),
        (("crossencoder", "--project", "rerankers"), ["brisk-heron"]),
        (("crossencoder", "--project", "retrieval"), []),
        (("sentencetransformer", "--since", "3d"), ["amber-otter"]),
        (("sentencetransformer", "--status", "failed"), ["calm-lynx"]),
        (("sentencetransformer", "otter", "--limit", "1"), ["amber-otter"]),
    ],
)
def test_words_phrases_and_filters(call: Any, registry: Path, words: tuple[str, ...], expected: list[str]) -> None:
    """All words together are looked for; a word behind a minus is no option; filters are those of a listing."""
    said = call("search", *words, *(() if "--json" in words else ("--json",)))
    assert said.code == 0
    assert sorted(names(said)) == expected


def test_a_word_that_a_person_wrote_is_found(call: Any, registry: Path, tmp_path: Path) -> None:
    """Words that `runs edit` put into a card are found at once."""
    words = tmp_path / "bias.md"
    words.write_text("Trained on tribunal decisions from Łódź.\n", "utf-8")
    assert call("runs", "edit", "amber-otter", "--section", "bias", "--file", words).code == 0
    [row] = json.loads(call("search", "tribunal lodz", "--json").out)
    assert (row["name"], row["field"]) == ("amber-otter", "card")
    assert [row["text"][start:end] for start, end in row["spans"]] == ["tribunal", "Łódź"]


def test_nothing_found_is_said(call: Any, registry: Path) -> None:
    """It is no error; a hint says what may find more, and `-q` says nothing."""
    said = call("search", "zebra")
    assert (said.code, said.out) == (0, b"")
    assert "fewer words" in said.err
    assert call("search", "zebra", "-q").err == ""
    assert call("search", "zebra", "--json").out == b"[]\n"
    assert "--limit" in call("search", "sentencetransformer", "--limit", "1").err


@pytest.mark.parametrize("words", [(), ("",), ("!!!",), ("-otter",), ("x" * 10_001,), ("otter", "--limit", "0")])
def test_a_search_for_nothing_is_a_usage_error(call: Any, registry: Path, words: tuple[str, ...]) -> None:
    """No words, none that can be looked for, too long ones: exit code 2 and no traceback."""
    said = call("search", *words)
    assert said.code == 2
    assert said.out == b""
    assert "Traceback" not in said.err


def test_a_missing_registry_is_not_made_by_looking(call: Any, tmp_path: Path) -> None:
    """A mistyped path exits with 3 and leaves no file."""
    path = tmp_path / "typo.db"
    assert call("search", "otter", "--registry", path).code == 3
    assert not path.exists()


ON_A_TERMINAL = """
import pty, sys
def read(descriptor):
    import os
    return os.read(descriptor, 1024)
sys.exit(pty.spawn([sys.executable, "-m", "cardgen", "search", *sys.argv[1:]], read) >> 8)
"""


@pytest.mark.parametrize("plain", [False, True])
def test_the_place_is_bold_on_a_terminal(registry: Path, plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows what was found in bold, unless it is asked not to."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    done = subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL, "negatives"], capture_output=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 0
    assert (b"\x1b[1mMultipleNegativesRankingLoss\x1b[0m" in done.stdout) is not plain
    assert (b"\x1b" in done.stdout) is not plain


def test_hostile_text_reaches_no_terminal(call: Any, empty: Path, new_run: Any) -> None:
    """What a stranger's record has is shown and not obeyed, in the place, too."""
    evil = "needle \x1b]0;title\x07\u202e[bold]x[/bold] =1+1"
    run: Run = new_run(1, "evil", project=evil, model=Model(type="CrossEncoder", title=f"\x1b[2J{evil}"))
    with Registry(empty) as opened:
        opened.save(run)
    for said in (call("search", "needle"), call("search", "needle", "--format", "csv")):
        assert said.code == 0
        assert b"\x1b" not in said.out
        assert "\u202e" not in said.text
        assert "\\x1b]0;title\\x07\\u202e[bold]x[/bold]" in said.text
