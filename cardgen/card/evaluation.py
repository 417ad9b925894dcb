"""The section "Evaluation": one block per evaluator, or per group of evaluators that share a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cardgen.card.eras import Layout
from cardgen.card.format import indented, joined, markdown_table, rounded_text
from cardgen.card.links import Link, reference
from cardgen.record import Evaluation, Run


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """One block: `names` is the text behind `Dataset(s):` (None for an unnamed evaluator)."""

    description: str
    names: str | None
    several: bool
    evaluator: Link
    configuration: str | None
    table: str


def shown_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Metrics by the name that cards show: without the evaluator's own name, where all of them start with it."""
    prefix = _prefix(evaluation)
    return {key[len(prefix) :]: value for key, value in evaluation.metrics.items()}


def evaluation_views(run: Run, layout: Layout) -> tuple[EvaluationView, ...]:
    """The blocks in order of first use."""
    groups: list[list[Evaluation]] = []
    for evaluation in run.evaluations:
        group = next((g for g in groups if layout.merged_evaluators and _joins(evaluation, g, layout)), None)
        if group is None:
            groups.append([evaluation])
        else:
            group.append(evaluation)
    return tuple(_view(group, layout) for group in groups)


def _joins(evaluation: Evaluation, group: list[Evaluation], layout: Layout) -> bool:
    first = group[0]
    # a group of one is compared by its name; once it has several, no single name equals the list
    return (
        evaluation.evaluator == first.evaluator
        and set(_labels(evaluation)) == set(_labels(first))
        and (len(group) > 1 or evaluation.dataset_name != first.dataset_name)
        and _configuration(evaluation, layout) == _configuration(first, layout)
    )


def _view(group: list[Evaluation], layout: Layout) -> EvaluationView:
    first = group[0]
    if len(group) == 1:
        titles = ["Value"]
        names = [first.dataset_name] if first.dataset_name else []
    else:
        titles = [str(evaluation.dataset_name) for evaluation in group]
        names = list(titles)
    columns = {title: _labels(evaluation) for title, evaluation in zip(titles, group, strict=True)}
    rows = [
        {"Metric": label, **{title: labels[label] for title, labels in columns.items()}} for label in _labels(first)
    ]
    configuration = _configuration(first, layout)
    return EvaluationView(
        description=first.description or "",
        names=joined([f"`{name}`" for name in names]) if names else None,
        several=len(group) > 1,
        evaluator=reference(first.evaluator, "evaluation", layout),
        configuration=indented(f"```json\n{configuration}\n```") if configuration else None,
        table=markdown_table(["Metric", *columns], rows),
    )


def _labels(evaluation: Evaluation) -> dict[str, str]:
    """Labels and texts of the metrics, the primary one in bold."""
    prefix = _prefix(evaluation)
    primary = evaluation.primary_metric
    if primary is not None and prefix and primary.startswith(prefix):
        primary = primary[len(prefix) :]
    return {
        (f"**{key}**" if key == primary else key): (
            f"**{rounded_text(value)}**" if key == primary else rounded_text(value)
        )
        for key, value in shown_metrics(evaluation).items()
    }


def _prefix(evaluation: Evaluation) -> str:
    name = evaluation.dataset_name
    prefix = f"{name}_" if name else ""
    return prefix if all(key.startswith(prefix) for key in evaluation.metrics) else ""


def _configuration(evaluation: Evaluation, layout: Layout) -> str | None:
    """The configuration as shown; None without one, or where the layout shows none."""
    if not layout.configurations:
        return None
    if evaluation.configuration:
        return json.dumps(evaluation.configuration, indent=4, default=str)
    return evaluation.configuration_text or None
