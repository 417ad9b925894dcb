"""Files written whole or not at all, and read within limits."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cardgen.errors import CardError, FileProblem

CARD_LIMIT = 20_000_000
"""Bytes that a card may have."""
JSON_LIMIT = 50_000_000
"""Bytes that a JSON file of a model folder may have."""


def read_limited(path: str | os.PathLike[str], limit: int) -> bytes | None:
    """The content of a file; None if it has more than `limit` bytes. Never reads (much) more than that.

    Raises:
        FileProblem: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else None
        raise FileProblem(f"cannot read {path}: {reason or error}", hint="is it there, and readable?") from error
    return data if len(data) <= limit else None


def card_too_large(name: str) -> CardError:
    """The error for what is no card by its size."""
    return CardError(
        f"the card {name} is larger than {CARD_LIMIT // 1_000_000} MB",
        hint="generated cards have some thousand bytes: is it the right file?",
    )


def write_whole(path: str | os.PathLike[str], data: bytes, *, mode: int | None = None) -> Path:
    """Write `data` to `path`: beside it first, then by renaming, so that no reader ever sees a part.

    A symbolic link is followed: the file it names is replaced, the link stays. `mode` are the permissions of a
    new file (default: as the user's umask has it); an existing file keeps its own.

    Raises:
        FileProblem: it cannot be written; what was there before is still there.
    """
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name[:50]}.", suffix=".part", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(target, mode))
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise FileProblem(
            f"cannot write {path}: {error.strerror or error}", hint="is the folder there, writable and not full?"
        ) from error
    return target


def _permissions(target: Path, mode: int | None) -> int:
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        pass
    if mode is not None:
        return mode
    umask = os.umask(0o022)
    os.umask(umask)
    return 0o666 & ~umask
