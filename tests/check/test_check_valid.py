"""The rules about what the Hub refuses: what each finds, on which line, and what it leaves alone."""

from __future__ import annotations

import pytest

from cardgen.check.hub_lists import LICENSES
from cardgen.check.iso_639 import is_language, three_letters
from cardgen.check.valid import LARGE, LARGEST
from tests.check.cards import CARD, body, found, front, report

INDEX = """model-index:
- name: m
  results:
  - task: {type: t}
    dataset: {type: d, name: D}
    metrics: [{type: m, value: 0.5}]"""

WRONG: list[tuple[str, str, list[int | None]]] = [
    ("not-text", "---\nlicense: mit\n---\na\0b", [4]),
    ("card-large", body("x" * LARGE), [None]),
    ("conflict-markers", body("<<<<<<< cardgen", "a", "=======", "b", ">>>>>>> text"), [5, 9]),
    ("front-matter-missing", "# Title\n", [1]),
    ("front-matter-missing", "", [1]),
    ("front-matter-unclosed", "---\nlicense: mit\n# Title\n", [1]),
    ("front-matter-not-first", "\ufeff---\nlicense: mit\n---\n", [1]),
    ("front-matter-not-first", "above\n\n---\nlicense: mit\n---\n", [3]),
    ("yaml-unreadable", front("license: mit", "tags: [a", "x: 1"), [4]),
    ("yaml-unreadable", front("license: mit", "a: \x07"), [3]),
    ("yaml-unreadable", front("license: mit", "a: &x 1", "b: *x"), [4]),
    ("yaml-unreadable", front("license: mit", "a: !!python/object:os.system x"), [3]),
    ("yaml-unreadable", front("a: b: c"), [2]),
    ("yaml-unreadable", front("\u00e9: \U0001f600", "a: '\u2028'", "b: \ud800"), [4]),
    ("yaml-no-mapping", front("- a"), [2]),
    ("yaml-no-mapping", front("just words"), [2]),
    ("duplicate-key", front("license: mit", "tags:", "- a", "license: mit"), [5]),
    ("duplicate-key", front("a:", "  b: 1", "  b: 2"), [4]),
    ("null-value", front("license:", "language: en"), [2]),
    ("null-value", front("datasets:", "- a/b", "- null"), [4]),
    ("null-value", front("mine: ~"), [2]),
    ("null-value", front(*INDEX.replace("name: D", "name: D, config: null").split("\n")), [6]),
    ("field-type", front("tags: a"), [2]),
    ("field-type", front("license: mit", "widget: {a: b}"), [3]),
    ("field-type", front("model-index: x"), [2]),
    ("field-type", front("library_name: [a]"), [2]),
    ("field-type", front("tags:", "- {a: b}"), [2]),
    ("field-type", front("datasets: a/b"), [2]),
    ("yaml-surprise", front("language: no"), [2]),
    ("yaml-surprise", front("tags:", "- a", "- on", "- 1:30", "- 2024-01-01", "- 12", "- .5"), [4, 5, 6, 7, 8]),
    ("yaml-surprise", front("license_name: yes"), [2]),
    ("license-unknown", front("license: apache2"), [2]),
    ("license-unknown", front("license: MIT"), [2]),
    ("license-unknown", front("license:", "- mit", "- nonsense"), [4]),
    ("license-name-missing", front("license: other"), [2]),
    ("license-name-missing", front("license: other", "license_name: ''"), [2]),
    ("license-link-missing", front("license: other", "license_name: mine"), [2]),
    ("language-unknown", front("language: english"), [2]),
    ("language-unknown", front("language:", "- en", "- EN", "- pt-BR", "- xx", "- qqq"), [4, 5, 6, 7]),
    ("pipeline-tag-unknown", front("pipeline_tag: sentence-similarty"), [2]),
    ("base-model-id", front("base_model: ./out/checkpoint-5"), [2]),
    ("base-model-id", front("base_model:", "- a/b", "- /home/me/model", "- a/b/c"), [4, 5]),
    ("base-model-id", front("new_version: C:\\models\\x"), [2]),
    ("dataset-id", front("datasets:", "- a/b", "- data/train/x.csv"), [4]),
    ("base-model-relation", front("base_model_relation: fine-tune"), [2]),
    ("model-index-incomplete", front(*INDEX.replace("name: m", "x: m").split("\n")), [3]),
    ("model-index-incomplete", front(*INDEX.replace("{type: t}", "{name: t}").split("\n")), [5]),
    ("model-index-incomplete", front(*INDEX.replace(", name: D", "").split("\n")), [5]),
    ("model-index-incomplete", front(*INDEX.replace(", value: 0.5", "").split("\n")), [7]),
    ("model-index-incomplete", front(*INDEX.replace("[{type: m, value: 0.5}]", "[]").split("\n")), [5]),
    ("model-index-incomplete", front(*f"{INDEX}\n    source: {{name: x}}".split("\n")), [5]),
    ("model-index-incomplete", front("model-index:", "- name: m"), [3]),
    ("model-index-type", front(*INDEX.replace("name: D", "name: D, config: 2020").split("\n")), [6]),
    ("model-index-type", front(*INDEX.replace("{type: t}", "{type: no}").split("\n")), [5]),
    ("metric-not-finite", front(*INDEX.replace("0.5", ".nan").split("\n")), [7]),
]


