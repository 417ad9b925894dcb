"""The rules that hold a card against its record: what differs, where, and who changed it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cardgen.actions.check import check_text
from cardgen.card.layout import render
from cardgen.card.parse.read import parse
from cardgen.check.report import Finding
from cardgen.record import LogEvent, Run
from tests.check.cards import CARD, GOLDEN, found, line_of

MRL = (GOLDEN / "6.2.0" / "st_ir_eval" / "README.md").read_bytes().decode()


def recorded(card: str = CARD) -> tuple[Run, tuple[LogEvent, ...]]:
    """The record of a card."""
    parsed = parse(card)
    assert parsed.run is not None
    return dataclasses.replace(parsed.run, name="amber-otter"), parsed.log


def differing(text: str, card: str = CARD, **known: Any) -> list[Finding]:
    """The findings of this kind for a text that is held against the record of a card."""
    run, log = recorded(card)
    report = check_text(text, run=run, log=log, path="README.md", **known)
    names = ("numbers-disagree", "stale-number", "unrecorded-number", "changed-fact", "other-checkpoint")
    return [finding for finding in report.findings if finding.rule in names]


def test_a_card_of_its_record_has_no_finding() -> None:
    """Neither has one in which a person wrote words, a licence and other line ends."""
    own = CARD.replace("## Evaluation", "## Notes\n\nMine.\n\n## Evaluation").replace(
        "license: mit", "license: apache-2.0"
    )
    for text in (CARD, CARD + "\n", own, CARD.replace("\n", "\r\n"), "no card at all"):
        assert differing(text, base=CARD) == []


def test_a_number_that_was_changed_by_hand_is_an_error() -> None:
    """In both places, in one of them, with the line and the command that brings the record's number back."""
    front = CARD.replace("value: 0.11223762214575789", "value: 0.91223762214575789")
    both = front.replace("| 0.1122     |", "| 0.9122     |")
    [found_] = differing(both, base=CARD)
    assert (found_.rule, found_.severity, found_.line) == ("stale-number", "error", line_of(CARD, "| 0.1122 "))
    assert "0.11223" in found_.message
    assert found_.message.endswith("changed by hand")
    assert found_.remedy == "cardgen render amber-otter -o README.md --conflict ours"
    assert "numbers-disagree" in {finding.rule for finding in differing(front)}


def test_a_number_that_the_record_changed_since_is_stale() -> None:
    """The text is what was rendered then: nobody changed it, and it says so."""
    run, log = recorded()
    later = dataclasses.replace(
        run, evaluations=(dataclasses.replace(run.evaluations[0], metrics={"sts-dev_pearson_cosine": 0.5}),)
    )
    report = check_text(CARD, run=later, log=log, base=CARD)
    stale = [finding for finding in report.findings if finding.rule == "stale-number"]
    assert [finding.message.rpartition(": ")[2] for finding in stale] == ["the record has changed since"]
    assert stale[0].line == line_of(CARD, "| 0.1122 ")


def test_a_number_in_one_place_only_disagrees_with_the_other() -> None:
    """No record is needed to see that front matter and table differ; rounding is no difference."""
    text = CARD.replace("| **0.0374** |", "| **0.9374** |")
    assert found(text, "numbers-disagree") == [line_of(CARD, "value: 0.03739130434782608")]
    assert found(CARD.replace("0.03739130434782608", "0.037399"), "numbers-disagree") == []
    for path in sorted(GOLDEN.rglob("README.md")):
        assert found(path.read_bytes().decode(), "numbers-disagree") == [], path


def test_a_number_that_nobody_recorded_is_a_warning() -> None:
    """A result that was added by hand is known from nowhere else."""
    row = "| **spearman_cosine** | **0.0374** |"
    text = CARD.replace(row, f"| mrr                 | 0.99       |\n{row}")
    [finding] = differing(text)
    assert (finding.rule, finding.severity, finding.line) == ("unrecorded-number", "warning", line_of(CARD, row))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- `learning_rate`: 2e-05", "- `learning_rate`: 1e-03"),
        ("* Size: 24 training samples", "* Size: 24,000 training samples"),
        ("- **Maximum Sequence Length:** 64 tokens", "- **Maximum Sequence Length:** 512 tokens"),
        ("- Transformers: ", "- Transformers: 1"),
    ],
)
def test_a_fact_that_was_changed_by_hand_is_a_warning(old: str, new: str) -> None:
    """Arguments, data, architecture and versions, each on its line."""
    text = CARD.replace(old, new)
    assert text != CARD
    findings = differing(text, base=CARD)
    assert {finding.rule for finding in findings} == {"changed-fact"}
    assert {finding.severity for finding in findings} == {"warning"}
    assert any(finding.line == line_of(text, new) for finding in findings)
    assert all("changed by hand" in finding.message for finding in findings)


def test_an_older_layout_changes_no_fact() -> None:
    """What an older form of the card does not show is not missing from it."""
    run, log = recorded(MRL)
    for layout in ("5.0", "4.1", "3.4", "3.0"):
        assert differing(render(run, log, layout=layout), MRL) == [], layout


def test_results_of_other_weights_are_a_warning() -> None:
    """The weights that are published are known, and those that a result was made on."""
    run, log = recorded()
    made = dataclasses.replace(run, evaluations=(dataclasses.replace(run.evaluations[0], weights="aa", step=5),))
    for weights, expected in (("bb", ["other-checkpoint"]), ("aa", []), (None, [])):
        report = check_text(CARD, run=made, log=log, weights=weights)
        found_ = [finding for finding in report.findings if finding.rule == "other-checkpoint"]
        assert [finding.rule for finding in found_] == expected
    report = check_text(CARD, run=made, log=log, weights="bb")
    [finding] = [finding for finding in report.findings if finding.rule == "other-checkpoint"]
    assert finding.line == line_of(CARD, "| pearson_cosine ")
    assert "of step 5" in finding.message
