"""Complete: what a reader looks for, each part with its weight; together they are 100.

The weights follow what the Hub filters and links by (licence, language, base model, data, task) and what a reader needs
to decide whether to use a model (results, intended and unsuitable use, risks). A part that is there counts in full.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cardgen.card.yaml_nodes import Listing, Scalar
from cardgen.check.report import Severity
from cardgen.check.results import metrics
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Subject

_NOTHING = re.compile(r"\[?more information needed\]?\.?|todo|tbd|n/?a|<[^<>]*>|</?(?:details|summary)>", re.IGNORECASE)

_PLACEHOLDER = re.compile(r"""["'](?:sentence_transformers|(?:cross|sparse|multi_vector)_encoder)_model_id["']""")


def _field(*names: str) -> Callable[[Subject], bool]:
    """Whether one of the fields of the front matter has a value."""

    def there(card: Subject) -> bool:
        for name in names:
            node = card.front.get(name)
            items = node.items if isinstance(node, Listing) else (node,)
            if any(isinstance(item, Scalar) and item.kind != "null" and item.text.strip() for item in items):
                return True
        return False

    return there


def _section(pattern: str) -> Callable[[Subject], bool]:
    """Whether a section with such a heading has words in it."""
    heading = re.compile(pattern, re.IGNORECASE)

    def there(card: Subject) -> bool:
        return any(heading.search(section.title[:200]) and _has_words(section.lines) for section in card.sections)

    return there


def _has_words(lines: Iterable[str]) -> bool:
    comment = False
    for line in lines:
        text = line.strip()
        if comment or text.startswith("<!--"):
            comment = "-->" not in text
        elif text and not text.startswith("#") and not _NOTHING.fullmatch(text):
            return True
    return False


def _evaluated(card: Subject) -> bool:
    return next(metrics(card), None) is not None or _section("^(evaluation|results|metrics|benchmarks?)\\b")(card)


def _names_data(card: Subject) -> bool:
    run = card.parsed.run
    return _field("datasets")(card) or (run is not None and any(data.name or data.hub_id for data in run.datasets))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a card: the rule that wants it, its weight, and how to see whether it is there."""

    name: str
    rule: str
    weight: int
    there: Callable[[Subject], bool]
    severity: Severity = "note"
    remedy: str | None = None


def _words_for(section: str) -> str:
    return f"cardgen runs edit {{run}} --section '{section}' --file FILE"


PARTS = (
    Part("license", "license-missing", 12, _field("license"), "warning", "cardgen runs set {run} license=LICENSE"),
    Part("language", "language-missing", 8, _field("language"), "note", "cardgen runs set {run} language=en"),
    Part("base model", "base-model-missing", 10, _field("base_model"), "note", "cardgen runs set {run} base_model=ID"),
    Part(
        "data sets",
        "datasets-missing",
        8,
        _names_data,
        "note",
        "cardgen runs set {run} dataset.train.0.hub_id=ID",
    ),
    Part("evaluation", "evaluation-missing", 15, _evaluated),
    Part(
        "intended use",
        "intended-use-missing",
        8,
        _section(r"intended use|^uses\b|use cases|direct use$|^direct usage \(transformers\)|downstream us"),
        remedy=_words_for("direct use"),
    ),
    Part("usage", "usage-missing", 6, _section(r"usage|how to use|quick ?start|get started|inference|example")),
    Part(
        "out-of-scope use",
        "out-of-scope-missing",
        6,
        _section("out.of.scope|misuse|not intended"),
        remedy=_words_for("out-of-scope use"),
    ),
    Part(
        "bias, risks and limitations",
        "bias-missing",
        7,
        _section(r"\bbias|\brisks?\b|limitation"),
        remedy=_words_for("bias"),
    ),
    Part(
        "recommendations",
        "recommendations-missing",
        3,
        _section("recommendation"),
        remedy=_words_for("recommendations"),
    ),
    Part("training details", "training-missing", 7, _section("training|hyperparameter|fine.?tuning")),
    Part(
        "authors or contact",
        "contact-missing",
        4,
        _section(r"\bauthors?\b|\bcontact\b"),
        remedy=_words_for("contact"),
    ),
    Part("citation", "citation-missing", 3, _section("citation|citing|bibtex|cite")),
    Part(
        "task",
        "pipeline-tag-missing",
        3,
        _field("pipeline_tag"),
        remedy="cardgen runs set {run} pipeline_tag=sentence-similarity",
    ),
)
"""What counts; the weights are points of 100."""


@functools.lru_cache(maxsize=1)
def _missing(card: Subject) -> tuple[Part, ...]:
    return tuple(part for part in PARTS if not part.there(card))


def score(card: Subject) -> tuple[int, tuple[str, ...]]:
    """How complete a card is, from 0 to 100, and the names of the parts that it lacks."""
    missing = _missing(card)
    return 100 - sum(part.weight for part in missing), tuple(part.name for part in missing)


def _rule_of(part: Part) -> Rule:
    def check(card: Subject) -> Iterator[Hit]:
        if part in _missing(card):
            yield Hit(None, f"it lacks: {part.name}")

    check.__doc__ = f"The card has a part that counts {part.weight} of 100 points: {part.name}."
    return rule("complete", part.rule, part.severity, remedy=part.remedy)(check)


@rule("complete", "score-too-low", "error")
def score_too_low(card: Subject) -> Iterator[Hit]:
    """The card's score is at least the one asked for with `--min-score` or `min-score`; nothing is asked by default."""
    found, missing = score(card)
    if card.min_score is not None and found < card.min_score:
        yield Hit(None, f"its score is {found}, wanted are {card.min_score}: it lacks {', '.join(missing)}")


@rule("complete", "model-id-placeholder", "note")
def model_id_placeholder(card: Subject) -> Iterator[Hit]:
    """The usage snippet names a model that can be loaded, not the library's placeholder; publishing puts it in."""
    for number, line in card.body_lines():
        if "_model_id" in line and _PLACEHOLDER.search(line):
            yield Hit(number, "the snippet loads a placeholder instead of a model")


RULES: tuple[Rule, ...] = (*map(_rule_of, PARTS), score_too_low, model_id_placeholder)
