"""The facts of a run that is being recorded: one frozen `Run`, renewed by looking again.

Everything passes `clean` before it gets in, so no secret is ever part of the record. Look-ups happen in the training
thread; the lock is for those who read, and for results of threads (hashes).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import threading
import time
from collections.abc import Mapping
from typing import Any, TypeVar

from cardgen import corrections
from cardgen.capture.dataset import capture_datasets
from cardgen.capture.environment import capture_environment
from cardgen.capture.model import capture_citations, capture_model
from cardgen.capture.problems import Problems
from cardgen.capture.trainer import capture_hyperparameters, changed_arguments
from cardgen.capture.usage import capture_usage
from cardgen.identity import speakable
from cardgen.jobs import HOST_VARIABLES
from cardgen.record import Durations, Emissions, Hyperparameters, Model, Run, Segment
from cardgen.redaction import redact
from cardgen.totals import total_emissions
from cardgen.tracking.meter import Meter
from cardgen.tracking.options import Options

T = TypeVar("T")


class Facts:
    """The record so far. `problems` is what could not be recorded."""

    def __init__(self, options: Options, run_id: str, problems: Problems) -> None:
        """Start with nothing but names."""
        self.problems = problems
        self.lock = threading.RLock()
        self._redactions: dict[str, None] = {}
        self.defaults: Mapping[str, Any] | None = None
        self.builtin_examples = False
        self.emissions_known = False
        self.parent_run: str | None = None
        self.next_segment = 0
        self._samples = options.settings.samples
        self._hosts = options.settings.hosts
        self._given_name = self.clean(options.name, "name")
        self._arguments_before: Hyperparameters | None = None
        self._args: Any = None
        self._made_tags: tuple[str, ...] = ()
        self._began: float | None = None
        self._opened = False
        self._meter = Meter()
        self._evaluation_seconds = 0.0
        self._run = Run(
            id=run_id,
            name=self._given_name or speakable(run_id),
            model=Model(type="SentenceTransformer"),
            project=self.clean(options.settings.project, "project"),
            group=self.clean(options.group, "group"),
            tags=self.clean(options.tags, "tags"),
            created=now(),
        )

    @property
    def run(self) -> Run:
        """The record, complete as of now."""
        with self.lock:
            return dataclasses.replace(
                self._run, redactions=tuple(self._redactions), problems=tuple(self.problems.texts)
            )

    @property
    def args(self) -> Any:
        """The training arguments; None before training and after the run."""
        return self._args

    @property
    def segment(self) -> int:
        """The index of the newest segment; 0 before training."""
        return self._run.segments[-1].index if self._run.segments else 0

    def update(self, **changes: Any) -> None:
        """Replace fields of the record."""
        with self.lock:
            self._run = dataclasses.replace(self._run, **changes)

    def clean(self, value: T, where: str) -> T:
        """The value without its secrets; where they were is remembered."""
        clean: T
        clean, places = redact(value, where)
        self._redactions.update(dict.fromkeys(places))
        return clean

    def take_id(self, run_id: str) -> None:
        """Be the run of this id."""
        self.update(id=run_id, name=self._given_name or speakable(run_id))

    def go_on(self, earlier: Run) -> None:
        """Continue from a record that was made before, with what is known of this training over it."""
        with self.lock:
            mine = self._run
            self._redactions = dict.fromkeys([*earlier.redactions, *self._redactions])
            for problem in earlier.problems:
                self.problems.note(problem)
            self._arguments_before = earlier.hyperparameters
            self.parent_run = earlier.model.parent_run or self.parent_run
            self._run = dataclasses.replace(
                earlier,
                model=mine.model,
                usage=mine.usage,
                hyperparameters=mine.hyperparameters or earlier.hyperparameters,
                environment=mine.environment,
                datasets=mine.datasets or earlier.datasets,
                citations=mine.citations or earlier.citations,
                project=mine.project or earlier.project,
                group=mine.group or earlier.group,
                tags=tuple(dict.fromkeys([*earlier.tags, *mine.tags])),
            )

    def tag(self, tags: tuple[str, ...]) -> None:
        """Add tags.

        Raises:
            SettingsError: one is no line of text, or has a comma.
        """
        corrections.check({"tags": tuple(f"+{tag}" for tag in tags)})
        with self.lock:
            self.update(tags=tuple(dict.fromkeys([*self._run.tags, *self.clean(tags, "tags")])))

    def set_parent(self, run_id: str) -> None:
        """The weights that training started from are those of another run."""
        with self.lock:
            self.parent_run = run_id
            if run_id != self._run.id:
                self.update(model=dataclasses.replace(self._run.model, parent_run=run_id))

    def made_with(self, made: Run) -> None:
        """Keep what only the card data of another model knows: data sets, citations, tags of the training."""
        with self.lock:
            self._made_tags = made.model.tags
            self.update(datasets=self._run.datasets or made.datasets, citations=self._run.citations or made.citations)

    def forget(self) -> None:
        """Let go of the training arguments."""
        self._args = None

    # Segments and durations

    def look_at_start(self, args: Any, card: Any) -> None:
        """A training is about to start: its arguments and where it runs."""
        self._args = args
        self.look_at_arguments(card)
        self.problems.attempt("the emissions", lambda: self._meter.begin(card), None)
        environment = capture_environment(card, args, self.problems)
        if not self._hosts:
            job = {name: value for name, value in environment.scheduler.items() if name not in HOST_VARIABLES}
            environment = dataclasses.replace(environment, hostname=None, scheduler=job)
        self.update(environment=self.clean(environment, "environment"))

    def open_segment(self, step: int) -> dict[str, Any]:
        """Training starts or goes on: a new segment.

        Returns:
            the arguments that differ from those of the part before; empty for a new run.
        """
        with self.lock:
            before, after, started = self._arguments_before, self._run.hyperparameters, now()
            changed = changed_arguments(before.values, after.values) if before and after else {}
            changed.pop("logging_dir", None)  # transformers 4 puts the time into its default
            self._began = time.monotonic()
            self._evaluation_seconds = 0.0
            segment = Segment(index=self.next_segment, started=started, start_step=step, changed=changed)
            self._opened = True
            self.update(
                status="running",
                started=self._run.started or started,
                ended=None,
                segments=(*self._run.segments, segment),
            )
        return changed

    def evaluated_for(self, seconds: float) -> None:
        """A validation during training took so long."""
        if self._began is not None:
            self._evaluation_seconds += seconds

    def close_segment(self, step: int | None) -> None:
        """Training ended or broke off: its durations are frozen."""
        with self.lock:
            if self._began is None:
                return
            *others, last = self._run.segments
            last = dataclasses.replace(
                last,
                ended=now(),
                end_step=step,
                training_seconds=time.monotonic() - self._began,
                evaluation_seconds=float(self._evaluation_seconds),
            )
            self._began = None
            self.update(segments=(*others, last))
            self.look_at_durations()

    def look_at_durations(self) -> None:
        """Sum up the segments, the open one as far as it is."""
        with self.lock:
            total = sum(segment.training_seconds or 0.0 for segment in self._run.segments)
            evaluation = sum(segment.evaluation_seconds or 0.0 for segment in self._run.segments)
            if self._began is not None:
                total += time.monotonic() - self._began
                evaluation += self._evaluation_seconds
            if self._run.segments:
                self.update(durations=Durations(total_seconds=float(total), evaluation_seconds=float(evaluation)))

    # Look-ups

    def look_at_model(self, model: Any, card: Any) -> None:
        """Model, usage, citations and emissions."""
        look = self.problems.attempt
        facts = look("the model", lambda: capture_model(model, card, self.problems), self._run.model)
        parent = self.parent_run if self.parent_run != self._run.id else None
        tags = tuple(dict.fromkeys([*facts.tags, *self._made_tags]))
        facts = dataclasses.replace(facts, tags=tags, parent_run=parent)
        usage = capture_usage(
            card,
            facts.type,
            self.problems,
            retrieval=bool(facts.information_retrieval),
            samples=self._samples,
            builtin=self.builtin_examples,
        )
        citations = look("the citations", lambda: capture_citations(card), ())
        # asking before anybody else did might make CodeCarbon ask the network where it is
        asked = self.emissions_known or not getattr(card, "first_save", True)
        emissions = look("the emissions", lambda: self._meter.read(card, ask=asked), None)
        self.update(
            model=self.clean(facts, "model"),
            usage=self.clean(usage, "usage"),
            citations=self.clean(citations, "citations") or self._run.citations,
        )
        self._measured(emissions)
        if self.defaults is None and self._args is not None:
            self.look_at_arguments(card)

    def _measured(self, emissions: Emissions | None) -> None:
        """The newest segment emitted this; the run, what all segments did."""
        with self.lock:
            if emissions is not None and self._opened:
                *others, last = self._run.segments
                self.update(segments=(*others, dataclasses.replace(last, emissions=emissions)))
            self.update(emissions=total_emissions(self._run.segments))

    def look_at_arguments(self, card: Any) -> None:
        """Training arguments; where the trainer was not seen being made, the library tells later which differ."""
        found = self.problems.attempt(
            "the training arguments",
            lambda: capture_hyperparameters(
                self._args.to_dict(),
                defaults=self.defaults,
                args=self._args,
                changed=getattr(card, "non_default_hyperparameters", None),
            ),
            self._run.hyperparameters,
        )
        self.update(hyperparameters=self.clean(found, "hyperparameters"))

    def look_at_datasets(self, card: Any) -> None:
        """Data sets, as the library noted them when the trainer was made."""
        datasets = capture_datasets(card, samples=self._samples, problems=self.problems)
        self.update(datasets=self.clean(datasets, "datasets") or self._run.datasets)


now = functools.partial(dt.datetime.now, dt.UTC)
"""The time, in UTC."""
