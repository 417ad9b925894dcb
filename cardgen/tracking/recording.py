"""The recording of one run: what the hooks tell, guarded.

A recording is *before* training, in *training*, *after* it, and at last *closed*. Evaluations and saves belong to it
in the first three. The model is held weakly and the trainer, its data and its evaluators not at all: what is needed of
them is looked up when something happens, as plain facts.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardgen.capture.evaluator import single_evaluators
from cardgen.capture.problems import Problems
from cardgen.capture.usage import usage_examples
from cardgen.record import Checkpoint, File, LogEvent, Run, Status
from cardgen.tracking import lineage, patches
from cardgen.tracking.beginning import changed_words
from cardgen.tracking.draft import HASH_SECONDS, Draft
from cardgen.tracking.guard import attempt, guarded, say, watch_forks
from cardgen.tracking.options import Options, give_back, next_run_id
from cardgen.tracking.progress import Phase
from cardgen.tracking.publishing import Wish, publish_now
from cardgen.tracking.resume import note_run
from cardgen.tracking.saves import Saves

if TYPE_CHECKING:
    from cardgen.actions.publish import Published

PARENT_SECONDS = 5.0
"""How long the end of a run waits for the search for the run that its weights are from."""


class Recording:
    """One run being recorded.

    `armed` is False where nothing is recorded: disabled, another rank, a forked child, a run that is closed.
    """

    def __init__(self, options: Options, *, armed: bool) -> None:
        """Start with nothing but names."""
        self.armed = armed and options.enabled
        self.options = options
        self.problems = Problems()
        run_id, self._id_chosen = next_run_id(options) if self.armed else ("disabled", False)
        self._draft = Draft(options, run_id, self.problems, released=lambda: self.finish(), hashed=self._hashed)
        self._lineage = lineage.Lineage(options)
        self._wish = Wish(options)
        watch_forks(self)

    # What others read

    @property
    def phase(self) -> Phase:
        """Where the run is."""
        return self._draft.progress.phase

    @property
    def id(self) -> str:
        """The run's id; until training begins, a resumed run may still get its former one."""
        return self._draft.facts.run.id

    @property
    def name(self) -> str:
        """The run's name: the one that the registry gave it, once it did."""
        return self._draft.name

    @property
    def log(self) -> list[LogEvent]:
        """The events so far."""
        return self._draft.journal.log

    @property
    def run(self) -> Run:
        """The record as of the last event."""
        return self._draft.run

    @property
    def saves(self) -> Saves:
        """The folders that the model was saved into."""
        return self._draft.saves

    def model(self) -> Any:
        """The model, if it still lives."""
        return self._draft.subject.model

    def current(self) -> Run:
        """The record with what the model knows at this moment."""
        if self.armed and self.phase != "closed":
            self._draft.subject.look()
        return self.run

    # Beginning

    def attach(self, model: Any, defaults: Mapping[str, Any] | None = None, made: Run | None = None) -> None:
        """Belong to this model.

        Args:
            model: weakly held.
            defaults: the arguments of an untouched instance, where the library made them.
            made: the record when the trainer was made. The library tells the model of that time alone about the data;
                of another one, which `model_init` made since, it is kept.
        """
        if defaults is not None:
            self._draft.facts.defaults = dict(defaults)
        if model is not None and self.model() is not model:
            patches.detach(self)  # from the model of another trainer that has the same callback
            self._draft.subject.hold(model)
            earlier = patches.recording_of(model)
            patches.attach(model, self)
            if made is not None:
                self._draft.facts.made_with(made)
            self._attached(model, trained=bool(earlier is not None and earlier.run.segments))

    @guarded("the model")
    def _attached(self, model: Any, *, trained: bool) -> None:
        patches.install(model)
        self._draft.subject.watch(model, self.release)
        attempt(self, "the run that the model is from", lambda: self._lineage.look(model))
        card = model.model_card_data
        self._draft.facts.builtin_examples = usage_examples(card) is None
        before, results = self._draft.progress.see_what_was_before, self._draft.results
        attempt(self, "what was evaluated before", lambda: before(card, results, trained=trained))
        self._draft.subject.look(datasets=True)

    @guarded("the start of training")
    def begin(self, args: Any, state: Any, model: Any) -> None:
        """Training starts or goes on."""
        self.attach(model)
        card, parent = model.model_card_data, self._lineage.parent
        words, starts_here = self._draft.begin(args, state, card, chosen=self._id_chosen, parent=parent)
        note_run(state, self.id)
        lineage.remember(model, self.id)
        changed = self._draft.open_segment(int(state.global_step))
        if starts_here:
            self._lineage.search(self.id, self._parent_found)
        say(f"recording {self.name} in {self.options.location.url}{words}{changed_words(changed)}")

    @guarded("the run that the model is from")
    def _parent_found(self, run_id: str) -> None:
        self._draft.facts.set_parent(run_id)
        if self.phase != "closed":
            self._draft.keep()

    # What happens

    @guarded("a log entry")
    def logged(self, logs: Mapping[str, Any], state: Any) -> None:
        """The trainer logged."""
        self._draft.progress.logged(logs, state)

    @guarded("an evaluation")
    def validated(self, metrics: Mapping[str, Any], state: Any) -> None:
        """The trainer evaluated."""
        self._draft.progress.validated(metrics, state)

    @guarded("the result of an evaluator")
    def evaluated(self, evaluator: Any, metrics: Mapping[str, Any], epoch: Any, step: Any) -> None:
        """The library noted the result of an evaluator for its card."""
        self._draft.evaluated(evaluator, metrics, epoch, step)

    @guarded("the result of an evaluator")
    def add_evaluation(self, evaluator: Any, metrics: Any) -> None:
        """Keep a result that the evaluator did not give to the library."""
        self._draft.add_evaluation(evaluator, metrics)

    def has_result_of(self, evaluator: Any, since: dt.datetime) -> bool:
        """Whether the library noted a result of this evaluator, or of all that it is made of, since then."""
        singles = single_evaluators(evaluator)
        return bool(singles) and all(self._draft.results.noted_since(single, since) for single in singles)

    @guarded("a save")
    def saved(self, path: Any) -> None:
        """The model was saved into a folder; checkpoints of the trainer are complete only later."""
        if self.phase != "before" or not self.options.automatic:
            self._draft.saved(Path(os.path.abspath(os.fspath(path))))

    @guarded("a checkpoint")
    def checkpoint_complete(self, args: Any, state: Any) -> None:
        """The trainer finished writing a checkpoint."""
        folder = Path(os.path.abspath(args.output_dir), f"checkpoint-{state.global_step}")
        self._draft.checkpoint_complete(folder, state)

    @guarded("the hash of a checkpoint")
    def _hashed(self, point: Checkpoint, files: tuple[File, ...]) -> None:
        if self._draft.results.hashed(point, files) and self.phase != "closed":
            self._draft.keep()

    @guarded("a push")
    def push_begins(self, args: Any) -> None:
        """The trainer is about to upload its output folder."""
        self.saves.push_begins(args.output_dir)

    # What a person says

    def note(self, section: str, words: str) -> None:
        """Keep a person's words for a section of the card."""
        if self._listens():
            self._draft.note(section, words)

    def set(self, facts: Mapping[str, Any]) -> None:
        """Keep facts that a person knows better, as `note` keeps words."""
        if self._listens():
            self._draft.set(facts)

    def tag(self, tags: tuple[str, ...]) -> None:
        """Add tags to the run."""
        if self._listens():
            self._draft.tag(tags)

    def _listens(self) -> bool:
        """Whether there is a run to say something of: one that is recorded, or was."""
        return self.armed or (self.phase == "closed" and self._draft.journal.is_open)

    # The end

    @guarded("the end of training")
    def end(self, state: Any) -> None:
        """Training ended; evaluations and saves may follow."""
        self._draft.end(state)

    @guarded("the end of training")
    def break_off(self, status: Status) -> None:
        """Training raised; evaluations and saves may follow."""
        if self.phase in ("training", "after"):
            self._draft.break_off(status)

    def discard(self) -> None:
        """Close a recording that has not begun: there never was such a run."""
        patches.detach(self)
        self.saves.abandon()
        give_back(self.id)
        self._draft.progress.phase, self.armed = "closed", False

    def finish(self, status: Status | None = None) -> None:
        """Close: nothing that happens from now on belongs to this run."""
        if self.armed:
            self._finish(status)
        else:
            patches.detach(self)
            self._draft.progress.phase = "closed"

    @guarded("the end of the run")
    def _finish(self, status: Status | None) -> None:
        if self.phase == "closed":
            return
        try:
            patches.detach(self)
            self._draft.subject.unwatch()
            self._lineage.close(PARENT_SECONDS)
            if not self._draft.close(status):
                give_back(self.id)
            elif self._draft.facts.run.status == "finished":
                self._wish.leave(self.id, self.name)
        finally:
            self.armed = False

    def release(self) -> None:
        """The model is gone. Called by the garbage collector, so the sink's thread does the work."""
        if not self.armed or self.phase == "closed":
            return
        if not self._draft.journal.release():
            self.saves.abandon()

    def push(self) -> None:
        """Publish a run that has ended and waits for that; nothing is raised."""
        self._wish.push(self.id, self.name)

    def publish(self, repo_id: str, options: Mapping[str, Any]) -> Published | None:
        """Publish the run as it is now; None where nothing is recorded.

        Raises:
            CardgenError: it cannot be published.
        """
        if self.armed:
            self._draft.subject.look()
            self._draft.keep()
            self._draft.journal.flush(HASH_SECONDS)
        elif not self._draft.journal.is_open:
            return None
        from cardgen.registry import Registry

        with Registry(self.options.settings.registry) as registry:
            return publish_now(registry, self.id, repo_id, options, self.model())
