"""Contents of files: what a commit holds of them, and the storage of large ones behind the Hub."""

from __future__ import annotations

import fnmatch
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LFS_FROM = 10_000_000
"""Bytes from which a file is stored with LFS, whatever its name."""
REGULAR_NAMES = ("README.md", ".gitattributes", ".gitignore")
"""guess: what the Hub itself reads is never stored with LFS, and refused when it is too large."""
_LARGE = """
    *.7z *.arrow *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lfs.* *.mlmodel *.model *.msgpack *.npy *.npz *.onnx
    *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar *.tflite *.tgz
    *.wasm *.xz *.zip *.zst *tfevents*
"""
GITATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE.split()).encode()
"""What the first commit of every repository has."""


@dataclass(frozen=True)
class File:
    """A file of a commit: `data` is the content of a regular one, `sha256` the id of one that is stored with LFS."""

    size: int
    oid: str
    data: bytes | None = None
    sha256: str | None = None

    @classmethod
    def regular(cls, data: bytes) -> File:
        """A file in git itself; `oid` is the blob's."""
        return cls(len(data), _git_oid(data), data=data)

    @classmethod
    def large(cls, sha256: str, size: int) -> File:
        """A file of which git has a pointer; `oid` is the pointer's."""
        return cls(size, _git_oid(_pointer(sha256, size)), sha256=sha256)

    @property
    def etag(self) -> str:
        """What a download calls this content."""
        return self.sha256 or self.oid

    @property
    def pointer_size(self) -> int:
        """The bytes that git has of an LFS file."""
        return len(_pointer(self.sha256 or "", self.size))


def _pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Store:
    """The storage of large files, on disk, by sha256: a repository's weights need not fit into memory."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hub-server-"))
        self.incoming = self.folder / "incoming"
        self.incoming.mkdir()

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, sha256: str) -> Path:
        """Where a content is, or would be."""
        return self.folder / sha256

    def size(self, sha256: str) -> int | None:
        """Its bytes; None if it is not here."""
        path = self.path(sha256)
        return path.stat().st_size if path.is_file() else None

    def add(self, data: bytes) -> str:
        """Store a content; its sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.path(sha256).write_bytes(data)
        return sha256

    def join(self, parts: Iterable[Path], name: str) -> tuple[Path, str]:
        """Put parts together as a file that is not yet stored; it and its sha256."""
        whole, digest = self.incoming / name, hashlib.sha256()
        with open(whole, "wb") as file:
            for part in parts:
                for chunk in chunks(part):
                    digest.update(chunk)
                    file.write(chunk)
        return whole, digest.hexdigest()


def chunks(path: Path) -> Iterator[bytes]:
    """A file, piece by piece."""
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def is_large(path: str, size: int, sample: bytes, attributes: bytes) -> bool:
    """Whether a file is stored with LFS: by `.gitattributes`, by its size, or because it is no text.

    guess: the real Hub's test for text is not known; here it is a NUL among the first bytes.
    """
    if path in REGULAR_NAMES or size == 0:
        return False
    return size >= LFS_FROM or b"\0" in sample or matches(path, _lfs_patterns(attributes))


def _lfs_patterns(attributes: bytes) -> list[str]:
    lines = (line.split() for line in attributes.decode("utf-8", "replace").splitlines())
    return [words[0] for words in lines if "filter=lfs" in words[1:]]


def is_ignored(path: str, gitignore: str) -> bool:
    """Whether `.gitignore` leaves a file out; the last line that matches decides.

    guess: git's own rules, without brackets' fine print.
    """
    ignored = False
    for line in gitignore.splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            again = pattern.startswith("!")
            if matches(path, [pattern.removeprefix("!")]):
                ignored = not again
    return ignored


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path, or a folder that it is in, matches one of git's patterns."""
    parts = path.split("/")
    for pattern in patterns:
        clean = pattern.strip("/").replace("**/", "*")
        for end in range(1, len(parts) + 1):
            if pattern.endswith("/") and end == len(parts):
                continue  # only folders
            here = "/".join(parts[:end]) if "/" in pattern.rstrip("/") else parts[end - 1]
            if fnmatch.fnmatchcase(here, clean):
                return True
    return False
