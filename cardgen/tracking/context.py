"""`track`: one `with` statement around training."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from cardgen.capture.library import model_type
from cardgen.errors import RecordingError
from cardgen.record import Status
from cardgen.tracking.active import ActiveRun


@contextlib.contextmanager
def track(
    trainer: Any,
    *,
    name: str | None = None,
    project: str | None = None,
    group: str | None = None,
    tags: Iterable[str] = (),
    registry: str | os.PathLike[str] | None = None,
) -> Iterator[ActiveRun]:
    """Record what a trainer does in this block.

        with cardgen.track(trainer, project="rerankers") as run:
            trainer.train()
            run.evaluate(test_evaluator)

    Evaluations and saves of the model in the block belong to the run, before and after training. The run ends with the
    block, or with the next `train()`, which is a run of its own unless it resumes this one.

    Args:
        trainer: a trainer of sentence-transformers.
        name: the run's name; a speakable one is made up otherwise.
        project, group, tags: how runs are sorted and found again.
        registry: a path or URL; the default is the one that the settings name.

    Raises:
        RecordingError: this is no trainer of sentence-transformers, it is recorded already, or a name is not a text.
        SettingsError: the registry or an environment variable cannot be right.
    """
    _check(trainer)
    # not before the check: this loads transformers, which whoever has a trainer has loaded
    from cardgen.tracking.callback import CardCallback

    callbacks = trainer.callback_handler.callbacks
    if any(isinstance(callback, CardCallback) for callback in callbacks):
        raise RecordingError("this trainer is recorded already", hint="use either track or CardCallback")
    hook = CardCallback(name=name, project=project, group=group, tags=tags, registry=registry)
    defaults = (getattr(callback, "default_args_dict", None) for callback in callbacks)
    active = ActiveRun(hook.meet(trainer, next((d for d in defaults if d is not None), None)))
    trainer.add_callback(hook)
    status: Status | None = None
    try:
        yield active
    except (KeyboardInterrupt, SystemExit) as error:
        in_training = hook.recording is not None and hook.recording.phase == "training"
        if in_training or not (isinstance(error, SystemExit) and error.code in (None, 0)):
            status = "interrupted"
        raise
    except BaseException:
        status = "failed"
        raise
    finally:
        trainer.remove_callback(hook)
        if hook.recording is not None:
            hook.recording.finish(status)


def _check(trainer: Any) -> None:
    model = getattr(trainer, "model", None)
    is_trainer = all(hasattr(trainer, part) for part in ("callback_handler", "add_callback", "remove_callback", "args"))
    unmade = model is None and getattr(trainer, "model_init", None) is not None
    if not is_trainer or not (unmade or (model_type(model) is not None and hasattr(model, "model_card_data"))):
        raise RecordingError(
            f"{type(trainer).__name__} cannot be recorded",
            hint="give a SentenceTransformerTrainer, CrossEncoderTrainer, SparseEncoderTrainer or "
            "MultiVectorEncoderTrainer",
        )
