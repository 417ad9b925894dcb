"""A card's text -> the record that it shows: the inverse of `layout.render`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cardgen.card.eras import Layout, forms, parse_version, recorded_layout, version_text
from cardgen.card.layout import render
from cardgen.card.parse import description, training
from cardgen.card.parse.datasets import datasets
from cardgen.card.parse.document import Text, front_matter_span, undress
from cardgen.card.parse.evaluation import evaluations
from cardgen.card.parse.page import Page, read_page
from cardgen.card.parse.usage import snippet
from cardgen.card.yaml_text import Unreadable, load
from cardgen.record import Environment, LogEvent, Model, ModelType, Run, Usage


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text says as a card. `run` is None if it is no generated card; its id and name are empty.

    `unreadable` says that there is a front matter, but no keys that could be read.
    """

    run: Run | None
    log: tuple[LogEvent, ...]
    text: Text
    inferred: bool
    unreadable: bool = False


def parse(text: str) -> Parsed:
    """Read a card. Every text gives a result; what cannot be read is not there."""
    dress = undress(text)
    lines = dress.body.split("\n")  # at LF only: other line ends are content
    span = front_matter_span(lines)
    found = _front_matter("\n".join(lines[span[0] + 1 : span[1]]) if span else "")
    metadata = found or {}
    page = read_page(lines[span[1] + 1 :] if span else lines)
    type_ = description.model_type(page)
    if type_ is None:
        return Parsed(None, (), dress, False, found is None)
    versions = training.versions(page)
    version = versions.get("sentence_transformers")
    if parse_version(version) is None:
        layout, run, log = _infer(page, metadata, versions, type_, lines)
        return Parsed(replace(run, layout=version_text(layout.version)), tuple(log), dress, True, found is None)
    run, log = _run(page, metadata, versions, recorded_layout(type_, version))
    return Parsed(run, tuple(log), dress, False, found is None)


def _front_matter(text: str) -> Mapping[str, Any] | None:
    """The data; None where it cannot be read."""
    try:
        data = load(text)
    except Unreadable:
        return None
    return {} if data is None else data if isinstance(data, dict) else None


def _infer(
    page: Page, metadata: Mapping[str, Any], versions: dict[str, str], type_: ModelType, lines: Sequence[str]
) -> tuple[Layout, Run, list[LogEvent]]:
    """The newest layout whose rendering is nearest to the text; blank lines count only where all else is equal."""
    there = Counter(lines)
    best: tuple[tuple[int, int], Layout, Run, list[LogEvent]] | None = None
    for layout in forms(type_):
        run, log = _run(page, metadata, versions, layout)
        run = replace(run, layout=version_text(layout.version))
        card = Counter(render(run, log).split("\n"))
        blank = abs(there[""] - card[""])
        distance = (there - card).total() + (card - there).total() - blank, blank
        if best is None or distance < best[0]:
            best = (distance, layout, run, log)
    assert best is not None
    return best[1:]


def _run(
    page: Page, metadata: Mapping[str, Any], versions: dict[str, str], layout: Layout
) -> tuple[Run, list[LogEvent]]:
    results = evaluations(page, metadata)
    events, best_step, columns = training.log(page, results, layout)
    shown = snippet(page, layout.type)
    facts = description.description(page, layout.type)
    widget = metadata.get("widget")
    known = parse_version(versions.get("sentence_transformers")) is not None
    model = Model(
        type=layout.type,
        **{
            **facts,
            "title": next((heading.title for heading in page.headings if heading.level == 1), None),
            "hub_id": shown.get("hub_id"),
            "information_retrieval": shown.get("retrieval") if layout.retrieval_snippet else None,
            "language": _texts(metadata.get("language")) or facts.get("language", ()),
            "license": _text(metadata.get("license")) or facts.get("license"),
            "license_name": _text(metadata.get("license_name")),
            "license_link": _text(metadata.get("license_link")),
            "base_model": facts.get("base_model") or _text(metadata.get("base_model")),
            "tags": _texts(metadata.get("tags")),
            "pipeline_tag": _text(metadata.get("pipeline_tag")),
            "library_name": _text(metadata.get("library_name")),
            "dataset_ids": _texts(metadata.get("datasets")),
        },
    )
    run = Run(
        id="",
        name="",
        model=model,
        status="finished",
        origin="imported",
        datasets=datasets(page, layout, claims_1000=known and layout.fixed_sample_size),
        hyperparameters=training.hyperparameters(page),
        evaluations=results,
        usage=Usage(
            examples=shown.get("examples"),
            similarities=shown.get("similarities"),
            query_shape=shown.get("query_shape"),
            document_shape=shown.get("document_shape"),
            widget=tuple(entry for entry in widget if isinstance(entry, dict)) if isinstance(widget, list) else (),
        ),
        citations=training.citations(page),
        environment=Environment(versions=versions),
        durations=training.durations(page),
        emissions=training.emissions(page, metadata),
        best_step=best_step,
        log_columns=columns,
    )
    return run, events


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
