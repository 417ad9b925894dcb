"""The lock for a registry on a network file system: a file that one process at a time can make.

Making a file that must not exist (`O_EXCL`) is atomic on every network file system in use. The kernel's own locks are
not enough there: `nolock`, `local_lock`, Lustre's `localflock` and most FUSE file systems grant them to each host
without asking the others, and say nothing. SQLite's locks, which are of that kind, are taken below this one. Readers
hold it, too.

A lock that its holder left behind is taken away: at once if the holder was a process of this machine that is gone, else
after `STALE_SECONDS`. Whoever does so moves the file aside and looks whether it was the one that was judged; a holder
that comes back finds that the lock is not its own and leaves it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cardgen.errors import RegistryBusy, RegistryError, RegistryFull, RegistryReadOnly

SUFFIX = ".lock"

STALE_SECONDS = 600.0
"""How old the lock of another machine's process may be: far more than any transaction takes."""

_UNFINISHED_SECONDS = 5.0  # an empty lock was made by somebody who was killed before writing a name into it
_LONGEST_PAUSE = 0.1
_held: set[tuple[int, int, str]] = set()
"""The locks of this process: its number, for a child inherits this set, the thread, and the file."""


@functools.cache
def _machine() -> str:
    """This boot of this machine, and which processes it numbers: host names repeat, and so do the ids of processes."""
    parts = []
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid").strip("pid:[]"))
    return "-".join(parts) or socket.gethostname()


def this_machine() -> str:
    """What names this machine as long as it runs, and nothing else that uses the same files."""
    return _machine()


class Holder(NamedTuple):
    """Who holds a lock. `text` is all that the file says; `age` is in seconds, by this machine's clock."""

    host: str
    pid: int
    machine: str
    text: str
    age: float

    @property
    def gone(self) -> bool:
        """Whether this lock was left behind."""
        if not self.text:
            return self.age > _UNFINISHED_SECONDS
        if self.machine == this_machine() and not is_alive(self.pid):
            return True
        return self.age > STALE_SECONDS


class LockFile:
    """A lock that processes of several machines may contend for."""

    def __init__(self, path: Path, wait_seconds: float) -> None:
        """`wait_seconds` is how long to wait for another holder."""
        self.path = path
        self._wait = wait_seconds

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock inside the block; a thread that holds it already goes on.

        Raises:
            RegistryBusy: another process held it all the time.
            RegistryReadOnly, RegistryFull: the file cannot be made.
        """
        mine = os.getpid(), threading.get_ident(), str(self.path)
        if mine in _held:
            yield
            return
        text = self._acquire()
        _held.add(mine)
        try:
            yield
        finally:
            _held.discard(mine)
            self._release(text)

    def wait(self) -> None:
        """Wait until nobody is seen to hold it.

        Raises:
            RegistryBusy: another process held it all the time.
        """
        deadline = time.monotonic() + self._wait
        while (found := self.holder()) is not None and not found.gone:
            if time.monotonic() >= deadline:
                raise self._busy()
            time.sleep(_LONGEST_PAUSE)

    def holder(self) -> Holder | None:
        """Who holds the lock now."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return None
        try:
            text = os.read(file, 500).decode("utf-8", "replace")
            age = time.time() - os.fstat(file).st_mtime
        except OSError:  # the server has removed it meanwhile (ESTALE)
            return None
        finally:
            os.close(file)
        host, pid, machine, *_ = [*text.split(), "", "", ""]
        return Holder(host, int(pid) if pid.isdecimal() and len(pid) < 10 else 0, machine, text, age)

    def remove_stale(self) -> bool:
        """Remove a lock that was left behind; whether there was one."""
        found = self.holder()
        if found is None or not found.gone:
            return False
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            os.rename(self.path, aside)
        except OSError:
            return False
        mine = LockFile(aside, 0).holder()
        if mine is not None and mine.text != found.text:  # another has removed it and taken the lock since we looked
            with contextlib.suppress(OSError):
                os.link(aside, self.path)
        with contextlib.suppress(OSError):
            os.unlink(aside)
        return True

    def _acquire(self) -> str:
        deadline = time.monotonic() + self._wait
        pause = 0.002
        while True:
            text = f"{socket.gethostname()} {os.getpid()} {this_machine()} {secrets.token_hex(8)}\n"
            try:
                self._make(text)
                return text
            except FileExistsError:
                if self.remove_stale():
                    continue
            except OSError as error:
                if not self._is_taken(error):
                    raise _problem(self.path, error) from error
            if time.monotonic() >= deadline:
                raise self._busy()
            time.sleep(pause * (0.5 + secrets.randbelow(100) / 100))  # Python's random state is the training's
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _make(self, text: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.open(self.path, flags, 0o600)
        try:
            os.write(file, text.encode())
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            raise
        finally:
            os.close(file)

    def _is_taken(self, error: OSError) -> bool:
        """Whether the file could not be made because it is there: sshfs says that a thing is not permitted instead."""
        if error.errno != errno.EPERM:
            return False
        probe = self.path.with_name(f"{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            os.unlink(probe)
        except OSError:
            return False
        return True

    def _release(self, text: str) -> None:
        found = self.holder()
        if found is not None and found.text == text:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def _busy(self) -> RegistryBusy:
        found = self.holder()
        who = f"process {found.pid} on {found.host}" if found is not None and found.host else "another process"
        return RegistryBusy(
            f"the registry is locked by {who}: {self.path}",
            hint=f"try again; a lock that was left behind is removed after {STALE_SECONDS / 60:.0f} minutes",
        )


def is_alive(pid: int) -> bool:
    """Whether this machine has a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return pid > 0


def _problem(path: Path, error: OSError) -> RegistryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RegistryFull(f"no space is left for {path}", hint="free some space")
    return RegistryReadOnly(
        f"{path} cannot be made: {error.strerror or error}", hint="check the permissions of the folder"
    )
