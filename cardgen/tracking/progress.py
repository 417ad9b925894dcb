"""How far the training of a run is, and what is logged on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cardgen.capture.evaluator import is_validation
from cardgen.record import LogKind
from cardgen.tracking.facts import Facts
from cardgen.tracking.journal import Journal
from cardgen.tracking.results import Results, State

Phase = Literal["before", "training", "after", "closed"]


class Progress:
    """The phase, the step and the weights of a run, and its log.

    `state` is which weights the model has. `touched` tells whether anything happened that makes it a run.
    """

    def __init__(self, facts: Facts, journal: Journal) -> None:
        """Start before training."""
        self.phase: Phase = "before"
        self.state: State = ("start", 0)
        self.step: int | None = None
        self.touched = False
        self._facts, self._journal = facts, journal
        self._validation_log: Mapping[str, Any] = {}

    def begin(self, step: int) -> None:
        """Training starts at this step, or goes on from it."""
        self.phase, self.step, self.state = "training", step, ("step", step)

    def end(self, step: int) -> None:
        """Training ended, and left the model with the weights of this step."""
        self.phase, self.state = "after", ("step", step)

    def advance(self, state: Any) -> None:
        """The trainer's state says how far it is."""
        self.step = int(state.global_step)
        if self.phase == "training":
            self.state = ("step", self.step)

    def state_of(self, step: Any) -> State:
        """The weights that an evaluator was called on, where the library notes this step."""
        return ("step", step) if self.phase == "training" and type(step) is int and step >= 0 else self.state

    def logged(self, logs: Mapping[str, Any], state: Any) -> None:
        """The trainer logged; what it logs of a validation comes again as such, and is left to that."""
        self.advance(state)
        if is_validation(tuple(logs)):
            self._validation_log = dict(logs)
            return
        self.touched = True
        self._journal.add("train", logs, state.epoch, state.global_step)

    def validated(self, metrics: Mapping[str, Any], state: Any) -> None:
        """The trainer evaluated."""
        self.advance(state)
        if isinstance(seconds := metrics.get("eval_runtime"), int | float):
            self._facts.evaluated_for(seconds)
        self.log("eval", metrics, state.epoch, state.global_step)
        # the parts of a loss are logged and not among the metrics
        logged, self._validation_log = self._validation_log, {}
        parts = {name: value for name, value in logged.items() if name.startswith("eval_") and name not in metrics}
        if parts:
            self.log("train", parts, state.epoch, state.global_step)

    def log(self, kind: LogKind, values: Mapping[Any, Any], epoch: Any, step: Any, *, touches: bool = True) -> None:
        """Append an event."""
        self.touched = self.touched or touches
        self._journal.add(kind, values, epoch, step)

    def see_what_was_before(self, card: Any, results: Results, *, trained: bool) -> None:
        """Evaluations from before this run are the card's first rows, unless they belong to an earlier training."""
        rows = list(getattr(card, "training_logs", None) or ())
        if trained or any(row.get("Step") != -1 for row in rows):
            results.leave_out(card)
            return
        for row in rows:
            values = {key: value for key, value in row.items() if key not in ("Epoch", "Step")}
            self.log("evaluator", values, row.get("Epoch"), -1, touches=False)
