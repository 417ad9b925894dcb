"""What is sent: small files as they were when they were chosen, large ones by their path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardgen.errors import FileProblem
from cardgen.hub.look import RemoteFile

FROZEN = 10 * 1024 * 1024
"""Files up to this many bytes are read once, before anything is sent: the Hub takes larger ones by their hash only."""
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was looked at: `sha256` of its content, `stamp` as `stamp_of` gave it before."""

    sha256: str
    stamp: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A large file, as it was when it was chosen; `sha256` is None if nobody has hashed it."""

    path: Path
    stamp: tuple[int, int]
    sha256: str | None = None

    def check(self) -> None:
        """See that it is still the same.

        Raises:
            FileProblem: it is not.
        """
        if stamp_of(self.path) != self.stamp:
            raise _changed(self.path)


def frozen(add: Mapping[str, Path | bytes], seen: Mapping[str, Seen]) -> dict[str, Frozen | bytes]:
    """Small files as they are now; what is scanned, sent and compared is the same then.

    Raises:
        FileProblem: a file cannot be read, or is not any more what was seen.
    """
    return {
        path: content if isinstance(content, bytes) else _freeze(Path(content).absolute(), seen.get(path))
        for path, content in add.items()
    }


def _freeze(path: Path, seen: Seen | None) -> Frozen | bytes:
    stamp = stamp_of(path)
    if stamp[0] > FROZEN:
        if seen is not None and seen.stamp != stamp:
            raise _changed(path)
        return Frozen(path, stamp, seen.sha256 if seen is not None else None)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    if seen is not None and hashlib.sha256(data).hexdigest() != seen.sha256:
        raise _changed(path)
    return data


def operation(path: str, content: Frozen | bytes) -> Any:
    """What the client takes to add a file. It would read a large one once more to hash it, where the hash is known.

    The Hub compares what it gets with the hash, so that no other content is taken for this one.
    """
    from huggingface_hub import CommitOperationAdd
    from huggingface_hub.lfs import UploadInfo

    if isinstance(content, bytes):
        return CommitOperationAdd(path, content)
    if content.sha256 is None:
        return CommitOperationAdd(path, content.path)
    with open(content.path, "rb") as file:
        sample = file.read(512)
    made = CommitOperationAdd(path, b"")
    made.path_or_fileobj = str(content.path)
    made.upload_info = UploadInfo(size=content.stamp[0], sample=sample, sha256=bytes.fromhex(content.sha256))
    return made


def _changed(path: Path) -> FileProblem:
    return FileProblem(f"{path} was changed while it was published", hint="publish when nothing writes to it")


def stamp_of(path: Path) -> tuple[int, int]:
    """The size of a file in bytes and when it was changed last, in nanoseconds.

    Raises:
        FileProblem: it is gone.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return found.st_size, found.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> FileProblem:
    return FileProblem(f"cannot read {path}: {error.strerror}", hint="is it there, and readable?")


def is_same(content: Frozen | bytes, there: RemoteFile) -> bool:
    """Whether a file of a repository has this content."""
    size = len(content) if isinstance(content, bytes) else content.stamp[0]
    if size != there.size:
        return False
    if isinstance(content, Frozen) and content.sha256 and there.sha256:
        return content.sha256 == there.sha256
    digest = hashlib.sha256() if there.sha256 else hashlib.sha1(b"blob %d\0" % size)
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with open(content.path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest() == (there.sha256 or there.blob)
