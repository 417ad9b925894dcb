"""What is sent: small files as they were when they were chosen, large ones by their path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cardgen.errors import FileProblem
from cardgen.hub.look import RemoteFile

FROZEN = 10 * 1024 * 1024
"""Files up to this many bytes are read once, before anything is sent: the Hub takes larger ones by their hash only."""
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Frozen:
    """A large file, as it was when it was chosen: `stamp` changes when it does.

    `sha256` is that of the content that was looked at before, if it is known.
    """

    path: Path
    stamp: tuple[int, int]
    sha256: str | None = None

    def check(self, sha256: str | None = None) -> None:
        """See that it is still the same, and that the content that is sent (`sha256`) is the one that was looked at.

        Raises:
            FileProblem: it is not.
        """
        if _stamp(self.path) != self.stamp or (sha256 and self.sha256 and sha256 != self.sha256):
            raise _changed(self.path)


def frozen(add: Mapping[str, Path | bytes], hashes: Mapping[str, str]) -> dict[str, Frozen | bytes]:
    """Small files as they are now; what is scanned, sent and compared is the same then.

    Raises:
        FileProblem: a file cannot be read, or has not the sha256 that it had when it was scanned.
    """
    return {
        path: content if isinstance(content, bytes) else _freeze(Path(content), hashes.get(path))
        for path, content in add.items()
    }


def _freeze(path: Path, sha256: str | None) -> Frozen | bytes:
    stamp = _stamp(path)
    if stamp[0] > FROZEN:
        return Frozen(path, stamp, sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise _changed(path)
    return data


def _changed(path: Path) -> FileProblem:
    return FileProblem(f"{path} was changed while it was published", hint="publish when nothing writes to it")


def _stamp(path: Path) -> tuple[int, int]:
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
    digest = hashlib.sha256() if there.sha256 else hashlib.sha1(b"blob %d\0" % size)
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with open(content.path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest() == (there.sha256 or there.blob)
