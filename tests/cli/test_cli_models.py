"""`cardgen models` as a person calls it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cardgen.cli.app import main
from cardgen.registry import Registry

NAME = "me/model"


@pytest.fixture
def filled(registry: Path, call: Any) -> Path:
    """Two versions: the otter's, which is the champion, and the heron's."""
    assert call("models", "register", "amber-otter", NAME, "--alias", "champion", "--tag", "eu").code == 0
    assert call("models", "register", "brisk-heron", NAME).code == 0
    return registry


def test_from_the_first_version_to_the_last_word(registry: Path, call: Any) -> None:
    """A version is registered, found by its alias, and the alias moves; each step says what it made."""
    said = call("models", "list")
    assert (said.code, said.text) == (0, "")
    assert "cardgen models register RUN NAME" in said.err
    said = call("models", "register", "amber-otter", NAME, "--alias", "champion", "--tag", "eu", "--tag", "fast")
    assert (said.code, said.text) == (0, f"{NAME}@1\n")
    assert said.err == "the run amber-otter; aliases: champion; tags: eu, fast\n"
    assert call("models", "register", "amber-otter", NAME).text == f"{NAME}@1\n"
    assert call("models", "register", "brisk-heron", NAME, "--json").code == 0
    assert call("render", f"{NAME}@champion").text == call("render", "amber-otter").text
    assert call("models", "alias", f"{NAME}@brisk-heron", "champion", "staging").text == f"{NAME}@2\n"
    assert call("runs", "show", f"{NAME}@champion").text.startswith("brisk-heron")
    said = call("models", "alias", NAME, "staging", "--remove")
    assert (said.code, said.out) == (0, b"")
    assert call("models", "tag", f"{NAME}@1", "fast", "--remove").code == 0
    assert call("models", "tag", NAME, "eu").text == f"{NAME}@2\n"
    rows = json.loads(call("models", "show", NAME, "--json").out)
    assert [(row["version"], row["run_name"], row["aliases"], row["tags"]) for row in rows] == [
        (2, "brisk-heron", ["champion"], ["eu"]),
        (1, "amber-otter", [], ["eu"]),
    ]
    assert len(rows[0]["card"]) == 64


def test_every_form_of_a_listing(filled: Path, call: Any) -> None:
    """Tables for people, JSON and CSV for scripts, ids that other commands take."""
    table = call("models", "list").text.splitlines()
    assert table[0].split() == ["NAME", "VERSIONS", "NEWEST", "RUN", "ALIASES", "REGISTERED"]
    assert table[1].split()[:6] == [NAME, "2", "2", "brisk-heron", "champion", "1"]
    [row] = json.loads(call("models", "list", "MODEL", "--json").out)
    assert (row["name"], row["versions"], row["aliases"]) == (NAME, 2, {"champion": 1})
    assert call("models", "list", "-q").text == f"{NAME}\n"
    assert "in its name" in call("models", "list", "zebra").err
    assert call("models", "show", NAME, "-q").text == f"{NAME}@2\n{NAME}@1\n"
    rows = list(csv.DictReader(io.StringIO(call("models", "show", NAME, "--format", "csv").text)))
    assert [(row["version"], row["aliases"]) for row in rows] == [("2", ""), ("1", "champion")]
    one = json.loads(call("models", "show", f"{NAME}@champion", "--json").out)
    assert (one["version"], one["run_name"], one["step"]) == (1, "amber-otter", 12)
    assert call("models", "show", f"{NAME}@champion", "-q").text == f"{NAME}@1\n"
    assert "amber-otter" in call("models", "show", f"{NAME}@champion").text
    assert set(json.loads(call("models", "alias", NAME, "x", "--json").out)["aliases"]) == {"x"}
    removed = json.loads(call("models", "alias", NAME, "x", "--remove", "--json").out)
    assert removed == {"model": NAME, "aliases": {"champion": 1}}
    assert f"its card: cardgen render {NAME}@1" in call("models", "show", f"{NAME}@1").err
    assert call("runs", "delete", "amber-otter", "--yes").code == 0
    assert "there is no card" in call("models", "show", f"{NAME}@1").err


def test_history_in_utc(filled: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is told in order and in UTC; the Hub, which is offline here, is said to be missing on stderr."""
    said = call("models", "history", NAME)
    assert said.code == 0
    lines = said.text.splitlines()
    assert lines[0].split() == ["AT", "ACTOR", "ACTION", "VERSION", "VALUE", "RUN", "COMMIT", "DETAIL"]
    assert [line.split()[3] for line in lines[1:]] == ["create", "create", "register", "alias", "tag", "register"]
    assert all(line.split()[1].endswith("Z") for line in lines[1:])
    assert "without the Hub's commits" in said.err
    rows = json.loads(call("models", "history", NAME, "--from", "-1h", "--json").out)
    assert [row["at"][-6:] for row in rows] == ["+00:00"] * 6
    assert [(row["version"], row["value"]) for row in rows if row["action"] == "alias"] == [(1, "champion")]
    said = call("models", "history", NAME, "--to", "2020")
    assert (said.code, said.out) == (0, b"")
    assert "nothing was done" in said.err


