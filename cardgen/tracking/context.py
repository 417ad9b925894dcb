"""`track`: one `with` statement around training."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cardgen.capture.library import model_type
from cardgen.errors import RecordingError
from cardgen.record import Status
from cardgen.tracking.active import ActiveRun


@contextlib.contextmanager
def track(
    trainer_or_model: Any,
    *,
    name: str | None = None,
    project: str | None = None,
    group: str | None = None,
    tags: Iterable[str] = (),
    registry: str | os.PathLike[str] | None = None,
    publish: str | None = None,
    publish_options: Mapping[str, Any] | None = None,
) -> Iterator[ActiveRun]:
    """Record what a trainer, or the `fit()` of a model, does in this block.

        with cardgen.track(trainer, project="rerankers") as run:
            trainer.train()
            run.evaluate(test_evaluator)

        with cardgen.track(model) as run:
            model.fit(train_objectives, epochs=1, output_path="final")

    Evaluations and saves of the model in the block belong to the run, before and after training. The run ends with the
    block, or with the next `train()` or `fit()`, which is a run of its own unless it resumes this one; its handle is
    `cardgen.current_run()`. With `model_init` the model that `train()` makes is the run's.

    Args:
        trainer_or_model: a trainer of sentence-transformers, or a model, whose trainer is made in the block.
        name: the run's name; a speakable one is made up otherwise.
        project, group, tags: how runs are sorted and found again.
        registry: a path or URL; the default is the one that the settings name.
        publish: a repository of the Hub that the run is published to at the end of a block that did not raise. What
            cannot be published within a minute, or is for a person to decide, waits: `cardgen pending list`.
        publish_options: how, by the names of `run.publish`.

    Raises:
        RecordingError: this is no trainer or model of sentence-transformers, it is recorded already, or a name is not
            a text.
        SettingsError: the registry or an environment variable cannot be right.
    """
    is_model = _check(trainer_or_model)
    # not before the check: this loads transformers, which whoever has a trainer or a model has loaded
    from cardgen.tracking import live, patches, trainers
    from cardgen.tracking.callback import CardCallback

    model = trainer_or_model if is_model else getattr(trainer_or_model, "model", None)
    other = patches.recording_of(model)
    in_training = other is not None and other.phase == "training"
    hooks = [] if is_model else trainers.hooks_of(trainer_or_model)
    taken = any(not hook.options.automatic for hook in hooks) or live.block_of(model) is not None
    if taken or in_training:
        what = "model" if is_model else "trainer"
        raise RecordingError(f"this {what} is recorded already", hint="use either track or CardCallback")
    hook = CardCallback(
        name=name,
        project=project,
        group=group,
        tags=tags,
        registry=registry,
        publish=publish,
        publish_options=publish_options,
    )
    if is_model:
        active = ActiveRun(hook.meet_model(model))
    else:
        active = ActiveRun(hook.meet(trainer_or_model, trainers.default_arguments(trainer_or_model)))
        trainer_or_model.add_callback(hook)
    status: Status | None = None
    try:
        with live.block(hook):
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
        hook.leave()
        if hook.recording is not None:
            hook.recording.finish(status)
            hook.recording.push()


def _check(thing: Any) -> bool:
    """Whether this is a model; a trainer otherwise."""
    if _is_model(thing):
        return True
    model = getattr(thing, "model", None)
    is_trainer = all(hasattr(thing, part) for part in ("callback_handler", "add_callback", "remove_callback", "args"))
    unmade = model is None and getattr(thing, "model_init", None) is not None
    if not is_trainer or not (unmade or _is_model(model)):
        raise RecordingError(
            f"{type(thing).__name__} cannot be recorded",
            hint="give a SentenceTransformerTrainer, CrossEncoderTrainer, SparseEncoderTrainer or "
            "MultiVectorEncoderTrainer, or a model that is trained with fit()",
        )
    return False


def _is_model(thing: Any) -> bool:
    return model_type(thing) is not None and hasattr(thing, "model_card_data")
