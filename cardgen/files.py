"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cardgen.errors import FileProblem


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
