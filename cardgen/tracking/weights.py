"""Which weights a model has: the checkpoint of a run that it is, as the sha256 of the weights tells.

The hash is that of the model as it would be saved now, so a model that was trained on since it was loaded is no
checkpoint. Where this library writes other bytes than the one that saved the checkpoint, the tensors are compared with
those of the folder that the model is from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import tempfile
from pathlib import Path
from typing import Any

from cardgen.capture.library import model_type
from cardgen.checkpoint import hash_files, list_files, weights_hash, with_hashes
from cardgen.errors import FileProblem, OtherWeights
from cardgen.record import Checkpoint, Run
from cardgen.standing import described_checkpoint
from cardgen.tracking.lineage import loaded_from
from cardgen.tracking.results import checkpoint_step


def checkpoint_of(run: Run, model: Any) -> Checkpoint:
    """The checkpoint of the run that a model is: a recorded one, or a new one for the folder that it was loaded from.

    The model is saved into a temporary folder and hashed, which takes the time and the space of a save.

    Raises:
        OtherWeights: it is of another type than the run's model, or it is neither a checkpoint of the run nor in a
            folder as it is.
        FileProblem: there is no space to save it.
    """
    kind = model_type(model)
    if kind != run.model.type:
        raise OtherWeights(
            f"run {run.name} trained a {run.model.type}, this is a {kind or type(model).__name__}",
            hint="give a model of the same type",
        )
    saved = saved_hash(model)
    if (point := _with_weights(run, saved)) is not None:
        return point
    folder = loaded_from(model)
    found = None if folder is None else _folder_checkpoint(folder)
    if folder is None or found is None or not (found.weights == saved or _has_tensors_of(model, folder)):
        raise OtherWeights(
            f"these weights are of no checkpoint that run {run.name} knows",
            hint="save the model into a folder of its own, load it from there and evaluate that: "
            "the folder becomes a checkpoint of the run",
        )
    if (point := _with_weights(run, found.weights)) is not None:
        return point
    for point in run.checkpoints:
        if point.path == found.path and point.weights is None:  # its hashes were given up
            return dataclasses.replace(found, step=point.step, best=point.best, saved=point.saved)
    return found


def saved_hash(model: Any) -> str | None:
    """The hash of a model's weights as it would be saved now.

    Raises:
        FileProblem: it cannot be saved.
    """
    options = {"create_model_card": False} if _takes(model.save_pretrained, "create_model_card") else {}
    try:
        with tempfile.TemporaryDirectory(prefix="cardgen-") as folder:
            model.save_pretrained(folder, **options)
            return weights_hash(hash_files(Path(folder), list_files(Path(folder))))
    except OSError as error:
        raise FileProblem(
            f"the model cannot be saved to be hashed: {error.strerror or error}", hint="set TMPDIR to a larger place"
        ) from error


def _with_weights(run: Run, weights: str | None) -> Checkpoint | None:
    """The checkpoint with these weights, of several the one that the card describes."""
    points = [point for point in run.checkpoints if weights is not None and point.weights == weights]
    described = described_checkpoint(run)
    return described if described in points else next(iter(points), None)


def _folder_checkpoint(folder: Path) -> Checkpoint | None:
    files = hash_files(folder, list_files(folder))
    point = with_hashes(Checkpoint(path=str(folder), step=checkpoint_step(folder)), files)
    return point if point.weights is not None else None


def _has_tensors_of(model: Any, folder: Path) -> bool:
    """Whether a model has the very tensors that loading the folder gives."""
    import torch

    with contextlib.suppress(Exception):  # what cannot be loaded is not known to be the same
        other = type(model)(str(folder), device="cpu").state_dict()
        mine = model.state_dict()
        return mine.keys() == other.keys() and all(
            tensor.dtype == other[name].dtype and torch.equal(tensor.cpu(), other[name])
            for name, tensor in mine.items()
        )
    return False


def _takes(method: Any, name: str) -> bool:
    try:
        return name in inspect.signature(method).parameters
    except (TypeError, ValueError):
        return False
