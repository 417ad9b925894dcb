"""Hashing saved files in the background."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cardgen.checkpoint import hash_files
from cardgen.record import File

Done = Callable[[tuple[File, ...]], None]


class Hasher:
    """A daemon thread that is started with the first job and hashes one folder after the other."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Path, tuple[File, ...], Done] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def add(self, folder: Path, files: tuple[File, ...], done: Done) -> None:
        """Hash these files of a folder, then call `done` from the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="cardgen-hash", daemon=True)
            self._thread.start()
        self._jobs.put((folder, files, done))

    def end(self) -> None:
        """End the thread after the jobs that it has. Safe in a finalizer, which may run anywhere, holding any lock."""
        self._jobs.put(None)

    def close(self, seconds: float) -> bool:
        """Wait for the jobs, at most so long, then give up; whether all were done."""
        if self._thread is None or threading.current_thread() is self._thread:
            return True
        self.end()
        deadline = time.monotonic() + seconds
        self._thread.join(seconds)
        if not self._thread.is_alive():
            return True
        self._stop.set()
        self._thread.join(max(0.0, deadline + 1 - time.monotonic()))
        return False

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stop.is_set():
            folder, files, done = job
            done(hash_files(folder, files, self._stop.is_set))
