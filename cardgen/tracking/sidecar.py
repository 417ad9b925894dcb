"""`cardgen.json`, which lies beside saved weights and ties the folder to its run.

The trainer uploads everything in its output folder when it pushes, and a person may upload a folder by hand. So the
file holds nothing that is not fit to be seen: no rows, no host, no command line, no job, no code state, no paths, no
names of projects. What it lacks, the registry has. Besides, it is not written where a push is known to come
(`push_to_hub`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from cardgen.files import write_whole
from cardgen.record import Hyperparameters, Run, Usage
from cardgen.registry.codec import encode_run

FILE_NAME = "cardgen.json"

LOCAL_ARGUMENTS = frozenset({"output_dir", "logging_dir", "run_name", "resume_from_checkpoint", "deepspeed"})
"""Arguments that name places or habits of this machine."""


def write_sidecar(folder: Path, run: Run) -> None:
    """Write the file into a folder, whole or not at all.

    Raises:
        FileProblem: it cannot be written.
        DocumentError: the record cannot be encoded.
    """
    public = public_facts(run)
    text = f'{{"run_id":{json.dumps(run.id)},"record":{encode_run(public)}}}\n'
    write_whole(folder / FILE_NAME, text.encode("ascii"))


def remove_sidecar(folder: Path) -> None:
    """Take the file away, if it is there."""
    with contextlib.suppress(OSError):
        (folder / FILE_NAME).unlink()


def public_facts(run: Run) -> Run:
    """The record without what must not be published with a model."""
    hyperparameters = run.hyperparameters
    if hyperparameters is not None:
        hyperparameters = Hyperparameters(
            values=_without_places(hyperparameters.values), defaults=_without_places(hyperparameters.defaults)
        )
    return dataclasses.replace(
        run,
        project=None,
        group=None,
        tags=(),
        hyperparameters=hyperparameters,
        datasets=tuple(dataclasses.replace(dataset, samples=None) for dataset in run.datasets),
        usage=Usage(),
        environment=dataclasses.replace(
            run.environment,
            hostname=None,
            git_commit=None,
            git_dirty=None,
            command_line=(),
            scheduler={},
        ),
        segments=tuple(dataclasses.replace(segment, changed={}) for segment in run.segments),
        checkpoints=(),
        problems=(),
    )


def _without_places(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in LOCAL_ARGUMENTS and not _is_place(value)}


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and (os.path.isabs(value) or value.startswith(("~", "./", "../", ".\\", "..\\")))
