"""Records compared field by field: what an import can give back of what was recorded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from cardgen.card.eras import CE, MV, SE, Layout
from cardgen.card.format import cell_text, duration_text, rounded_text
from cardgen.card.links import PACKAGE, reference
from cardgen.card.parse.training import UNKNOWN
from cardgen.card.training import HIDDEN_ARGUMENTS, VERSION_NAMES
from cardgen.card.usage import CALORIES, PLANETS, SENTENCES
from cardgen.record import Dataset, Displayed, Durations, Evaluation, Opaque, Run


def as_shown(run: Run, layout: Layout) -> Run:
    """A captured run as far as its card shows it."""
    model, arguments, emissions = run.model, run.hyperparameters, run.emissions
    own = {SE: "dot", MV: "maxsim", CE: None}.get(model.type, "cosine")
    retrieval = model.type == MV or bool(model.information_retrieval)
    hidden = HIDDEN_ARGUMENTS | ({"eval_strategy"} if layout.hidden_eval_strategy else set())
    builtin: tuple[Any, ...] = PLANETS if layout.retrieval_snippet and retrieval else SENTENCES
    if model.type == CE:
        builtin = tuple([*pair] for pair in CALORIES)
    return dataclasses.replace(
        run,
        model=dataclasses.replace(
            model,
            similarity_function=model.similarity_function or own,
            information_retrieval=retrieval if layout.retrieval_snippet else None,
        ),
        datasets=tuple(_dataset(dataset, layout) for dataset in run.datasets),
        hyperparameters=None
        if arguments is None
        else dataclasses.replace(
            arguments,
            values={name: value for name, value in arguments.values.items() if name not in hidden},
            defaults={name: UNKNOWN for name in arguments.defaults if name not in hidden},
        ),
        evaluations=tuple(_evaluation(evaluation, layout) for evaluation in run.evaluations),
        usage=dataclasses.replace(run.usage, examples=None if run.usage.examples == builtin else run.usage.examples),
        citations=tuple(dataclasses.replace(entry, bibtex=entry.bibtex.strip()) for entry in run.citations),
        environment=dataclasses.replace(
            run.environment,
            versions={key: text for _, key in VERSION_NAMES if (text := run.environment.versions.get(key))},
        ),
        emissions=None
        if emissions is None
        else dataclasses.replace(
            emissions,
            duration_seconds=round((emissions.duration_seconds or 0) / 3600, 3) * 3600 if layout.hours_used else None,
        ),
        durations=None if run.durations is None or not layout.training_time else _durations(run.durations),
    )


def _dataset(dataset: Dataset, layout: Layout) -> Dataset:
    return dataclasses.replace(
        dataset,
        revision=dataset.revision if dataset.hub_id else None,
        samples=dataset.samples and tuple(tuple(_sample(cell, layout) for cell in row) for row in dataset.samples),
        loss=dataset.loss and dataclasses.replace(dataset.loss, name=_loss_name(dataset.loss.name, layout)),
    )


def _sample(value: Any, layout: Layout) -> Any:
    if isinstance(value, list) and len(value) > 5:
        return [*value[:5], Opaque("...")]
    if isinstance(value, str) and len(value) > 1000 and layout.cut_samples:
        return value[:1000] + "..."
    return value if isinstance(value, str | int | float | list) else Opaque(str(value))


def _loss_name(name: str, layout: Layout) -> str:
    package = "" if layout.type == "SentenceTransformer" else f"{PACKAGE[layout.type]}."
    library = name.startswith("sentence_transformers.")
    return f"sentence_transformers.{package}losses.{name.rpartition('.')[2]}" if library else name


def _evaluation(evaluation: Evaluation, layout: Layout) -> Evaluation:
    link = reference(evaluation.evaluator, "evaluation", layout)
    return dataclasses.replace(
        evaluation,
        evaluator=link.text if link.url is None else link.url.partition("#")[2],
        dataset_name=evaluation.dataset_name or None,
        configuration=(evaluation.configuration or None) if layout.configurations else None,
    )


def _durations(durations: Durations) -> Durations:
    total, evaluation = durations.total_seconds, durations.evaluation_seconds
    assert isinstance(total, float)
    assert isinstance(evaluation, float | int)
    return Durations(
        total_seconds=_displayed(total),
        evaluation_seconds=_displayed(evaluation) if evaluation else 0.0,
        training_seconds=_displayed(total - evaluation),
    )


def _displayed(seconds: float) -> Displayed:
    text = duration_text(seconds)
    amount, unit = text.split()
    return Displayed(text, float(amount) * {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}[unit])


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values: fields, entries by number, keys of dictionaries that hold facts by name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, Displayed | Opaque | type):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}" if path else field.name)
    elif isinstance(value, tuple) and value:
        for number, entry in enumerate(value):
            yield from leaves(entry, f"{path}[{number}]")
    elif isinstance(value, dict) and value and path.endswith(("values", "defaults", "metrics", "versions")):
        for key, entry in value.items():
            yield f"{path}{{{key}}}", entry
    else:
        yield path, value


def general(path: str) -> str:
    """A path without its numbers and names."""
    return re.sub(r"\{.*\}", "{}", re.sub(r"\[\d+\]", "[]", path))


def alike(one: Any, other: Any) -> bool:
    """Equal in value, type and order."""
    return repr(one) == repr(other)


def shown(value: Any) -> set[str]:
    """The texts that a number stands as in a table."""
    return {value.text} if isinstance(value, Displayed) else {cell_text(value), rounded_text(value)}
