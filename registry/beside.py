"""A database file made beside its place, and given its name when it is whole.

Whoever is killed meanwhile leaves a file of another name, which the next to make a file of this name removes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardgen.errors import FileConflict, FileProblem

try:
    import fcntl
except ImportError:  # Windows: what a kill leaves behind stays
    fcntl = None  # type: ignore[assignment]

_SQLITE_SUFFIXES = ("-journal", "-wal", "-shm")
_PART = ".part"


@contextmanager
def made_beside(target: Path, *, replace: bool) -> Iterator[Path]:
    """An empty, private file in the folder of `target` to write a database to; at the end of the block it is `target`.

    When the block raises, `target` is as it was and nothing is left. All of it is on the disk before it gets its name.

    Raises:
        FileConflict: there is a file of this name already, and `replace` is false.
        FileProblem: no file can be made there.
    """
    _refuse(target, replace=replace)
    try:
        _clear(target)
        part, held = _new(target)
    except OSError as error:
        raise _problem(target, error) from error
    try:
        yield part
        try:
            os.fsync(held)
            _rename(part, target, replace=replace)
        except OSError as error:
            raise _problem(target, error) from error
    finally:
        os.close(held)
        _remove(part)


def _refuse(target: Path, *, replace: bool) -> None:
    if target.is_dir():
        raise FileProblem(f"{target} is a folder", hint="name a file in it, such as registry.db")
    if target.name.endswith(_SQLITE_SUFFIXES):  # SQLite would take it for a part of the database beside it
        raise FileProblem(f"a registry cannot be named {target.name!r:.100}", hint="name another file")
    if os.path.lexists(target):
        if not replace:
            raise FileConflict(f"there is a file {target} already", hint="name another file")
        if not target.is_file():
            raise FileProblem(f"{target} is no file that could be replaced", hint="name another file")
    for suffix in _SQLITE_SUFFIXES:
        beside = target.with_name(target.name + suffix)
        if beside.exists():  # SQLite would take what it holds for a part of the new file
            raise FileConflict(f"{beside} shows that {target} is in use", hint="name another file")


def _new(target: Path) -> tuple[Path, int]:
    """A new file, and the lock that says that somebody writes it."""
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}{_PART}")
    file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without such locks: nobody else removes it there
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return part, file


def _clear(target: Path) -> None:
    """Remove what those who were killed have left."""
    if fcntl is None:
        return
    for part in target.parent.glob(f".{_literal(target.name[:100])}.????????{_PART}"):
        with contextlib.suppress(OSError):
            file = os.open(part, os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(part)
            finally:
                os.close(file)


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _rename(part: Path, target: Path, *, replace: bool) -> None:
    if replace:
        os.replace(part, target)
    else:
        try:
            os.link(part, target)  # unlike a renaming, this takes no file away that somebody made meanwhile
        except FileExistsError:
            raise FileConflict(f"there is a file {target} by now", hint="name another file") from None
        except OSError:  # a file system without links
            _refuse(target, replace=False)
            os.replace(part, target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(part: Path) -> None:
    for suffix in ("", *_SQLITE_SUFFIXES):
        with contextlib.suppress(OSError):
            os.unlink(part.with_name(part.name + suffix))


def _problem(target: Path, error: OSError) -> FileProblem:
    if isinstance(error, FileProblem):
        return error
    return FileProblem(
        f"cannot write {target}: {error.strerror or error}", hint="is the folder there, writable and not full?"
    )
