"""A writer that is killed, a registry that is taken away: nothing that was accepted is lost, or there twice.

`CARDGEN_TEST_KILLS=250` kills so many writers on each kind of registry (default: 30 on SQLite, 10 on the others).
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cardgen.errors import NotARegistry, RegistryNotFound
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, filesystem, spool_folder
from tests.registry.recording import Recording

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]

KILLS = int(os.environ.get("CARDGEN_TEST_KILLS", "0"))
CHECKED = 10  # of so many kills, after one the whole registry is verified

ON_NETWORK = """
import sys
from pathlib import Path
from cardgen.registry import filesystem
filesystem.NETWORK_TYPES[filesystem.type_number(Path(sys.argv[1]))] = "nfs"
"""


@pytest.mark.parametrize("place", ["sqlite", "postgresql", "network"])
def test_random_kills(
    place: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """After each kill the next open has all whose call had returned, once, and `verify` agrees.

    That is every event, document, and fact or note of a person.
    """
    code = "from tests.registry.crashing import main; main()"
    url = str(tmp_path / "registry.db")
    if place == "postgresql":
        url = str(request.getfixturevalue("postgresql_url"))
    if place == "network":
        number = filesystem.type_number(tmp_path)
        if number is None:
            pytest.skip("the kernel is not asked on this system")
        monkeypatch.setitem(filesystem.NETWORK_TYPES, number, "nfs")
        code = ON_NETWORK + code
    server = start(code, url)
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    chance = random.Random(20260)
    kills = KILLS or (30 if place == "sqlite" else 10)
    events = documents = saved = deleted = facts = 0
    for kill in range(kills):
        server.stdin.write(f"{kill} {chance.randrange(80)} {chance.expovariate(200):.4f}\n")
        server.stdin.flush()
        code, run_id, *told = json.loads(server.stdout.readline())
        assert code == -9, f"the writer ended by itself at kill {kill}"
        with Registry(url, busy_seconds=60) as registry:
            if told[1] == 0:
                continue  # it was killed before anything was accepted
            log = registry.log(run_id)
            assert [event.seq for event in log] == list(range(len(log)))
            assert told[0] <= len(log) <= told[0] + 1  # one may have been accepted and not yet told of
            run = registry.run(run_id)
            number = int((registry.recorded(run_id).tags or ("t0",))[0][1:])
            assert told[1] - 1 <= number <= told[1]
            last = int((run.model.task or "t0")[1:])
            assert told[4] <= last <= told[4] + 1
            assert [tag for tag in run.tags if tag[0] == "f"] == [f"f{n + 1}" for n in range(last)]
            assert run.notes == ({"bias": f"words {last}"} if last else {})
            facts += last
            assert registry.state(run_id).status == "running"
            events, documents = events + told[0], documents + told[1]
            saved, deleted = saved + told[2], deleted + told[3]
            if kill % CHECKED == CHECKED - 1:
                assert registry.verify().findings == ()
    with Registry(url) as registry:
        assert registry.verify().findings == ()
        assert list(spool_folder(url).glob("*")) == []
        kept = sum(row.name.startswith("other") for row in registry.listing())
        assert saved - deleted - kills <= kept <= saved - deleted + kills
    counts = f"{events} events, {documents} documents, {facts} facts, {saved} saved, {deleted} deleted"
    print(f"{place}: {kills} kills, {counts}")
    assert events > kills
    assert facts > 0


# A registry that is taken away while a run is recorded --------------------------------------------------------------


@pytest.fixture
def recording(tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """A recording into `folder/registry.db` that is under way; it waits shortly for locks."""
    monkeypatch.setattr("cardgen.registry.Registry", functools.partial(Registry, busy_seconds=0.2), raising=False)
    monkeypatch.setattr("cardgen.tracking.sink.LONGEST_PAUSE", 0.2)
    made = Recording(tmp_path / "folder" / "registry.db", make_run(status="running"))
    made.go_on()
    yield made
    made.sink.close()


def test_a_registry_that_is_removed(recording: Recording, tmp_path: Path) -> None:
    """The recording makes a new one, which has all of the run, also what the old one had."""
    path = tmp_path / "folder" / "registry.db"
    for file in path.parent.glob("registry.db*"):
        if file.is_file():
            file.unlink()
    recording.go_on()
    recording.check(path)


def test_a_registry_that_is_replaced(recording: Recording, tmp_path: Path, make_run: MakeRun) -> None:
    """Another registry in its place gets all of the run besides what it has, and none of the old one's log."""
    path = tmp_path / "folder" / "registry.db"
    with Registry(tmp_path / "other.db") as other:
        other.save(make_run(name="another's"))
    os.replace(tmp_path / "other.db", path)
    recording.go_on()
    recording.check(path)
    with Registry(path) as registry:
        assert {row.name for row in registry.listing()} == {"another's", "test"}


