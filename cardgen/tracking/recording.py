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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cardgen.capture.evaluator import is_validation, logged_metrics, single_evaluators
from cardgen.capture.library import model_type
from cardgen.capture.problems import Problems
from cardgen.capture.usage import usage_examples
from cardgen.capture.values import number_or_none
from cardgen.record import Checkpoint, File, LogEvent, LogKind, Run, Status
from cardgen.tracking import lineage, patches
from cardgen.tracking.beginning import changed_words, find_run
from cardgen.tracking.facts import Facts, now
from cardgen.tracking.guard import attempt, guarded, say, watch_forks
from cardgen.tracking.journal import Journal
from cardgen.tracking.notes import Notes
from cardgen.tracking.options import Options, give_back, next_run_id
from cardgen.tracking.publishing import leave_pending, publish_now, push_pending
from cardgen.tracking.results import Call, Results, State, checkpoint_step
from cardgen.tracking.resume import note_run, noted_run
from cardgen.tracking.saves import Saves

if TYPE_CHECKING:
    from cardgen.actions.publish import Published

HASH_SECONDS = 60.0
"""How long the end of a run waits for files to be hashed."""

PARENT_SECONDS = 5.0
"""How long the end of a run waits for the search for the run that its weights are from."""

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
        run_id, self._id_chosen = next_run_id(options) if self.armed else ("disabled", False)
        self._facts = Facts(options, run_id, self.problems)
        self._results = Results(self._facts)
        self.saves = Saves(self._results, self._hashed)
        self.notes = Notes(options.facts)
        self._journal = Journal(options, self._facts, self.problems, lambda: self.finish())
        self._lineage = lineage.Lineage(options)
        self._model: weakref.ReferenceType[Any] | None = None
        self._finalizer: Any = None
        self._state: State = ("start", 0)
        self._step: int | None = None
        self._validation_log: Mapping[str, Any] = {}
        self._touched = False
        self._told = False
        self._waits = False
        watch_forks(self)

    # What others read

    @property
    def id(self) -> str:
        """The run's id; until training begins, a resumed run may still get its former one."""
        return self._facts.run.id

    @property
    def name(self) -> str:
        """The run's name: the one that the registry gave it, once it did."""
        return self._journal.given_name or self._facts.run.name

    @property
    def log(self) -> list[LogEvent]:
        """The events so far."""
        return self._journal.log

    @property
    def run(self) -> Run:
        """The record as of the last event."""
        return self.notes.over(dataclasses.replace(self._facts.run, name=self.name))

    def model(self) -> Any:
        """The model, if it still lives."""
        return None if self._model is None else self._model()

    def current(self) -> Run:
        """The record with what the model knows at this moment."""
        if self.armed and self.phase != "closed":
            self._look()
        return self.run

    # What happens

    def attach(self, model: Any, defaults: Mapping[str, Any] | None = None, made: Run | None = None) -> None:
        """Belong to this model.

        Args:
            model: weakly held.
            defaults: the arguments of an untouched instance, where the library made them.
            made: the record when the trainer was made. The library tells the model of that time alone about the data;
                of another one, which `model_init` made since, it is kept.
        """
        if defaults is not None:
            self._facts.defaults = dict(defaults)
        if model is not None and self.model() is not model:
            patches.detach(self)  # from the model of another trainer that has the same callback
            self._model = weakref.ref(model)
            earlier = patches.recording_of(model)
            patches.attach(model, self)
            if made is not None:
                self._facts.made_with(made)
            self._attached(model, trained=bool(earlier is not None and earlier.run.segments))

    @guarded("the model")
    def _attached(self, model: Any, *, trained: bool) -> None:
        patches.install(model)
        if self._finalizer is not None:
            self._finalizer.detach()
        self._finalizer = weakref.finalize(model, self.release)
        self._finalizer.atexit = False
        attempt(self, "the run that the model is from", lambda: self._lineage.look(model))
        card = model.model_card_data
        self._facts.builtin_examples = usage_examples(card) is None
        attempt(self, "what was evaluated before", lambda: self._see_what_was_before(card, trained=trained))
        self._look(datasets=True)

    @guarded("the start of training")
    def begin(self, args: Any, state: Any, model: Any) -> None:
        """Training starts or goes on."""
        self.attach(model)
        card, step, checkpoint = model.model_card_data, int(state.global_step), noted_run(state)
        self._facts.look_at_start(args, card)
        starts_here = checkpoint is None and not step  # else the weights are those of a checkpoint
        if starts_here:
            self._facts.parent_run = self._lineage.parent
        words = self.problems.attempt("the earlier part of the run", lambda: self._find_run(checkpoint, step), "")
        note_run(state, self.id)
        lineage.remember(model, self.id)
        self._step = step
        self._state = ("step", step)
        changed = self._facts.open_segment(step)
        self.phase = "training"
        self._look(datasets=True)
        self._keep()
        if starts_here:
            self._lineage.search(self.id, self._parent_found)
        say(f"recording {self.name} in {self.options.location.url}{words}{changed_words(changed)}")

    @guarded("a log entry")
    def logged(self, logs: Mapping[str, Any], state: Any) -> None:
        """The trainer logged; what it logs of a validation comes again as such, and is left to that."""
        self._advance(state)
        if is_validation(logs):
            self._validation_log = dict(logs)
            return
        self._log("train", logs, state.epoch, state.global_step)

    @guarded("an evaluation")
    def validated(self, metrics: Mapping[str, Any], state: Any) -> None:
        """The trainer evaluated."""
        self._advance(state)
        if isinstance(seconds := metrics.get("eval_runtime"), int | float):
            self._facts.evaluated_for(seconds)
        self._log("eval", metrics, state.epoch, state.global_step)
        # the parts of a loss are logged and not among the metrics
        logged, self._validation_log = self._validation_log, {}
        parts = {name: value for name, value in logged.items() if name.startswith("eval_") and name not in metrics}
        if parts:
            self._log("train", parts, state.epoch, state.global_step)

    @guarded("the result of an evaluator")
    def evaluated(self, evaluator: Any, metrics: Mapping[str, Any], epoch: Any, step: Any) -> None:
        """The library noted the result of an evaluator for its card."""
        in_training = self.phase == "training" and type(step) is int and step >= 0
        state = ("step", step) if in_training else self._state
        self._results.note(evaluator, Call(number_or_none(epoch), int(step), now(), state))
        values = logged_metrics(evaluator, metrics)
        if values is not None:
            self._log("evaluator", values, epoch, step)
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
        """Keep a person's words for a section of the card."""
        unfit = self.options.location.spool_folder / self.id
        self._say_for_person("a note", lambda: self.notes.add(section, words, unfit))

    def set(self, facts: Mapping[str, Any]) -> None:
        """Keep facts that a person knows better, as `note` keeps words."""
        self._say_for_person("a fact", lambda: self.notes.set(facts))

    def tag(self, tags: tuple[str, ...]) -> None:
        """Add tags to the run: at once, and after its end as facts that a person sets."""
        if not self.armed:
            self._say_for_person("a tag", lambda: self.notes.set({"tags": tuple(f"+{tag}" for tag in tags)}))
            return
        attempt(self, "a tag", lambda: self._facts.tag(tags))
        self._touched = True
        self._keep()

    def _say_for_person(self, what: str, keep: Callable[[], None]) -> None:
        if self.armed or (self.phase == "closed" and self._journal.is_open):
            attempt(self, what, keep)
            self._touched = True
            attempt(self, what, self._tell_said)

    def _tell_said(self) -> None:
        """Write what a person said; it waits until training begins, for only then is it known of which run it is."""
        if self.phase != "before":
            for said in self.notes.due(self._facts.run):
                self._journal.say(said)

    @guarded("a save")
    def saved(self, path: Any) -> None:
        """The model was saved into a folder; checkpoints of the trainer are complete only later."""
        if self.phase == "before" and self.options.automatic:
            return
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

    @guarded("the end of training")
    def break_off(self, status: Status) -> None:
        """Training raised; evaluations and saves may follow."""
        if self.phase in ("before", "closed"):
            return
        self._facts.close_segment(self._step)
        self.phase = "after"
        self._facts.update(status=status, ended=self._facts.run.ended or now())
        self._keep()
        self._tell_end()

    def discard(self) -> None:
        """Close a recording that has not begun: there never was such a run."""
        patches.detach(self)
        self.saves.abandon()
        give_back(self.id)
        self.phase, self.armed = "closed", False

    def finish(self, status: Status | None = None) -> None:
        """Close: nothing that happens from now on belongs to this run."""
        if self.armed:
            self._finish(status)
        else:
            patches.detach(self)
            self.phase = "closed"

    @guarded("the end of the run")
    def _finish(self, status: Status | None) -> None:
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
        self._lineage.close(PARENT_SECONDS)
        self._look()
        status = status or ("failed" if self.phase == "training" else None)
        self._facts.close_segment(self._step)
        run = self._facts.run
        self._facts.update(
            status=status or ("finished" if run.status == "running" else run.status), ended=run.ended or now()
        )
        self.phase = "closed"
        if not run.segments and (self.options.automatic or not self._touched):
            give_back(self.id)
            return  # nothing happened: there is no run to keep
        self._keep()  # whoever has no patience for the hashes loses no more than them
        if not self.saves.close(HASH_SECONDS):
            self.problems.note("hashing the saved files took too long and was given up")
        self._keep()
        self._facts.forget()
        if not self._journal.close() and self.options.settings.mode == "normal":
            say(f"{self.name} is not in the registry yet: the next run, or `cardgen registry init`, folds it")
        self._tell_end()
        if self.options.publish is not None and self._facts.run.status == "finished":
            leave_pending(self.options, self.id, self.name)
            self._waits = True

    def push(self) -> None:
        """Publish a run that has ended and waits for that; nothing is raised."""
        waits, self._waits = self._waits, False
        if waits:
            push_pending(self.options, self.id, self.name)

    def publish(self, repo_id: str, options: Mapping[str, Any]) -> Published | None:
        """Publish the run as it is now; None where nothing is recorded.

        Raises:
            CardgenError: it cannot be published.
        """
        if self.armed:
            self._look()
            self._keep()
            self._journal.flush(HASH_SECONDS)
        elif not self._journal.is_open:
            return None
        from cardgen.registry import Registry

        with Registry(self.options.settings.registry) as registry:
            return publish_now(registry, self.id, repo_id, options, self.model())

    def release(self) -> None:
        """The model is gone. Called by the garbage collector, so the sink's thread does the work."""
        if not self.armed or self.phase == "closed":
            return
        if not self._journal.release():
            self.saves.abandon()

    @guarded("a push")
    def push_begins(self, args: Any) -> None:
        """The trainer is about to upload its output folder."""
        self.saves.push_begins(args.output_dir)

    # How the record is made

    def _find_run(self, checkpoint: str | None, step: int) -> str:
        return find_run(
            self.options,
            self._facts,
            self._results,
            self._journal,
            checkpoint=checkpoint,
            chosen=self._id_chosen,
            step=step,
        )

    @guarded("the run that the model is from")
    def _parent_found(self, run_id: str) -> None:
        self._facts.set_parent(run_id)
        if self.phase != "closed":
            self._keep()

    def _see_what_was_before(self, card: Any, *, trained: bool) -> None:
        """Evaluations from before this run are the card's first rows, unless they belong to an earlier training."""
        rows = list(getattr(card, "training_logs", None) or ())
        if trained or any(row.get("Step") != -1 for row in rows):
            self._results.leave_out(card)
            return
        for row in rows:
            values = {key: value for key, value in row.items() if key not in ("Epoch", "Step")}
            self._log("evaluator", values, row.get("Epoch"), -1, touches=False)

    def _log(self, kind: LogKind, values: Mapping[Any, Any], epoch: Any, step: Any, *, touches: bool = True) -> None:
        self._touched = self._touched or touches
        self._journal.add(kind, values, epoch, step)

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
        if self.phase != "before":
            # under the name that was asked for: another one would rename the run
            self._journal.write(self._facts.run)
            self._tell_said()

    def _tell_end(self) -> None:
        if not self._told and self._journal.is_open:
            self._told = True
            say(self._journal.end_line(lambda: self.name, self._facts.run.status, flush=self.phase != "closed"))
