"""`cardgen registry merge` and `export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardgen.registry import Registry
from tests.registry.states import ONE, OTHER, fill

Call = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two registries that know overlapping things."""
    paths = (tmp_path / "one.db", tmp_path / "other.db")
    for path, content in zip(paths, (ONE, OTHER), strict=True):
        with Registry(path) as registry:
            fill(registry, content)
    return paths


def test_merging(call: Call, pair: tuple[Path, Path]) -> None:
    """Counts on stdout, names on stderr; again there is nothing to do."""
    one, other = pair
    said = call("registry", "merge", other, "--registry", one)
    assert said.code == 0
    assert said.text == "1 new, 2 changed, 2 unchanged, 0 joined, 1 renamed, 0 removed, 0 skipped\n"
    assert "renamed: same to same-young (it was here)" in said.err
    said = call("--registry", one, "registry", "merge", other, "-q")
    assert said.text == "0 new, 0 changed, 5 unchanged, 0 joined, 0 renamed, 0 removed, 0 skipped\n"
    assert said.err == ""


def test_a_dry_run_changes_nothing(call: Call, pair: tuple[Path, Path]) -> None:
    """It says what would come, and afterwards that comes."""
    one, other = pair
    before = one.read_bytes()
    said = call("registry", "merge", other, "--registry", one, "--dry-run", "--json")
    assert said.code == 0
    would = json.loads(said.text)
    assert one.read_bytes() == before
    assert (would["dry_run"], would["new"], would["target"]) == (True, 1, f"sqlite:///{one}")
    did = json.loads(call("registry", "merge", other, "--registry", one, "--json").text)
    assert {**did, "dry_run": True} == would
    said = call("registry", "merge", one, "--registry", other, "--dry-run")
    assert said.text.startswith("would be: 1 new")
    assert call("registry", "merge", one, "--registry", one.with_name("none.db"), "--dry-run").code == 3


def test_what_was_left_out_is_said(call: Call, pair: tuple[Path, Path]) -> None:
    """With its reason, and the exit code 1; escaped for a terminal."""
    one, other = pair
    with Registry(other) as registry, registry._database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET name = 'a' || char(27) || 'b', heartbeat = -1.5 WHERE id = 'old'")
    said = call("registry", "merge", other, "--registry", one)
    assert said.code == 1
    assert said.text.endswith("1 skipped\n")
    assert "skipped: a\\x1bb: its heartbeat is -1.5" in said.err


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("none.db", 3, "there is no registry at"),
        ("one.db", 2, "is the registry itself"),
        ("", 2, "has no name"),
        (".", 1, "is a folder, and no export"),
        ("mysql://x/y", 2, "cannot be at mysql://"),
        ("text.txt", 1, "is no SQLite database"),
    ],
)
def test_what_cannot_be_merged(
    call: Call, pair: tuple[Path, Path], source: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error and its exit code, never a traceback."""
    monkeypatch.chdir(pair[0].parent)
    Path("text.txt").write_text("This is no database, but as long as a header of one is, and somewhat longer." * 20)
    said = call("registry", "merge", source, "--registry", "one.db")
    assert said.code == code
    assert words in said.err
    assert said.text == ""


def test_spools_beside_are_told_of(call: Call, pair: tuple[Path, Path]) -> None:
    """What lies beside the other registry is not read, and that is said."""
    one, other = pair
    folder = other.with_name("other.db.spool")
    folder.mkdir()
    (folder / "x.jsonl").touch()
    assert "1 spools beside" in call("registry", "merge", other, "--registry", one).err


def test_exporting(call: Call, pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The folder on stdout, what is in it on stderr; `merge` takes it."""
    one, other = pair
    said = call("registry", "export", tmp_path / "out", "--registry", one)
    assert (said.code, said.text) == (0, f"{tmp_path / 'out'}\n")
    assert "4 runs, 5 log_events" in said.err
    made = json.loads(call("registry", "export", tmp_path / "json", "--registry", one, "--json").text)
    assert made["lines"]["runs"] == 4
    assert call("registry", "export", tmp_path / "out", "--registry", one).code == 4
    said = call("registry", "merge", tmp_path / "out", "--registry", other)
    assert (said.code, said.text.split(",")[0]) == (0, "1 new")


def test_one_kind_to_stdout(call: Call, pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Lines for a pipe; a kind that there is not is a usage error."""
    said = call("registry", "export", "-", "--kind", "runs", "--registry", pair[0])
    assert [json.loads(line)["id"] for line in said.text.splitlines()][-1] == "young"
    for arguments in (("-",), ("-", "--kind", "none"), (tmp_path / "x", "--kind", "runs")):
        assert call("registry", "export", *arguments, "--registry", pair[0]).code == 2
