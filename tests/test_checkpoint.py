"""Saved folders: files, sizes, hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cardgen.checkpoint import LARGE, hash_files, is_weights, list_files, weights_hash, with_hashes
from cardgen.record import Checkpoint, File


def sha(data: bytes) -> str:
    """The sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def never() -> bool:
    """Hashing is not stopped."""
    return False


def test_files_are_listed_by_path_without_links_and_checkpoints(tmp_path: Path) -> None:
    """Sub-folders count, checkpoints within a folder do not; our own file is no part of it."""
    for name in ("b.json", "a/x.txt", "checkpoint-3/model.safetensors", "cardgen.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "b.json")
    assert [(file.path, file.size) for file in list_files(tmp_path)] == [("b.json", 5), ("a/x.txt", 5)]


def test_weights_are_told_from_what_the_trainer_keeps() -> None:
    """Optimizer, scheduler and random states have the endings of weights and are none."""
    assert is_weights("model.safetensors")
    assert is_weights("2_Dense/pytorch_model.bin")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state_0.pth", "training_args.bin", "README.md", "config.json"):
        assert not is_weights(name)


def test_one_hash_stands_for_all_weights(tmp_path: Path) -> None:
    """Of one file its own; of several that of their lines, in any order; none where one is unknown."""
    one = File(path="model.safetensors", size=1, sha256=sha(b"1"))
    two = File(path="2_Dense/model.safetensors", size=1, sha256=sha(b"2"))
    assert weights_hash((one, File(path="README.md", size=1))) == one.sha256
    lines = f"{two.sha256}  2_Dense/model.safetensors\n{one.sha256}  model.safetensors\n"
    assert weights_hash((one, two)) == weights_hash((two, one)) == sha(lines.encode())
    assert weights_hash((one, File(path="x.bin", size=1))) is None
    assert weights_hash(()) is None


def test_hashing_passes_over_what_it_must_not_or_cannot_read(tmp_path: Path) -> None:
    """The arguments' pickle, what is gone, what has changed its size, and large files that are no weights."""
    for name in ("model.safetensors", "training_args.bin", "grown.json"):
        (tmp_path / name).write_bytes(b"abc")
    with open(tmp_path / "optimizer.pt", "wb") as file:
        file.truncate(LARGE + 1)
    files = list_files(tmp_path)
    (tmp_path / "grown.json").write_bytes(b"abcdef")
    hashed = {file.path: file.sha256 for file in hash_files(tmp_path, (*files, File(path="gone", size=1)), never)}
    assert {path: value for path, value in hashed.items() if value} == {"model.safetensors": sha(b"abc")}
    assert set(hashed) == {"model.safetensors", "training_args.bin", "grown.json", "optimizer.pt", "gone"}
    point = with_hashes(Checkpoint(path=str(tmp_path)), hash_files(tmp_path, files, never))
    assert point.weights == sha(b"abc")


def test_hashing_can_be_stopped(tmp_path: Path) -> None:
    """What is not done then has no hash."""
    (tmp_path / "model.bin").write_bytes(b"abc")
    assert hash_files(tmp_path, list_files(tmp_path), lambda: True)[0].sha256 is None
