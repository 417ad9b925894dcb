"""`CardCallback`: the events of transformers, handed to the recording of the run."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from transformers import TrainerCallback

from cardgen.tracking import patches
from cardgen.tracking.active import ActiveRun
from cardgen.tracking.options import Options, make_options
from cardgen.tracking.recording import Recording


class CardCallback(TrainerCallback):
    """Records the runs of a trainer: `SentenceTransformerTrainer(…, callbacks=[cardgen.CardCallback()])`.

    Each `train()` is a run. It ends with training, but evaluations and saves that follow belong to it until the next
    `train()`, until `run.finish()`, or until the model or the process is gone. A resumed training goes on with its run.

    Args:
        name: the run's name; a speakable one is made up otherwise.
        project, group, tags: how runs are sorted and found again.
        registry: a path or URL; the default is the one that the settings name.

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
    ) -> None:
        """See the class."""
        self._use(make_options(name=name, project=project, group=group, tags=tags, registry=registry))

    def _use(self, options: Options) -> None:
        self.options = options
        self.recording: Recording | None = None
        self._defaults: Mapping[str, Any] | None = None
        patches.install_trainers()

    @property
    def run(self) -> ActiveRun | None:
        """The handle of the newest run; None before there is one."""
        return None if self.recording is None else ActiveRun(self.recording)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles take the options along and no run: a copy of a trainer trains another one."""
        return {"options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has seen nothing yet."""
        self._use(state["options"])

    def meet(self, trainer: Any, defaults: Mapping[str, Any] | None) -> Recording:
        """A trainer was made with this callback, or is tracked: what is evaluated from now on belongs to its run."""
        recording = Recording(self.options, armed=trainer.is_world_process_zero())
        self.recording, self._defaults = recording, defaults
        if getattr(trainer, "model", None) is not None:
            recording.attach(trainer.model, defaults)
        return recording

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """A run starts, or goes on."""
        recording = self.recording
        if recording is None or recording.phase != "before":
            if recording is not None:
                recording.finish()
            recording = self.recording = Recording(self.options, armed=state.is_world_process_zero)
            recording.attach(model, self._defaults)
        recording.begin(args, state, model)

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
