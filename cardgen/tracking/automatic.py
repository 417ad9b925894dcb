"""`autolog`: one line in a script, and every training of the process is recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from cardgen.errors import MissingExtra
from cardgen.tracking.options import make_options


def autolog(
    *,
    project: str | None = None,
    group: str | None = None,
    tags: Iterable[str] = (),
    registry: str | os.PathLike[str] | None = None,
    publish: str | None = None,
    publish_options: Mapping[str, Any] | None = None,
    disable: bool = False,
) -> None:
    """Record every training of this process from now on, each `train()` or `fit()` as a run of its own.

        import cardgen

        cardgen.autolog(project="rerankers")
        trainer.train()                      # or model.fit(…)
        cardgen.current_run().evaluate(test_evaluator)

    It does not matter whether trainers are made before or after the call, by the script, by `model.fit()`, or by a
    library. Evaluations and saves belong to the run as they do with a `CardCallback`. A trainer that has a
    `CardCallback` or is tracked is left to that. A trainer that is never trained leaves nothing. `old_fit()`, which has
    a training loop of its own, cannot be recorded, and says so.

    A second call replaces the settings for trainings that begin later.

    Args:
        project, group, tags: how runs are sorted and found again.
        registry: a path or URL; the default is the one that the settings name.
        publish: a repository of the Hub: each run that ends well waits for `cardgen pending push` to put it there.
        publish_options: how, by the names of `run.publish`.
        disable: record no training that begins from now on; one that has begun is recorded to its end.

    Raises:
        RecordingError, SettingsError: something given, or set in the environment, cannot be right.
        MissingExtra: sentence-transformers is not installed.
    """
    from cardgen.tracking import trainers

    if disable:
        trainers.record_all(None)
        return
    options = make_options(
        name=None,
        project=project,
        group=group,
        tags=tags,
        registry=registry,
        automatic=True,
        publish=publish,
        publish_options=publish_options,
    )
    try:
        trainers.install()
    except ModuleNotFoundError as error:
        raise MissingExtra("sentence-transformers", "train") from error
    trainers.record_all(options)
