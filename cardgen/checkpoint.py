"""A saved folder: its files with size and sha256. Nothing in it is loaded or run: files are listed and hashed."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from cardgen.record import Checkpoint, File

CHUNK = 1 << 20
LARGE = 16 << 20
"""Files above this size in bytes are hashed while training only if they hold weights."""

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".h5", ".msgpack")
TRAINING_STATE = ("training_args.bin", "optimizer.", "scheduler.", "scaler.", "rng_state", "trainer_state.json")
"""What a trainer keeps to go on from; `training_args.bin` holds the hub token, so it is not read."""

OURS = "cardgen.json"
"""Lies beside the weights and is no part of them."""

MAX_FILES = 10_000


def list_files(folder: Path) -> tuple[File, ...]:
    """The files below a folder with their sizes.

    Links, pipes and devices, hidden folders (`.git`, `.cache`), checkpoints within it and our own file are left out.
    """
    found: list[File] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(("checkpoint-", ".")))
        for name in sorted(names):
            path = Path(parent, name)
            if name == OURS or len(found) >= MAX_FILES:
                continue
            try:
                status = path.lstat()
            except OSError:  # removed meanwhile
                continue
            if stat.S_ISREG(status.st_mode):
                found.append(File(path=path.relative_to(folder).as_posix(), size=status.st_size))
    return tuple(found)


def hash_files(
    folder: Path,
    files: tuple[File, ...],
    stop: Callable[[], bool] = lambda: False,
    *,
    every: bool = False,
    done: Callable[[int], None] = lambda size: None,
) -> tuple[File, ...]:
    """The files with their sha256, where it could be had; weights first.

    Args:
        folder: where the files are.
        files: as `list_files` gave them.
        stop: asked between chunks; what is left then has no hash.
        every: hash large files that are no weights and the training arguments, too.
        done: called with the number of bytes of each chunk that was hashed.
    """
    order = sorted(range(len(files)), key=lambda index: not is_weights(files[index].path))
    hashed = list(files)
    for index in order:
        file = files[index]
        if stop():
            break
        name = file.path.rpartition("/")[2]
        if not every and (name.startswith("training_args") or (file.size > LARGE and not is_weights(file.path))):
            continue
        digest = _sha256(folder / file.path, file.size, stop, done)
        if digest is not None:
            hashed[index] = dataclasses.replace(file, sha256=digest)
    return tuple(hashed)


def with_hashes(checkpoint: Checkpoint, files: tuple[File, ...]) -> Checkpoint:
    """The checkpoint with hashed files and the hash of its weights."""
    return dataclasses.replace(checkpoint, files=files, weights=weights_hash(files))


def weights_hash(files: tuple[File, ...]) -> str | None:
    """One sha256 for the weights: that of the only file, else of the lines `sha256  path`; None if one is unknown."""
    weights = sorted((file for file in files if is_weights(file.path)), key=lambda file: file.path)
    if not weights or any(file.sha256 is None for file in weights):
        return None
    if len(weights) == 1:
        return weights[0].sha256
    lines = "".join(f"{file.sha256}  {file.path}\n" for file in weights)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def is_weights(path: str) -> bool:
    """Whether a file of a model folder holds weights."""
    name = path.rpartition("/")[2]
    return name.endswith(WEIGHTS) and not name.startswith(TRAINING_STATE)


def _sha256(path: Path, size: int, stop: Callable[[], bool], done: Callable[[int], None]) -> str | None:
    """The hash of a file; None if it is gone, cannot be read or has another size than before."""
    digest, read = hashlib.sha256(), 0
    chunk = memoryview(bytearray(CHUNK))  # one for all: new ones cost as much as the hash
    try:
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(chunk):
                digest.update(chunk[:count])
                read += count
                done(count)
                if stop():
                    return None
    except OSError:
        return None
    return digest.hexdigest() if read == size else None


def newest_first(points: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Checkpoints from the one that was saved last to the first; those that were only evaluated come behind."""
    listed = list(points)
    saved = sorted((point for point in listed if point.saved is not None), key=lambda point: (point.saved, point.path))
    return [*reversed(saved), *reversed([point for point in listed if point.saved is None])]