def test_a_registry_that_becomes_garbage(
    recording: Recording, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no registry any more is left alone and said once; the spool waits for a registry."""
    path = tmp_path / "folder" / "registry.db"
    (tmp_path / "garbage").write_bytes(garbage := os.urandom(1 << 16))
    os.replace(tmp_path / "garbage", path)
    recording.go_on()
    recording.go_on()
    recording.sink.close()
    assert path.read_bytes() == garbage
    assert recording.sink.path.exists()
    assert capfd.readouterr().err.count("cannot be written yet") == 1
    path.unlink()
    recording.check(path)


def test_a_registry_that_is_overwritten(recording: Recording, tmp_path: Path) -> None:
    """Garbage in the file itself costs nothing that was spooled: the spool outlives a registry that cannot be read."""
    path = tmp_path / "folder" / "registry.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as file:
        file.write(os.urandom(path.stat().st_size))
    recording.go_on()
    recording.sink.close()
    with pytest.raises(NotARegistry):
        Registry(path)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    recording.check(path)


def test_a_registry_that_stays_locked(recording: Recording, tmp_path: Path) -> None:
    """The recording goes on at once whoever holds the lock, and the registry has it all when it is free."""
    path = tmp_path / "folder" / "registry.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    recording.go_on()
    recording.sink.close()
    assert recording.sink.path.exists()
    holder.execute("ROLLBACK")
    holder.close()
    recording.check(path)


RECORD = """
import os, subprocess, sys
from cardgen.errors import CardgenError
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry
from cardgen.tracking.options import make_options
from cardgen.tracking.sink import Sink
folder = sys.argv[1]
path = folder + "/registry.db"
run = Run(id=new_run_id(), name="x", model=Model(type="CrossEncoder"), status="running")
accepted = refused = 0
def begin():
    options = make_options(name=None, project=None, group=None, tags=(), registry=path)
    sink = Sink(options, run.id, renamed=lambda name: None, released=lambda: None)
    sink.snapshot(run)
    return sink
def record(count, size=0):
    global accepted, refused
    for _ in range(count):
        try:
            sink.event(LogEvent(seq=accepted + refused, kind="train", step=1, epoch=None, values={"text": "x" * size}))
            accepted += 1
        except CardgenError:
            refused += 1
def check():
    with Registry(path) as registry:
        log = registry.log(run.id)
        assert [event.seq for event in log] == list(range(accepted + refused)), len(log)
        assert registry.verify().findings == (), registry.verify().findings
    assert not sink.path.exists()
    print("whole", accepted, refused)
"""

FULL_DISK = (
    RECORD
    + """
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
sink = begin()
record(20)
assert sink.flush(60)
filler = os.open(folder + "/filler", os.O_WRONLY | os.O_CREAT)
try:
    while os.write(filler, b"x" * 1000):
        pass
except OSError:
    os.close(filler)
record(50, size=4000)
assert refused > 0
os.unlink(folder + "/filler")
subprocess.run(["mount", "-o", "remount,size=50m", folder], check=True)
record(5)
sink.close()
check()
"""
)

READ_ONLY = (
    RECORD
    + """
sink = begin()
record(20)
sink.close()
os.chmod(path, 0o400)
os.chmod(folder, 0o500)
sink = begin()
record(20)
assert not sink.flush(60)
assert not os.access(path, os.W_OK)
sink.close()
assert sink.path.exists()
os.chmod(folder, 0o700)
os.chmod(path, 0o600)
check()
"""
)


def test_a_disk_that_is_full(tmp_path: Path, start: Start) -> None:
    """The spool says that it cannot be written and keeps what it was given; when there is space, all is there once."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("nobody but root can mount a small disk")
    process = start(FULL_DISK, tmp_path, prefix=("unshare", "--mount"))
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert printed.startswith("whole")


def test_a_registry_that_is_made_read_only(tmp_path: Path, start: Start, ordinary_user: tuple[str, ...]) -> None:
    """A run that goes on there is spooled, and is in the registry when it may be written again."""
    process = start(READ_ONLY, tmp_path, prefix=ordinary_user)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert printed.startswith("whole 40 0")


def test_an_open_registry_notices_that_it_was_replaced(tmp_path: Path, make_run: MakeRun) -> None:
    """Neither reading nor writing goes on in a file that has lost its name; opening it again does."""
    path = tmp_path / "registry.db"
    registry = Registry(path)
    registry.save(make_run())
    path.rename(tmp_path / "moved.db")
    with Registry(path):
        for action in (registry.listing, lambda: registry.save(make_run())):
            with pytest.raises(RegistryNotFound, match="removed or replaced"):
                action()
    registry.close()
