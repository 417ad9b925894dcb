"""`cardgen registry`: made when asked, looked at without a trace."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cardgen.registry import SpoolWriter, spool_folder


def test_init_makes_a_registry_and_leaves_one_alone(call: Any, tmp_path: Path) -> None:
    """The second `init` changes nothing; both print where it is."""
    path = tmp_path / "new" / "cards.db"
    first = call("registry", "init", "--registry", path)
    before = path.read_bytes()
    second = call("registry", "init", "--registry", path)
    assert first.code == second.code == 0
    assert first.text == second.text == f"sqlite:///{path}\n"
    assert path.read_bytes() == before


def test_status_counts(call: Any, registry: Path) -> None:
    """For a person and for a script."""
    assert "runs" in call("registry", "status").text
    found = json.loads(call("registry", "status", "--json").out)
    assert found["runs"] == 3
    assert found["events"] == 1
    assert found["url"].endswith(str(registry))


@pytest.mark.parametrize("command", [("registry", "status"), ("runs", "delete", "x", "--yes"), ("render", "x")])
def test_nothing_but_init_makes_a_registry(call: Any, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Every other command exits with 3 where nothing is, and leaves it so."""
    path = tmp_path / "none" / "cards.db"
    said = call("--registry", path, *command)
    assert said.code == 3
    assert not path.parent.exists()


def test_somebody_elses_database_is_refused(call: Any, tmp_path: Path) -> None:
    """A foreign SQLite file and a file that is none are errors, and stay untouched."""
    foreign, text = tmp_path / "foreign.db", tmp_path / "notes.db"
    connection = sqlite3.connect(foreign)
    connection.execute("create table run (x)")
    connection.commit()
    connection.close()
    text.write_text("just notes, long enough to be no header of any database whatsoever\n" * 20)
    for path in (foreign, text):
        before = path.read_bytes()
        for command in (("registry", "init"), ("runs", "list")):
            said = call("--registry", path, *command)
            assert said.code == 1
            assert str(path) in said.err
            assert "Traceback" not in said.err
        assert path.read_bytes() == before


def test_a_password_is_never_shown(call: Any) -> None:
    """A server that does not answer is named without the password."""
    said = call("--registry", "postgresql+psycopg://me:s3cret@127.0.0.1:1/cards", "registry", "status")
    assert said.code == 1
    assert "s3cret" not in said.err
    assert "127.0.0.1" in said.err


