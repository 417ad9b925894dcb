"""`cardgen import`: what it prints for whom, which place its errors name, and its exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen.registry import Registry

CARD = Path(__file__).parents[1] / "golden" / "5.1.2" / "st_named_eval" / "README.md"
NO_YAML = CARD.read_bytes().replace(b"license: mit\n", b"license: [mit\n", 1)
NO_UTF8 = CARD.read_bytes().replace(b"## Training Details\n", b"## Training Details\n\nfran\xe7ais\n", 1)


def errors(text: str) -> list[Any]:
    """The errors of each source in a JSON report."""
    return [[(e["file"], e["line"], e["section"]) for e in report["errors"]] for report in json.loads(text)]


@pytest.fixture(name="files")
def _files(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Good and bad sources, in the working folder."""
    folder = tmp_path / "files"
    (folder / "model").mkdir(parents=True)
    (folder / "good.md").write_bytes(CARD.read_bytes())
    (folder / "yaml.md").write_bytes(NO_YAML)
    (folder / "bytes.md").write_bytes(NO_UTF8)
    (folder / "model" / "README.md").write_bytes(CARD.read_bytes() + b"\n")
    (folder / "model" / "trainer_state.json").write_text('{\n  "global_step": 4,\n  "log_history": [}\n')
    monkeypatch.chdir(folder)
    return folder


def test_errors_name_file_line_and_section(call: Any, files: Path) -> None:
    """Of each bad file, on stderr as in JSON; the others are imported, and so is what of a bad one can be read."""
    names = ("yaml.md", "bytes.md", "model", "missing.md", "good.md")
    line_of_license = NO_YAML[: NO_YAML.index(b"license")].count(b"\n") + 1
    line_of_bytes = NO_UTF8[: NO_UTF8.index(b"\xe7")].count(b"\n") + 1
    said = call("import", *names, "--format", "json")
    assert said.code == 1
    (yaml,), (no_utf8,), (state,), (missing,), good = errors(said.text)
    assert yaml[0::2] == ("yaml.md", "front matter")
    assert line_of_license <= yaml[1] <= line_of_license + 1
    assert no_utf8 == ("bytes.md", line_of_bytes, "## Training Details")
    assert state == ("model/trainer_state.json", 3, None)
    assert missing == ("missing.md", None, None)
    assert good == []
    assert [report["grade"] for report in json.loads(said.text)] == ["edited", "edited", "exact", None, "exact"]
    lines = said.err.splitlines()
    assert lines[0].startswith(f"yaml.md:{yaml[1]}: front matter: no YAML")
    assert lines[1].startswith(f"bytes.md:{line_of_bytes}: ## Training Details: byte 0xe7 at offset ")
    assert lines[2].startswith("model/trainer_state.json:3: no JSON: ")
    assert lines[3].startswith("missing.md: cannot read missing.md: No such file")
    assert lines[4:] == ["2 edited, 2 exact, 1 failed"]
    messages = [error["message"] for report in json.loads(said.text) for error in report["errors"]]
    assert all(message in line for line, message in zip(lines, messages, strict=False))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("---\nlicense: mit\ntags:\n  - a\n - b\n---\n# x\n", 5),
        ("---\na: &x 1\nb: *x\n---\n# x\n", 3),
        ("---\na: 1\nb: !!python/object:os.system x\n---\n", 3),
        ("---\r\na: 1\r\nb: 'x\r\n---\r\n# x\r\n", 3),
        ("\ufeff---\n- a\n---\n", 2),
        ("---\na: 1\nb: \x01\n---\n", 3),
        ("# above\n", None),
        ("---\n---\n", None),
        ("---\n# only comments\n---\n", None),
        ("", None),
    ],
)
def test_the_line_of_a_front_matter_is_that_of_the_file(call: Any, files: Path, text: str, line: int | None) -> None:
    """Whatever is wrong in it, also in a text that is no generated card; an empty one is not wrong."""
    (files / "x.md").write_bytes(text.encode())
    said = call("import", "x.md", "--json")
    assert json.loads(said.text)[0]["grade"] == "opaque"
    assert errors(said.text) == [[("x.md", line, "front matter")] if line else []]
    assert said.code == (1 if line else 0)


def test_one_bad_source_alone_has_its_own_exit_code_and_json(call: Any, files: Path) -> None:
    """The error is the command's; JSON is whole all the same."""
    said = call("import", "nothing", "--json")
    assert said.code == 1
    assert json.loads(said.text)[0]["errors"][0]["file"] == "nothing"
    assert said.err.startswith("Error: cannot read nothing")
    said = call("import", "hf://a b", "--format", "json")
    assert said.code == 2
    assert json.loads(said.text)[0]["hint"]


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0", b"\0" * 5000, b"\xff" * 100, bytes(range(256)) * 40])
def test_a_binary_file_is_opaque(call: Any, files: Path, data: bytes) -> None:
    """It is no card, nothing is kept, and what is shown harms no terminal."""
    (files / "x.bin").write_bytes(data)
    said = call("import", "x.bin")
    assert said.text.startswith("opaque  -")
    assert said.code == (0 if data.isascii() else 1)
    assert "\x1b" not in said.text + said.err
    with Registry(mode="read") as registry:
        assert registry.listing() == []


def test_a_card_in_utf_16_is_read(call: Any, files: Path) -> None:
    """As a shell on Windows writes what `cardgen render` prints."""
    (files / "x.md").write_bytes(CARD.read_text().encode("utf-16"))
    said = call("import", "x.md", "--json")
    assert said.code == 0
    (report,) = json.loads(said.text)
    assert (report["grade"], report["repairs"]) == ("exact", ["UTF-16, read as that"])


def test_listings_are_for_scripts(call: Any, files: Path) -> None:
    """Ids alone, CSV with a row for each source, JSON with every field; the table is for a person."""
    good = json.loads(call("import", "good.md", "--json").text)[0]
    assert call("import", "-q", "good.md").text == good["id"] + "\n"
    (files / "opaque.md").write_text("# x\n")
    rows = call("import", "good.md", "opaque.md", "--format", "csv").text.splitlines()
    assert rows[0] == "source,grade,id,name,title,model_type,known"
    assert rows[1].startswith(f"good.md,exact,{good['id']},{good['name']},")
    assert rows[2] == "opaque.md,opaque,,,,,False"
    assert call("import", "--format", "ids", "opaque.md").text == ""
    table = call("import", "good.md", "opaque.md")
    assert table.text.splitlines()[0] == f"exact   {good['name']:<24} good.md (known already)"
    assert table.err == "1 exact, 1 opaque\n"


def test_sources_come_from_stdin_too(call: Any, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card as `-`, a list with `--from-file -`; blank lines and a byte order mark are passed over."""

    def stdin(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    stdin(CARD.read_bytes())
    assert json.loads(call("import", "-", "--json").text)[0]["source"] == "stdin"
    stdin("\ufeffgood.md\r\n\r\n  model/README.md \n".encode())
    said = call("import", "--from-file", "-", "--json")
    assert [report["source"] for report in json.loads(said.text)] == ["good.md", "model/README.md"]
    (files / "list.txt").write_text("good.md\nmissing.md\n")
    assert call("import", "--from-file", "list.txt", "model/README.md").err.endswith("2 exact, 1 failed\n")
    assert call("import").code == 2
    assert call("import", "--from-file", "nothing.txt").code == 2