def test_as_of_is_the_end_of_the_day(filled: Path, call: Any) -> None:
    """A state of the past; before the first version there is no model, and what is no time is a usage error."""
    with Registry(filled, mode="read") as registry:
        [newest, _] = registry.models.versions(NAME)
    day = f"{newest.at:%Y-%m-%d}"
    assert len(json.loads(call("models", "show", NAME, "--as-of", day, "--json").out)) == 2
    assert call("models", "show", NAME, "--as-of", f"{newest.at:%Y}", "-q").text == f"{NAME}@2\n{NAME}@1\n"
    assert call("models", "show", NAME, "--as-of", "2020-01-01").code == 3
    assert call("models", "show", NAME, "--as-of", "soon").code == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "me/modell"), 3, "did you mean me/model?"),
        (("show", f"{NAME}@champoin"), 3, "did you mean champion?"),
        (("register", "nobody", NAME), 3, "no run 'nobody'"),
        (("register", "amber-otter", "a@b"), 2, "cannot be the name of a model"),
        (("register", "amber-otter", NAME, "--checkpoint", "7"), 2, "output/final (step 12)"),
        (("alias", NAME, "latest"), 2, "cannot be an alias"),
        (("alias", f"{NAME}@1", "champion", "--remove"), 2, "leave out"),
        (("alias", NAME, "champoin", "--remove"), 3, "did you mean champion?"),
        (("tag", f"{NAME}@1", "us", "--remove"), 3, "it has eu"),
        (("history", "nothing"), 3, "no model 'nothing'"),
        (("history", NAME, "--from", "x"), 2, "no time"),
    ],
)
def test_what_is_wrong_is_said(filled: Path, call: Any, words: tuple[str, ...], code: int, said: str) -> None:
    """Exit code and hint for each mistake, and never a traceback."""
    found = call("models", *words)
    assert found.code == code
    assert said in found.err
    assert "Traceback" not in found.err


def test_what_came_from_others_is_escaped(filled: Path, call: Any) -> None:
    """Names and tags that another registry brought move no cursor and make no formula."""
    with Registry(filled) as registry, registry._database.write() as connection:
        connection.exec_driver_sql("UPDATE model_version SET model = '=x' || char(27) || '[2J', run_name = '@r'")
        connection.exec_driver_sql("UPDATE model_event SET model = '=x' || char(27) || '[2J', value = '+' || char(10)")
    for words in (("list",), ("show", "=x\x1b[2J"), ("show", "=x\x1b[2J@1"), ("history", "=x\x1b[2J")):
        for form in ("table", "csv", "json"):
            said = call("models", *words, "--format", form)
            assert said.code == 0
            assert b"\x1b" not in said.out
    assert "'=x" in call("models", "list", "--format", "csv").text


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command shows how it is called."""
    for command in ("list", "show", "register", "alias", "tag", "history"):
        assert main(["models", command, "--help"]) == 0
        assert f"cardgen models {command}" in capsys.readouterr().out
