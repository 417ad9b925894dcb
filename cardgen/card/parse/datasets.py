"""The data set sections."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from cardgen.card.eras import Layout
from cardgen.card.links import PACKAGE
from cardgen.card.parse.document import Section
from cardgen.card.parse.evaluation import json_or_text
from cardgen.card.parse.page import Page, fenced
from cardgen.card.parse.tables import Table, read_table, unindented
from cardgen.card.parse.values import cell, exact, number
from cardgen.record import Column, Dataset, Loss, ModelType, Role, Statistics

_BETWEEN_NAMES = re.compile("</code>(?:, and |, | and )<code>")
_SIZE = re.compile(r"(\d{1,3}(?:,?\d{3}){0,6}) (?:training|evaluation) samples", re.ASCII)
_SAMPLED = re.compile(r"Approximate statistics based on the first (\d{1,18}) samples", re.ASCII)
_LOSS = re.compile(r"\[<code>(?P<name>[^<]*)</code>\]|<code>(?P<plain>[^<]*)</code>")
HUB = "https://huggingface.co/datasets/"
UNNAMED = "Unnamed Dataset"
MOST_DATASETS = 1_000
"""Data sets of one role that are read."""


def datasets(page: Page, layout: Layout, *, claims_1000: bool) -> tuple[Dataset, ...]:
    """The data sets of both roles.

    `claims_1000`: the statistics are said to cover 1000 rows, as the first layout said of every set.
    """
    inside = page.section(2, "Training Details")
    found = []
    roles: tuple[tuple[Role, str], ...] = (("train", "Training Dataset"), ("eval", "Evaluation Dataset"))
    for role, title in roles:
        section = page.section(3, title, f"{title}s", inside=inside)
        parts = page.parts(section, 4) if section else iter(())
        found += [_dataset(part, role, layout, claims_1000) for part in itertools.islice(parts, MOST_DATASETS)]
    return tuple(found)


def _dataset(section: Section, role: Role, layout: Layout, claims_1000: bool) -> Dataset:
    lines = section.lines
    facts: dict[str, str] = {}
    places: dict[str, int] = {}
    for position, line in enumerate(lines):
        if line.startswith("* "):
            title, colon, value = line[2:].partition(":")
            if colon and title not in facts:
                facts[title], places[title] = value.removeprefix(" "), position
    name, hub_id, revision = _identity(section.title, facts.get("Dataset"))
    size = _SIZE.fullmatch(facts.get("Size", ""))
    measured, sampled = next(
        ((title, int(found[1])) for title in facts if (found := _SAMPLED.fullmatch(title))), ("", None)
    )
    names = _names(facts.get("Columns", ""))
    rows = int(size[1].replace(",", "")) if size else None
    if sampled is not None and rows is not None and claims_1000:
        sampled = min(sampled, rows)
    statistics = _table(lines, places.get(measured))
    columns = _columns(names, statistics)
    samples = _table(lines, places.get("Samples"))
    return Dataset(
        role=role,
        name=name,
        hub_id=hub_id,
        revision=revision,
        size=rows,
        streaming=rows is None and statistics is None and bool(columns),
        columns=columns,
        sampled_rows=sampled,
        samples=_samples(samples, columns, layout),
        loss=_loss(facts.get("Loss", ""), lines, places.get("Loss", 0), layout.type),
    )


def _identity(title: str, line: str | None) -> tuple[str | None, str | None, str | None]:
    if line is None:
        return (None if title == UNNAMED else title), None, None
    link, revision = line, None
    before, at, tree = line.rpartition(" at [")
    if at and before.endswith(")") and tree.endswith(")") and "/tree/" in tree:
        link, revision = before, tree[:-1].rpartition("/tree/")[2]
    name, found, url = link[1:-1].rpartition("](")
    if not found or not link.startswith("[") or not link.endswith(")"):
        return line, None, None
    return name, url.removeprefix(HUB) if url.startswith(HUB) else None, revision


def _names(text: str) -> list[str]:
    """`a`, `b` and `c` of `<code>a</code>, <code>b</code>, and <code>c</code>`."""
    if not (text.startswith("<code>") and text.endswith("</code>")):
        return []
    return _BETWEEN_NAMES.split(text[len("<code>") : -len("</code>")])


def _table(lines: Sequence[str], above: int | None) -> Table | None:
    """The table below a line."""
    if above is None:
        return None
    table = itertools.takewhile(lambda line: line.startswith("  ") or not line.strip(), lines[above + 1 :])
    found = read_table([unindented(line) for line in table], 0)
    return found[0] if found else None


def _columns(names: Sequence[str], table: Table | None) -> tuple[Column, ...]:
    measured: dict[str, Column] = {}
    if table is not None:
        rows = {row[0]: row[1:] for row in table.rows}
        for position, name in enumerate(table.columns[1:]):
            dtype = rows["type"][position] if "type" in rows else None
            details = rows["details"][position] if "details" in rows else ""
            statistics = _statistics(dtype, details)
            if dtype == "int" and any(isinstance(value, bool) for value, _ in statistics.shares):
                dtype = "bool"
            modality = rows["modality"][position] if "modality" in rows else None
            measured[name] = Column(name=name, dtype=dtype, modality=modality, statistics=statistics)
    return tuple(measured.get(name) or Column(name=name) for name in names) or tuple(measured.values())


def _statistics(dtype: str | None, details: str) -> Statistics:
    items = details.removeprefix("<ul><li>").removesuffix("</li></ul>").split("</li><li>")
    pairs = [_pair(item) for item in items if item]
    values = dict(pairs)
    if dtype in ("int", "bool") and pairs and all(text.endswith("%") for text in values.values()):
        shares = [(exact(key), number(text.strip("~%"))) for key, text in pairs]
        if all(percent is not None for _, percent in shares):
            return Statistics(kind="share", shares=tuple((key, float(percent or 0)) for key, percent in shares))
    if dtype == "list" and list(values) == ["size"]:
        size = _quantity(values["size"])
        if size is not None and size[1] == "elements":
            return Statistics(kind="size", unit="elements", minimum=size[0], maximum=size[0])
    if list(values) == ["min", "mean", "max"]:
        found = [_quantity(values[key]) for key in ("min", "mean", "max")]
        units = {quantity[1] for quantity in found if quantity}
        if None not in found and len(units) == 1:
            (unit,) = units
            minimum, mean, maximum = (quantity[0] for quantity in found if quantity)
            kind: Any = "number" if unit is None else "size" if unit == "elements" else "length"
            return Statistics(kind=kind, unit=unit, minimum=minimum, mean=mean, maximum=maximum)
    return Statistics(kind="other", details=tuple(pairs))


def _pair(item: str) -> tuple[str, str]:
    key, _, value = item.partition(": ")
    return key, value


def _quantity(text: str) -> tuple[int | float, str | None] | None:
    amount, blank, unit = text.partition(" ")
    value = number(amount)
    if value is None or " " in unit:
        return None
    return value, unit if blank else None


def _samples(table: Table | None, columns: Sequence[Column], layout: Layout) -> tuple[tuple[Any, ...], ...] | None:
    if table is None:
        return None
    dtypes = {column.name: column.dtype for column in columns}
    rows = []
    for row in table.rows:
        found = dict(zip(table.columns, row, strict=False))
        texts = [found.get(column.name, "").removeprefix("<code>").removesuffix("</code>") for column in columns]
        rows.append(
            tuple(
                cell(text, dtypes[column.name], escaped_pipes=layout.escaped_pipes)
                for text, column in zip(texts, columns, strict=True)
            )
        )
    return tuple(rows)


def _loss(line: str, lines: Sequence[str], position: int, type_: ModelType) -> Loss | None:
    found = _LOSS.search(line)
    if found is None:
        return None
    name = found["plain"]
    if name is None:
        package = "" if type_ == "SentenceTransformer" else f"{PACKAGE[type_]}."
        name = f"sentence_transformers.{package}losses.{found['name']}"
    if not line.endswith("with these parameters:") or (code := fenced(lines, position + 1)) is None:
        return Loss(name=name)
    configuration, text = json_or_text(unindented("\n".join(code[0])))
    return Loss(name=name, configuration=configuration, configuration_text=text)
