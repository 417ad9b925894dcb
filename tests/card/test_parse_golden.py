"""Import of the golden cards: the text comes back, and every field that a card shows."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.card.eras import CE, MV, SE, Layout, recorded_layout
from cardgen.card.format import cell_text, duration_text, rounded_text
from cardgen.card.layout import render
from cardgen.card.links import PACKAGE, reference
from cardgen.card.log import log_rows
from cardgen.card.parse.read import parse
from cardgen.card.parse.training import UNKNOWN
from cardgen.card.training import HIDDEN_ARGUMENTS, VERSION_NAMES
from cardgen.card.usage import CALORIES, PLANETS, SENTENCES
from cardgen.record import Dataset, Displayed, Durations, Evaluation, Opaque, Run
from tests.golden.facts import folders, load

ROOT = Path(__file__).parent.parent / "golden"
FOUND = folders(ROOT)

ABSENT = {
    "id": "given at import",
    "name": "given at import",
    "origin": "imported, not captured",
    "created": "no card has times of day",
    "started": "no card has times of day",
    "ended": "no card has times of day",
    "datasets[].split": "no layout shows it",
    "hyperparameters.values{}": "some arguments are never listed",
    "hyperparameters.defaults{}": "a card shows that an argument differs, not from what",
    "environment.versions{}": "only seven packages are listed",
    "durations.training_seconds": "imported as the card words it; captured runs have the other two in full",
}
"""Fields, or entries of them, that no card shows."""

PARTLY = {
    "model.similarity_function": "a model without one shows its type's own",
    "model.information_retrieval": "shown by the snippet, where the layout has one for retrieval",
    "datasets[].revision": "shown with the Hub's id only",
    "datasets[].samples[][]": "long texts and lists are cut",
    "datasets[].loss.name": "a class of the library stands with its short name",
    "evaluations[].evaluator": "a class of the library stands with its short name",
    "evaluations[].dataset_name": "an empty name is shown as none",
    "evaluations[].configuration": "from 4.0 on, unless it is empty",
    "usage.examples[]": "the library's own examples are None",
    "citations[].bibtex": "without the blank lines around it",
    "emissions.duration_seconds": "up to 5.3, as hours with three decimals",
    "durations.total_seconds": "with one decimal",
    "durations.evaluation_seconds": "with one decimal",
}
"""Fields that a card shows in part, or in another form: `as_shown` says which."""

SHARE_OF_ALL, SHARE_OF_SHOWN = 0.86, 0.97
"""Shares of the fields of the golden runs that come back as they were recorded: of all, of those that a card shows."""


def as_shown(run: Run, layout: Layout) -> Run:
    """A captured run as far as its card shows it."""
    model, arguments, emissions = run.model, run.hyperparameters, run.emissions
    own = {SE: "dot", MV: "maxsim", CE: None}.get(model.type, "cosine")
    retrieval = model.type == MV or bool(model.information_retrieval)
    hidden = HIDDEN_ARGUMENTS | ({"eval_strategy"} if layout.hidden_eval_strategy else set())
    builtin = PLANETS if layout.retrieval_snippet and retrieval else SENTENCES
    if model.type == CE:
        builtin = tuple([*pair] for pair in CALORIES)  # type: ignore[misc]
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


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_golden_card_comes_back(folder: Path) -> None:
    """Importing a card and rendering it again gives the card, and its version is the run's."""
    text = (folder / "README.md").read_bytes().decode()
    parsed = parse(text)
    assert parsed.run is not None
    assert not parsed.inferred
    assert parsed.text.restore(render(parsed.run, parsed.log)) == text
    assert parsed.run.environment.versions["sentence_transformers"] == folder.parent.name


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_field_that_a_card_shows_is_imported(folder: Path) -> None:
    """The imported record is the captured one, but for what the tables say is absent or shown in part."""
    run, log = load(folder)
    parsed = parse((folder / "README.md").read_bytes().decode())
    assert parsed.run is not None
    layout = recorded_layout(run.model.type, run.environment.versions["sentence_transformers"])
    found = {path: value for path, value in leaves(parsed.run) if general(path) not in ABSENT or "{" in path}
    wanted = {
        path: value for path, value in leaves(as_shown(run, layout)) if general(path) not in ABSENT or "{" in path
    }
    assert list(found) == list(wanted)
    assert [path for path in wanted if not alike(found[path], wanted[path])] == []
    rows, expected_rows = log_rows(parsed.log, layout), log_rows(log, layout)
    assert len(rows) == len(expected_rows)
    for row, expected in zip(rows, expected_rows, strict=True):
        assert row.keys() == expected.keys()
        assert all(shown(row[column]) & shown(expected[column]) for column in row)


def test_the_share_of_fields_that_is_recovered() -> None:
    """Nearly all that cards show comes back as it was recorded; the tables name every field that does not."""
    counts: Counter[str] = Counter()
    differing: set[str] = set()
    for folder in FOUND:
        run, _ = load(folder)
        imported = parse((folder / "README.md").read_bytes().decode()).run
        found = dict(leaves(imported))
        for path, value in leaves(run):
            kind = general(path)
            if path in found and alike(found[path], value):
                counts["exact"] += 1
                continue
            differing.add(kind)
            counts["partly" if kind in PARTLY else "absent"] += 1
    assert differing <= PARTLY.keys() | ABSENT.keys()
    assert differing >= PARTLY.keys()
    of_all = counts["exact"] / counts.total()
    of_shown = counts["exact"] / (counts["exact"] + counts["partly"])
    print(f"{counts.total():,} fields: {of_all:.1%} as recorded, {of_shown:.1%} of those that cards show")
    assert of_all > SHARE_OF_ALL, counts
    assert of_shown > SHARE_OF_SHOWN, counts
