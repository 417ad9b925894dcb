"""The score of a card: what counts, and what does not count as said."""

from __future__ import annotations

import pytest

from cardgen.card.stubs import HEADINGS, fill
from cardgen.check.complete import PARTS
from cardgen.check.policy import Policy
from tests.check.cards import CARD, body, found, line_of, report


def test_the_weights_are_100() -> None:
    """A card with everything has 100 points, one with nothing 0."""
    assert sum(part.weight for part in PARTS) == 100
    assert report("").score == 0
    assert report("").missing == tuple(part.name for part in PARTS)


def test_a_generated_card_with_all_sections_filled_is_complete() -> None:
    """Filling the sections that a card leaves to a person takes its score to 100, step by step."""
    text, score = CARD, report(CARD).score
    assert score == 72
    for section in HEADINGS:
        text = fill(text, section, "Words.")
        after = report(text).score
        assert after is not None and score is not None and after >= score  # noqa: PT018
        score = after
    assert (score, report(text).missing) == (100, ())


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_part_is_a_rule(part: object) -> None:
    """A part that is missing is a finding with its own name, about the whole card."""
    assert found("# Title\n", part.rule) == [None]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("lines", "there"),
    [
        (["## Limitations", "", "It is small."], True),
        (["## Bias, Risks, and Limitations", "", "[More Information Needed]"], False),
        (["## Limitations", "", "## Other", "words"], False),
        (["<!--", "## Limitations", "words", "-->"], False),
        (["## Limitations", "<!-- words -->"], False),
        (["```", "## Limitations", "words", "```"], False),
        (["The limitations are many."], False),
    ],
)
def test_a_heading_without_words_does_not_count(lines: list[str], there: bool) -> None:
    """Comments, placeholders and code are no words of a section."""
    assert (found(body(*lines), "bias-missing") == []) is there


@pytest.mark.parametrize("value", ["", "null", "[]", "''"])
def test_an_empty_field_does_not_count(value: str) -> None:
    """A field without a value says nothing."""
    assert found(f"---\nlanguage: {value}\n---\n", "language-missing") == [None]


def test_a_score_below_the_one_asked_for_is_an_error() -> None:
    """Nothing is asked by default; what is asked stops a card with one point less."""
    for wanted, stops in ((None, False), (72, False), (73, True)):
        findings = report(CARD, policy=Policy(min_score=wanted)).findings
        assert any(finding.rule == "score-too-low" and finding.severity == "error" for finding in findings) is stops


def test_the_placeholder_of_the_snippet_is_a_note() -> None:
    """The library's own placeholder is found where it is."""
    assert found(CARD, "model-id-placeholder") == [line_of(CARD, "sentence_transformers_model_id")]
    assert found(CARD.replace("sentence_transformers_model_id", "me/model"), "model-id-placeholder") == []
