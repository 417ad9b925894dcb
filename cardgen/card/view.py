"""The frozen view of a card: every value that the templates place, worked out from the record.

`CardView` is the whole contract with the templates (its fields are what `card.…` may be in a template);
a user's own template sees the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from cardgen.card.datasets import DatasetsView, datasets_views
from cardgen.card.eras import MV, SE, Layout, parse_version
from cardgen.card.evaluation import EvaluationView, evaluation_views
from cardgen.card.format import joined, value_text
from cardgen.card.links import Link, dataset_link
from cardgen.card.log import LogView, log_view
from cardgen.card.metadata import front_matter
from cardgen.card.training import (
    EmissionsView,
    HyperparametersView,
    TimesView,
    emissions_view,
    hyperparameters_view,
    times_view,
    versions_view,
)
from cardgen.card.usage import UsageView, usage_view
from cardgen.record import Citation, Displayed, LogEvent, Model, Run
from cardgen.standing import standing_evaluations, standing_log

LONGEST_NAMES = 200
"""Characters that the names of the training sets may have in the introduction."""

SIMILARITY_NAMES = {
    "cosine": "Cosine Similarity",
    "dot": "Dot Product",
    "euclidean": "Euclidean Distance",
    "manhattan": "Manhattan Distance",
    "maxsim": "MaxSim",
    "meanmaxsim": "MeanMaxSim",
    "xtr": "XTR",
}
LABELS = {SE: "Sparse Encoder", MV: "Multi-Vector Encoder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """Everything a template may place. What is None or empty is not shown."""

    layout: Layout
    front_matter: str
    title: str
    label: str
    base_model: str | None
    base_model_revision: str | None
    training_sets: str
    dimensionality: str
    active_dims: int | None
    task: str
    max_seq_length: str | None
    query_length: str | None
    document_length: str | None
    similarity: str
    label_count: str | None
    modalities: tuple[str, ...]
    named_sets: tuple[Link, ...]
    languages: tuple[str, ...]
    license: str | None
    architecture: str | None
    usage: UsageView
    evaluations: tuple[EvaluationView, ...]
    datasets: tuple[DatasetsView, ...]
    hyperparameters: HyperparametersView | None
    log: LogView | None
    emissions: EmissionsView | None
    times: TimesView | None
    versions: tuple[tuple[str, str], ...]
    citations: tuple[Citation, ...]


def build_view(run: Run, log: Sequence[LogEvent], layout: Layout) -> CardView:
    """Work out the view of a run in a layout. Pure: the same arguments give the same view."""
    run = dataclasses.replace(run, evaluations=standing_evaluations(run))
    model = run.model
    # what the library prints for a missing value ("None tokens") is kept only where that very version printed it
    own = parse_version(run.environment.versions.get("sentence_transformers")) == layout.version
    missing = "None" if own and run.origin == "captured" else None
    dimensionality = _text(model.output_dimensionality, missing)
    named = tuple(dataset_link(d.name, d.hub_id) for d in run.datasets if d.role == "train" and d.name)
    return CardView(
        layout=layout,
        front_matter=front_matter(run, layout),
        title=model.title or model.type,
        label=model.label or LABELS.get(model.type, ""),
        base_model=model.base_model,
        base_model_revision=model.base_model_revision,
        training_sets=_training_sets(run, named, layout),
        dimensionality=dimensionality or "",
        active_dims=model.max_active_dims,
        task=model.task or "",
        max_seq_length=_text(model.max_seq_length, missing),
        query_length=_text(model.query_length, None),
        document_length=_text(model.document_length, None),
        similarity=_similarity(model),
        label_count=None if model.label_count is None else _counted(model.label_count, "label"),
        modalities=tuple(modality.title() for modality in model.modalities or ()),
        named_sets=named,
        languages=model.language,
        license=model.license,
        architecture=model.architecture,
        usage=usage_view(run, layout, dimensionality),
        evaluations=evaluation_views(run, layout),
        datasets=datasets_views(run, layout, claims_1000=own and layout.fixed_sample_size),
        hyperparameters=hyperparameters_view(run.hyperparameters, layout),
        log=log_view(run, standing_log(run.segments, log), layout),
        emissions=emissions_view(run.emissions, layout),
        times=times_view(run.durations, layout),
        versions=versions_view(run.environment),
        citations=tuple(Citation(heading=c.heading, bibtex=c.bibtex.strip()) for c in run.citations),
    )


def _training_sets(run: Run, named: tuple[Link, ...], layout: Layout) -> str:
    if not named:
        return ""
    if layout.long_names and len(", ".join(link.text for link in named)) > LONGEST_NAMES:
        return f" on {sum(dataset.role == 'train' for dataset in run.datasets)} datasets"
    names = joined([f"[{link.text}]({link.url})" if link.url else link.text for link in named])
    return f" on the {names} {'dataset' if len(named) == 1 else 'datasets'}"


def _similarity(model: Model) -> str:
    name = model.similarity_function or ("dot" if model.type == SE else "maxsim" if model.type == MV else "cosine")
    return SIMILARITY_NAMES.get(name) or name.replace("_", " ").title()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(value: float | int | Displayed | None, missing: str | None) -> str | None:
    return missing if value is None else value_text(value)
