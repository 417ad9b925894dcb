"""The data set sections: size, columns, statistics, samples, loss."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from cardgen.card.eras import Layout
from cardgen.card.format import indented, joined, markdown_table, value_text
from cardgen.card.links import Link, dataset_link, reference
from cardgen.record import Column, Dataset, Role, Run, Statistics

COLLAPSED_FROM = 4
"""Data sets of one role from which each is collapsed."""
LONGEST_TEXT = 1000
LONGEST_LIST = 5
SHOWN_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class DatasetView:
    """One data set. What is None is not shown; tables are indented and end in a newline."""

    heading: str
    link: Link | None
    revision: Link | None
    size: str | None
    columns: str | None
    sampled: str | None
    statistics: str | None
    samples: str | None
    loss: Link | None
    loss_configuration: str | None


@dataclass(frozen=True, slots=True)
class DatasetsView:
    """All data sets of one role: `heading` is `Training` or `Evaluation`, `unit` the word for a row."""

    heading: str
    unit: str
    collapsed: bool
    datasets: tuple[DatasetView, ...]


def datasets_views(run: Run, layout: Layout, *, claims_1000: bool) -> tuple[DatasetsView, ...]:
    """The roles that have data sets, training first.

    `claims_1000`: the statistics are said to cover 1000 rows, as the first layout said of every set.
    """
    views = []
    roles: tuple[tuple[Role, str, str], ...] = (("train", "Training", "training"), ("eval", "Evaluation", "evaluation"))
    for role, heading, unit in roles:
        datasets = [dataset for dataset in run.datasets if dataset.role == role]
        if datasets:
            views.append(
                DatasetsView(
                    heading=heading,
                    unit=unit,
                    collapsed=layout.collapsed_datasets and len(datasets) >= COLLAPSED_FROM,
                    datasets=tuple(_view(dataset, layout, claims_1000) for dataset in datasets),
                )
            )
    return tuple(views)


def _view(dataset: Dataset, layout: Layout, claims_1000: bool) -> DatasetView:
    loss = dataset.loss
    revision = None
    if dataset.hub_id and dataset.revision:
        url = f"https://huggingface.co/datasets/{dataset.hub_id}/tree/{dataset.revision}"
        revision = Link(dataset.revision[:7], url)
    statistics = _statistics_table(dataset.columns, layout)
    sampled = dataset.sampled_rows if dataset.sampled_rows is not None else dataset.size
    return DatasetView(
        heading=dataset.name or "Unnamed Dataset",
        link=dataset_link(dataset.name, dataset.hub_id) if dataset.name else None,
        revision=revision,
        size=None if dataset.size is None else f"{dataset.size:,}",
        columns=joined([f"<code>{c.name}</code>" for c in dataset.columns], comma=True) if dataset.columns else None,
        sampled="1000" if claims_1000 else None if sampled is None else str(sampled),
        statistics=statistics,
        samples=_samples_table(dataset, layout),
        loss=None if loss is None else reference(loss.name, "losses", layout),
        loss_configuration=None if loss is None else _loss_configuration(loss.configuration, loss.configuration_text),
    )


def _loss_configuration(configuration: dict[str, Any] | None, text: str | None) -> str | None:
    if configuration is not None:
        text = json.dumps(configuration, indent=4, default=str)
    return None if text is None else indented(f"```json\n{text}\n```")


def _statistics_table(columns: tuple[Column, ...], layout: Layout) -> str | None:
    measured = {column.name: column for column in columns if column.statistics is not None}
    if not measured:
        return None
    rows: list[dict[str, str]] = [{"": "type", **{n: _dtype(c, layout) for n, c in measured.items()}}]
    if layout.modality_row and any(column.modality is not None for column in measured.values()):
        rows.append({"": "modality", **{n: c.modality or "" for n, c in measured.items()}})
    empty = "" if layout.bare_details else "<ul><li></li></ul>"
    rows.append({"": "details", **{n: _details(c.statistics) or empty for n, c in measured.items()}})
    return indented(markdown_table(["", *measured], rows))


def _dtype(column: Column, layout: Layout) -> str:
    if column.dtype == "bool" and not layout.bool_columns:
        return "int"
    return column.dtype or ""


def _details(statistics: Statistics | None) -> str:
    pairs = [] if statistics is None else _pairs(statistics)
    return "<ul><li>" + "</li><li>".join(f"{k}: {v}" for k, v in pairs) + "</li></ul>" if pairs else ""


def _pairs(statistics: Statistics) -> list[tuple[str, str]]:
    match statistics.kind:
        case "share":
            several = "~" if len(statistics.shares) > 1 else ""
            return [(value_text(value), f"{several}{percent:.2f}%") for value, percent in statistics.shares]
        case "size" if statistics.mean is None and statistics.minimum is not None:
            return [("size", f"{statistics.minimum} elements")]
        case "other":
            return list(statistics.details)
    unit = " elements" if statistics.kind == "size" else f" {statistics.unit}" if statistics.unit else ""
    numbers = (("min", statistics.minimum), ("mean", statistics.mean), ("max", statistics.maximum))
    pairs = []
    for name, number in numbers:
        if number is not None:
            text = f"{number:.2f}" if statistics.kind == "size" and name == "mean" else str(number)
            pairs.append((name, text + unit))
    return pairs


def _samples_table(dataset: Dataset, layout: Layout) -> str | None:
    if not dataset.samples or not dataset.columns:
        return None
    names = [column.name for column in dataset.columns]
    rows = [
        {
            name: f"<code>{_sample(cell, layout)}</code>"
            for name, cell in zip_longest(names, row[: len(names)], fillvalue="")
        }
        for row in dataset.samples[:SHOWN_SAMPLES]
    ]
    return indented(markdown_table(names, rows))


def _sample(value: Any, layout: Layout) -> str:
    raw = False
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        text, raw = f"{value_text(value[:LONGEST_LIST])[:-1]}, ...]", layout.raw_cut_lists
    elif isinstance(value, str) and len(value) > LONGEST_TEXT and layout.cut_samples:
        text, raw = value[:LONGEST_TEXT] + "...", layout.raw_cut_texts
    else:
        text = value_text(value)
    if raw:
        return text
    text = text.replace("\n", "<br>")
    return text.replace("|", "\\|") if layout.escaped_pipes else text
