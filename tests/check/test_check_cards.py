"""Whole cards: the library's, real ones, hostile ones, and what a rule promises to every card."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from cardgen.check.engine import MOST, RULES, check
from cardgen.check.policy import Policy
from cardgen.check.report import SEVERITIES
from cardgen.check.subject import Subject
from tests.card.hostile import HOSTILE
from tests.check import test_check_private, test_check_valid
from tests.check.cards import CARD, GOLDEN, body, front, report

REAL = Path(__file__).parents[2].parent / "shared" / "cards"
SMALL, LARGE = (60_000, 600_000) if os.environ.get("CARDGEN_TEST_LONG") else (6_000, 60_000)
MOST_TIMES = 20
LEAST = 0.05

HARD: dict[str, object] = {
    **HOSTILE,
    "markers": lambda n: "=======\n" + "<<<<<<< x\n" * (n // 10),
    "images": lambda n: "| //" + "![" * (n // 2),
    "an image": lambda n: "| // <img " + " src" * (n // 4),
    "tags": lambda n: "<a " * (n // 3),
    "quotes in tags": lambda n: "<a \"x' " * (n // 8),
    "handlers": lambda n: "<a " + " onclick" * (n // 8) + ">",
    "attributes": lambda n: "<a " + " a= " * (n // 4) + ">",
    "scripts": lambda n: "<script>\n" * (n // 9),
    "code spans": lambda n: "<" + "".join("`" * (i % 50 + 1) + " " for i in range(n // 26)),
    "addresses": lambda n: "a@b.cc\n" * (n // 7),
    "a long name": lambda n: "a.-" * (n // 3) + "@",
    "half addresses": lambda n: "a@a." * (n // 4),
    "URLs": lambda n: "a" * (n // 2) + "://" + "a@" * (n // 4),
    "numbers with dots": lambda n: "10." * (n // 3),
    "homes": lambda n: "/home/a " * (n // 8),
    "secrets": lambda n: ("hf_" + "a1" * 15 + "\n") * (n // 34),
    "beginnings of keys": lambda n: "-----BEGIN PRIVATE KEY-----\n" * (n // 28),
    "usage": lambda n: "# usage\n" * (n // 8),
    "contacts": lambda n: "".join("#" * (i % 6 + 1) + " contact\n" for i in range(n // 12)),
    "licences": lambda n: "---\nlicense:\n" + "- apache2\n" * (n // 10) + "---\n",
    "a long licence": lambda n: "---\nlicense: " + "a" * n + "\n---\n",
    "duplicates": lambda n: "---\n" + "a: 1\n" * (n // 5) + "---\n",
    "nulls": lambda n: "---\ntags:\n" + "- \n" * (n // 3) + "---\n",
    "an argument": lambda n: "- `token`: " + "'a'=" * (n // 4),
    "escapes": lambda n: "\\n" * (n // 2) + "@",
}


@pytest.mark.parametrize("name", HARD)
def test_a_hostile_text_is_checked_in_linear_time(name: str) -> None:
    """Ten times the text takes about ten times as long, and says a bounded number of things.

    `CARDGEN_TEST_LONG=1` takes texts ten times as long.
    """
    make = HARD[name]
    assert callable(make)
    taken = []
    for size in (SMALL, LARGE):
        start = time.process_time()
        said = report(make(size))
        taken.append(time.process_time() - start)
        assert max(Counter(finding.rule for finding in said.findings).values(), default=0) <= MOST + 1
    assert taken[1] <= MOST_TIMES * max(taken[0], LEAST)


def test_no_golden_card_is_stopped_but_for_a_region_in_its_language() -> None:
    """What the library writes is valid, true to itself and without secrets; `pt-BR` is what the Hub refuses."""
    stopped = {}
    for path in sorted(GOLDEN.rglob("README.md")):
        errors = report(path.read_bytes().decode()).stopping()
        if errors:
            stopped[path.parent.name] = [(finding.rule, finding.message[:7]) for finding in errors]
    assert stopped == {"st_metadata": [("language-unknown", "'pt-BR'")]}


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real cards in {REAL}")
def test_no_real_card_is_stopped_by_default() -> None:
    """Of the cards of others none has an error; most lack a licence and show rows of data without an id."""
    told: Counter[str] = Counter()
    for path in sorted(REAL.glob("[0-9]*.md")):
        said = report(path.read_bytes().decode())
        assert said.stopping() == (), path
        told.update({finding.rule for finding in said.stopping(strict=True)})
    assert told == {
        "license-missing": 60,
        "private-rows": 59,
        "email-address": 7,
        "internal-host": 6,
        "front-matter-not-first": 1,
        "metric-not-finite": 1,
        "home-path-in-text": 1,
    }


def test_every_rule_has_a_stable_form() -> None:
    """Names are words with hyphens, each once; each rule has a kind, a severity and an explanation in sentences."""
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule.name == rule.name.lower().replace("_", "-").replace(" ", "-")
        assert rule.kind in ("valid", "complete", "true", "private")
        assert rule.severity in SEVERITIES
        assert rule.explanation.endswith(".")
        assert rule.summary in rule.explanation


def test_every_rule_is_tested() -> None:
    """A rule that no test names could be broken without anybody noticing."""
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    tests += (Path(__file__).parents[1] / "actions" / "test_check.py").read_text("utf-8")
    parts = {rule.name for rule in RULES if rule.name.endswith("-missing") and rule.kind == "complete"}
    assert {rule.name for rule in RULES if f'"{rule.name}"' not in tests} <= parts


def test_front_matter_keys_and_body_have_exact_lines_in_any_dress() -> None:
    """A mark, CRLF, text above and strange line ends inside texts move no line."""
    text = "a\u2028b\n\n---\nx: \"\u2028 \\\n  \x85\"\ny: 'a\r b'\nlicense: nope\n---\n\nc\x0bd\re\n<script>\n"
    for dressed in (text, "\ufeff" + text, text.replace("\n", "\r\n")):
        lines = {finding.rule: finding.line for finding in report(dressed).findings}
        assert (lines["license-unknown"], lines["active-content"]) == (7, 11)


def test_findings_stand_in_the_order_of_the_lines() -> None:
    """Those about the whole card come first."""
    lines = [finding.line or 0 for finding in report(test_check_valid.WRONG[-1][1] + test_check_private.HF).findings]
    assert lines == sorted(lines)
    assert lines[0] == 0


def test_a_policy_leaves_out_and_changes_rules() -> None:
    """An ignored rule says nothing; another severity stops or does not stop."""
    text = front("license: nope") + "a@b.org"
    assert [finding.rule for finding in report(text).stopping()] == ["license-unknown"]
    assert report(text, policy=Policy(ignore=frozenset({"license-unknown"}))).stopping() == ()
    assert report(text, policy=Policy(severity={"license-unknown": "note"})).stopping(strict=False) == ()
    raised = Policy(severity={"email-address": "error"})
    assert [finding.rule for finding in report(text, policy=raised).stopping()] == ["license-unknown", "email-address"]


def test_an_ignored_limit_is_still_the_only_thing_looked_at() -> None:
    """Whoever ignores that a file is no text does not get the findings of a text."""
    said = report("a\0b", policy=Policy(ignore=frozenset({"not-text"})))
    assert (said.findings, said.score) == ((), None)


def test_a_remedy_is_a_command_about_the_run_or_a_place_in_the_file() -> None:
    """Names of strangers are quoted for the shell."""
    from cardgen.card.parse.read import parse

    run = parse(CARD).run
    assert run is not None
    import dataclasses

    run = dataclasses.replace(run, name="my run; rm -rf x")
    text = body("x").replace("license: mit", "license: nope")
    [finding] = check(Subject(text=text, run=run), file="f", path="a b/README.md").stopping()
    assert finding.remedy == (
        "cardgen runs set 'my run; rm -rf x' license=LICENSE && cardgen render 'my run; rm -rf x' -o 'a b/README.md'"
    )
    [finding] = check(Subject(text=text, run=run), file="f").stopping()
    assert finding.remedy == "cardgen runs set 'my run; rm -rf x' license=LICENSE"
    [finding] = check(Subject(text=text), file="f", path="a b/README.md").stopping()
    assert finding.remedy == "edit 'a b/README.md', line 2"
    [finding] = check(Subject(text=text), file="f").stopping()
    assert finding.remedy is None
