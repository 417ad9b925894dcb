"""A registry written as files of JSON lines, in one snapshot, while trainings go on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import sqlalchemy as sa

from cardgen.errors import DocumentError, FileConflict, FileProblem, NotARegistry
from cardgen.registry.backing import copy_file
from cardgen.registry.engine import Database
from cardgen.registry.exporting.about import MANIFEST, README, Written, manifest, readme
from cardgen.registry.exporting.columns import Kind
from cardgen.registry.exporting.kinds import KINDS
from cardgen.registry.location import Location, parse_location
from cardgen.registry.schema import REVISION, ensure_schema
from cardgen.registry.tables import document, run
from cardgen.settings import load_settings

try:
    import fcntl
except ImportError:  # Windows: what a kill leaves behind stays
    fcntl = None  # type: ignore[assignment]

ROWS_AT_ONCE = 1000
_PART = ".part"

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a file, and how many of its lines are written, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export that was written. `lines` and `sha256` are of each file, by its kind."""

    url: str
    path: str
    schema: str
    lines: Mapping[str, int]
    sha256: Mapping[str, str]


def export_registry(
    url: str | os.PathLike[str] | None, folder: str | os.PathLike[str], *, progress: Progress | None = None
) -> Export:
    """Write a registry as it is now into a folder; None is the registry of the settings.

    The folder is made beside its place and then named: it is there whole or not at all. Equal registries give equal
    files. `Registry.merge` reads them back.

    Args:
        url: a path or URL. It is only read.
        folder: must not be there, or be empty.
        progress: called from time to time.

    Raises:
        RegistryNotFound: there is no registry.
        FileConflict: the folder has something in it.
        FileProblem: it cannot be written.
        NotARegistry, DocumentError: the registry is damaged.
    """
    said = progress or (lambda name, done, total: None)
    path = Path(os.path.abspath(os.path.expanduser(folder)))
    written: dict[str, Written] = {}
    with _opened(url) as (location, connection), _made_beside(path) as part:
        for kind in KINDS.values():
            with _file(part / kind.file) as file:
                written[kind.name] = _write(connection, kind, file.write, said)
        for name, text in ((MANIFEST, manifest(written, REVISION)), (README, readme(written))):
            with _file(part / name) as file:
                file.write(text.encode())
    return Export(
        url=location.url,
        path=str(path),
        schema=REVISION,
        lines={name: one.lines for name, one in written.items()},
        sha256={name: one.sha256 for name, one in written.items()},
    )


def export_kind(url: str | os.PathLike[str] | None, kind: str, write: Callable[[bytes], object]) -> int:
    """Give the lines of one kind, some at a time, to `write`; how many there were. Raises as `export_registry` does."""
    with _opened(url) as (_, connection):
        return _write(connection, KINDS[kind], write, lambda name, done, total: None).lines


@contextmanager
def _opened(url: str | os.PathLike[str] | None) -> Iterator[tuple[Location, sa.Connection]]:
    """A registry, and one snapshot of it."""
    location = parse_location(load_settings().registry if url is None else url)
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(location, mode="read", create=False)))
        ensure_schema(database, create=False)
        if database.on_network:  # there, readers and writers wait for each other: for a copy, not for all that follows
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cardgen-"))) / "copy.db"
            copy_file(database, copy, check=False)
            database = stack.enter_context(closing(Database(parse_location(copy), mode="read", create=False)))
        with database.read() as connection:
            query = sa.select(run.c.name).where(run.c.number.not_in(sa.select(document.c.run))).limit(1)
            name = connection.execute(query).scalar_one_or_none()
            if name is not None:
                raise NotARegistry(
                    f"the registry {location.path or location.url} is damaged: run {name} has no document",
                    hint="look what is wrong: cardgen registry verify",
                )
            yield location, connection


def _write(connection: sa.Connection, kind: Kind, write: Callable[[bytes], object], said: Progress) -> Written:
    total = connection.execute(sa.select(sa.func.count()).select_from(kind.select.subquery())).scalar_one()
    digest, done = hashlib.sha256(), 0
    encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    result = connection.execute(kind.select, execution_options={"yield_per": ROWS_AT_ONCE})
    said(kind.name, 0, total)
    for rows in result.mappings().partitions():
        try:
            data = "".join([encode(kind.line(row)) + "\n" for row in rows]).encode("ascii")
        except DocumentError as error:
            raise DocumentError(
                f"{kind.name} cannot be exported: {error}", hint="look what is wrong: cardgen registry verify"
            ) from error
        digest.update(data)
        write(data)
        done += len(rows)
        said(kind.name, done, total)
    return Written(done, digest.hexdigest())


# Files


@contextmanager
def _made_beside(target: Path) -> Iterator[Path]:
    """A private folder beside `target`, which has its name at the end of the block; nothing is left if that raises."""
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise FileConflict(f"{target} is there already, and not empty", hint="name another folder")
        _clear(target)
        part = Path(tempfile.mkdtemp(prefix=_prefix(target), suffix=_PART, dir=target.parent))
        held = _held(part)
    except FileConflict:
        raise
    except OSError as error:
        raise _problem(target, error) from error
    try:
        yield part
        os.rename(part, target)  # an empty folder gives way, one with something in it does not
        _flush(target.parent)
    except OSError as error:
        if isinstance(error, FileProblem):
            raise
        raise _problem(target, error) from error
    finally:
        if held is not None:
            os.close(held)
        shutil.rmtree(part, ignore_errors=True)


def _prefix(target: Path) -> str:
    return f".{target.name[:100]}."


def _held(part: Path) -> int | None:
    """A lock that says that somebody writes this folder; None if another one does, or if it cannot be told."""
    if fcntl is None:
        return None
    folder = os.open(part, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(folder)
        return None
    return folder


def _clear(target: Path) -> None:
    """Remove what those who were killed have left of this export."""
    for part in target.parent.iterdir():
        if part.name.startswith(_prefix(target)) and part.name.endswith(_PART) and part.is_dir():
            with contextlib.suppress(OSError):
                held = _held(part)
                if held is not None:
                    shutil.rmtree(part, ignore_errors=True)
                    os.close(held)


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """A new file for the user alone; what was written is on the disk at the end of the block."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=1 << 20) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _problem(target: Path, error: OSError) -> FileProblem:
    reason: Any = error.strerror or error
    return FileProblem(f"cannot write {target}: {reason}", hint="is the folder above it there, writable and not full?")
