"""A run and a registry as a person reads them: headings, and facts under them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cardgen.cli.output import Section, cell_text
from cardgen.record import Dataset, Displayed, Evaluation, Run, Segment
from cardgen.standing import made_later, standing_evaluations

if TYPE_CHECKING:
    from cardgen.registry import RegistryStatus, RunState

LONGEST = 200
"""Characters of a value that a person is shown; `--json` has all of it."""


def sections(run: Run, state: RunState | None = None, parent: str | None = None) -> Iterator[Section]:
    """What is recorded of a run, section by section; a section without facts is left out.

    `parent` is the name of the run that its weights are from, where that is known; else its id is shown.
    """
    parts: tuple[Section, ...] = (
        (run.name, _run(run, state, parent or run.model.parent_run)),
        ("Model", _model(run)),
        ("Data", [_dataset(dataset) for dataset in run.datasets]),
        ("Evaluations", [_evaluation(evaluation, run) for evaluation in run.evaluations]),
        ("Arguments that are not the default", _arguments(run)),
        ("Parts", [_segment(segment) for segment in run.segments] if len(run.segments) > 1 else []),
        ("Notes", [(section, _text(words)) for section, words in run.notes.items()]),
        ("Made with", [*run.environment.versions.items()]),
        ("Saved", [(_or(point.step, "end"), _saved(point.path, point.best)) for point in run.checkpoints]),
        ("Redacted", [("", place) for place in run.redactions]),
        ("Problems", [("", problem) for problem in run.problems]),
    )
    return ((title, facts) for title, facts in parts if facts)


def status_section(status: RegistryStatus) -> Section:
    """Every fact of a registry's status."""
    facts = [(field.name.replace("_", " "), getattr(status, field.name)) for field in dataclasses.fields(status)]
    return "Registry", [(label, _text(value)) for label, value in facts]


def _run(run: Run, state: RunState | None, parent: str | None) -> list[tuple[str, str]]:
    return _known(
        id=run.id,
        status=state.status if state else run.status,
        project=run.project,
        group=run.group,
        tags=", ".join(run.tags),
        origin=None if run.origin == "captured" else run.origin,
        parent=parent,
        created=run.created,
        started=run.started,
        ended=run.ended,
        heartbeat=state.heartbeat if state and state.status in ("running", "lost") else None,
        trained=_trained(run.durations.total_seconds) if run.durations else None,
        emitted=None if run.emissions is None else f"{run.emissions.emissions_kg:.3g} kg CO2eq",
        log=f"{state.events} events" if state else None,
        commit=_commit(run),
    )


def _trained(seconds: float | Displayed) -> str:
    return f"≈ {seconds.text}" if isinstance(seconds, Displayed) else _duration(seconds)


def _model(run: Run) -> list[tuple[str, str]]:
    model = run.model
    return _known(
        type=model.type,
        title=model.title if model.title != model.type else None,
        hub=model.hub_id,
        base=model.base_model,
        revision=model.base_model_revision,
        tokens=model.max_seq_length,
        dimensions=model.output_dimensionality,
        similarity=model.similarity_function,
        labels=model.label_count,
        language=", ".join(model.language),
        license=" ".join(filter(None, (model.license, model.license_name, model.license_link))) or None,
    )


def _dataset(dataset: Dataset) -> tuple[str, str]:
    size = "streaming" if dataset.size is None else f"{dataset.size:,} rows"
    columns = ", ".join(column.name for column in dataset.columns)
    loss = f"; {dataset.loss.name.rsplit('.', 1)[-1]}" if dataset.loss else ""
    return dataset.role, _short(f"{dataset.name or 'unnamed'}: {size}; {columns}{loss}")


def _segment(segment: Segment) -> tuple[str, str]:
    """One start or resume: from which step to which, how long, and what was changed."""
    end = "…" if segment.end_step is None else str(segment.end_step)
    took = "" if segment.training_seconds is None else f", {_duration(segment.training_seconds)}"
    changed = ", ".join(f"{name}={value!r}" for name, value in segment.changed.items())
    start = _or(segment.start_step, "?")
    return f"steps {start} to {end}", _short(
        f"{_text(segment.started)}{took}{f'; changed: {changed}' if changed else ''}"
    )


def _evaluation(evaluation: Evaluation, run: Run) -> tuple[str, str]:
    name = evaluation.dataset_name or evaluation.evaluator.rsplit(".", 1)[-1]
    place = ""
    if made_later(evaluation) and evaluation not in standing_evaluations(run):
        # other weights than those that the card describes
        points = [point.path for point in run.checkpoints if point.weights == evaluation.weights]
        place = f", on {points[0] if points else evaluation.weights}"
    primary = evaluation.primary_metric
    metrics = evaluation.metrics
    if primary in metrics:
        others = f" (and {len(metrics) - 1} more)" if len(metrics) > 1 else ""
        return name, _short(f"{primary} {_text(metrics[primary])}{others}{place}")
    return name, _short(", ".join(f"{key} {_text(value)}" for key, value in metrics.items()) + place)


def _arguments(run: Run) -> list[tuple[str, str]]:
    if run.hyperparameters is None:
        return []
    values = run.hyperparameters.values
    return [(key, _short(_value(values.get(key)))) for key in run.hyperparameters.defaults]


def _saved(path: str, best: bool) -> str:
    return f"{path} (best)" if best else path


def _commit(run: Run) -> str | None:
    commit = run.environment.git_commit
    return f"{commit} (changed)" if commit and run.environment.git_dirty else commit


def _known(**facts: Any) -> list[tuple[str, str]]:
    return [(label, _text(value)) for label, value in facts.items() if value not in (None, "", ())]


def _or(value: Any, otherwise: str) -> str:
    return otherwise if value is None else str(value)


def _text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    return _short(cell_text(value))


def _value(value: Any) -> str:
    return f"≈ {value}" if isinstance(value, Displayed) else repr(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
