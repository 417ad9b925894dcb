"""`cardgen registry`: made when asked, looked at without a trace."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest


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
