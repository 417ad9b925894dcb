"""What `trainer_state.json` tells: the trainer's own log in full precision, where the training stood, what was best.

The trainer logs a training loss (`loss`, `grad_norm` …), the result of a validation with all its evaluators
(`eval_loss`, `eval_NAME_METRIC` …), or a summary at its end (`train_runtime` …). A card's table shows one number of
each, rounded. An entry of the state therefore finds its events by step and name and completes them; an entry that the
card does not have becomes an event at its place. A state with a number that the card contradicts is that of another
training and is left out as a whole.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from cardgen.card.format import cell_text, rounded_text
from cardgen.record import LogEvent, LogKind, Run

EVALUATION = "eval_"
SUMMARY = "train_runtime"
LEFT_OUT = frozenset(("step", "epoch"))
MOST_ENTRIES = 1_000_000
MOST_AT_A_STEP = 100
"""Entries that one step can have; real ones have a few."""
LONGEST = 1000
"""Characters of a text in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the trainer's log: `kind` is `train` or `eval`; `values` are without step and epoch."""

    kind: LogKind
    step: int
    epoch: int | float | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerState:
    """The state of a trainer. `best_checkpoint` is the name of the folder of the best model so far."""

    step: int | None = None
    epoch: int | float | None = None
    best_checkpoint: str | None = None
    history: tuple[Entry, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the training was at its end."""
        return any(SUMMARY in entry.values for entry in self.history)


def read_state(data: Any) -> TrainerState | None:
    """The state in the parsed file; entries that are malformed are passed over. None if it is no such file."""
    if not isinstance(data, dict):
        return None
    history = data.get("log_history")
    entries = map(_entry, history[:MOST_ENTRIES] if isinstance(history, list) else ())
    best = data.get("best_model_checkpoint")
    return TrainerState(
        step=_count(data.get("global_step")),
        epoch=_number(data.get("epoch")),
        best_checkpoint=_folder_name(best) if isinstance(best, str) else None,
        history=tuple(entry for entry in entries if entry is not None),
    )


def with_state(run: Run, log: Sequence[LogEvent], state: TrainerState, notes: list[str]) -> tuple[Run, list[LogEvent]]:
    """The run and its log with what the state tells and the card lacks."""
    exact = _exact_values(state.history)
    wrong = next((event for event in log if _contradicts(event, exact, run.best_step)), None)
    if wrong is not None:
        notes.append(f"trainer_state.json says something else than the card of step {wrong.step}: it was left out")
        return run, list(log)
    shown_steps = {event.step for event in log}
    events = [_made_exact(event, exact, run.best_step) for event in log]
    events = _with_history(events, state.history)
    best = _best_step(run, state)
    if best is not None and best not in shown_steps:  # else the card shows that it is not
        run = dataclasses.replace(run, best_step=best)
    return run, events


Exact = Mapping[int, Mapping[str, Sequence[Any]]]
"""By step and name every value that was logged, in order: a validation may be repeated."""


def _exact_values(history: Sequence[Entry]) -> Exact:
    values: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for entry in history:
        for name, value in entry.values.items():
            if len(values[entry.step][name]) < MOST_AT_A_STEP:
                values[entry.step][name].append(value)
        if entry.epoch is not None:
            values[entry.step]["epoch"] = [entry.epoch]
    return values


def _logged(event: LogEvent, name: str) -> str:
    """What the trainer calls a value of an event: it puts a prefix before the names of evaluators' metrics."""
    return EVALUATION + name if event.kind == "evaluator" else name


def _same(value: Any, exact: Any, bold: bool) -> bool:
    """Whether the table of a card shows both alike; the bold row rounds in another way."""
    shown = rounded_text if bold else cell_text
    return shown(value) == shown(exact)


def _contradicts(event: LogEvent, exact: Exact, best_step: int | None) -> bool:
    known = exact.get(event.step, {})
    for name, value in event.values.items():
        candidates = known.get(_logged(event, name), ())
        if candidates and not any(_same(value, candidate, event.step == best_step) for candidate in candidates):
            return True
    return False


def _made_exact(event: LogEvent, exact: Exact, best_step: int | None) -> LogEvent:
    """The event with exact numbers in the place of displayed ones."""
    known = exact.get(event.step, {})

    def better(value: Any, name: str) -> Any:
        bold = event.step == best_step
        return next((other for other in reversed(known.get(name, ())) if _same(value, other, bold)), value)

    return dataclasses.replace(
        event,
        epoch=better(event.epoch, "epoch"),
        values={name: better(value, _logged(event, name)) for name, value in event.values.items()},
    )


def _with_history(events: list[LogEvent], history: Sequence[Entry]) -> list[LogEvent]:
    """The events, completed by the entries of the trainer's log, in the order of their steps.

    Rows of no step (-1) were made outside training: they stay first or last. Where steps do not count up (a card of
    more than one training), no entry can be placed and the events stay as they are.
    """
    rows: list[list[LogEvent]] = []
    for event in events:
        if rows and rows[-1][0].step == event.step:
            rows[-1].append(event)
        else:
            rows.append([event])
    first = next((index for index, row in enumerate(rows) if row[0].step >= 0), len(rows))
    last = next((index for index in range(len(rows), first, -1) if rows[index - 1][0].step >= 0), first)
    steps = [row[0].step for row in rows[first:last]]
    if any(left >= right for left, right in itertools.pairwise([-1, *steps])):
        return events
    metrics = dict.fromkeys(name for event in events if event.kind == "evaluator" for name in event.values)
    found = dict(zip(steps, rows[first:last], strict=True))
    for entry in history:
        if len(row := found.setdefault(entry.step, [])) < MOST_AT_A_STEP:
            _complete(row, entry, metrics)
    ordered = [*rows[:first], *(found[step] for step in sorted(found)), *rows[last:]]
    return [dataclasses.replace(event, seq=seq) for seq, event in enumerate(itertools.chain(*ordered))]


def _complete(row: list[LogEvent], entry: Entry, metrics: Iterable[str]) -> None:
    """Add to the events of a step what an entry has besides; what is shown of a repeated one is its last result."""
    common = [
        index
        for index, event in enumerate(row)
        if event.kind == entry.kind and not event.values.keys().isdisjoint(entry.values)
    ]
    same = next((index for index in common if _agrees(row[index].values, entry.values)), None)
    if same is not None:
        row[same] = dataclasses.replace(row[same], values={**row[same].values, **entry.values})
        return
    if common:
        row.insert(common[0], _event(entry.kind, entry, dict(entry.values)))
        return
    shown = {name for event in row if event.kind == "evaluator" for name in event.values}
    for name in metrics:
        if entry.kind == "eval" and EVALUATION + name in entry.values and name not in shown:
            row.append(_event("evaluator", entry, {name: entry.values[EVALUATION + name]}))
    row.append(_event(entry.kind, entry, dict(entry.values)))


def _agrees(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether what both have is equal (NaN is itself)."""
    return all(
        values[name] == others[name] or (values[name] != values[name] and others[name] != others[name])
        for name in values.keys() & others.keys()
    )


def _event(kind: LogKind, entry: Entry, values: dict[str, Any]) -> LogEvent:
    return LogEvent(seq=0, kind=kind, step=entry.step, epoch=entry.epoch, values=values)


def _best_step(run: Run, state: TrainerState) -> int | None:
    """The step of the best model of a training that loads it at its end, and was there; the card's own comes first."""
    arguments = run.hyperparameters.values if run.hyperparameters is not None else {}
    if run.best_step is not None or not state.ended or arguments.get("load_best_model_at_end") is not True:
        return None
    prefix, _, step = (state.best_checkpoint or "").partition("-")
    return int(step) if prefix == "checkpoint" and step.isascii() and step.isdigit() and len(step) < 19 else None


def _entry(data: Any) -> Entry | None:
    if not isinstance(data, dict):
        return None
    step = _count(data.get("step"))
    values = {name: value for name, value in data.items() if name not in LEFT_OUT and _is_scalar(value)}
    if step is None or not values:
        return None
    is_validation = all(name.startswith(EVALUATION) for name in values)
    return Entry(kind="eval" if is_validation else "train", step=step, epoch=_number(data.get("epoch")), values=values)


def _folder_name(path: str) -> str:
    """The last part of a path of any system."""
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) <= LONGEST)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> int | float | None:
    return value if _is_number(value) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 62 else None