def damage(path: Path, statement: str) -> None:
    """Change a registry behind its back."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_verify_finds_and_repairs(call: Any, registry: Path) -> None:
    """0 for a whole registry, 1 with findings; a repair leaves none of what can be repaired."""
    assert call("registry", "verify").code == 0
    damage(registry, "UPDATE run SET status = 'running'")
    said = call("registry", "verify")
    assert said.code == 1
    assert "amber-otter" in said.text
    assert "status" in said.text
    found = json.loads(call("registry", "verify", "--format", "json").out)
    assert found["whole"] is False
    assert {finding["run"] for finding in found["findings"]} == {"amber-otter", "brisk-heron", "calm-lynx"}
    assert call("registry", "verify", "--repair").code == 0
    assert json.loads(call("registry", "verify", "--json").out)["findings"] == []


def test_verify_names_what_cannot_be_repaired(call: Any, registry: Path) -> None:
    """It is still 1 after a repair, and nothing was removed."""
    damage(registry, "UPDATE document SET text = 'x' WHERE run = 1")
    for _ in range(2):
        said = call("registry", "verify", "--repair", "--json")
        assert said.code == 1
        assert [finding["kind"] for finding in json.loads(said.out)["findings"]] == ["document"]


def test_verify_makes_no_registry(call: Any, tmp_path: Path) -> None:
    """Neither looking nor repairing does."""
    for arguments in ((), ("--repair",)):
        assert call("--registry", tmp_path / "x.db", "registry", "verify", *arguments).code == 3
    assert list(tmp_path.iterdir()) == []


def test_ingest(call: Any, registry: Path, tmp_path: Path, new_run: Any) -> None:
    """Spools are folded once; what is no spool is an error, and does not keep the others from being folded."""
    for folder in (spool_folder(registry), tmp_path / "copies"):
        writer = SpoolWriter(folder, f"run-of-{folder.name}")
        writer.snapshot(new_run(5, "spooled", id=f"run-of-{folder.name}"))
        writer.close()
    said = call("registry", "ingest", "--json")
    assert said.code == 0
    [spool] = json.loads(said.out)
    assert (spool["name"], spool["state"], spool["entries"]) == ("spooled", "folded", 2)
    assert json.loads(call("registry", "ingest", "--json").out) == []
    (tmp_path / "copies" / "notes.jsonl").write_text("no spool\n")
    for entries in (2, 0):
        said = call("registry", "ingest", tmp_path / "copies", "--json")
        assert said.code == 1
        assert [spool["entries"] for spool in json.loads(said.out)] == [0, entries]
        assert [spool["state"] for spool in json.loads(said.out)] == ["failed", "folded"]
    assert call("registry", "ingest", tmp_path / "nothing").code == 1


def test_ingest_makes_a_registry(call: Any, tmp_path: Path, new_run: Any) -> None:
    """What was recorded offline where no registry was yet is its first content."""
    path = tmp_path / "new.db"
    writer = SpoolWriter(spool_folder(path), "offline")
    writer.snapshot(new_run(5, "offline", id="offline"))
    writer.close()
    assert call("--registry", path, "registry", "ingest", "-q").text == "offline\n"
    assert "offline" in call("--registry", path, "runs", "show", "offline").text


def test_backup_and_restore(call: Any, registry: Path, tmp_path: Path) -> None:
    """The path is the output, counts are a hint, and the file is the registry; it is replaced on request only."""
    target = tmp_path / "backup.db"
    said = call("registry", "backup", target)
    assert (said.code, said.text) == (0, f"{target}\n")
    assert "3 runs and 1 log events" in said.err
    assert "whole" in said.err
    assert call("registry", "backup", target).code == 4
    assert call("registry", "backup", "-").code == 2
    refused = call("registry", "backup", "postgresql+psycopg://me:hunter2@server/cards")
    assert (refused.code, "hunter2" in refused.err, "registry copy" in refused.err) == (2, False, True)
    said = call("registry", "backup", target, "--force", "--json")
    found = json.loads(said.out)
    assert (found["runs"], found["rows"]["run"], found["path"], found["unfolded"]) == (3, 3, str(target), [])
    registry.write_bytes(target.read_bytes())
    assert json.loads(call("registry", "verify", "--json").out)["whole"]
    assert call("runs", "list", "-q").text.count("\n") == 3


def test_a_backup_names_what_is_not_in_it(call: Any, registry: Path, tmp_path: Path) -> None:
    """A spool that cannot be folded is a hint for a person and a fact for a script; the backup is made."""
    folder = spool_folder(registry)
    folder.mkdir()
    (folder / "x.jsonl").write_text("no spool\n")
    said = call("registry", "backup", tmp_path / "1.db")
    assert said.code == 0
    assert f"not in it: {folder / 'x.jsonl'}" in said.err
    [left] = json.loads(call("registry", "backup", tmp_path / "2.db", "--json").out)["unfolded"]
    assert left["path"] == str(folder / "x.jsonl")


def test_copy(call: Any, registry: Path, tmp_path: Path) -> None:
    """To a new place; what is there already is a conflict, and what is not there is not found."""
    target = tmp_path / "copy.db"
    said = call("registry", "copy", registry, target)
    assert (said.code, said.text) == (0, f"sqlite:///{target}\n")
    assert "compared" in said.err
    said = call("registry", "copy", registry, target)
    assert said.code == 4
    assert "merge" in said.err
    said = call("registry", "copy", target, tmp_path / "again.db", "--json")
    found = json.loads(said.out)
    assert (found["runs"], found["events"], len(found["digests"])) == (3, 1, len(found["rows"]))
    assert call("registry", "copy", tmp_path / "none.db", tmp_path / "x.db").code == 3
