"""Evaluations and checkpoints of a run, and which results were made on which weights."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cardgen.capture.evaluator import capture_evaluation
from cardgen.checkpoint import list_files, with_hashes
from cardgen.record import Checkpoint, Evaluation, File
from cardgen.standing import evaluation_key, made_later
from cardgen.tracking.facts import Facts, now

State = tuple[str, int]
"""Which weights the model had: `("step", N)` in and after training, `("start", 0)` before."""


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """When the library noted a result of an evaluator, and on which weights."""

    epoch: int | float | None
    step: int
    at: dt.datetime
    state: State


class Results:
    """The results part of the facts. Evaluators are known by identity while the card data holds them."""

    def __init__(self, facts: Facts) -> None:
        """Start with none."""
        self._facts = facts
        self._foreign: set[int] = set()
        self._calls: dict[int, Call] = {}
        self._own: list[tuple[Evaluation, State]] = []
        self._earlier: tuple[Evaluation, ...] = ()
        self._made_on: list[State | None] = []
        self._saved_of: dict[str, State] = {}

    def leave_out(self, card: Any) -> None:
        """What the card data has now belongs to an earlier training."""
        self._foreign = {id(evaluator) for evaluator in getattr(card, "eval_results_dict", None) or ()}

    def go_on(self, earlier: tuple[Evaluation, ...]) -> None:
        """Keep the results of an earlier part of the run, until their evaluators give new ones."""
        with self._facts.lock:
            self._earlier = earlier
            self._made_on = [None] * len(earlier)
            self._facts.update(evaluations=earlier)

    def note(self, evaluator: Any, call: Call) -> None:
        """The library noted a result."""
        self._calls[id(evaluator)] = call
        self._foreign.discard(id(evaluator))

    def noted_since(self, evaluator: Any, since: dt.datetime) -> bool:
        """Whether the library noted a result of this evaluator since then."""
        call = self._calls.get(id(evaluator))
        return call is not None and call.at >= since

    def add(self, evaluator: Any, metrics: Mapping[Any, Any], state: State) -> None:
        """Keep a result that the library did not note."""
        evaluation = capture_evaluation(evaluator, metrics, self._facts.problems, epoch=-1, step=-1, at=now())
        others = [(old, made_on) for old, made_on in self._own if evaluation_key(old) != evaluation_key(evaluation)]
        self._own = [*others, (evaluation, state)]

    def look(self, card: Any) -> None:
        """The latest result of every evaluator, in order of first use."""
        found: list[tuple[Evaluation, State | None]] = []
        for evaluator, metrics in list((getattr(card, "eval_results_dict", None) or {}).items()):
            if id(evaluator) in self._foreign:
                continue
            call = self._calls.get(id(evaluator))
            try:
                evaluation = capture_evaluation(
                    evaluator,
                    metrics,
                    self._facts.problems,
                    epoch=call.epoch if call else None,
                    step=call.step if call else None,
                    at=call.at if call else None,
                )
            except Exception as error:
                self._facts.problems.failed(f"the result of {type(evaluator).__name__}", error)
                continue
            found.append((self._facts.clean(evaluation, "evaluations"), call.state if call else None))
        found += [(self._facts.clean(evaluation, "evaluations"), state) for evaluation, state in self._own]
        renewed = {evaluation_key(evaluation) for evaluation, _ in found}
        kept = [old for old in self._earlier if made_later(old) or evaluation_key(old) not in renewed]
        found = [*((old, None) for old in kept), *found]
        if found:
            with self._facts.lock:
                self._made_on = [state for _, state in found]
                self._facts.update(evaluations=tuple(evaluation for evaluation, _ in found))
                self._tie()

    def saved(self, folder: Path, state: State) -> Checkpoint:
        """A folder was saved; the files in it have no hashes yet."""
        step = checkpoint_step(folder)
        if step is None and state[0] == "step":
            step = state[1]
        point = Checkpoint(path=str(folder), step=step, files=list_files(folder), saved=now())
        point = self._facts.clean(point, "checkpoints")
        with self._facts.lock:
            others = tuple(other for other in self._facts.run.checkpoints if other.path != point.path)
            self._saved_of[point.path] = state
            self._facts.update(checkpoints=(*others, point))
        return point

    def hashed(self, point: Checkpoint, files: tuple[File, ...]) -> bool:
        """The files of a folder are hashed; False if it was saved again meanwhile."""

        def same(other: Checkpoint) -> bool:
            return other.path == point.path and other.saved == point.saved

        with self._facts.lock:
            found = self._replace_checkpoints(lambda other: with_hashes(other, files) if same(other) else other)
            self._tie()
        return any(same(other) for other in found)

    def best_is(self, path: str | None) -> None:
        """The trainer's best checkpoint is this folder."""
        path = self._facts.clean(path, "checkpoints.path")
        with self._facts.lock:
            self._replace_checkpoints(lambda point: dataclasses.replace(point, best=point.path == path))

    def _replace_checkpoints(self, change: Callable[[Checkpoint], Checkpoint]) -> tuple[Checkpoint, ...]:
        points = tuple(change(point) for point in self._facts.run.checkpoints)
        self._facts.update(checkpoints=points)
        return points

    def _tie(self) -> None:
        """Name the weights that each result was made on, where all saves of that state have the same."""
        hashes: dict[State, set[str | None]] = {}
        run = self._facts.run
        for point in run.checkpoints:
            if (state := self._saved_of.get(point.path)) is not None:
                hashes.setdefault(state, set()).add(point.weights)
        evaluations = []
        for evaluation, made_on in zip(run.evaluations, self._made_on, strict=True):
            if made_on is not None:
                known = hashes.get(made_on, set())
                evaluation = dataclasses.replace(evaluation, weights=next(iter(known)) if len(known) == 1 else None)
            evaluations.append(evaluation)
        self._facts.update(evaluations=tuple(evaluations))


def checkpoint_step(folder: Path) -> int | None:
    """The step in the name of a trainer's checkpoint; None for any other folder."""
    prefix, _, step = folder.name.partition("-")
    return int(step) if prefix == "checkpoint" and step.isdigit() else None
