"""`cardgen render`: bytes to stdout, files whole or not at all."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen import render_card
from cardgen.registry import Registry


def card(registry: Path, **options: Any) -> bytes:
    """What the library says the card is."""
    return render_card("amber-otter", registry=registry, **options).encode()


def test_stdout_is_the_card_to_the_byte(call: Any, registry: Path) -> None:
    """Nothing is added to the card, not even a line end."""
    said = call("render", "amber-otter")
    assert said.code == 0
    assert said.out == card(registry)
    assert said.err == ""


def test_the_encoding_of_the_terminal_changes_nothing(registry: Path, new_run: Any) -> None:
    """A card is UTF-8 also where stdout is ASCII."""
    with Registry(registry) as opened:
        opened.save(new_run(5, "emoji-owl", tags=("ü🙂",), model=new_run(5, "x").model))
        expected = render_card("emoji-owl", registry=opened).encode()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "cardgen", "render", "emoji-owl"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert done.stdout == expected


def test_a_layout_changes_the_form(call: Any, registry: Path) -> None:
    """`--layout` renders as that library version did."""
    assert call("render", "latest", "--layout", "3.4").out == card(registry, layout="3.4") != card(registry)


@pytest.mark.parametrize("layout", ["9.9", "banana", ""])
def test_an_unknown_layout_exits_with_2(call: Any, registry: Path, layout: str) -> None:
    """A version without cards is a usage error."""
    said = call("render", "latest", "--layout", layout)
    assert said.code == 2
    assert said.out == b""
    assert "Traceback" not in said.err


def test_a_missing_run_exits_with_3(call: Any, registry: Path, tmp_path: Path) -> None:
    """Nothing is written for a run that is not there."""
    said = call("render", "zebra", "-o", tmp_path / "card.md")
    assert said.code == 3
    assert not (tmp_path / "card.md").exists()


def test_a_file_is_written_and_may_be_written_again(call: Any, registry: Path, tmp_path: Path) -> None:
    """`-o` writes the same bytes; doing it twice is no conflict."""
    path = tmp_path / "card.md"
    for _ in range(2):
        said = call("render", "amber-otter", "-o", path)
        assert (said.code, said.out) == (0, b"")
        assert path.read_bytes() == card(registry)
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.suffix == ".md") == ["card.md"]


def test_somebodys_text_is_not_overwritten(call: Any, registry: Path, tmp_path: Path) -> None:
    """A file that is no card stays, with exit code 4, until the new facts are preferred."""
    path = tmp_path / "README.md"
    path.write_bytes(b"mine\r\n")
    said = call("render", "amber-otter", "-o", path)
    assert said.code == 4
    assert "--conflict ours" in said.err
    assert path.read_bytes() == b"mine\r\n"
    assert call("render", "amber-otter", "-o", path, "--conflict", "ours").code == 0
    assert path.read_bytes() == card(registry)


def test_a_folder_that_is_not_there_is_an_error(call: Any, registry: Path, tmp_path: Path) -> None:
    """A path that cannot be written is said, without a traceback."""
    said = call("render", "amber-otter", "-o", tmp_path / "no" / "card.md")
    assert said.code == 1
    assert "card.md" in said.err
    assert "Traceback" not in said.err


def test_templates_of_ones_own_go_first(call: Any, registry: Path, tmp_path: Path) -> None:
    """`--templates` replaces a built-in template; a folder that is not there is an error."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sentence_transformer.md.jinja").write_text("# {{ card.title }}")
    assert call("render", "amber-otter", "--templates", tmp_path / "mine").text == "# SentenceTransformer amber-otter"
    assert call("render", "amber-otter", "--templates", tmp_path / "none").code == 1


def test_a_conflict_shows_both_texts(call: Any, registry: Path, tmp_path: Path) -> None:
    """Where a person and the facts changed one place, both are on stderr, and the file waits for a choice."""
    path = tmp_path / "README.md"
    assert call("render", "amber-otter", "-o", path).code == 0
    text = path.read_text()
    title = next(line for line in text.split("\n") if line.startswith("# "))
    edited = text.replace(f"\n{title}\n", "\n# My own title\n", 1)
    path.write_text(edited)
    with Registry(registry) as opened:
        run = opened.run("amber-otter")
        opened.save(dataclasses.replace(run, model=dataclasses.replace(run.model, title="Another title")))
    said = call("render", "amber-otter", "-o", path)
    assert said.code == 4
    assert "My own title" in said.err
    assert "Another title" in said.err
    assert path.read_text() == edited
    assert call("render", "amber-otter", "-o", path, "--conflict", "theirs").code == 0
    assert "My own title" in path.read_text()
