"""Network file systems: recognised, without a write-ahead log, written under a lock by one process at a time.

`network` has the kernel's answer for the folder of the test count as one, and a machine of its own is a process with
processes and a host name of its own (`unshare`). `test_hosts` has a real one, where that can be made.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cardgen.errors import RegistryBusy, RegistryReadOnly
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, SpoolWriter, filesystem, folding, lockfile, spool_folder
from cardgen.registry.lockfile import LockFile
from cardgen.tracking.options import make_options
from cardgen.tracking.sink import Sink

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]
Outputs = Callable[[list["subprocess.Popen[str]"]], list[str]]

FORCE = """
import sys
from pathlib import Path
from cardgen.registry import filesystem
filesystem.NETWORK_TYPES[filesystem.type_number(Path(sys.argv[1]))] = "nfs"
"""

SAVE_MANY = (
    FORCE
    + """
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry, SpoolWriter, spool_folder
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    run = Run(id=new_run_id(), name="spooled", model=Model(type="CrossEncoder"), status="finished")
    writer = SpoolWriter(spool_folder(sys.argv[1]), run.id)
    writer.snapshot(run)
    for seq in range(10):
        writer.event(LogEvent(seq=seq, kind="train", step=seq, epoch=None))
    writer.close()
    with Registry(sys.argv[1], busy_seconds=60) as registry:
        registry.fold(writer.path)
        registry.save(Run(id=new_run_id(), name="saved", model=Model(type="CrossEncoder")))
"""
)

HOLD = (
    FORCE
    + """
from cardgen.registry import Registry
with Registry(sys.argv[1]) as registry, registry._database.write():
    print("held", flush=True)
    sys.stdin.readline()
"""
)

CHANGE_WITHOUT_END = (
    FORCE
    + """
from cardgen.registry import Registry
with Registry(sys.argv[1]) as registry, registry._database.write() as connection:
    connection.exec_driver_sql("PRAGMA cache_size = 1")
    connection.exec_driver_sql("UPDATE document SET text = 'half done' || hex(zeroblob(100000))")
    print("changed", flush=True)
    sys.stdin.readline()
"""
)

WRITE_SPOOL = (
    FORCE
    + """
from cardgen.record import Model, Run
from cardgen.registry import SpoolWriter, spool_folder
writer = SpoolWriter(spool_folder(sys.argv[1]), "elsewhere")
writer.snapshot(Run(id="elsewhere", name="elsewhere", model=Model(type="CrossEncoder"), status="running"))
"""
)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as one of a network file system."""
    number = filesystem.type_number(tmp_path)
    if number is None:
        pytest.skip("the kernel is not asked on this system")
    monkeypatch.setitem(filesystem.NETWORK_TYPES, number, "nfs")
    return tmp_path


@pytest.fixture
def other_machine() -> tuple[str, ...]:
    """What to put before a command that is to run on a machine of its own, as far as that can be told."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("nobody but root can make namespaces")
    return ("unshare", "--uts", "--pid", "--fork", "--kill-child")


def wait_for(process: subprocess.Popen[str]) -> None:
    """Wait until a process says a line."""
    assert process.stdout is not None
    assert process.stdout.readline()


def test_the_kernel_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that is not there yet is on the file system of its nearest folder; /proc is no other than `proc`."""
    assert filesystem.type_number(Path("/proc/self/status")) == 0x9FA0
    assert filesystem.type_number(tmp_path / "not" / "yet") == filesystem.type_number(tmp_path)
    assert filesystem.network_type(Path("/proc/x")) is None
    monkeypatch.setitem(filesystem.NETWORK_TYPES, 0x9FA0, "procfs")
    assert filesystem.network_type(Path("/proc/x")) == "procfs"
    assert filesystem.network_type(tmp_path) is None


