"""What lies beside a registry and should not: spools without a recorder, entries that could not be read, old locks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from cardgen.identity import is_run_id
from cardgen.registry import auditing
from cardgen.registry.engine import Database
from cardgen.registry.folding import DAMAGED_SUFFIX, first_number, folded_until, is_recorded
from cardgen.registry.lockfile import SUFFIX as LOCK_SUFFIX
from cardgen.registry.lockfile import LockFile
from cardgen.registry.spool import SUFFIX, SpoolEntry, scan_spool
from cardgen.registry.tables import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One file and what is wrong with it. `foldable` says that folding it may help, `lock` what is to be released."""

    kind: Literal["spool", "lock"]
    path: Path
    problem: str
    id: str | None = None
    run: str | None = None
    foldable: bool = False
    lock: LockFile | None = None


def leftovers(database: Database) -> Iterator[Leftover]:
    """Every file beside the registry that no living process accounts for."""
    folder = database.location.spool_folder
    for path in sorted(folder.glob("*")):
        if path.name.endswith(SUFFIX):
            with contextlib.suppress(FileNotFoundError):  # it was folded meanwhile
                yield from _spool(database, path)
        elif path.name.endswith(DAMAGED_SUFFIX):
            lines = _lines(path)
            problem = f"{lines} entries could not be read when they were folded; they are kept in {path}"
            run_id = path.name.removesuffix(DAMAGED_SUFFIX)
            yield Leftover(kind="spool", path=path, problem=problem, id=run_id, run=_name(database, run_id))
        else:
            yield Leftover(kind="spool", path=path, problem=f"{path} does not belong here")
    if database.location.path is not None:
        beside = database.location.path.with_name(database.location.path.name + LOCK_SUFFIX)
        for path in (beside, *sorted(beside.parent.glob(f"{beside.name}.*"))):
            lock = LockFile(path, 0)
            holder = lock.holder()
            if holder is not None and holder.gone:
                whom = f"process {holder.pid} on {holder.host}" if holder.host else "a process"
                yield Leftover(kind="lock", path=path, problem=f"{path} was left behind by {whom}", lock=lock)


def _spool(database: Database, path: Path) -> Iterator[Leftover]:
    run_id = path.name.removesuffix(SUFFIX)
    if path.is_symlink() or not path.is_file() or not is_run_id(run_id):
        yield Leftover(kind="spool", path=path, problem=f"{path} is no spool of a run")
        return
    try:
        if is_recorded(database, path):
            return
        yield _abandoned(database, path, run_id)
    except PermissionError as error:
        yield Leftover(kind="spool", path=path, problem=f"{path} cannot be read: {error.strerror}")


def _abandoned(database: Database, path: Path, run_id: str) -> Leftover:
    first = first_number(path)
    with database.read() as connection:
        folded = folded_until(connection, run_id, first)
        known = connection.execute(sa.select(run.c.number).where(run.c.id == run_id)).first() is not None
        gone = not known and auditing.is_purged(connection, run_id)
    waiting = damaged = end = 0
    last, documents = -1, 0
    for item in scan_spool(path):
        end = item.end
        if not isinstance(item, SpoolEntry):
            damaged += 1
            continue
        last = max(last, item.number)
        documents += item.kind == "run"
        waiting += item.number > folded and item.kind != "writer"
    if gone:
        problem = f"{path} is of a run that was purged"
    elif waiting and not known and not documents:
        problem = f"{path} holds {waiting} entries and no document of their run: they can be put nowhere"
        return Leftover(kind="spool", path=path, problem=problem)
    elif waiting:
        problem = f"{path} holds {waiting} entries that are not in the registry, and nobody writes it any more"
    elif folded > last:
        problem = f"{path} was cut: the registry has its entries up to {folded}, it ends with {last}"
    else:
        problem = f"{path} was left behind; the registry has all of it"
    if damaged:
        problem += f"; {damaged} of its lines cannot be read"
    if path.stat().st_size > end:
        problem += "; its last line has no end: it was never accepted"
    return Leftover(kind="spool", path=path, problem=problem, id=run_id, run=_name(database, run_id), foldable=True)


def _name(database: Database, run_id: str) -> str | None:
    with database.read() as connection:
        return connection.execute(sa.select(run.c.name).where(run.c.id == run_id)).scalar_one_or_none()


def _lines(path: Path) -> int:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0