@pytest.mark.parametrize(("rule", "text", "lines"), WRONG)
def test_a_rule_finds_what_it_is_about_on_its_line(rule: str, text: str, lines: list[int | None]) -> None:
    """Each wrong card breaks its rule, on these lines and no others."""
    assert found(text, rule) == lines


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        CARD.replace("\n", "\r\n"),
        front("license: mit", "language: 'no'", "tags:", "- 'on'", "- '1:30'", "- v1.2"),
        front(
            "license: [mit, apache-2.0]",
            "language: [en, deu, ger, multilingual, code]",
            "base_model: bert-base-uncased",
        ),
        front("license: other", "license_name: mine", "license_link: LICENSE"),
        front("pipeline_tag: text-ranking", "base_model_relation: adapter", "base_model: a/b"),
        front("license: mit", "widget:", "- text: no", "- {a: ~}"),
        front("license: mit", *INDEX.split("\n")),
        front("license: mit", *INDEX.replace("0.5", "'12 +- 1'").split("\n")),
        body("=======", "text > <<<<<<< and", "---", "| --- |"),
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    """None of these breaks a rule of this kind."""
    names = {rule for rule, _, _ in WRONG}
    assert [finding for finding in report(text).findings if finding.rule in names] == []


def test_a_card_over_the_limit_is_one_finding() -> None:
    """Nothing else is looked for in a file that the Hub refuses by its size."""
    text = body("hf_" + "a1" * 20, "x" * LARGEST)
    assert [finding.rule for finding in report(text).findings] == ["card-too-large"]


def test_the_rest_is_checked_where_the_front_matter_cannot_be() -> None:
    """A front matter that cannot be read hides no secret below it or in it."""
    text = front("a: [", "token: hf_" + "a1" * 20) + "hf_" + "b2" * 20
    rules = {finding.rule: finding.line for finding in report(text).findings}
    assert rules["yaml-unreadable"] == 3
    assert found(text, "secret") == [3, 7]


def test_the_nearest_licence_and_language_are_named() -> None:
    """A misspelt word comes with the one that was meant."""
    messages = {
        finding.rule: finding.message for finding in report(front("license: apache2", "language: pt-BR")).findings
    }
    assert "did you mean apache-2.0?" in messages["license-unknown"]
    assert "did you mean pt?" in messages["language-unknown"]


def test_the_lists_have_what_everybody_uses() -> None:
    """A list that lost its words would refuse every card."""
    assert {"mit", "apache-2.0", "cc-by-sa-4.0", "llama3.1", "openrail++", "other"} <= LICENSES
    assert all(map(is_language, ["en", "zh", "no", "nb", "deu", "ger", "yue", "arb", "hbs"]))
    assert not any(map(is_language, ["", "e", "xx", "cn", "jp", "qqq", "engl"]))
    assert len(three_letters()) > 7900
