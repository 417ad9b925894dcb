"""The record of a run while it grows: facts, results, log, a person's words, and their way into the spool.

Nothing is written before training begins, for only then is it known whether this is a new run or one that goes on; from
there on, what a method accepted is in the spool when it returns. `recording` guards what is in here from the training,
and the training from it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cardgen.capture.evaluator import logged_metrics
from cardgen.capture.problems import Problems
from cardgen.capture.values import number_or_none
from cardgen.record import Checkpoint, File, Run, Status
from cardgen.tracking.beginning import find_run
from cardgen.tracking.facts import Facts, now
from cardgen.tracking.guard import attempt, say
from cardgen.tracking.journal import Journal
from cardgen.tracking.notes import Notes
from cardgen.tracking.options import Options
from cardgen.tracking.progress import Progress
from cardgen.tracking.results import Call, Results, checkpoint_step
from cardgen.tracking.resume import noted_run
from cardgen.tracking.saves import Saves
from cardgen.tracking.subject import Subject

HASH_SECONDS = 60.0
"""How long the end of a run waits for files to be hashed."""


class Draft:
    """The parts of one record, and what is kept of each thing that happens."""

    def __init__(
        self,
        options: Options,
        run_id: str,
        problems: Problems,
        *,
        released: Callable[[], None],
        hashed: Callable[[Checkpoint, tuple[File, ...]], None],
    ) -> None:
        """Start with nothing but names.

        Args:
            options: of the hook.
            run_id: until it is known which run this is.
            problems: what could not be recorded.
            released: called from the journal's thread after its `release`.
            hashed: called from a thread with each saved folder and its files, once these have their hashes.
        """
        self.problems = problems
        self.facts = Facts(options, run_id, problems)
        self.results = Results(self.facts)
        self.journal = Journal(options, self.facts, problems, released)
        self.progress = Progress(self.facts, self.journal)
        self.subject = Subject(self.facts, self.results)
        self.saves = Saves(self.results, hashed)
        self._notes = Notes(options.facts)
        self._options = options
        self._told = False

    @property
    def name(self) -> str:
        """The run's name: the one that the registry gave it, once it did."""
        return self.journal.given_name or self.facts.run.name

    @property
    def run(self) -> Run:
        """The record as of the last event, as it will be read."""
        return self._notes.over(dataclasses.replace(self.facts.run, name=self.name))

    # Training

    def begin(self, args: Any, state: Any, card: Any, *, chosen: bool, parent: str | None) -> tuple[str, bool]:
        """Find the run of a training that is about to start.

        Args:
            args, state: of the trainer.
            card: the library's card data.
            chosen: whether the id is that of `CARDGEN_RUN_ID`.
            parent: the run that the weights are from, if the training starts here.

        Returns:
            what the user should know of it, to follow the run's name; and whether the training starts here, and not
            from a checkpoint.
        """
        step, checkpoint = int(state.global_step), noted_run(state)
        self.facts.look_at_start(args, card)
        starts_here = checkpoint is None and not step
        if starts_here:
            self.facts.parent_run = parent

        def find() -> str:
            parts = self.facts, self.results, self.journal
            return find_run(self._options, *parts, checkpoint=checkpoint, chosen=chosen, step=step)

        return self.problems.attempt("the earlier part of the run", find, ""), starts_here

    def open_segment(self, step: int) -> dict[str, Any]:
        """Training starts at this step; the arguments that differ from those of the part before."""
        changed = self.facts.open_segment(step)
        self.progress.begin(step)
        self.subject.look(datasets=True)
        self.keep()
        return changed

    def end(self, state: Any) -> None:
        """Training ended; evaluations and saves may follow."""
        self.progress.advance(state)
        best = getattr(self.subject.card, "best_model_step", None)
        best_path = getattr(state, "best_model_checkpoint", None)
        self.facts.close_segment(self.progress.step)
        self.progress.end(int(best) if best is not None else int(state.global_step))
        self.facts.update(status="finished", ended=now(), best_step=None if best is None else int(best))
        self.results.best_is(os.path.abspath(best_path) if best_path else None)
        self.subject.look(datasets=True)
        self.facts.emissions_known = True  # when all callbacks have seen the end, its tracker was stopped
        self.keep()
        self.tell_end()

    def break_off(self, status: Status) -> None:
        """Training raised; evaluations and saves may follow."""
        self.facts.close_segment(self.progress.step)
        self.progress.phase = "after"
        self.facts.update(status=status, ended=self.facts.run.ended or now())
        self.keep()
        self.tell_end()

    def close(self, status: Status | None) -> bool:
        """Nothing more will happen; False if nothing did, so that there is no run to keep."""
        self.subject.look()
        status = status or ("failed" if self.progress.phase == "training" else None)
        self.facts.close_segment(self.progress.step)
        run = self.facts.run
        self.facts.update(
            status=status or ("finished" if run.status == "running" else run.status), ended=run.ended or now()
        )
        self.progress.phase = "closed"
        if not run.segments and (self._options.automatic or not self.progress.touched):
            return False
        self.keep()  # whoever has no patience for the hashes loses no more than them
        if not self.saves.close(HASH_SECONDS):
            self.problems.note("hashing the saved files took too long and was given up")
        self.keep()
        self.facts.forget()
        if not self.journal.close() and self._options.settings.mode == "normal":
            say(f"{self.name} is not in the registry yet: the next run, or `cardgen registry init`, folds it")
        self.tell_end()
        return True

    # Results and saves

    def evaluated(self, evaluator: Any, metrics: Mapping[str, Any], epoch: Any, step: Any) -> None:
        """The library noted the result of an evaluator."""
        state = self.progress.state_of(step)
        self.results.note(evaluator, Call(number_or_none(epoch), int(step), now(), state))
        values = logged_metrics(evaluator, metrics)
        if values is not None:
            self.progress.log("evaluator", values, epoch, step)
        self._keep_results()

    def add_evaluation(self, evaluator: Any, metrics: Any) -> None:
        """Keep a result that the evaluator did not give to the library."""
        values = metrics if isinstance(metrics, Mapping) else {type(evaluator).__name__: metrics}
        self.results.add(evaluator, values, self.progress.state)
        self._keep_results()

    def saved(self, folder: Path) -> None:
        """The model was saved into a folder; checkpoints of the trainer are complete only later."""
        self.progress.touched = True
        self.subject.look()
        if not self.saves.uploading:
            if self.progress.phase != "training" or checkpoint_step(folder) is None:
                attempt(self, "a checkpoint", lambda: self.saves.add(folder, self.progress.state))
            attempt(self, "cardgen.json", lambda: self.saves.tie(folder, self.run, self.facts.args))
        self.keep()

    def checkpoint_complete(self, folder: Path, state: Any) -> None:
        """The trainer finished writing a checkpoint."""
        self.progress.advance(state)
        if folder.is_dir():
            self.saves.add(folder, ("step", int(state.global_step)))
            self.keep()

    # What a person says

    def note(self, section: str, words: str) -> None:
        """Keep words for a section of the card."""
        unfit = self._options.location.spool_folder / self.facts.run.id
        self._say("a note", lambda: self._notes.add(section, words, unfit))

    def set(self, facts: Mapping[str, Any]) -> None:
        """Keep facts that go before the record."""
        self._say("a fact", lambda: self._notes.set(facts))

    def tag(self, tags: tuple[str, ...]) -> None:
        """Add tags: to the record, and after its end as facts that a person sets."""
        if self.progress.phase == "closed":
            self._say("a tag", lambda: self._notes.set({"tags": tuple(f"+{tag}" for tag in tags)}))
            return
        attempt(self, "a tag", lambda: self.facts.tag(tags))
        self.progress.touched = True
        self.keep()

    def _say(self, what: str, keep: Callable[[], None]) -> None:
        attempt(self, what, keep)
        self.progress.touched = True
        attempt(self, what, self._tell_said)

    def _tell_said(self) -> None:
        """Write what a person said; it waits until training begins, for only then is it known of which run it is."""
        if self.progress.phase != "before":
            for said in self._notes.due(self.facts.run):
                self.journal.say(said)

    # Keeping it

    def keep(self) -> None:
        """Put the record into the spool, if training has begun."""
        attempt(self, "the record", self._write)

    def tell_end(self) -> None:
        """Tell once how the run is seen."""
        if not self._told and self.journal.is_open:
            self._told = True
            closed = self.progress.phase == "closed"
            say(self.journal.end_line(lambda: self.name, self.facts.run.status, flush=not closed))

    def _keep_results(self) -> None:
        self.progress.touched = True
        self.subject.look_at_results()
        self.keep()

    def _write(self) -> None:
        """Before training begins there is no spool, and when it ends there must be one."""
        if self.progress.phase != "before":
            # under the name that was asked for: another one would rename the run
            self.journal.write(self.facts.run)
            self._tell_said()
