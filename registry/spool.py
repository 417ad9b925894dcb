"""The spool: where a run is written down first, one file a run, one writer a file.

A line is an entry, `{"entry":N,"KIND":…}`. Its number increases within the run, over all its writers: a writer starts
after the entries that stand in the file, after those it was told of, and not before the clock's microseconds, so that a
resumed run whose earlier spool is gone continues above what the registry has folded. Kinds are `run` (the whole
document as it is now), `event` (one log event), `said` (what a person said in the script) and `writer` (somebody
opened the file).

An accepted entry has been handed to the operating system when the method returns: killing the process loses nothing.
Only lines that have their end are entries. The writer holds a lock on its file for as long as it lives, whereby
others know whether more may come. This module needs no database.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from cardgen.errors import DocumentError, FileProblem, RegistryFull, SettingsError
from cardgen.identity import is_run_id
from cardgen.record import LogEvent, Run
from cardgen.registry import ordinary
from cardgen.registry.codec import DOCUMENT_VERSION, decode_value, encode_event, encode_run, encode_value
from cardgen.registry.location import parse_location
from cardgen.registry.lockfile import this_machine
from cardgen.registry.said import Said, encode_said

try:
    import fcntl
except ImportError:  # Windows: nobody can be seen to live, so spools stay until their run has ended
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".jsonl"
Kind: TypeAlias = Literal["run", "event", "said", "writer"]
_KINDS: dict[bytes, Kind] = {kind.encode(): kind for kind in get_args(Kind)}
LINE_LIMIT = 1 << 28
"""Bytes of a line: far more than any document has, and few enough to be held in memory."""

_LINE = re.compile(rb'\{"entry":(\d{1,18}),"(run|event|said|writer)":(.+)\}\r?\n', re.DOTALL)
_forks = 0
"""How many forks this process is away from the one that loaded the module: asking for its id would take longer."""

_LOCK_SECONDS = 2.0
_GLANCE_SECONDS = 0.2  # whoever folds holds a spool's lock for a moment


def spool_folder(url: str | os.PathLike[str]) -> Path:
    """Where the spools of this registry lie; the folder need not exist.

    Raises:
        SettingsError: the URL names no registry.
    """
    return parse_location(url).spool_folder


class SpoolWriter:
    """The one writer of a run's spool. Its methods may be called from any thread."""

    def __init__(self, folder: Path, run_id: str, *, after: int = -1, keep: int = 0) -> None:
        """Make or continue the spool of a run.

        Args:
            folder: of spools, made if it is not there.
            run_id: whose spool it is.
            after: the number of the last entry that the registry has folded for this run, where the caller knows it.
            keep: how many entries are kept in memory, too, until `take` is called.

        Raises:
            SettingsError: the id cannot be a file name.
            FileProblem, RegistryFull: the file cannot be made, or another process writes this run.
        """
        if not is_run_id(run_id):
            raise SettingsError(f"{run_id!r:.100} cannot be the id of a run", hint="use letters, digits and ._-")
        self.path = Path(folder) / (run_id + SUFFIX)
        self._mutex = threading.Lock()
        self._file: int | None = None
        self._keep, self._kept = keep, Written(0)
        self._pid, self._forks = os.getpid(), _forks
        try:
            make_private_folder(self.path.parent)
            self._file = _open_locked(self.path)
            self._torn = _has_torn_end(self._file)
            self._end = os.fstat(self._file).st_size
            self._kept = Written(self._end)
            last = max((entry.number for entry in read_spool(self.path)), default=-1)
            self._next = max(last + 1, after + 1, time.time_ns() // 1000)
            writer = {"document_version": DOCUMENT_VERSION, "pid": self._pid, "host": socket.gethostname()}
            self._write("writer", encode_value({**writer, "machine": this_machine()}))
        except OSError as error:  # FileProblem is one, too
            self.close()
            raise error if isinstance(error, FileProblem) else _problem(self.path, error) from error
        except RegistryFull:
            self.close()
            raise

    def snapshot(self, run: Run) -> None:
        """Write the whole document as it is now.

        Raises:
            DocumentError: a field holds what its type does not allow.
            FileProblem, RegistryFull: the file cannot be written.
        """
        self._write("run", encode_run(run))

    def event(self, event: LogEvent) -> None:
        """Write one log event; raises what `snapshot` does."""
        text = ordinary.to_text(event)
        if text is None:
            self._write("event", encode_event(event))
        else:
            self._write("event", text, event)

    def said(self, said: Said) -> None:
        """Write what a person said; raises what `snapshot` does."""
        self._write("said", encode_said(said))

    def take(self) -> Written:
        """What was written since this was last called, as far as it is kept."""
        with self._mutex:
            self._look_at_end()
            taken, self._kept = self._kept, Written(self._end)
        return taken

    def _look_at_end(self) -> None:
        """Drop what is kept if it does not end where the file does: something came between writing and keeping."""
        if self._file is None:
            return
        try:
            size = os.fstat(self._file).st_size
        except OSError:  # a server of files that was away
            size = -1
        if size != self._end:
            self._end, self._kept = size, Written(max(size, 0))

    def touch(self) -> None:
        """Say that the recorder is alive, where no registry can be told: the time of the file is its heartbeat."""
        with self._mutex, contextlib.suppress(OSError):
            if self._file is not None:
                os.utime(self._file)

    def close(self, *, flush: bool = True) -> None:
        """Release the file; closing again does nothing, and so does closing it in a forked child.

        `flush`: have the disk keep it, also if the machine fails.
        """
        if self._forks != _forks:
            return  # the lock belongs to the parent: giving it back here would take it from there
        with self._mutex:
            if self._file is not None:
                self._look_at_end()
                if flush:
                    with contextlib.suppress(OSError):
                        os.fsync(self._file)
                _unlock(self._file)
                os.close(self._file)
                self._file = None

    def _write(self, kind: Kind, text: str, event: LogEvent | None = None) -> None:
        if self._forks != _forks:
            raise FileProblem(f"{self.path} is written by process {self._pid}, and not by its forked children")
        with self._mutex:
            if self._file is None:
                raise FileProblem(f"{self.path} is closed")
            start = "\n" if self._torn else ""
            number, self._next = self._next, self._next + 1  # first: an interrupt must not let a number come twice
            line = f'{start}{{"entry":{number},"{kind}":{text}}}\n'.encode("ascii")
            written = 0
            try:
                written = os.write(self._file, line)
                while written < len(line):  # a disk that is nearly full takes a part; the rest then says why
                    written += os.write(self._file, line[written:])
            except OSError as error:
                self._take_back(written)
                raise _problem(self.path, error) from error
            self._torn = False
            end = self._end + len(line)
            if len(self._kept.numbers) < self._keep:
                self._kept.add(number, kind, text, end, event)
            self._end = end  # last: what was interrupted on the way is seen by `_look_at_end`

    def _take_back(self, count: int) -> None:
        """Remove the last bytes: they are of an entry that was not accepted."""
        assert self._file is not None
        try:
            os.ftruncate(self._file, os.fstat(self._file).st_size - count)
        except OSError:
            self._torn = self._torn or count > 0


def flush(path: Path) -> None:
    """Have the disk keep a spool, also if the machine fails; one that is gone is folded."""
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _unlock(file: int) -> None:
    """Give the lock back: a forked child that outlives the writer would keep it with its copy of the file."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


class SpoolEntry(NamedTuple):
    """One entry; `text` is its content as written, `end` the position in bytes behind its line.

    `event` is the ordinary log event (see `ordinary`) that the text is of, where the writer still had it.
    """

    number: int
    kind: Kind
    text: str
    end: int
    event: LogEvent | None = None


@dataclass(slots=True)
class Written:
    """Entries that stand one behind the other in a spool, the first at byte `start`.

    A list for each field of theirs: what is made of each entry is a burden on Python's garbage collector, and training
    waits for that.
    """

    start: int
    numbers: list[int] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    events: list[LogEvent | None] = field(default_factory=list)

    def add(self, number: int, kind: Kind, text: str, end: int, event: LogEvent | None) -> None:
        """Append an entry."""
        self.numbers.append(number)
        self.kinds.append(kind)
        self.texts.append(text)
        self.ends.append(end)
        self.events.append(event)

    def entries(self) -> Iterator[SpoolEntry]:
        """All of them."""
        return map(SpoolEntry, self.numbers, self.kinds, self.texts, self.ends, self.events)


class DamagedLine(NamedTuple):
    """A line that is no entry."""

    line: bytes
    end: int


def read_spool(path: Path, after: int = -1) -> Iterator[SpoolEntry]:
    """The entries with a number above `after`, in order of writing; lines that are no entries are passed over."""
    return (item for item in scan_spool(path) if isinstance(item, SpoolEntry) and item.number > after)


def scan_spool(path: Path, start: int = 0) -> Iterator[SpoolEntry | DamagedLine]:
    """Every whole line from byte `start` on; a last line without end is not read.

    Raises:
        FileNotFoundError: there is no such spool.
        OSError: it cannot be read.
    """
    end = start
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        file.seek(start)
        fullmatch = _LINE.fullmatch
        while line := file.readline(LINE_LIMIT):
            if not line.endswith(b"\n") and len(line) < LINE_LIMIT:
                return
            end += len(line)
            match = fullmatch(line) if line.isascii() else None
            if match is not None:
                number, kind, text = match.groups()
                yield SpoolEntry(int(number), _KINDS[kind], text.decode(), end)
            elif line.strip():
                yield DamagedLine(line, end)


def is_written_elsewhere(path: Path) -> bool:
    """Whether the last writer of a spool was on another machine, whose locks may be unknown here.

    Raises:
        OSError: it cannot be read.
    """
    last: object = None
    for entry in read_spool(path):
        if entry.kind == "writer":
            with contextlib.suppress(DocumentError):
                last = decode_value(entry.text)
    return isinstance(last, dict) and last.get("machine") != this_machine()


def writer_lives(path: Path) -> bool | None:
    """Whether a process of this machine has a spool open for writing; None where locks do not tell."""
    if fcntl is None:
        return None
    deadline = time.monotonic() + _GLANCE_SECONDS
    while True:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            if time.monotonic() > deadline:
                return True
        except OSError:
            return None
        finally:
            os.close(file)
        time.sleep(0.02)


@contextlib.contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Whether no writer has this spool open; if so, none can open it inside the block."""
    if fcntl is None:
        yield False
        return
    flags = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    try:
        opened = os.open(path, os.O_RDWR | flags)  # NFS has exclusive locks for those only who may write
    except PermissionError:
        opened = os.open(path, os.O_RDONLY | flags)
    with open(opened, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def touched_since(folder: Path, time: float) -> list[str]:
    """The ids of the runs whose spools in `folder` were written or touched at `time` (seconds since 1970) or later."""
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(OSError):
                run_id = file.name.removesuffix(SUFFIX)
                if run_id != file.name and is_run_id(run_id) and file.stat(follow_symlinks=False).st_mtime >= time:
                    found.append(run_id)
    return sorted(found)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner reads (and its group, below a folder with the setgid bit)."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o770 if folder.parent.stat().st_mode & stat.S_ISGID else 0o700)
    except OSError:  # somebody else was faster; sshfs calls that not permitted
        if not folder.is_dir():
            raise


def _open_locked(path: Path) -> int:
    """Open for appending and lock; whoever folds may hold the lock for a moment, or remove the file meanwhile."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        file = os.open(path, flags, 0o600)
        if fcntl is None:
            return file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:
                return file
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(file)
                raise
        except OSError:  # a file system without locks
            return file
        os.close(file)
        time.sleep(0.01)


def _has_torn_end(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _problem(path: Path, error: OSError) -> FileProblem | RegistryFull:
    if isinstance(error, BlockingIOError):
        return FileProblem(f"another process records this run: {path}", hint="give the new run an id of its own")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RegistryFull(f"no space is left for {path}", hint="free some space")
    return FileProblem(f"{path} cannot be written: {error.strerror or error}")


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)
