"""Folders that a model is saved into: their hashes, and the file that ties them to their run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cardgen.record import Checkpoint, File, Run
from cardgen.tracking.hashing import Hasher
from cardgen.tracking.results import Results, State
from cardgen.tracking.sidecar import remove_sidecar, write_sidecar


class Saves:
    """The saved folders of one run. `uploading` is True while saves are made to be uploaded."""

    def __init__(self, results: Results, hashed: Callable[[Checkpoint, tuple[File, ...]], None]) -> None:
        """`hashed` is called from a thread with a folder and its files, once these have their hashes."""
        self.uploading = False
        self._results, self._hashed = results, hashed
        self._hasher = Hasher()
        self._pushed_folder: str | None = None

    def add(self, folder: Path, state: State) -> None:
        """Note a folder and have its files hashed."""
        point = self._results.saved(folder, state)
        self._hasher.add(folder, point.files, lambda files: self._hashed(point, files))

    def tie(self, folder: Path, run: Run, args: Any) -> None:
        """Leave `cardgen.json` in a folder, unless the training arguments or a push say that it will be uploaded."""
        if not getattr(args, "push_to_hub", False) and str(folder) != self._pushed_folder:
            write_sidecar(folder, run)

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """Inside, saves are made to be uploaded."""
        before, self.uploading = self.uploading, True
        try:
            yield
        finally:
            self.uploading = before

    def push_begins(self, output_dir: str) -> None:
        """The trainer is about to upload this folder: nothing of ours stays in it from now on."""
        self._pushed_folder = os.path.abspath(output_dir)
        remove_sidecar(Path(self._pushed_folder))

    def abandon(self) -> None:
        """End the thread when it has hashed what it was given. Safe in a finalizer."""
        self._hasher.end()

    def close(self, seconds: float) -> bool:
        """Wait for the hashes, at most so long; whether all were made."""
        return self._hasher.close(seconds)
