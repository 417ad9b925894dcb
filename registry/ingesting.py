"""Spools folded on request: what was recorded offline, on a network file system, or copied from another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from cardgen.errors import DocumentError, FileProblem
from cardgen.registry import auditing
from cardgen.registry.engine import Database
from cardgen.registry.folding import Folder, is_recorded
from cardgen.registry.spool import SUFFIX
from cardgen.registry.tables import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of one spool.

    `entries` are those that were new to the registry. `state` is `folded` when it has all of them, `recording` when
    somebody still writes the spool, `waiting` when it holds no document of its run yet, `failed` when it could not be
    folded, for the reason in `error`. `id` and `name` are those of the run, if the registry has it.
    """

    path: str
    id: str | None = None
    name: str | None = None
    entries: int = 0
    state: Literal["folded", "recording", "waiting", "failed"]
    error: str | None = None


def ingest(database: Database, folder: Folder, places: Sequence[Path]) -> Iterator[Ingested]:
    """Fold the spools at these places, each a file or a folder of them; without any, those beside the registry.

    Raises:
        FileProblem: one of the places is not there; nothing is folded then.
        RegistryError: the registry cannot be written.
    """
    for path in _spools(places) if places else sorted(database.location.spool_folder.glob(f"*{SUFFIX}")):
        yield _ingested(database, folder, path)


def _spools(places: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            found.update(dict.fromkeys(sorted(place.glob(f"*{SUFFIX}"))))
        elif place.is_file():
            found[place] = None
        else:
            raise FileProblem(f"there is no spool at {place}", hint="name a folder of spools, or a file RUN.jsonl")
    return list(found)


def _ingested(database: Database, folder: Folder, path: Path) -> Ingested:
    try:
        entries = folder.fold(path)
        waiting = folder.pending(path)
        recording = path.exists() and is_recorded(database, path)
    except FileNotFoundError:  # another process has folded it
        entries, waiting, recording = 0, False, False
    except (DocumentError, OSError) as error:
        return Ingested(path=str(path), state="failed", error=str(error))
    run_id = path.name.removesuffix(SUFFIX)
    with database.read() as connection:
        name = connection.execute(sa.select(run.c.name).where(run.c.id == run_id)).scalar_one_or_none()
    if entries:
        with database.write() as connection:
            auditing.note(connection, "ingest", run_id, name, f"{entries} entries of {path}"[: auditing.DETAIL_LIMIT])
    return Ingested(
        path=str(path),
        id=run_id if name is not None else None,
        name=name,
        entries=entries,
        state="recording" if recording else "waiting" if waiting else "folded",
    )
