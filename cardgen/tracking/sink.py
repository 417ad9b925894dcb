"""Where a recording goes: its spool at once, the registry soon.

The training thread writes to the spool and wakes a daemon thread through a queue. The thread folds at most every
`FOLD_SECONDS`; a registry that fails is tried again, later and later, and never disturbs anybody. A registry on a
network file system is folded at the end only: until then the spool's own time is the heartbeat.
"""

from __future__ import annotations

import collections
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardgen.errors import CardgenError
from cardgen.record import LogEvent, Run
from cardgen.registry import filesystem
from cardgen.registry.said import Said
from cardgen.registry.spool import SpoolWriter, Written, flush
from cardgen.tracking.guard import say
from cardgen.tracking.options import Options

if TYPE_CHECKING:
    from cardgen.registry import Registry

FOLD_SECONDS = 1.0
SPACING = 4
"""A fold that takes longer than usual is followed by a pause of so many times its length: whoever logs in a tight loop
shares the interpreter with it, and the spool has everything."""

MOST_KEPT = 25_000
"""Entries that wait for a fold in memory, too; more are read from the spool."""

LONGEST_SPACING = 2.0
HEARTBEAT_SECONDS = 5.0
LONGEST_PAUSE = 30.0
"""Seconds between two attempts with a registry that keeps failing."""

CLOSE_SECONDS = 10.0
"""How long closing waits for the last fold; what is not folded by then stays in the spool, for whoever comes next."""


class Sink:
    """The spool of one run and the thread that folds it. `folded` is True when the registry has everything."""

    def __init__(
        self,
        options: Options,
        run_id: str,
        *,
        renamed: Callable[[str], None],
        released: Callable[[], None],
        after: int = -1,
    ) -> None:
        """Open the spool.

        Args:
            options: says where, and whether anything is folded.
            run_id: the run.
            renamed: called from the thread with the name that the registry gave the run.
            released: called from the thread after `release`.
            after: the number of the last spool entry of this run that the registry has.

        Raises:
            CardgenError: the spool cannot be written.
        """
        self.folded = False
        self.path: Path
        self._snapshot_written = True
        self._folds = options.settings.mode == "normal"
        place = options.location.path
        self._folds_live = self._folds and (place is None or filesystem.network_type(place) is None)
        self._released = released
        kept = MOST_KEPT if self._folds_live else 0
        self._writer = SpoolWriter(options.location.spool_folder, run_id, after=after, keep=kept)
        self.path = self._writer.path
        self._folder = Folder(options.settings.registry, run_id, self.path, renamed)
        self._waiting: collections.deque[tuple[Callable[[Any], None], LogEvent | Said]] = collections.deque()
        self._mutex = threading.RLock()
        self._asked = False
        self._commands: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"cardgen-{run_id[:8]}", daemon=True)
        with contextlib.suppress(RuntimeError):  # Python starts no thread any more while it shuts down
            self._thread.start()

    def event(self, event: LogEvent) -> None:
        """Write a log event; one that the disk refuses is kept and tried again with the next."""
        if self._waiting:
            self._append(self._writer.event, event)
            return
        try:
            self._writer.event(event)
        except BaseException:
            with self._mutex:
                self._waiting.append((self._writer.event, event))
            raise
        if not self._asked:
            self._ask()

    def said(self, said: Said) -> None:
        """Write what a person said, as `event` does."""
        self._append(self._writer.said, said)
        if "name" in said.facts:
            self._folder.renames += 1
            self._ask()

    def snapshot(self, run: Run) -> None:
        """Write the whole record as it is now."""
        with self._mutex:
            self._snapshot_written = False
            self._write_waiting()
            self._writer.snapshot(run)
            self._snapshot_written = True
        self._ask()

    @property
    def whole(self) -> bool:
        """Whether the spool has everything that was to be written so far."""
        return self._snapshot_written and not self._waiting

    def flush(self, seconds: float) -> bool:
        """Wait until what was written is folded, at most so long; whether it is."""
        if not self._folds or not self._thread.is_alive():
            return False
        done = threading.Event()
        self._commands.put(done)
        return done.wait(seconds) and self.folded

    def release(self) -> None:
        """Have the thread call `released`. Safe in a finalizer, which may run anywhere, holding any lock."""
        self._commands.put("release")

    def close(self) -> bool:
        """Close the spool, fold it a last time and end the thread; whether it was waited for."""
        with self._mutex:
            with contextlib.suppress(CardgenError):
                self._write_waiting()
            self._writer.close(flush=not self._folds)  # what is folded in a moment need not be kept twice
        self._commands.put("close")
        if threading.current_thread() is self._thread:
            return False
        if self._thread.ident is None:
            self._work()
        else:
            self._thread.join(CLOSE_SECONDS)
        return True

    def _ask(self) -> None:
        """Ask for a fold, once until it begins: each time that the thread wakes, it takes time from the training."""
        if not self._asked:
            self._asked = True
            self._commands.put("fold")

    def _append(self, write: Callable[[Any], None], entry: LogEvent | Said) -> None:
        with self._mutex:
            try:
                self._write_waiting()
                write(entry)
            except BaseException:
                self._waiting.append((write, entry))
                raise
        self._ask()

    def _write_waiting(self) -> None:
        while self._waiting:
            write, entry = self._waiting[0]
            write(entry)
            self._waiting.popleft()

    def _work(self) -> None:
        folder = self._folder
        try:
            while True:
                commands = self._next_commands(folder)
                self._asked = False  # what is written from now on may come too late for this fold
                flushes = [command for command in commands if isinstance(command, threading.Event)]
                closing = "close" in commands
                if "release" in commands and not closing:
                    self._released()  # which closes this sink: "close" comes next
                    continue
                live = self._folds_live and time.monotonic() >= folder.next_attempt
                if self._folds and (closing or flushes or live):
                    self.folded = folder.fold(self._writer.take())
                elif not self._folds_live:
                    self._writer.touch()
                    folder.rest()
                for waiting in flushes:
                    waiting.set()
                if closing:
                    if self._folds and not self.folded:
                        flush(self.path)
                    return
        finally:
            folder.close()

    def _next_commands(self, folder: Folder) -> list[str | threading.Event]:
        """Wait for a command or the next heartbeat, then gather what comes until it is time to fold."""
        commands: list[str | threading.Event] = []
        with contextlib.suppress(queue.Empty):
            commands.append(self._commands.get(timeout=folder.pause()))
            while commands[-1] == "fold":
                wait = max(folder.last + folder.spacing, folder.next_attempt) - time.monotonic()
                commands.append(self._commands.get(timeout=wait) if wait > 0 else self._commands.get_nowait())
            while True:
                commands.append(self._commands.get_nowait())
        return commands


