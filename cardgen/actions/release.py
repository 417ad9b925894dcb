"""The files of a model folder that are published, and those that stay home.

What is published is on a list; everything else stays home and is named, with the reason. Texts and the headers of
weights are scanned for secrets and for paths of this machine's users. Nothing in a folder is loaded or run.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cardgen.actions.allowed import CACHES, stays_home_because
from cardgen.actions.scanning import Finding, scan
from cardgen.checkpoint import OURS, hash_files, is_weights, newest_first, weights_hash
from cardgen.errors import FileProblem, PublishRefused
from cardgen.files import JSON_LIMIT, read_limited
from cardgen.hub.content import Seen, stamp_of
from cardgen.record import File, Run

README = "README.md"
DEEPEST = 4
"""Folders in each other that are looked into: a router's modules lie two deep."""
MOST_FILES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A folder's files as they would be published.

    `files` are the local files by their path in the repository; `replaced` the content of those that are published
    otherwise than they are; `sizes` in bytes, `seen` the files as they were scanned. `stays_home` are pairs (path,
    reason). `weights` is the hash of the published weights. `note` is a warning, or None.
    """

    folder: Path
    files: Mapping[str, Path]
    sizes: Mapping[str, int]
    stays_home: Sequence[tuple[str, str]]
    findings: Sequence[Finding] = ()
    replaced: Mapping[str, bytes]
    seen: Mapping[str, Seen]
    weights: str | None = None
    note: str | None = None


def find_folder(run: Run, model: str | os.PathLike[str] | None = None) -> Path:
    """The folder that is published: the one given, else the last that this run saved and that is still there.

    Raises:
        FileProblem: there is no such folder.
        PublishRefused: the run has saved none that is there.
    """
    if model is not None:
        folder = Path(model)
        if not folder.is_dir():
            raise FileProblem(f"there is no folder {model}", hint="--model takes the folder that the model is saved in")
        return folder
    for point in newest_first(run.checkpoints):
        if Path(point.path).is_dir():
            return Path(point.path)
    what = "has saved no model" if not run.checkpoints else "has saved models, but none of the folders is here"
    raise PublishRefused(f"run {run.name} {what}", hint="name the model's folder with --model, or use --card-only")


def release_of(
    run: Run,
    folder: Path,
    *,
    include: Sequence[str] = (),
    redact_paths: bool = False,
    allow_changed: bool = False,
    done: Callable[[int], None] = lambda size: None,
) -> Release:
    """List, scan and hash the files of a folder.

    Args:
        run: the run that the folder is of.
        folder: where the model is saved.
        include: patterns of further files that may be published, such as `*.py`.
        redact_paths: hide paths of users in small files instead of finding them.
        allow_changed: publish weights that are others than those recorded.
        done: called with the number of bytes of each part that was hashed.

    Raises:
        PublishRefused: there are no weights that may be published, or they were changed since they were recorded.
        FileProblem: a file cannot be read.
    """
    files: dict[str, Path] = {}
    stays_home: list[tuple[str, str]] = []
    for path, name in _walk(folder, stays_home):
        if name == README or name.rpartition("/")[2] == OURS:
            continue  # the card is rendered, and our own file is of this machine
        reason = stays_home_because(name, include)
        if reason is None:
            files[name] = path
        else:
            stays_home.append((name, reason))
    if not any(is_weights(name) for name in files):
        pickled = any(is_weights(name) for name, _ in stays_home)
        raise PublishRefused(
            f"{folder} has no weights that may be published",
            hint="its weights are pickled: save the model again, as safetensors"
            if pickled
            else "is it the folder of a model? name another with --model, or use --card-only",
        )
    stamps = {name: stamp_of(path) for name, path in files.items()}
    listed = tuple(File(path=name, size=size) for name, (size, _) in stamps.items())
    findings, replaced = scan(files, redact_paths=redact_paths)
    hashed = hash_files(folder, listed, every=True, done=done)
    seen = {file.path: Seen(file.sha256, stamps[file.path]) for file in hashed if file.sha256 is not None}
    for name, path in files.items():
        if name not in seen or stamp_of(path) != stamps[name]:
            raise FileProblem(
                f"{path} cannot be read whole, or was changed while it was read",
                hint="publish when nothing writes to it",
            )
    weights = weights_hash(hashed)
    return Release(
        folder=folder,
        files=files,
        sizes={file.path: len(replaced.get(file.path, b"")) or file.size for file in hashed},
        stays_home=stays_home,
        findings=findings,
        replaced=replaced,
        seen=seen,
        weights=weights,
        note=_compare(run, folder, weights, hashed, allow_changed=allow_changed),
    )


def _compare(run: Run, folder: Path, weights: str | None, hashed: Sequence[File], *, allow_changed: bool) -> str | None:
    """A warning about the weights, or None where they are a checkpoint's of this run."""
    known = {point.weights for point in run.checkpoints if point.weights is not None}
    published = {(file.path, file.sha256) for file in hashed if is_weights(file.path)}
    for point in run.checkpoints:
        # other formats of the same weights may lie beside them
        if published <= {(file.path, file.sha256) for file in point.files if file.sha256 is not None}:
            return None
    if weights in known:
        return None
    here = [point for point in run.checkpoints if os.path.realpath(point.path) == os.path.realpath(folder)]
    if here and all(point.weights is None for point in here):
        return f"the weights in {folder} were not hashed when run {run.name} saved them"
    if here or _tied(folder, run):
        message = f"the weights in {folder} were changed since run {run.name} saved them"
        if not allow_changed:
            raise PublishRefused(message, hint="its card is not about them: name another folder, or --allow-changed")
        return message
    return f"the weights in {folder} were never recorded: nothing says that run {run.name} made them"


def _tied(folder: Path, run: Run) -> bool:
    data = read_limited(folder / OURS, JSON_LIMIT) if (folder / OURS).is_file() else None
    try:
        return data is not None and json.loads(data)["run_id"] == run.id
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _walk(folder: Path, stays_home: list[tuple[str, str]]) -> Iterator[tuple[Path, str]]:
    """Regular files with their path below the folder; links and folders that are left out are told."""
    count = 0
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        depth = len(here.relative_to(folder).parts)
        for name in sorted(folders):
            relative = (here / name).relative_to(folder).as_posix()
            reason = (
                "a link"
                if (here / name).is_symlink()
                else "hidden"
                if name.startswith(".")
                else "a checkpoint"
                if name.startswith("checkpoint-")
                else "a cache or log"
                if name in CACHES
                else "too deep"
                if depth >= DEEPEST
                else None
            )
            if reason is not None:
                stays_home.append((f"{relative}/", reason))
                folders.remove(name)
        folders.sort()
        for name in sorted(names):
            path = here / name
            relative = path.relative_to(folder).as_posix()
            count += 1
            if count > MOST_FILES:
                raise PublishRefused(f"{folder} has more than {MOST_FILES} files", hint="is it the folder of a model?")
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path, relative
            else:
                stays_home.append((relative, "a link" if stat.S_ISLNK(mode) else "no file"))
