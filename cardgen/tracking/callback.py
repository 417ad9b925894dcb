"""`CardCallback`: the events of transformers, handed to the recording of the run."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from transformers import TrainerCallback

from cardgen.identity import new_run_id, speakable
from cardgen.record import Run
from cardgen.tracking import live, patches, trainers
from cardgen.tracking.active import ActiveRun
from cardgen.tracking.guard import say
from cardgen.tracking.options import Options, make_options
from cardgen.tracking.recording import Recording
from cardgen.tracking.trials import trial_options

_made: weakref.WeakKeyDictionary[Any, Run] = weakref.WeakKeyDictionary()
"""The first records of trainers with `model_init`: the library tells the data to the model of that time alone."""


class CardCallback(TrainerCallback):
    """Records the runs of a trainer: `SentenceTransformerTrainer(…, callbacks=[cardgen.CardCallback()])`.

    Each `train()` is a run. It ends with training, but evaluations and saves that follow belong to it until the next
    `train()`, until `run.finish()`, or until the model or the process is gone. A resumed training goes on with its run.
    Each trial of `hyperparameter_search` is a run, tagged `trial:N`; they share the group that is given here, or else
    one that is made up for the search.

    Args:
        name: the run's name; a speakable one is made up otherwise.
        project, group, tags: how runs are sorted and found again.
        registry: a path or URL; the default is the one that the settings name.
        publish: a repository of the Hub for each run that ends well: `run.finish()` publishes it, else it waits for
            `cardgen pending push`.
        publish_options: how, by the names of `run.publish`.

    Raises:
        RecordingError, SettingsError: something given, or set in the environment, cannot be right.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        project: str | None = None,
        group: str | None = None,
        tags: Iterable[str] = (),
        registry: str | os.PathLike[str] | None = None,
        publish: str | None = None,
        publish_options: Mapping[str, Any] | None = None,
    ) -> None:
        """See the class."""
        self._use(
            make_options(
                name=name,
                project=project,
                group=group,
                tags=tags,
                registry=registry,
                publish=publish,
                publish_options=publish_options,
            )
        )

    def _use(self, options: Options, search_group: str | None = None) -> None:
        self.options = options
        self.recording: Recording | None = None
        self.search_group = search_group
        self.trial: Any = None
        self._defaults: Mapping[str, Any] | None = None
        self._made: Run | None = None
        self._trainers: weakref.WeakSet[Any] = weakref.WeakSet()
        trainers.install()

    @classmethod
    def of(cls, options: Options) -> CardCallback:
        """A hook with options that are checked already."""
        hook = cls.__new__(cls)
        hook._use(options)
        return hook

    @property
    def run(self) -> ActiveRun | None:
        """The handle of the newest run; None before there is one."""
        return None if self.recording is None else ActiveRun(self.recording)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles take the options along and no run: a copy of a trainer trains another one."""
        return {"options": self.options, "search_group": self.search_group}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has seen nothing yet."""
        self._use(state["options"], state.get("search_group"))

    # What trainers and blocks tell

    def meet(self, trainer: Any, defaults: Mapping[str, Any] | None) -> Recording:
        """A trainer was made with this callback, or is tracked: what is evaluated from now on belongs to its run."""
        self._trainers.add(trainer)
        self._defaults = defaults
        recording = self._recording_of(getattr(trainer, "model", None), armed=trainer.is_world_process_zero())
        self._made = None
        if getattr(trainer, "model_init", None) is not None:
            self._made = _made.setdefault(trainer, recording.run)
        return recording

    def meet_model(self, model: Any) -> Recording:
        """A model is tracked, and its trainer will come."""
        # torchrun and accelerate tell the process its rank before there is a trainer to ask
        return self._recording_of(model, armed=os.environ.get("RANK", "0") == "0")

    def search_begins(self) -> None:
        """The trials that follow are of one search."""
        self.search_group = f"search-{speakable(new_run_id())}"

    def broke_off(self, error: BaseException) -> None:
        """`train()` raised. A search that gives up a trial says so by an exception of its own."""
        if self.recording is not None:
            stopped = isinstance(error, KeyboardInterrupt | SystemExit) or type(error).__name__ == "TrialPruned"
            self.recording.break_off("interrupted" if stopped else "failed")

    def let_go(self) -> None:
        """End the run; one that has not begun is forgotten."""
        recording, self.recording = self.recording, None
        if recording is not None and recording.phase == "before":
            recording.discard()
        elif recording is not None:
            recording.finish()

    def leave(self) -> None:
        """Go from all trainers."""
        for trainer in list(self._trainers):
            trainers.take_off(trainer, self)

    def _recording_of(self, model: Any, *, armed: bool) -> Recording:
        recording = self.recording
        if recording is None or recording.phase != "before" or recording.model() is not model:
            recording = self.recording = Recording(self.options, armed=armed)
        recording.armed = recording.armed and armed
        recording.attach(model, self._defaults)
        live.note(recording, begun=False)
        return recording

    # Events of the trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """A run starts, or goes on."""
        try:
            self._begin(args, state, model)
        except Exception as error:
            say(f"this training cannot be recorded ({type(error).__name__}: {error}); it goes on")

    def _begin(self, args: Any, state: Any, model: Any) -> None:
        recording, trial = self.recording, self.trial if state.is_hyper_param_search else None
        if recording is None or recording.phase != "before" or trial is not None:
            options = self.options
            if trial is not None:
                options = trial_options(options, trial, state, args, self.search_group)
            self.let_go()
            recording = self.recording = Recording(options, armed=state.is_world_process_zero)
        recording.attach(model, self._defaults, self._made)
        recording.begin(args, state, model)
        live.note(recording, begun=True)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """The trainer logged."""
        if self.recording is not None and logs:
            self.recording.logged(logs, state)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """The trainer evaluated."""
        if self.recording is not None and metrics is not None:
            self.recording.validated(metrics, state)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A checkpoint is complete."""
        if self.recording is not None:
            self.recording.checkpoint_complete(args, state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Training ended."""
        if self.recording is not None:
            self.recording.end(state)

    def on_push_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The output folder is about to be uploaded."""
        if self.recording is not None:
            self.recording.push_begins(args)


@atexit.register
def _finish_all() -> None:
    """At the end of the process the runs end; one whose training did not end has failed or was interrupted."""
    interrupted = isinstance(getattr(sys, "last_value", None), KeyboardInterrupt)
    for recording in patches.live_recordings():
        with contextlib.suppress(Exception):
            recording.finish("interrupted" if interrupted and recording.phase == "training" else None)
