"""The record of one run while it grows.

A recording is *before* training, in *training*, *after* it, and at last *closed*. Evaluations and saves belong to it
in the first three. Nothing is written before training begins, for only then is it known whether this is a new run or
one that goes on; from there on, what a method accepted is in the spool when it returns.

The model is held weakly and the trainer, its data and its evaluators not at all: what is needed of them is looked up
when something happens, as plain facts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cardgen.capture.evaluator import is_validation, logged_metrics, single_evaluators
from cardgen.capture.library import model_type
from cardgen.capture.problems import Problems
from cardgen.capture.values import number_or_none, plain, text_of
from cardgen.record import Checkpoint, File, LogEvent, LogKind, Run, Status
from cardgen.tracking import patches
from cardgen.tracking.facts import Facts, now
from cardgen.tracking.guard import attempt, guarded, say, watch_forks
from cardgen.tracking.notes import Notes
from cardgen.tracking.options import Options, next_run_id
from cardgen.tracking.results import Call, Results, State, checkpoint_step
from cardgen.tracking.resume import load_earlier, note_run, noted_run
from cardgen.tracking.saves import Saves
from cardgen.tracking.sink import Sink

FLUSH_SECONDS = 2.0
"""How long the end of training waits for the registry, so that the name that is told is the final one."""

HASH_SECONDS = 60.0
"""How long the end of a run waits for files to be hashed."""

Phase = Literal["before", "training", "after", "closed"]


class Recording:
    """One run being recorded.

    `armed` is False where nothing is recorded: disabled, another rank, a forked child, a run that is closed.
    """

    def __init__(self, options: Options, *, armed: bool) -> None:
        """Start with nothing but names."""
        self.armed = armed and options.enabled
        self.options = options
        self.problems = Problems()
        self.phase: Phase = "before"
        self.log: list[LogEvent] = []
        run_id, self._id_chosen = next_run_id(options) if self.armed else ("disabled", False)
        self._facts = Facts(options, run_id, self.problems)
        self._results = Results(self._facts)
        self.saves = Saves(self._results, self._hashed)
        self.notes = Notes()
        self._given_name: str | None = None
        self._sink: Sink | None = None
        self._model: weakref.ReferenceType[Any] | None = None
        self._finalizer: Any = None
        self._state: State = ("start", 0)
        self._step: int | None = None
        self._validation_log: Mapping[str, Any] = {}
        self._touched = False
        self._told = False
        watch_forks(self)

    # What others read

    @property
    def id(self) -> str:
        """The run's id; until training begins, a resumed run may still get its former one."""
        return self._facts.run.id

    @property
    def name(self) -> str:
        """The run's name: the one that the registry gave it, once it did."""
        return self._given_name or self._facts.run.name

    @property
    def run(self) -> Run:
        """The record as of the last event."""
        return dataclasses.replace(self._facts.run, name=self.name)

    def model(self) -> Any:
        """The model, if it still lives."""
        return None if self._model is None else self._model()

    def current(self) -> Run:
        """The record with what the model knows at this moment."""
        if self.armed and self.phase != "closed":
            self._look()
        return self.run

    # What happens

    def attach(self, model: Any, defaults: Mapping[str, Any] | None = None) -> None:
        """Belong to this model. `defaults` are the arguments of an untouched instance, where the library made them."""
        if defaults is not None:
            self._facts.defaults = dict(defaults)
        if model is not None and self.model() is not model:
            self._model = weakref.ref(model)
            self._attached(model)

    @guarded("the model")
    def _attached(self, model: Any) -> None:
        patches.install(model)
        patches.detach(self)  # from the model of another trainer that has the same callback
        patches.attach(model, self)
        if self._finalizer is not None:
            self._finalizer.detach()
        self._finalizer = weakref.finalize(model, self.release)
        self._finalizer.atexit = False
        card = model.model_card_data
        self._facts.builtin_examples = getattr(card, "usage_examples", None) is None
        attempt(self, "what was evaluated before", lambda: self._see_what_was_before(card))
        self._look(datasets=True)

    @guarded("the start of training")
    def begin(self, args: Any, state: Any, model: Any) -> None:
        """Training starts or goes on."""
        self.attach(model)
        attempt(self, "the earlier part of the run", lambda: self._choose_run(state))
        note_run(state, self.id)
        self._step = int(state.global_step)
        self._state = ("step", self._step)
        self._facts.open_segment(args, model.model_card_data, self._step)
        self.phase = "training"
        self._look(datasets=True)
        self._keep()
        say(f"recording {self.name} in {self.options.location.url}")

    @guarded("a log entry")
    def logged(self, logs: Mapping[str, Any], state: Any) -> None:
        """The trainer logged; what it logs of a validation comes again as such, and is left to that."""
        self._advance(state)
        if is_validation(logs):
            self._validation_log = dict(logs)
            return
        self._event("train", logs, state.epoch, state.global_step)

    @guarded("an evaluation")
    def validated(self, metrics: Mapping[str, Any], state: Any) -> None:
        """The trainer evaluated."""
        self._advance(state)
        if isinstance(seconds := metrics.get("eval_runtime"), int | float):
            self._facts.evaluated_for(seconds)
        self._event("eval", metrics, state.epoch, state.global_step)
        # the parts of a loss are logged and not among the metrics
        logged, self._validation_log = self._validation_log, {}
        parts = {name: value for name, value in logged.items() if name.startswith("eval_") and name not in metrics}
        if parts:
            self._event("train", parts, state.epoch, state.global_step)

    @guarded("the result of an evaluator")
    def evaluated(self, evaluator: Any, metrics: Mapping[str, Any], epoch: Any, step: Any) -> None:
        """The library noted the result of an evaluator for its card."""
        in_training = self.phase == "training" and type(step) is int and step >= 0
        state = ("step", step) if in_training else self._state
        self._results.note(evaluator, Call(number_or_none(epoch), int(step), now(), state))
        values = logged_metrics(evaluator, metrics)
        if values is not None:
            self._event("evaluator", values, epoch, step)
        self._touched = True
        attempt(self, "the result of an evaluator", self._look_at_results)
        self._keep()

    @guarded("the result of an evaluator")
    def add_evaluation(self, evaluator: Any, metrics: Any) -> None:
        """Keep a result that the evaluator did not give to the library."""
        values = metrics if isinstance(metrics, Mapping) else {type(evaluator).__name__: metrics}
        self._results.add(evaluator, values, self._state)
        self._touched = True
        attempt(self, "the result of an evaluator", self._look_at_results)
        self._keep()

    def has_result_of(self, evaluator: Any, since: dt.datetime) -> bool:
        """Whether the library noted a result of this evaluator, or of all that it is made of, since then."""
        singles = single_evaluators(evaluator)
        return bool(singles) and all(self._results.noted_since(single, since) for single in singles)

    def note(self, section: str, words: str) -> None:
        """Keep a person's words for a section of the card: at the end of the run, or at once if that is past."""
        ended = self.phase == "closed" and self._sink is not None
        if self.armed or ended:
            attempt(self, "a note", lambda: self.notes.add(section, words))
            self._touched = True
        if ended:
            self._keep_notes()

    @guarded("a save")
    def saved(self, path: Any) -> None:
        """The model was saved into a folder; checkpoints of the trainer are complete only later."""
        self._touched = True
        self._look()
        if not self.saves.uploading:
            folder = Path(os.path.abspath(os.fspath(path)))
            if self.phase != "training" or checkpoint_step(folder) is None:
                attempt(self, "a checkpoint", lambda: self._add_checkpoint(folder, self._state))
            attempt(self, "cardgen.json", lambda: self.saves.tie(folder, self.run, self._facts.args))
        self._keep()

    @guarded("a checkpoint")
    def checkpoint_complete(self, args: Any, state: Any) -> None:
        """The trainer finished writing a checkpoint."""
        self._advance(state)
        folder = Path(os.path.abspath(args.output_dir), f"checkpoint-{state.global_step}")
        if folder.is_dir():
            self._add_checkpoint(folder, ("step", int(state.global_step)))
            self._keep()

    @guarded("the end of training")
    def end(self, state: Any) -> None:
        """Training ended; evaluations and saves may follow."""
        self._advance(state)
        best = getattr(self._card(), "best_model_step", None)
        best_path = getattr(state, "best_model_checkpoint", None)
        self._facts.close_segment(self._step)
        self.phase = "after"
        self._state = ("step", int(best) if best is not None else int(state.global_step))
        self._facts.update(status="finished", ended=now(), best_step=None if best is None else int(best))
        self._results.best_is(os.path.abspath(best_path) if best_path else None)
        self._look(datasets=True)
        self._facts.emissions_known = True  # when all callbacks have seen the end, its tracker was stopped
        self._keep()
        self._tell_end()

    @guarded("the end of the run")
    def finish(self, status: Status | None = None) -> None:
        """Close: nothing that happens from now on belongs to this run."""
        if self.phase == "closed":
            return
        try:
            self._close(status)
        finally:
            self.armed = False

    def _close(self, status: Status | None) -> None:
        patches.detach(self)
        if self._finalizer is not None:
            self._finalizer.detach()
        self._look()
        in_training = self.phase == "training"
        self._facts.close_segment(self._step)
        ended = self._facts.run.ended or now()
        self._facts.update(status=status or ("failed" if in_training else "finished"), ended=ended)
        self.phase = "closed"
        if not (self._touched or self._facts.run.segments):
            return  # nothing happened: there is no run to keep
        self._keep()  # whoever has no patience for the hashes loses no more than them
        if not self.saves.close(HASH_SECONDS):
            self.problems.note("hashing the saved files took too long and was given up")
        self._keep()
        self._facts.forget()
        if self._sink is not None:
            waited = self._sink.close()
            if self.options.settings.mode == "normal" and waited and not self._sink.folded:
                say(f"{self.name} is not in the registry yet: the next run, or `cardgen registry init`, folds it")
            self._keep_notes()
        self._tell_end()

    def release(self) -> None:
        """The model is gone. Called by the garbage collector, so the sink's thread does the work."""
        if not self.armed or self.phase == "closed":
            return
        if self._sink is not None:
            self._sink.release()
        else:
            self.saves.abandon()

    @guarded("a push")
    def push_begins(self, args: Any) -> None:
        """The trainer is about to upload its output folder."""
        self.saves.push_begins(args.output_dir)

    # How the record is made

    def _keep_notes(self) -> None:
        if not self.notes or self._sink is None:
            return
        folder, reachable = self._sink.path.parent, self.options.settings.mode == "normal"
        attempt(
            self,
            "a note",
            lambda: self.notes.keep(self.options, self.id, self.name, folder, reachable=reachable),
        )

    def _choose_run(self, state: Any) -> None:
        """Go on with the run of a checkpoint, or of `CARDGEN_RUN_ID`, if the registry knows it."""
        resumed = noted_run(state)
        wanted = resumed or (self.id if self._id_chosen else None)
        if wanted is None or self._sink is not None:
            return
        earlier = load_earlier(self.options.settings.registry, wanted)
        if earlier is not None and self._open_sink(wanted, ()):
            self._go_on(*earlier)
        elif resumed is not None:
            self.problems.note(f"this run resumes {resumed}, which could not be continued: it is recorded as a new one")

    def _go_on(self, run: Run, log: list[LogEvent]) -> None:
        first = max((event.seq for event in log), default=-1) + 1
        mine = [
            dataclasses.replace(event, seq=first + index, segment=len(run.segments))
            for index, event in enumerate(self.log)
        ]
        self.log = [*log, *mine]
        self._facts.go_on(run)
        self._results.go_on(run.evaluations)
        for event in mine:
            if self._sink is not None:
                self._sink.event(event)

    def _see_what_was_before(self, card: Any) -> None:
        """Evaluations from before this run are the card's first rows, unless they belong to an earlier training."""
        rows = list(getattr(card, "training_logs", None) or ())
        if any(row.get("Step") != -1 for row in rows):
            self._results.leave_out(card)
            return
        for row in rows:
            values = {key: value for key, value in row.items() if key not in ("Epoch", "Step")}
            self._event("evaluator", values, row.get("Epoch"), -1, touches=False)

    def _event(self, kind: LogKind, values: Mapping[Any, Any], epoch: Any, step: Any, *, touches: bool = True) -> None:
        entries = {key if isinstance(key, str) else text_of(key): plain(value) for key, value in values.items()}
        self._touched = self._touched or touches
        event = LogEvent(
            seq=self.log[-1].seq + 1 if self.log else 0,
            kind=kind,
            step=int(step),
            epoch=number_or_none(epoch),
            segment=self._facts.segment,
            values=self._facts.clean(entries, "log"),
            at=now(),
        )
        self.log.append(event)
        if self._sink is not None:
            self._sink.event(event)

    def _advance(self, state: Any) -> None:
        self._step = int(state.global_step)
        if self.phase == "training":
            self._state = ("step", self._step)

    def _card(self) -> Any:
        return getattr(self.model(), "model_card_data", None)

    def _look(self, *, datasets: bool = False) -> None:
        """Look up everything that may have changed; what cannot be had stays as it was."""
        attempt(self, "what the model knows", self._look_at_model)
        if datasets:
            attempt(self, "the data sets", self._look_at_datasets)
        attempt(self, "the results of evaluators", self._look_at_results)
        attempt(self, "the durations", self._facts.look_at_durations)

    def _look_at_model(self) -> None:
        model, card = self.model(), self._card()
        if card is not None and model_type(model) is not None:
            self._facts.look_at_model(model, card)

    def _look_at_datasets(self) -> None:
        if (card := self._card()) is not None:
            self._facts.look_at_datasets(card)

    def _look_at_results(self) -> None:
        if (card := self._card()) is not None:
            self._results.look(card)

    def _add_checkpoint(self, folder: Path, state: State) -> None:
        self.saves.add(folder, state)

    @guarded("the hash of a checkpoint")
    def _hashed(self, point: Checkpoint, files: tuple[File, ...]) -> None:
        if self._results.hashed(point, files) and self.phase != "closed":
            self._keep()

    def _keep(self) -> None:
        attempt(self, "the record", self._write)

    def _write(self) -> None:
        """Put the record into the spool; before training begins there is none, and when it ends there must be one."""
        if self.phase == "before":
            return
        if self._sink is None and not self._open_sink(self.id, self.log):
            return
        if self._sink is not None:
            # under the name that was asked for: another one would rename the run
            self._sink.snapshot(self._facts.run)

    def _open_sink(self, run_id: str, log: Sequence[LogEvent]) -> bool:
        """Open the spool of a run and write these events; False with a note if it cannot be had."""
        try:
            self._sink = Sink(self.options, run_id, renamed=self._renamed, released=lambda: self.finish())
        except Exception as error:
            if self.problems.failed("the spool", error):
                say(f"the run cannot be written ({error}); training goes on")
            return False
        for event in log:
            self._sink.event(event)
        return True

    def _renamed(self, name: str) -> None:
        self._given_name = name

    def _tell_end(self) -> None:
        if self._told or self._sink is None:
            return
        self._told = True
        if self.phase != "closed":
            self._sink.flush(FLUSH_SECONDS)
        where = f" --registry {self.options.location.url}" if self.options.registry_given else ""
        card = f"the card of this run: cardgen render {self.name}{where}"
        missing = f"the end of {self.name} is missing in {self._sink.path}"
        say(f"{self._facts.run.status}; {card if self._sink.whole else missing}")