def write_late(options: Options, run_id: str, said: Said) -> None:
    """Write what a person says after the end of a run into a spool of it, and fold that if the registry is there.

    Raises:
        CardgenError: the spool cannot be written.
    """
    with contextlib.closing(SpoolWriter(options.location.spool_folder, run_id)) as writer:
        writer.said(said)
    if options.settings.mode != "normal":
        return
    from cardgen.registry import Registry

    try:
        Registry(options.settings.registry).close()  # opening it folds
    except Exception as error:  # any driver may fail in any way
        say(f"the registry cannot be written yet ({error}); what was said is kept in {writer.path}")


class Folder:
    """Brings one spool into the registry; used by one thread only, but for `renames`.

    Times are of the monotonic clock. `renames` counts how often the registry may have got another name for the run.
    """

    def __init__(self, registry_url: str, run_id: str, path: Path, renamed: Callable[[str], None]) -> None:
        self.last = 0.0
        self.spacing = FOLD_SECONDS
        self.next_attempt = 0.0
        self._url, self._run_id, self._path, self._renamed = registry_url, run_id, path, renamed
        self._registry: Registry | None = None
        self._failures = 0
        self.renames = 1
        self._told_renames = 0
        self._last_beat = 0.0

    def pause(self) -> float:
        """Seconds until there is something to do without being asked."""
        until = self.next_attempt if self._failures else self._last_beat + HEARTBEAT_SECONDS
        return max(FOLD_SECONDS, min(until - time.monotonic(), LONGEST_PAUSE))

    def fold(self, written: Written) -> bool:
        """Fold what is new, and tell from time to time that the run lives; False if the registry cannot take it."""
        start = time.monotonic()
        try:
            if self._registry is None:
                from cardgen.registry import Registry

                self._registry = Registry(self._url)
            self._registry.fold(self._path, written)
            if (renames := self.renames) != self._told_renames:
                self._renamed(self._registry.run(self._run_id).name)
                self._told_renames = renames
            if time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS:
                self._registry.heartbeat(self._run_id)
                self._last_beat = time.monotonic()
        except Exception as error:  # any driver may fail in any way; the spool has everything
            self._fail(error)
            return False
        self._failures = 0
        self.next_attempt = 0.0
        self.last = time.monotonic()
        self.spacing = min(max(FOLD_SECONDS, SPACING * (self.last - start)), LONGEST_SPACING)
        return True

    def rest(self) -> None:
        """Leave the registry alone until the next heartbeat."""
        self._last_beat = time.monotonic()

    def close(self) -> None:
        """Let go of the registry."""
        if self._registry is not None:
            with contextlib.suppress(Exception):
                self._registry.close()
            self._registry = None

    def _fail(self, error: Exception) -> None:
        self.close()
        if not self._failures:
            say(f"the registry cannot be written yet ({error}); the run is kept in {self._path}")
        self.next_attempt = time.monotonic() + min(0.5 * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
