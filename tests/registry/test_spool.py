"""The spool keeps what it accepted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import math
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardgen import settings
from cardgen.errors import DocumentError, FileProblem, RegistryFull, SettingsError
from cardgen.record import LogEvent, Run
from cardgen.registry import spool
from cardgen.registry.codec import decode_event, decode_run, encode_event
from cardgen.registry.spool import SpoolWriter, abandoned, read_spool, scan_spool, spool_folder

Start = Callable[..., "subprocess.Popen[str]"]

WRITE_WITHOUT_END = """
import sys
from pathlib import Path
from cardgen.record import LogEvent
from cardgen.registry import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), "run")
for number in range(10**9):
    writer.event(LogEvent(seq=number, kind="train", step=number))
    print(number, flush=True)
"""


def test_entries_come_back_in_order(
    tmp_path: Path, make_run: Callable[..., Run], make_events: Callable[..., list[LogEvent]]
) -> None:
    """Snapshots and events come back as they were written, with increasing numbers."""
    run, events = make_run(), make_events(3)
    writer = SpoolWriter(tmp_path / "deep" / "spool", run.id)
    writer.snapshot(run)
    for event in events:
        writer.event(event)
    writer.snapshot(dataclasses.replace(run, status="finished"))
    entries = list(read_spool(writer.path))
    assert [entry.kind for entry in entries] == ["writer", "run", "event", "event", "event", "run"]
    assert [entry.number for entry in entries] == list(range(entries[0].number, entries[0].number + 6))
    assert decode_run(entries[1].text) == run
    assert [decode_event(entry.text) for entry in entries[2:5]] == events
    assert decode_run(entries[5].text).status == "finished"
    assert list(read_spool(writer.path, after=entries[3].number)) == entries[4:]
    assert entries[-1].end == writer.path.stat().st_size
    writer.close()


def test_a_spool_is_private(tmp_path: Path) -> None:
    """Only its owner reads a spool."""
    writer = SpoolWriter(tmp_path / "spool", "run")
    writer.close()
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(writer.path.parent.stat().st_mode) == 0o700


def test_what_was_accepted_survives_a_kill(tmp_path: Path, start: Start) -> None:
    """Every event whose call returned is in the file, also when the process is killed in the middle."""
    process = start(WRITE_WITHOUT_END, tmp_path)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    accepted = int([line for line in lines if line.endswith("\n")][-1])
    written = [entry for entry in read_spool(tmp_path / "run.jsonl") if entry.kind == "event"]
    assert [decode_event(entry.text).seq for entry in written[: accepted + 1]] == list(range(accepted + 1))


def test_a_torn_end_is_no_entry(tmp_path: Path) -> None:
    """A last line without end is not read; the next writer ends it and goes on, with greater numbers."""
    with_torn_end = SpoolWriter(tmp_path, "run")
    with_torn_end.event(LogEvent(seq=0, kind="train", step=0))
    with_torn_end.close()
    with open(with_torn_end.path, "ab") as file:
        file.write(b'{"entry":99,"event":{"seq":1')
    assert [entry.kind for entry in read_spool(with_torn_end.path)] == ["writer", "event"]
    resumed = SpoolWriter(tmp_path, "run")
    resumed.event(LogEvent(seq=1, kind="train", step=1))
    resumed.close()
    entries = list(read_spool(resumed.path))
    assert [entry.kind for entry in entries] == ["writer", "event", "writer", "event"]
    assert sorted({entry.number for entry in entries}) == [entry.number for entry in entries]


def test_numbers_go_on_after_the_spool_is_gone(tmp_path: Path) -> None:
    """A resumed run whose first spool was folded and removed goes on above its numbers, and above given ones."""
    first = SpoolWriter(tmp_path, "run")
    first.event(LogEvent(seq=0, kind="train", step=0))
    last = list(read_spool(first.path))[-1].number
    first.close()
    first.path.unlink()
    second = SpoolWriter(tmp_path, "run")
    assert next(read_spool(second.path)).number > last
    second.close()
    future = time.time_ns() // 1000 + 10**15  # the clock of another machine was far ahead
    third = SpoolWriter(tmp_path, "run", after=future)
    assert list(read_spool(third.path))[-1].number == future + 1
    third.close()


def test_a_run_has_one_writer(tmp_path: Path, start: Start) -> None:
    """A second writer is refused while the first lives, and let in when it was killed."""
    process = start(WRITE_WITHOUT_END, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    with abandoned(tmp_path / "run.jsonl") as nobody:
        assert not nobody
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_LOCK_SECONDS", 0.05)
        with pytest.raises(FileProblem, match="another process records this run"):
            SpoolWriter(tmp_path, "run")
    process.kill()
    process.wait()
    with abandoned(tmp_path / "run.jsonl") as nobody:
        assert nobody
    SpoolWriter(tmp_path, "run").close()


@pytest.mark.parametrize("run_id", ["", "../up", "a/b", ".x", "a\0b", "\ud800", "x" * 1000])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, run_id: str) -> None:
    """An id that is no safe file name is refused, and nothing is written."""
    with pytest.raises(SettingsError):
        SpoolWriter(tmp_path / "spool", run_id)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A spool that is a symbolic link is refused: what it points to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    (tmp_path / "run.jsonl").symlink_to(victim)
    with pytest.raises(FileProblem):
        SpoolWriter(tmp_path, "run")
    assert victim.read_text() == "mine\n"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A file in the place of the folder is a clear error."""
    (tmp_path / "spool").write_text("")
    with pytest.raises(FileProblem, match="cannot be written"):
        SpoolWriter(tmp_path / "spool" / "deeper", "run")


