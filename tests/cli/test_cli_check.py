"""`cardgen check`: exit codes for CI, lines for a person, JSON for a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardgen.check.engine import RULES
from cardgen.settings import user_config_path
from tests.check.cards import CARD, front

BAD = front("license: nope", "x: anna@example.org") + "\x1b[31m<script>\n"


@pytest.fixture(name="bad")
def _bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bad card and a good one in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.md").write_text(BAD)
    (tmp_path / "README.md").write_text(CARD)
    return "bad.md"


def test_errors_are_exit_code_6(call: Any, bad: str) -> None:
    """Errors stop, warnings only under `--strict`; what is ignored stops nothing."""
    assert call("check", "README.md").code == 0
    assert call("check", bad).code == 6
    assert call("check", "README.md", bad).code == 6
    ignored = ("--ignore", "license-unknown", "--ignore", "active-content")
    assert call("check", bad, *ignored).code == 0
    assert call("check", bad, *ignored, "--strict").code == 6
    assert call("check", "README.md", "--strict").code == 0
    assert call("check", "README.md", "--min-score", "72").code == 0
    assert call("check", "README.md", "--min-score", "73").code == 6


def test_a_person_reads_lines_with_place_rule_and_remedy(call: Any, bad: str) -> None:
    """Escapes of strangers are shown, not obeyed; `-q` leaves out scores and remedies."""
    said = call("check", bad)
    assert (
        "bad.md:2: error license-unknown: 'nope' is no licence that the Hub knows\n    edit bad.md, line 2\n"
        in said.text
    )
    assert "bad.md:3: warning email-address: an e-mail address" in said.text
    assert "bad.md: score 12 of 100: it lacks language, " in said.text
    assert "\x1b" not in said.text
    assert said.err == "1 card: 2 errors, 1 warning\n"
    quiet = call("check", bad, "-q")
    assert quiet.err == ""
    assert "score" not in quiet.text
    assert "edit" not in quiet.text
    assert len(quiet.text.splitlines()) == 3


def test_a_program_reads_json(call: Any, bad: str) -> None:
    """Every finding has file, line, rule, severity, message and remedy; every card its score."""
    said = call("check", bad, "README.md", "--format", "json")
    assert said.code == 6
    found = json.loads(said.out)
    assert found["cards"][1] == {
        "file": "README.md",
        "score": 72,
        "missing": [
            "intended use",
            "out-of-scope use",
            "bias, risks and limitations",
            "recommendations",
            "authors or contact",
        ],
    }
    [licence] = [finding for finding in found["findings"] if finding["rule"] == "license-unknown"]
    assert licence == {
        "file": "bad.md",
        "line": 2,
        "rule": "license-unknown",
        "severity": "error",
        "message": "'nope' is no licence that the Hub knows",
        "remedy": "edit bad.md, line 2",
    }
    assert {finding["severity"] for finding in found["findings"]} == {"error", "warning", "note"}


def test_json_is_short_for_its_format(call: Any, bad: str) -> None:
    """As everywhere; with another format it is a usage error."""
    assert call("check", bad, "--json").out == call("check", bad, "--format", "json").out
    assert call("check", bad, "--json", "--format", "table").code == 2


def test_rules_are_listed_and_explained(call: Any, bad: str) -> None:
    """Each by its name; an unknown one is a usage error."""
    listed = json.loads(call("check", "--rules", "--format", "json").out)
    assert [rule["rule"] for rule in listed] == [rule.name for rule in RULES]
    assert all(f"\n{rule.name} " in call("check", "--rules").text for rule in RULES[:3])
    said = call("check", "--explain", "yaml-surprise").text
    assert said.startswith("yaml-surprise (valid, error)\n\nA text means itself: `no`")
    assert json.loads(call("check", "--explain", "secret", "--format", "json").out)["kind"] == "private"
    for words in (("--explain", "nonsense"), (bad, "--ignore", "nonsense"), (), (bad, "--min-score", "101")):
        assert call("check", *words).code == 2


def test_the_users_configuration_counts_and_a_projects_only_tightens(call: Any, bad: str) -> None:
    """A project that came with a clone cannot hide what is wrong with it."""
    user_config_path().parent.mkdir(parents=True, exist_ok=True)
    user_config_path().write_text('[check]\nignore = ["license-unknown", "active-content"]\n')
    assert call("check", bad).code == 0
    Path("cardgen.toml").write_text("[check]\nstrict = true\n")
    assert call("check", bad).code == 6
    Path("cardgen.toml").write_text('[check]\nignore = ["email-address"]\n')
    said = call("check", bad)
    assert said.code == 2
    assert "a project may only tighten" in said.err


def test_a_run_is_checked_by_its_name(call: Any, registry: Path) -> None:
    """A run of the registry; one that is not there is exit code 3."""
    said = call("check", "amber-otter", "--format", "json")
    assert json.loads(said.out)["cards"][0]["file"] == "amber-otter"
    licence = next(f for f in json.loads(said.out)["findings"] if f["rule"] == "license-missing")
    assert licence["remedy"] == "cardgen runs set amber-otter license=LICENSE"
    assert call("check", "no-such-run").code == 3


def test_a_file_needs_no_registry_and_makes_none(call: Any, bad: str, tmp_path: Path) -> None:
    """One that is named on the command line and is not there is an error."""
    assert call("check", "README.md").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "bad.md"]
    assert call("--registry", tmp_path / "no.db", "check", "README.md").code == 3
