"""Which rules count: the user may loosen, a project may only tighten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cardgen.actions.check_policy import load_policy
from cardgen.check.engine import SEVERITY
from cardgen.check.policy import Policy, tightened, user_policy
from cardgen.errors import SettingsError
from cardgen.settings import user_config_path


def configure(text: str) -> None:
    """Write the user's configuration."""
    user_config_path().parent.mkdir(parents=True, exist_ok=True)
    user_config_path().write_text(text)


def test_without_any_configuration_all_rules_count_as_they_are(tmp_path: Path) -> None:
    """Nothing is read that is not there."""
    assert load_policy(tmp_path) == Policy()


def test_the_users_configuration_may_loosen(tmp_path: Path) -> None:
    """Rules are ignored one by one, and may count less."""
    configure(
        'project = "x"\n[check]\nignore = ["license-missing"]\nmin-score = 60\nstrict = true\n'
        '[check.severity]\nsecret = "warning"\n'
    )
    assert load_policy(tmp_path) == Policy(frozenset({"license-missing"}), {"secret": "warning"}, 60, True)


@pytest.mark.parametrize(("name", "head"), [("cardgen.toml", "check"), ("pyproject.toml", "tool.cardgen.check")])
def test_a_project_may_tighten(tmp_path: Path, name: str, head: str) -> None:
    """It raises what counts, brings back what the user ignores, and asks for a better score; it lowers nothing."""
    configure(
        '[check]\nignore = ["license-missing", "secret"]\nmin-score = 60\n[check.severity]\nemail-address = "error"\n'
    )
    (tmp_path / name).write_text(
        f"[{head}]\nmin-score = 40\nstrict = true\n"
        f'[{head}.severity]\nlicense-missing = "error"\nemail-address = "warning"\n'
    )
    policy = load_policy(tmp_path)
    assert policy.ignore == {"secret"}
    assert policy.severity == {"email-address": "error", "license-missing": "error"}
    assert (policy.min_score, policy.strict) == (60, True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[check]\nignore = ["secret"]', "only tighten"),
        ('[check.severity]\nsecret = "warning"', "only tighten"),
        ('[check.severity]\nsecrett = "error"', "secrett"),
        ('[check.severity]\nsecret = "fatal"', "severity"),
        ("[check]\nmin-score = 101", "0 to 100|101"),
        ("[check]\nmin-score = true", "True"),
        ("[check]\nstrict = 1", "strict"),
        ("[check]\nregistry = 'x'", "registry"),
        ("check = 1", "check"),
        ("[check", "cannot be read"),
    ],
)
def test_a_project_that_loosens_or_errs_is_refused(tmp_path: Path, text: str, word: str) -> None:
    """A mistake never makes a check milder than it seems: it ends it."""
    (tmp_path / "cardgen.toml").write_text(text)
    with pytest.raises(SettingsError, match=word):
        load_policy(tmp_path)


@pytest.mark.parametrize(
    "table", [[], {"ignore": "secret"}, {"ignore": ["x"]}, {"ignore": [1]}, {"severity": {"secret": 1}}, {"y": 1}]
)
def test_a_configuration_that_cannot_be_right_is_refused(table: Any) -> None:
    """Names of rules and severities are known ones."""
    with pytest.raises(SettingsError):
        user_policy(table, "config.toml", SEVERITY)


def test_a_pyproject_without_a_table_says_nothing(tmp_path: Path) -> None:
    """Other tools' tables are not looked at."""
    (tmp_path / "pyproject.toml").write_text("[tool.other]\ncheck = 1\n")
    assert load_policy(tmp_path) == Policy()


def test_arguments_go_last() -> None:
    """Whoever types a command decides, also against a project."""
    project = tightened(Policy(), {"severity": {"license-missing": "error"}, "min-score": 80}, "cardgen.toml", SEVERITY)
    chosen = project.but(ignore=["license-missing"], min_score=10, known=SEVERITY)
    assert chosen.severity_of("license-missing", "warning") is None
    assert (chosen.min_score, chosen.strict) == (10, False)
    with pytest.raises(SettingsError, match="nonsense"):
        project.but(ignore=["nonsense"], known=SEVERITY)