def test_no_log_of_writes(network: Path, make_run: MakeRun) -> None:
    """Nothing but the one file and its short-lived journal is made, and a file with a log gets rid of it."""
    path = network / "registry.db"
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode = WAL; VACUUM")
    connection.close()
    with Registry(path) as registry:
        registry.save(make_run())
        assert [file.name for file in network.iterdir()] == ["registry.db"]
        assert registry.status().network == "nfs"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_one_writer_at_a_time(network: Path, make_run: MakeRun, start: Start) -> None:
    """While one process writes, others wait and then say who holds the lock.

    Readers, too: hosts that do not see each other's locks would take the writer's journal for one that was left behind.
    """
    path = network / "registry.db"
    with Registry(path) as registry:
        registry.save(make_run())
    with Registry(path, busy_seconds=0.2) as other:
        holder = start(HOLD, path)
        wait_for(holder)
        for use in (lambda: other.save(make_run()), other.listing, lambda: Registry(path, busy_seconds=0.2)):
            with pytest.raises(RegistryBusy, match=f"process {holder.pid} on "):
                use()
        holder.communicate("\n")
        other.save(make_run())
        assert len(other.listing()) == 2
    assert not path.with_name("registry.db.lock").exists()


def test_processes_of_two_machines_write_at_once(
    network: Path, start: Start, outputs: Outputs, other_machine: tuple[str, ...]
) -> None:
    """Writers on two machines make the registry once and lose nothing, and no lock is left behind."""
    path = network / "registry.db"
    outputs([start(SAVE_MANY, path, 2, prefix=prefix) for prefix in ((), (), other_machine, other_machine)])
    with Registry(path) as registry:
        runs = registry.listing()
        assert len(runs) == 16
        assert len({run.name for run in runs}) == 16
        assert sum(registry.state(run.id).events for run in runs) == 80
        assert registry.verify().findings == ()
    assert sorted(file.name for file in network.iterdir()) == ["registry.db", "registry.db.spool"]


def test_a_killed_writer_of_this_machine_keeps_nobody_waiting(network: Path, make_run: MakeRun, start: Start) -> None:
    """Its lock is removed at once, and what it left half done is taken back, by a reader, too."""
    path = network / "registry.db"
    with Registry(path) as registry:
        stored = registry.save(make_run())
    writer = start(CHANGE_WITHOUT_END, path)
    wait_for(writer)
    assert path.with_name("registry.db-journal").stat().st_size > 0
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    with Registry(path, mode="read") as reader:
        assert reader.run(stored.id) == stored
    with Registry(path, busy_seconds=0.1) as registry:
        registry.save(make_run())
    assert not path.with_name("registry.db.lock").exists()


def test_a_lock_of_another_machine_is_respected_until_it_is_old(
    network: Path, make_run: MakeRun, start: Start, other_machine: tuple[str, ...]
) -> None:
    """A process that cannot be asked for is believed to live, for a while."""
    path, lock = network / "registry.db", network / "registry.db.lock"
    with Registry(path, busy_seconds=0.1) as registry:
        writer = start(HOLD, path, prefix=other_machine)
        wait_for(writer)
        writer.kill()
        writer.wait()
        with pytest.raises(RegistryBusy, match="locked by process"):
            registry.save(make_run())
        os.utime(lock, (time.time() - lockfile.STALE_SECONDS - 1,) * 2)
        registry.save(make_run())
        assert not lock.exists()
        aside = lock.with_name(f"{lock.name}.7.abcdef")  # whoever took it away was killed, too
        aside.write_text("host 7 another-machine token\n")
        os.utime(aside, (0, 0))
        assert [finding.kind for finding in registry.verify().findings] == ["lock"]


def test_a_process_of_another_machine_is_not_looked_for_here(tmp_path: Path) -> None:
    """That this machine has no process of the holder's number says nothing."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = LockFile(tmp_path / "x.lock", 0.1)
    for machine, gone in (("another-machine", False), (lockfile.this_machine(), True)):
        lock.path.write_text(f"host {ended.pid} {machine} token\n")
        holder = lock.holder()
        assert holder is not None
        assert holder.gone is gone
        assert lock.remove_stale() is gone


def test_a_lock_is_given_back_by_its_holder_only(tmp_path: Path) -> None:
    """A holder whose lock was taken away for its age leaves the lock of its successor alone."""
    lock = LockFile(tmp_path / "x.lock", 0.1)
    taken, done = threading.Event(), threading.Event()

    def successor() -> None:
        with LockFile(lock.path, 0.1).held():
            taken.set()
            done.wait(10)

    with lock.held():
        with lock.held():  # by the same thread once more
            assert lock.path.exists()
        own = lock.path.read_text()
        os.utime(lock.path, (0, 0))
        thread = threading.Thread(target=successor)
        thread.start()
        assert taken.wait(10)
        text = lock.path.read_text()
        assert text != own
    assert lock.path.read_text() == text
    done.set()
    thread.join()
    assert not lock.path.exists()


def test_a_thing_that_is_not_permitted_may_be_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As sshfs says where the file is there; where no file at all can be made, that is said at once."""
    path = tmp_path / "x.lock"
    make = os.open
    refused: list[str] = []

    def refuse(name: str | Path, flags: int, *mode: int, **options: int) -> int:
        if flags & os.O_EXCL and (all_refused or (name == path and not refused)):
            refused.append(str(name))
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return make(name, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refuse)
    all_refused = False
    with LockFile(path, 5).held():
        assert len(refused) == 1
    all_refused = True
    began = time.monotonic()
    with pytest.raises(RegistryReadOnly, match="not permitted"), LockFile(path, 5).held():
        pass
    assert time.monotonic() - began < 4
    assert list(tmp_path.iterdir()) == []


