"""How a trial of a search over hyperparameters is named, grouped and tagged."""

from __future__ import annotations

import dataclasses
from typing import Any

from cardgen.tracking.options import MAX_LENGTH, Options


def trial_options(options: Options, trial: Any, state: Any, args: Any, search_group: str | None) -> Options:
    """The options of one trial.

    The parameters that are training arguments are in the record as arguments; the others, which only the script's
    `model_init` knows, become tags `NAME=VALUE`.

    Args:
        options: of the whole search.
        trial: what the search gave to `train()`: of optuna an object with a number, of others a dict.
        state: of the trainer, with the trial's name and parameters.
        args: the training arguments.
        search_group: the group if none was given.
    """
    number = getattr(trial, "number", None)
    numbered = [] if number is None else [f"trial:{number}"]
    parameters = state.trial_params if isinstance(state.trial_params, dict) else {}
    own = [f"{name}={value}" for name, value in parameters.items() if not hasattr(args, str(name))]
    name = state.trial_name if isinstance(state.trial_name, str) else None
    return dataclasses.replace(
        options,
        name=options.name or _line(name or "") or None,
        group=options.group or search_group,
        tags=(*options.tags, *numbered, *map(_line, own)),
    )


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_LENGTH].strip()
