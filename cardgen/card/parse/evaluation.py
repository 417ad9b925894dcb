"""The section "Evaluation", together with the full precision of the `model-index`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from cardgen.card.format import rounded_text
from cardgen.card.parse.document import Section
from cardgen.card.parse.page import Page, bullets, fenced
from cardgen.card.parse.tables import Table, first_table, unindented
from cardgen.card.parse.values import number
from cardgen.record import Displayed, Evaluation

_LINKED = re.compile(r"\[<code>(?P<name>[^<]*)</code>\]\((?P<url>[^)]*)\)|<code>(?P<plain>[^<]*)</code>")
Results: TypeAlias = dict[tuple[str, str], list[tuple[str, Any]]]
"""(task type, data set type) -> pairs (metric, value), in the order of the front matter."""

_BETWEEN_NAMES = re.compile("`(?:, | and )`")
MOST_EVALUATIONS = 300
MOST_CANDIDATES = 20
"""Evaluations of a card that are read, and values of one name among which the one that a table shows is looked for."""


def evaluations(page: Page, metadata: Mapping[str, Any]) -> tuple[Evaluation, ...]:
    """Every evaluator's results, in the order of the `model-index` where it has them all."""
    inside = page.section(3, "Metrics")
    if inside is None:
        return ()
    index = _results(metadata)
    found: list[Evaluation] = []
    for section in page.parts(inside, 4):
        found += _block(section, index)
        if len(found) > MOST_EVALUATIONS:
            break
    order = {key: position for position, key in enumerate(index)}
    keys = [_key(evaluation.description or "", evaluation.dataset_name) for evaluation in found]
    if all(key in order for key in keys):
        found = [found[i] for i in sorted(range(len(found)), key=lambda i: order[keys[i]])]
    return tuple(found)


def _block(section: Section, index: Results) -> list[Evaluation]:
    lines = section.lines
    facts = dict(bullets(lines, "* "))
    named = facts.get("Dataset") or facts.get("Datasets")
    names: list[str | None] = [None]
    if named and len(named) > 1 and named[0] == named[-1] == "`":
        names = [*_BETWEEN_NAMES.split(named[1:-1])]
    evaluator, configuration, text = _evaluator(lines)
    table = first_table(lines)
    if evaluator is None or table is None or not table.rows or len(table.columns) < 2:
        return []
    if len(table.columns) - 1 != len(names):
        names = [*table.columns[1:]] if len(table.columns) > 2 else names[:1]
    return [
        _evaluation(table, column, name, section.title, evaluator, (configuration, text), index)
        for column, name in enumerate(names, start=1)
    ]


def _evaluation(
    table: Table,
    column: int,
    name: str | None,
    description: str,
    evaluator: str,
    configuration: tuple[dict[str, Any] | None, str | None],
    index: Results,
) -> Evaluation:
    precise = index.get(_key(description, name), [])
    prefix = f"{name}_" if name else ""
    primary = None
    metrics: dict[str, Any] = {}
    for row in table.rows:
        label, text = row[0], row[column]
        if label.startswith("**") and label.endswith("**") and len(label) > 4:
            label, text = label[2:-2], text.removeprefix("**").removesuffix("**")
            primary = prefix + label
        metrics[prefix + label] = _value(text, _next(precise, label, text))
    return Evaluation(
        evaluator=evaluator,
        description=description,
        dataset_name=name,
        primary_metric=primary,
        configuration=configuration[0],
        configuration_text=configuration[1],
        metrics=metrics,
    )


def _next(results: list[tuple[str, Any]], label: str, text: str) -> Any:
    """Take the next value of a metric off its result: evaluators of one task and name share a result."""
    named = [entry for entry in results if entry[0] == label]
    fitting = [entry for entry in named if isinstance(entry[1], int | float) and rounded_text(entry[1]) == text]
    for entry in fitting or named[:1]:
        results.remove(entry)
        return entry[1]
    return None


def _value(text: str, precise: Any) -> Any:
    """The number of the front matter where the table shows the same one, rounded; else what the table shows."""
    shown = number(text)
    if shown is None:
        return text
    if isinstance(precise, int | float) and not isinstance(precise, bool):
        if rounded_text(precise) == text:
            return precise
        if isinstance(shown, int) and precise == shown:
            return shown
    if isinstance(shown, float) and len(text.partition(".")[2]) < 4 and str(shown) == text:
        return shown
    return shown if isinstance(shown, int) and str(shown) == text else Displayed(text, shown)


def _evaluator(lines: Sequence[str]) -> tuple[str | None, dict[str, Any] | None, str | None]:
    for position, line in enumerate(lines):
        if line.startswith("* Evaluated with "):
            found = _LINKED.search(line)
            if found is None:
                return None, None, None
            name = found["plain"] or found["url"].partition("#")[2] or found["name"]
            if not line.endswith("with these parameters:") or (code := fenced(lines, position + 1)) is None:
                return name, None, None
            text = unindented("\n".join(code[0]))
            return name, *json_or_text(text)
    return None, None, None


def json_or_text(text: str) -> tuple[dict[str, Any] | None, str | None]:
    """A configuration as data if writing it again gives the same text, else as that text."""
    try:
        data = json.loads(text)
        if isinstance(data, dict) and json.dumps(data, indent=4) == text:
            return data, None
    except (ValueError, RecursionError):
        pass
    return None, text


def _results(metadata: Mapping[str, Any]) -> Results:
    """The results of the first model; what is malformed is passed over."""
    found: Results = {}
    models = metadata.get("model-index")
    first = models[0] if isinstance(models, list) and models else None
    results = first.get("results") if isinstance(first, dict) else None
    for result in results if isinstance(results, list) else ():
        try:
            key = (str(result["task"]["type"]), str(result["dataset"]["type"]))
            metrics = [(str(metric["type"]), metric["value"]) for metric in result["metrics"]]
        except (KeyError, TypeError):
            continue
        found.setdefault(key, []).extend(metrics)
    return found


def _key(description: str, name: str | None) -> tuple[str, str]:
    return description.lower().replace(" ", "-"), name or "unknown"
