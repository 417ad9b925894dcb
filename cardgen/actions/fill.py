"""Fill the gaps of one record with the facts of another one of the same run.

What the first one says stays. It gains what it lacks, and the exact number or value behind a text that both show alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cardgen.card.format import cell_text, duration_text, rounded_text, value_text
from cardgen.card.parse.training import UNKNOWN
from cardgen.record import Column, Dataset, Displayed, Evaluation, File, Opaque, Run

_IDENTITY = ("id", "name", "project", "group", "tags", "origin", "created")
_CARDS = ("status", "layout", "best_step", "log_columns", "checkpoints", "problems")
OWN = frozenset((*_IDENTITY, *_CARDS))
"""Fields of a run that are not its training's: what they are is another matter for a card than for its run."""

KEYS: dict[type, Callable[[Any], Any]] = {
    Dataset: lambda dataset: (dataset.role, dataset.name),
    # cards say where a class is exported, recording where it is defined
    Evaluation: lambda evaluation: (evaluation.evaluator.rpartition(".")[2], evaluation.dataset_name or ""),
    Column: lambda column: column.name,
    File: lambda file: (file.path, file.size),
}
"""What two entries of a list must have in common to tell of the same thing."""


def filled_run(run: Run, other: Run) -> Run:
    """The run with what it lacks and the other one tells."""
    names = [field.name for field in dataclasses.fields(Run) if field.name not in OWN]
    return dataclasses.replace(run, **{name: filled(getattr(run, name), getattr(other, name)) for name in names})


def filled(value: Any, other: Any) -> Any:
    """The value with what it lacks: None and empty ones are replaced, records are filled inside."""
    if value is None or (isinstance(value, tuple | dict | str) and not value):
        return value if other is None else other
    if dataclasses.is_dataclass(value) and not isinstance(value, Displayed | Opaque):
        if type(value) is not type(other):
            return value
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(  # type: ignore[type-var]
            value, **{name: filled(getattr(value, name), getattr(other, name)) for name in names}
        )
    if isinstance(value, dict) and isinstance(other, dict):
        # a None in here is an argument that is None, not one that is lacking
        return {name: _entry(value, other, name) for name in _merged_order(value, other)}
    if isinstance(value, tuple) and isinstance(other, tuple):
        return _filled_entries(value, other)
    return value if other is None else made_exact(value, other)


def _merged_order(names: Iterable[Any], others: dict[Any, Any]) -> Iterator[Any]:
    """The others in their order, and each name that they lack behind the one that it stands behind."""
    behind: dict[Any, list[Any]] = {}
    last: tuple[Any, ...] = ()
    for name in names:
        if name in others:
            last = (name,)
        else:
            behind.setdefault(last, []).append(name)
    yield from behind.get((), ())
    for name in others:
        yield name
        yield from behind.get((name,), ())


def _entry(values: dict[Any, Any], others: dict[Any, Any], name: Any) -> Any:
    if name not in values:
        return others[name]
    return made_exact(values[name], others[name]) if name in others else values[name]


def made_exact(value: Any, other: Any) -> Any:
    """The other value, where it is the exact one behind a text, else the value."""
    if value == UNKNOWN:
        return other
    if isinstance(value, Displayed):
        is_number = isinstance(other, int | float) and not isinstance(other, bool)
        return other if is_number and value.text in (cell_text(other), rounded_text(other), _duration(other)) else value
    return other if value_text(value) == value_text(other) else value


def _duration(seconds: float) -> str | None:
    return duration_text(seconds) if 0 <= seconds < 1e15 else None


def _filled_entries(values: tuple[Any, ...], others: tuple[Any, ...]) -> tuple[Any, ...]:
    """Entries are filled where both lists tell of the same things in the same order."""
    key = KEYS.get(type(values[0]))
    if key is None or [type(value) for value in values] != [type(other) for other in others]:
        return values
    if [key(value) for value in values] != [key(other) for other in others]:
        return values
    return tuple(filled(value, other) for value, other in zip(values, others, strict=True))