def test_what_cannot_be_stored_leaves_no_trace(tmp_path: Path) -> None:
    """A field of a wrong type is refused before a byte is written."""
    writer = SpoolWriter(tmp_path, "run")
    with pytest.raises(DocumentError, match=r"LogEvent\.step"):
        writer.event(LogEvent(seq=0, kind="train", step="one"))  # type: ignore[arg-type]
    assert [entry.kind for entry in read_spool(writer.path)] == ["writer"]
    writer.close()
    with pytest.raises(FileProblem, match="closed"):
        writer.event(LogEvent(seq=0, kind="train", step=1))


def test_a_full_disk_spoils_no_other_entry(tmp_path: Path) -> None:
    """An entry that fits in part only is an error, and the next one is whole again."""
    writer = SpoolWriter(tmp_path, "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writer.path.stat().st_size + 50, hard))
    try:
        with pytest.raises(FileProblem, match="cannot be written"):
            writer.event(LogEvent(seq=0, kind="train", step=0, values={"loss": "x" * 200}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.event(LogEvent(seq=1, kind="train", step=1))
    writer.close()
    events = [decode_event(entry.text) for entry in read_spool(writer.path) if entry.kind == "event"]
    assert [event.seq for event in events] == [1]


def test_what_is_kept_is_what_is_written(tmp_path: Path, make_run: Callable[..., Run]) -> None:
    """The writer's own entries are those that are read, wherever it was asked before, and whatever went wrong."""
    writer, chance, there = SpoolWriter(tmp_path, "run", keep=7), random.Random(2), 0
    for number in range(200):
        if chance.random() < 0.3:
            writer.snapshot(make_run())
        elif chance.random() < 0.1:
            with pytest.raises(DocumentError):
                writer.event(LogEvent(seq=number, kind="wrong", step=number))  # type: ignore[arg-type]
        else:
            values: dict[str, Any] = chance.choice([{"loss": 0.5}, {"loss": math.nan}, {"a": "é", "b": 2}])
            writer.event(
                LogEvent(seq=number, kind="train", step=number, epoch=0.5, values=values, at=dt.datetime.now(dt.UTC))
            )
        if chance.random() < 0.2:
            taken = writer.take()
            entries = list(taken.entries())
            stored = list(scan_spool(writer.path, taken.start))[: len(entries)]
            assert [entry._replace(event=None) for entry in entries] == stored
            assert all(entry.event is None or encode_event(entry.event) == entry.text for entry in entries)
            there += sum(entry.event is not None for entry in entries)
    assert there > 20
    writer.close()


def test_what_something_came_between_is_not_kept(tmp_path: Path) -> None:
    """An interrupt can come after writing and before keeping: then the file is what counts."""
    writer = SpoolWriter(tmp_path, "run", keep=100)
    writer.event(LogEvent(seq=0, kind="train", step=0))
    assert writer._file is not None
    os.write(writer._file, b'{"entry":99,"event":{}}\n')
    taken = writer.take()
    assert (taken.start, list(taken.entries())) == (writer.path.stat().st_size, [])
    writer.event(LogEvent(seq=1, kind="train", step=1))
    writer.close()
    assert [entry.kind for entry in writer.take().entries()] == ["event"]


@pytest.mark.parametrize("field", ["numbers", "kinds", "texts", "ends", "events"])
def test_what_an_interrupt_left_half_kept_is_dropped(field: str, tmp_path: Path) -> None:
    """The parts of an entry are kept one after the other: an interrupt between them shifts none that follow."""

    class Interrupted(list[Any]):
        def append(self, item: Any) -> None:
            raise KeyboardInterrupt

    writer = SpoolWriter(tmp_path, "run", keep=100)
    writer.take()
    setattr(writer._kept, field, Interrupted())
    with pytest.raises(KeyboardInterrupt):
        writer.event(LogEvent(seq=0, kind="train", step=0))
    setattr(writer._kept, field, list(getattr(writer._kept, field)))
    writer.event(LogEvent(seq=1, kind="train", step=1))
    assert not list(writer.take().entries())
    writer.event(LogEvent(seq=2, kind="train", step=2))
    assert [decode_event(entry.text).seq for entry in writer.take().entries()] == [2]
    writer.close()


def test_a_file_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of files that is away is no reason to raise: nothing is handed over, and the file is closed."""
    writer = SpoolWriter(tmp_path, "run", keep=100)
    writer.event(LogEvent(seq=0, kind="train", step=0))

    def stale(file: int) -> Any:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", stale)
        assert not list(writer.take().entries())
        writer.event(LogEvent(seq=1, kind="train", step=1))
        writer.close()
    assert writer._file is None
    assert [entry.kind for entry in read_spool(writer.path)] == ["writer", "event", "event"]


def test_a_device_without_space_is_a_full_registry(tmp_path: Path) -> None:
    """The operating system's word for a full disk becomes the error that says so."""
    writer = SpoolWriter(tmp_path, "run")
    assert writer._file is not None
    with open("/dev/full", "wb") as device:
        os.dup2(device.fileno(), writer._file)
    with pytest.raises(RegistryFull, match="no space is left"):
        writer.event(LogEvent(seq=0, kind="train", step=0))
    writer.close()


def test_where_spools_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a file; for a server in the user's folder, one for each database, whatever the password."""
    path = tmp_path / "a.db"
    assert spool_folder(path) == spool_folder(f"sqlite:///{path}") == tmp_path / "a.db.spool"
    home = settings.user_data_folder()
    first = spool_folder("postgresql+psycopg://me:secret@host/db")
    assert first.parent.parent == home
    assert first == spool_folder("postgresql+psycopg://me:other@host/db")
    assert first == spool_folder("postgresql+psycopg://me@host/db")
    assert first == spool_folder("postgresql+psycopg://me:***@host/db")
    assert first != spool_folder("postgresql+psycopg://me@host/db2")


def test_writing_loads_no_database() -> None:
    """A training process can spool without a database library."""
    code = "import sys, cardgen.registry.spool; sys.exit('sqlalchemy' in sys.modules or 'sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0