def test_a_lock_without_a_name_is_soon_old(tmp_path: Path) -> None:
    """Who was killed between making the file and writing into it holds it for some seconds."""
    lock = LockFile(tmp_path / "x.lock", 0.1)
    lock.path.touch()
    with pytest.raises(RegistryBusy), lock.held():
        pass
    os.utime(lock.path, (time.time() - 10,) * 2)
    with lock.held():
        pass


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """The folder is missing or may not be written."""
    with pytest.raises(RegistryReadOnly, match="cannot be made"), LockFile(tmp_path / "no" / "x.lock", 0.1).held():
        pass


def test_a_recording_writes_its_spool_only(
    network: Path, make_run: MakeRun, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is folded while it goes on, the spool's time tells that it lives, and closing folds everything."""
    monkeypatch.setattr("cardgen.tracking.sink.HEARTBEAT_SECONDS", 0.1)
    path = network / "registry.db"
    Registry(path).close()
    options = make_options(name=None, project=None, group=None, tags=(), registry=path)
    run = make_run(status="running")
    sink = Sink(options, run.id, renamed=lambda name: None, released=lambda: None)
    sink.snapshot(run)
    for event in make_events(20):
        sink.event(event)
    os.utime(sink.path, (0, 0))
    deadline = time.monotonic() + 30
    while sink.path.stat().st_mtime == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sink.path.stat().st_mtime > 0
    with Registry(path, mode="read") as reader:
        assert reader.listing() == []
        assert reader.status().pending_spools == 1
        assert reader.status().orphan_spools == 0
    sink.close()
    assert sink.folded
    assert not sink.path.exists()
    with Registry(path, mode="read") as reader:
        assert reader.log(run.id) == make_events(20)


def test_who_folds_a_running_recording_does_not_make_it_lost(network: Path, make_run: MakeRun) -> None:
    """The spool's time counts as a heartbeat for as long as nobody folds it."""
    path = network / "registry.db"
    run = make_run(status="running")
    writer = SpoolWriter(spool_folder(path), run.id)
    writer.snapshot(run)
    os.utime(writer.path, (0, 0))
    with Registry(path) as registry:
        assert registry.state(run.id).status == "lost"
        assert [row.status for row in registry.listing(status="lost", order_by="status")] == ["lost"]
        writer.touch()
        assert registry.state(run.id).status == "running"
        assert [row.status for row in registry.listing(status="running", order_by="-status")] == ["running"]
    writer.close()


def test_the_spool_of_another_machine_stays_until_it_is_silent(
    network: Path, start: Start, other_machine: tuple[str, ...]
) -> None:
    """Its writer may live although no lock is seen from here: removing it would lose what comes."""
    path = network / "registry.db"
    writer = start(WRITE_SPOOL, path, prefix=other_machine)
    writer.communicate()
    spool = spool_folder(path) / "elsewhere.jsonl"
    with Registry(path) as registry:
        assert registry.listing()[0].name == "elsewhere"
        assert spool.exists()
        assert [(found.state, found.entries) for found in registry.ingest()] == [("recording", 0)]
        assert registry.verify().findings == ()
        os.utime(spool, (time.time() - folding.SILENT_SECONDS - 1,) * 2)
        assert [(found.state, found.entries) for found in registry.ingest()] == [("folded", 0)]
    assert not spool.exists()
