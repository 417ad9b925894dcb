"""`cardgen runs edit`: words from an editor, a file or stdin."""

from __future__ import annotations

import io
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cardgen.registry import Registry

pytestmark = pytest.mark.usefixtures("registry")


def editor(monkeypatch: pytest.MonkeyPatch, code: str, variable: str = "EDITOR") -> None:
    """Make an editor of Python code that has the text as `text` and leaves it in `text`."""
    whole = (
        "import sys; path = sys.argv[1]; text = open(path, newline='').read()\n"
        f"{code}\n"
        "open(path, 'w', newline='').write(text)"
    )
    monkeypatch.setenv(variable, shlex.join([sys.executable, "-c", whole]))


@pytest.fixture(autouse=True)
def _no_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_file_fills_a_section(call: Any, tmp_path: Path) -> None:
    """The words stand in the card from now on, and can be replaced."""
    words = tmp_path / "words.md"
    for text in ("Only ovens.", "Only *blue* ovens."):
        words.write_text(text + "\n")
        said = call("runs", "edit", "latest", "--section", "Intended use", "--file", words)
        assert (said.code, "cardgen render amber-otter" in said.err) == (0, True)
        assert f"\n### Direct Usage (Transformers)\n\n{text}\n\n<!--\n### Down" in call("render", "latest").text
    assert call("runs", "edit", "latest", "--section", "direct use", "--file", words).err == "nothing was changed\n"


def test_words_come_from_stdin(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--file -` reads them."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("Né un forno.".encode())))
    assert call("runs", "edit", "latest", "--section", "bias", "--file", "-").code == 0
    assert "## Bias, Risks and Limitations\n\nNé un forno.\n" in call("render", "latest").text


def test_words_survive_a_changed_fact(call: Any, tmp_path: Path) -> None:
    """A fact that is set later is rendered beside the words."""
    (tmp_path / "words.md").write_text("Only ovens.")
    call("runs", "edit", "latest", "--section", "bias", "--file", tmp_path / "words.md")
    call("runs", "set", "latest", "license=mit", "--yes")
    card = call("render", "latest").text
    assert "- **License:** mit" in card
    assert "\nOnly ovens.\n" in card


@pytest.mark.parametrize("variable", ["EDITOR", "VISUAL"])
def test_an_editor_changes_the_card(call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    """What the editor leaves is the card, and no temporary file stays."""
    editor(monkeypatch, "text = text.replace('# SentenceTransformer amber-otter', '# Otter\\n\\nA badge.')", variable)
    assert call("runs", "edit", "latest").code == 0
    assert "\n# Otter\n\nA badge.\n" in call("render", "latest").text
    assert list(tmp_path.glob("cardgen-edit-*")) == []


@pytest.mark.parametrize("code", ["pass", "text += '\\n'", "text = ''"])
def test_an_editor_that_changes_nothing_changes_nothing(
    call: Any, registry: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """An untouched text, one with an editor's final newline and an emptied one leave all as it was."""
    editor(monkeypatch, code)
    said = call("runs", "edit", "latest")
    assert (said.code, said.err) == (0, "nothing was changed\n")
    with Registry(registry, mode="read") as opened:
        assert opened.card_text(opened.run("latest").id, "run") is None


def test_a_failed_editor_says_so_and_loses_nothing(call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An editor that fails, is not there or cannot be understood is an error; words already written are kept."""
    monkeypatch.setenv("EDITOR", f'{sys.executable} -c \'import sys; open(sys.argv[1], "a").write("words"); exit(3)\'')
    said = call("runs", "edit", "latest")
    assert said.code == 1
    assert "failed with exit code 3" in said.err
    [kept] = tmp_path.glob("cardgen-edit-*/README.md")
    assert str(kept) in said.err
    assert kept.read_text().endswith("words")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert "no-such-editor cannot be started" in call("runs", "edit", "latest").err
    monkeypatch.setenv("EDITOR", "a 'b")
    assert call("runs", "edit", "latest").code == 2


def test_without_an_editor_it_says_what_to_do(call: Any) -> None:
    """Neither variable is set: the hint names both ways."""
    said = call("runs", "edit", "latest")
    assert said.code == 2
    assert "EDITOR" in said.err
    assert "--section" in said.err


def test_a_text_that_is_no_utf8_is_refused(call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From a file or an editor."""
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    said = call("runs", "edit", "latest", "--section", "bias", "--file", tmp_path / "latin")
    assert (said.code, "UTF-8" in said.err) == (1, True)
    editor(monkeypatch, "text = None; open(path, 'wb').write(b'caf\\xe9'); sys.exit()")
    assert "UTF-8" in call("runs", "edit", "latest").err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("latest", "--section", "bias"), 2),
        (("latest", "--file", "x"), 2),
        (("latest", "--section", "nothing", "--file", "/dev/null"), 2),
        (("latest", "--section", "bias", "--file", "/dev/null"), 2),
        (("latest", "--section", "bias", "--file", "/nowhere/x"), 1),
        (("zebra", "--section", "bias", "--file", "/dev/null"), 3),
    ],
)
def test_wrong_arguments_are_clear_errors(call: Any, words: tuple[str, ...], code: int) -> None:
    """No traceback, and the code that fits."""
    said = call("runs", "edit", *words)
    assert said.code == code
    assert "Error:" in said.err


def test_it_is_a_command_of_its_own_too(call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`cardgen edit` is `cardgen runs edit`, with an editor and with a section."""
    (tmp_path / "words.md").write_text("Only ovens.")
    assert call("edit", "latest", "--section", "bias", "--file", tmp_path / "words.md").code == 0
    editor(monkeypatch, "text = text.replace('Only ovens.', 'Only red ovens.')")
    assert call("edit", "latest").code == 0
    assert "Only red ovens.\n" in call("render", "latest").text
