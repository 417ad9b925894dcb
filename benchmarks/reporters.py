"""What keeps the log of a training: nothing, cardgen, MLflow or trackio, each behind the same three words.

`attach` makes the hook and puts it on the trainer (imports are done before it is timed), `settle` waits until what
was set up so far is stored, `detach` ends the run.
"""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import Any, Protocol

from transformers import TrainerCallback


class Reporter(Protocol):
    """A tool that is measured."""

    def attach(self, trainer: Any) -> None:
        """Make the hook and put it on the trainer."""

    def settle(self) -> None:
        """Wait until the new run is where the tool keeps its runs."""

    def detach(self) -> None:
        """End the run."""


class Nothing:
    """The bare training."""

    def attach(self, trainer: Any) -> None:
        """Nothing."""

    def settle(self) -> None:
        """Nothing."""

    def detach(self) -> None:
        """Nothing."""


class Cardgen(Nothing):
    """`cardgen.track`."""

    def __init__(self) -> None:
        import cardgen.registry.store
        import cardgen.tracking.callback  # noqa: F401 - an import, before the clock runs

        self._stack = contextlib.ExitStack()
        self._run: Any = None

    def attach(self, trainer: Any) -> None:
        """The `with` statement."""
        import cardgen

        self._run = self._stack.enter_context(cardgen.track(trainer, registry=os.environ["CARDGEN_REGISTRY"]))

    def settle(self) -> None:
        """The registry has the run."""
        if not self._run._recording._draft.journal.flush(60.0):
            raise RuntimeError("the registry has not got the run")

    def detach(self) -> None:
        """The end of the block."""
        self._stack.close()


class Mlflow(Nothing):
    """The callback that transformers has for MLflow."""

    def __init__(self) -> None:
        from transformers.integrations import MLflowCallback

        self._mlflow: Any = import_module("mlflow")
        import_module("mlflow.store.tracking.sqlalchemy_store")
        self._callback = MLflowCallback

    def attach(self, trainer: Any) -> None:
        """A callback."""
        trainer.add_callback(self._callback())

    def detach(self) -> None:
        """The callback ends its run when the process ends; here it is told to."""
        self._mlflow.end_run()
        self._mlflow.flush_async_logging()


class Trackio(Nothing):
    """trackio in a callback, without a server."""

    def __init__(self) -> None:
        self._trackio: Any = import_module("trackio")

    def attach(self, trainer: Any) -> None:
        """A callback of three lines."""
        trackio = self._trackio

        class Callback(TrainerCallback):
            def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
                trackio.init(project="bench", embed=False, auto_log_gpu=False, auto_log_cpu=False)

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
                trackio.log(dict(logs), step=state.global_step)

            def on_train_end(self, *args: Any, **kwargs: Any) -> None:
                trackio.finish()

        trainer.add_callback(Callback())


REPORTERS: dict[str, type[Nothing]] = {"none": Nothing, "cardgen": Cardgen, "mlflow": Mlflow, "trackio": Trackio}
