"""True: the card against the record of its run, and against itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cardgen.card.evaluation import shown_metrics
from cardgen.card.format import rounded_text, value_text
from cardgen.check.results import metrics
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Changed, Subject
from cardgen.record import Displayed

_RENDER = "cardgen render {run} -o {file} --conflict ours"
_LONGEST = 80


@rule("true", "numbers-disagree", "error")
def numbers_disagree(card: Subject) -> Iterator[Hit]:
    """A result is one number: what the front matter has, rounded, is what the table under Evaluation shows. Where they
    differ, somebody changed one of the two.
    """
    run = card.parsed.run
    shown: dict[tuple[str, str, str], list[Any]] = {}
    for evaluation in run.evaluations if run is not None else ():
        task = (evaluation.description or "").lower().replace(" ", "-")
        for key, value in shown_metrics(evaluation).items():
            shown.setdefault((task, evaluation.dataset_name or "unknown", key), []).append(value)
    for metric in metrics(card):
        values = shown.get((metric.task, metric.dataset, metric.type))
        number = _number(metric.value.text)
        if values and number is not None and not any(_shows(value, number) for value in values):
            yield Hit(
                card.front_line(metric.value.line),
                f"{metric.type} is {metric.value.text} here and {value_text(values[0])} under Evaluation",
            )


@rule("true", "stale-number", "error", remedy=_RENDER)
def stale_number(card: Subject) -> Iterator[Hit]:
    """Results are those of the record of the card's run."""
    for changed in card.changed:
        if changed.kind == "metrics" and changed.record is not None:
            yield Hit(_line_of(card, changed), _words(changed))


@rule("true", "unrecorded-number", "warning", remedy=_RENDER)
def unrecorded_number(card: Subject) -> Iterator[Hit]:
    """Results are in the record of the card's run; one that somebody added by hand is known from nowhere else."""
    for changed in card.changed:
        if changed.kind == "metrics" and changed.record is None and not changed.key.startswith("last "):
            yield Hit(_line_of(card, changed), _words(changed))


@rule("true", "changed-fact", "warning", remedy=_RENDER)
def changed_fact(card: Subject) -> Iterator[Hit]:
    """Arguments, data, architecture and versions are those of the record of the card's run. Words, licence, language
    and tags are a person's to choose and not compared.
    """
    for changed in card.changed:
        if changed.kind != "metrics" and changed.record is not None:
            yield Hit(_line_of(card, changed), _words(changed))


@rule("true", "other-checkpoint", "warning", remedy="cardgen diff {run} {file} --facts")
def other_checkpoint(card: Subject) -> Iterator[Hit]:
    """Results were made on the weights that are published with them, as far as the record knows both."""
    for evaluation in card.run.evaluations if card.run is not None and card.weights is not None else ():
        if evaluation.weights is not None and evaluation.weights != card.weights:
            name = evaluation.dataset_name or evaluation.evaluator.rpartition(".")[2]
            at = "" if evaluation.step is None or evaluation.step < 0 else f" of step {evaluation.step}"
            first = next(iter(shown_metrics(evaluation)), "")
            yield Hit(
                _row_of(card, first, None), f"the results on {name} are those of other weights{at} than the model's"
            )


RULES: tuple[Rule, ...] = (numbers_disagree, stale_number, unrecorded_number, changed_fact, other_checkpoint)


def _number(text: str) -> float | None:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return None


def _shows(value: Any, number: float) -> bool:
    if isinstance(value, Displayed):
        return rounded_text(number) == value.text or (value.value is not None and float(value.value) == number)
    if isinstance(value, int | float):
        return bool(value == number) or (value != value and number != number)
    return True  # no number: a text that the evaluator made


def _words(changed: Changed) -> str:
    since = {True: ": it was changed by hand", False: ": the record has changed since", None: ""}[changed.by_hand]
    here, there = (f"is {_shown(value)}" if value is not None else "is not" for value in (changed.card, changed.record))
    return f"{changed.key} {here} in the card and {there.removeprefix('is ')} in the record{since}"


def _shown(value: Any) -> str:
    text = ", ".join(map(value_text, value)) if isinstance(value, tuple | list) else value_text(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _line_of(card: Subject, changed: Changed) -> int | None:
    """The line that shows the fact, as far as its form is known."""
    name = changed.key.rpartition(": ")[2]
    if changed.kind == "metrics" and changed.card is not None:
        return _row_of(card, name, changed.card)
    if changed.card is None:
        return None
    text = value_text(changed.card)
    for number, line in card.body_lines():
        if changed.kind == "arguments":
            if line.startswith(f"- `{name}`: "):
                return number
        elif changed.kind == "versions":
            if line.startswith("- ") and line.rstrip().endswith(f": {text}"):
                return number
        elif text and (text in line or (isinstance(changed.card, int) and f" {changed.card:,} " in line)):
            return number
    return None


def _row_of(card: Subject, name: str, value: Any) -> int | None:
    """The line of a metric's row under Evaluation: the one with this value, else the first of the name."""
    text = None if value is None else rounded_text(value)
    first = None
    for number, line in card.body_lines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip().strip("*") for cell in line.split("|", 3)[1:3]]
        if len(cells) == 2 and cells[0] and (name == cells[0] or name.endswith(f"_{cells[0]}")):
            if text is None or text in line:
                return number
            first = first or number
    return first
