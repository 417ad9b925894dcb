"""A run as a flat list of facts by kind, so that two runs can be laid side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from cardgen.measures import half_step, measured
from cardgen.record import Dataset, Displayed, Evaluation, LogEvent, Opaque, Run, Statistics
from cardgen.standing import standing_evaluations, standing_log

Fact: TypeAlias = Any
"""A plain value of the record; a fact that is not known is not in a list."""

_ARCHITECTURE = (
    "type",
    "label",
    "max_seq_length",
    "query_length",
    "document_length",
    "output_dimensionality",
    "max_active_dims",
    "similarity_function",
    "label_count",
    "modalities",
    "architecture",
)
_OF_MODEL = (
    "title",
    "hub_id",
    "base_model",
    "base_model_revision",
    "language",
    "license",
    "license_name",
    "license_link",
    "tags",
    "pipeline_tag",
    "library_name",
    "task",
    "dataset_ids",
)
_OF_RUN = ("project", "group", "tags", "status", "best_step")
_OF_ENVIRONMENT = ("platform", "cpu", "accelerators", "world_size", "git_commit", "git_dirty")


def listed_facts(run: Run, log: Sequence[LogEvent]) -> dict[str, dict[str, Fact]]:
    """What a card tells of a run but its data, by kind and key."""
    return {
        "arguments": dict(run.hyperparameters.values) if run.hyperparameters is not None else {},
        "metrics": _known([*((name, value) for name, value, _ in listed_metrics(run, log)), *_evaluators(run)]),
        "architecture": _known((name, getattr(run.model, name)) for name in _ARCHITECTURE),
        "versions": dict(run.environment.versions),
        "other": _known(_other(run)),
    }


def listed_run_facts(run: Run) -> dict[str, Fact]:
    """What no card tells: how a run was organised, and where it was made."""
    named = [(f"run.{name}", getattr(run, name)) for name in _OF_RUN]
    return _known([*named, *((name, getattr(run.environment, name)) for name in _OF_ENVIRONMENT)])


def same_fact(a: Fact, b: Fact) -> bool:
    """Whether two values say the same: a displayed number and one that is displayed so do, and 1 and 1.0."""
    if isinstance(a, Displayed) and isinstance(b, Displayed):
        return a == b or (a.value is not None and a.value == b.value)
    if isinstance(a, Displayed):
        return same_fact(b, a)
    if isinstance(b, Displayed):
        number = number_of(a)
        if number is None or b.value is None:
            return str(a) == b.text
        if not math.isfinite(number) or not math.isfinite(b.value):
            return str(number) == str(b.value)
        return abs(number - b.value) <= half_step(b) * (1 + 1e-9)
    if isinstance(a, Opaque) or isinstance(b, Opaque):
        return str(a) == str(b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same_fact, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_fact(a[key], b[key]) for key in a)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return bool(a == b)


def number_of(value: Fact) -> int | float | None:
    """A fact as a finite number that a float can hold, if it is one."""
    if isinstance(value, Displayed):
        value = value.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def _known(facts: Any) -> dict[str, Fact]:
    return {key: value for key, value in facts if value is not None and value != () and value != ""}


# Data


def aligned_data(runs: Sequence[Run]) -> list[dict[str, Fact]]:
    """The data of each run, data set by data set; one that only one of them has is a single fact.

    Where no run has several sets of a role, the sets of that role belong together; else those of one name, or one
    position where some have no name.
    """
    sides = _labelled(runs)
    facts: list[dict[str, Fact]] = [{} for _ in runs]
    for label in dict.fromkeys(label for side in sides for label in side):
        shared = sum(label in side for side in sides) > 1
        for side, found in zip(sides, facts, strict=True):
            dataset = side.get(label)
            if dataset is None:
                continue
            if shared:
                found.update({f"{label}.{key}": value for key, value in _known(_dataset(dataset)).items()})
            else:
                found[label] = _summary(dataset)
    return facts


def _labelled(runs: Sequence[Run]) -> list[dict[str, Dataset]]:
    labelled: list[dict[str, Dataset]] = [{} for _ in runs]
    for role in ("train", "eval"):
        sets = [[dataset for dataset in run.datasets if dataset.role == role] for run in runs]
        names = [[dataset.name for dataset in some] for some in sets]
        distinct = all(None not in some and len(set(some)) == len(some) for some in names)
        single = all(len(some) <= 1 for some in sets)
        for found, some in zip(labelled, sets, strict=True):
            for index, dataset in enumerate(some):
                found[role if single else f"{role}[{dataset.name if distinct else index}]"] = dataset
    return labelled


def _summary(dataset: Dataset) -> str:
    rows = None if dataset.size is None else f"{dataset.size} rows"
    loss = dataset.loss.name.rpartition(".")[2] if dataset.loss else None
    columns = ", ".join(column.name for column in dataset.columns)
    return "; ".join(part for part in (dataset.name, rows, columns, loss) if part)


def _dataset(dataset: Dataset) -> Iterator[tuple[str, Fact]]:
    for name in ("name", "hub_id", "revision", "split", "size"):
        yield name, getattr(dataset, name)
    yield "columns", tuple(column.name for column in dataset.columns)
    for column in dataset.columns:
        yield f"{column.name}.dtype", column.dtype
        if column.statistics is not None:
            for key, value in _statistics(column.statistics):
                yield f"{column.name}.{key}", value
    if dataset.loss is not None:
        yield "loss", dataset.loss.name.rpartition(".")[2]
        yield "loss.configuration", dataset.loss.configuration_text
        for name, value in (dataset.loss.configuration or {}).items():
            yield f"loss.{name}", "None" if value is None else value
    for number, row in enumerate(dataset.samples or ()):
        yield f"sample {number + 1}", row


def _statistics(found: Statistics) -> Iterator[tuple[str, Fact]]:
    unit = f" ({found.unit})" if found.unit else ""
    for name in ("minimum", "mean", "maximum"):
        yield f"{name}{unit}", getattr(found, name)
    for value, share in found.shares:
        yield f"share of {value if isinstance(value, Displayed) else repr(value)} (%)", share
    yield from found.details


# Metrics and the rest


def listed_metrics(run: Run, log: Sequence[LogEvent]) -> Iterator[tuple[str, Fact, Evaluation | None]]:
    """Each metric of the results that stand, with its result; then the last losses of the log, which have none."""
    seen = set()
    for evaluation in standing_evaluations(run):
        for key, value in evaluation.metrics.items():
            name = str(key)
            if name in seen:  # two evaluators without a name of their own
                name = f"{evaluation.dataset_name or evaluation.evaluator.rpartition('.')[2]}: {name}"
            seen.add(name)
            yield name, measured(value), evaluation
    last: dict[str, Fact] = {}
    for event in standing_log(run.segments, log):
        for key, value in event.values.items():
            if event.kind == "train" and key == "loss":
                last["last training loss"] = value
            elif event.kind == "eval" and str(key).endswith("_loss"):
                last[f"last {key}"] = value
    for name, value in last.items():
        yield name, value, None


def _evaluators(run: Run) -> Iterator[tuple[str, Fact]]:
    """What the results were made with, where a configuration says so."""
    for evaluation in standing_evaluations(run):
        configuration = evaluation.configuration or evaluation.configuration_text
        if configuration:
            name = evaluation.dataset_name or evaluation.evaluator.rpartition(".")[2]
            yield f"configuration of {name}", configuration


def _other(run: Run) -> Iterator[tuple[str, Fact]]:
    for name in _OF_MODEL:
        yield name, getattr(run.model, name)
    if run.durations is not None:
        yield "duration (s)", run.durations.total_seconds
    if run.emissions is not None:
        yield "emissions (kg CO2eq)", run.emissions.emissions_kg
        yield "energy (kWh)", run.emissions.energy_kwh
    yield "citations", tuple(citation.heading for citation in run.citations)
