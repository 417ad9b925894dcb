"""What the files beside a card tell: a folder or repository as facts, and a record enriched with them.

JSON files are read within limits and never followed out of the folder; nothing is unpickled or run. What is malformed
is a note and no failure. Facts only fill what the card lacks: the card is what somebody published.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardgen.actions.fill import filled, filled_run
from cardgen.actions.folder_model import ModelFacts, read_model_facts, with_model_facts
from cardgen.actions.folder_state import TrainerState, read_state, with_state
from cardgen.actions.problems import Problem, no_json
from cardgen.checkpoint import hash_files, list_files, with_hashes
from cardgen.errors import DocumentError, FileProblem
from cardgen.files import JSON_LIMIT, read_limited
from cardgen.record import Checkpoint, File, LogEvent, Run

Progress = Callable[[int, int], None]
"""Called while files are hashed, with the bytes that are done and the bytes that there are."""

STATE = "trainer_state.json"
SIDECAR = "cardgen.json"
MARKS = (STATE, SIDECAR, "modules.json", "config.json", "config_sentence_transformers.json", "model.safetensors")
"""A folder with none of these is no model or checkpoint folder, and its files are nobody's checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFacts:
    """What the files beside a card tell.

    `folder` is the model or checkpoint folder (None for a repository, or a folder of something else), `checkpoint` what
    `hashed` found in it, `run_id` and `record` are those of `cardgen.json`, `notes` say in words for a person what
    could not be read; `problems` are those of them that are malformed files, with their places.
    """

    folder: Path | None = None
    checkpoint: Checkpoint | None = None
    run_id: str | None = None
    record: Run | None = None
    state: TrainerState | None = None
    model: ModelFacts | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def facts_of_folder(folder: Path) -> FolderFacts:
    """The facts of a folder; its files are listed and hashed by `hashed` only."""
    notes: list[str] = []
    root = folder.resolve()

    def read(name: str) -> bytes | None:
        try:
            path = (root / name).resolve()
            if not path.is_file():
                return None
            if not path.is_relative_to(root):
                notes.append(f"{name} leads out of the folder and was not read")
                return None
            data = read_limited(path, JSON_LIMIT)
        except (FileProblem, OSError, ValueError, RuntimeError) as error:  # a circle of links, a name with a NUL
            notes.append(f"{name}: {error}")
            return None
        if data is None:
            notes.append(f"{name} is larger than {JSON_LIMIT // 1_000_000} MB and was not read")
        return data

    is_model = any((folder / name).exists() for name in MARKS)
    return _facts(read, notes, folder.absolute() if is_model else None, str(folder))


def facts_of_files(files: Mapping[str, bytes], notes: Iterable[str] = (), place: str = "") -> FolderFacts:
    """The facts of files that were fetched from a place, by their path; `notes` come first."""
    return _facts(files.get, list(notes), None, place)


def _facts(read: Callable[[str], bytes | None], notes: list[str], folder: Path | None, place: str) -> FolderFacts:
    problems: list[Problem] = []

    def load(name: str) -> Any:
        data = read(name)
        if data is None:
            return None
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            notes.append(f"{name} is no JSON: {str(error)[:200]}")
            problems.append(no_json(f"{place}/{name}" if place else name, data, error))
            return None

    run_id, record = _sidecar(load(SIDECAR), notes)
    state = read_state(load(STATE))
    model = read_model_facts(load)
    return FolderFacts(
        folder=folder,
        run_id=run_id,
        record=record,
        state=state,
        model=model,
        notes=tuple(notes),
        problems=tuple(problems),
    )


def _sidecar(data: Any, notes: list[str]) -> tuple[str | None, Run | None]:
    """The run's id and its record; none of them if they do not fit together."""
    if data is None:
        return None, None
    from cardgen.registry.codec import decode_run

    try:
        run_id = data["run_id"]
        if str(uuid.UUID(run_id)) != run_id:
            raise ValueError("its run_id is no id")
        record = decode_run(json.dumps(data["record"]))
        if record.id != run_id:
            raise ValueError("its record is that of another run")
    except (DocumentError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        notes.append(f"{SIDECAR} was not understood: {error}")
        return None, None
    return run_id, record


def hashed(facts: FolderFacts, known: Sequence[Checkpoint] = (), *, progress: Progress | None = None) -> FolderFacts:
    """The facts with the folder as a checkpoint, which has the sha256 of every file.

    This takes time where files are large; a folder that is among the known checkpoints with all its files is not read.
    """
    if facts.folder is None:
        return facts
    path, files = str(facts.folder), list_files(facts.folder)
    there = [(file.path, file.size) for file in files]
    for point in known:
        complete = all(file.sha256 is not None for file in point.files)
        if point.path == path and complete and [(file.path, file.size) for file in point.files] == there:
            return dataclasses.replace(facts, checkpoint=point)
    return dataclasses.replace(facts, checkpoint=_checkpoint(facts.folder, files, facts.state, progress))


def enrich(run: Run, log: Sequence[LogEvent], facts: FolderFacts) -> tuple[Run, list[LogEvent]]:
    """The record of a card with what the files beside it tell. Pure; doing it again changes nothing.

    What the card says stays. A number that the files know exactly replaces the same number as the card displays it.
    """
    notes = list(facts.notes)
    record = facts.record
    if record is not None and record.model.type != run.model.type:
        notes.append(f"{SIDECAR} tells of a {record.model.type}, the card of a {run.model.type}: it was left out")
        record = None
    if record is not None:
        run = filled_run(run, record)
    if facts.model is not None:
        run = with_model_facts(run, facts.model, notes)
    events = list(log)
    if facts.state is not None:
        run, events = with_state(run, events, facts.state, notes)
    if facts.checkpoint is not None:
        run = dataclasses.replace(run, checkpoints=_with_checkpoint(run.checkpoints, facts.checkpoint))
    return dataclasses.replace(run, problems=tuple(dict.fromkeys([*run.problems, *notes]))), events


def _with_checkpoint(known: Sequence[Checkpoint], point: Checkpoint) -> tuple[Checkpoint, ...]:
    """The checkpoints and a further one, unless they have it: by its place, or as a copy of the same files."""
    content = {(file.path, file.sha256) for file in point.files}
    for index, other in enumerate(known):
        copied = bool(content) and content == {(file.path, file.sha256) for file in other.files}
        if other.path == point.path or copied:
            return (*known[:index], filled(other, point), *known[index + 1 :])
    return (*known, point)


def _checkpoint(
    folder: Path, files: tuple[File, ...], state: TrainerState | None, progress: Progress | None
) -> Checkpoint:
    total, done = sum(file.size for file in files), 0

    def tell(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    prefix, _, number = folder.name.partition("-")
    step = int(number) if prefix == "checkpoint" and number.isascii() and number.isdigit() else None
    best = state is not None and state.best_checkpoint == folder.name
    point = Checkpoint(path=str(folder), step=state.step if state and state.step is not None else step, best=best)
    return with_hashes(point, hash_files(folder, files, every=True, done=tell))
