"""Backups: whole while others write, never half under their name, and told what is not in them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cardgen.errors import FileConflict, FileProblem, NotARegistry, RegistryNotFound, SchemaTooOld, SettingsError
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, SpoolWriter, back_up_registry, backing, filesystem, schema, spool_folder
from cardgen.registry.beside import made_beside
from cardgen.registry.schema import REVISION
from tests.registry.versions import NEXT

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]


def test_a_backup_is_the_registry(url: str, tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> None:
    """The file has every run and event, is a registry itself, private, one file, and of the counts that are told."""
    with Registry(url) as registry:
        stored = registry.save(make_run(tags=("\0\ud800😀",)))
        registry.append(stored.id, make_events(50))
        registry.delete(registry.save(make_run(name="hidden")).id)
        made = back_up_registry(url, tmp_path / "backup.db")
        whole = registry.verify()
    assert (made.runs, made.events, made.unfolded) == (2, 50, ())
    assert made.size == (tmp_path / "backup.db").stat().st_size
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if "backup" in file.name] == ["backup.db"]
    with Registry(tmp_path / "backup.db", mode="read") as copy:
        assert copy.runs() == [stored]
        assert copy.log(stored.id) == make_events(50)
        assert (copy.verify().findings, copy.verify().events) == ((), whole.events)


def test_writers_write_on(tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves of others during a backup are neither kept waiting nor a part of it, and do not make it begin anew."""
    path = tmp_path / "registry.db"
    monkeypatch.setattr(backing, "PAGES_AT_ONCE", 5)
    said: list[tuple[str, int, int]] = []
    with Registry(path, busy_seconds=0.1) as registry:
        for number in range(30):
            registry.save(make_run(name=f"before-{number}", tags=("x" * 400,) * 10))
        slowest = 0.0

        def save(what: str, done: int, total: int) -> None:
            nonlocal slowest
            said.append((what, done, total))
            before = time.monotonic()
            registry.save(make_run(name=f"during-{len(said)}"))
            slowest = max(slowest, time.monotonic() - before)

        made = back_up_registry(path, tmp_path / "backup.db", progress=save)
        assert len(registry.listing()) == 30 + len(said)
    assert made.runs == 30
    pages = [done for what, done, _ in said if what == "pages"]
    assert len(pages) > 10
    assert pages == sorted(set(pages))
    with Registry(tmp_path / "backup.db") as copy:
        assert {row.name for row in copy.listing()} == {f"before-{number}" for number in range(30)}
        assert copy.verify().findings == ()
    print(f"{len(said)} saves during a backup, the slowest took {slowest:.3f} s")


def test_a_snapshot_while_many_write(url: str, tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Backups that are made while threads save and append are whole registries without a half of anything."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Registry(url) as registry:
                while not stop.is_set():
                    stored = registry.save(make_run(status="running"))
                    for start in range(0, 40, 10):
                        registry.append(stored.id, make_events(10, start))
        except BaseException as error:
            errors.append(error)

    Registry(url).close()
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        counts = []
        for number in range(4):
            made = back_up_registry(url, tmp_path / f"{number}.db")
            with Registry(tmp_path / f"{number}.db") as copy:
                found = copy.verify()
                assert found.findings == ()
                assert (found.runs, found.events) == (made.runs, made.events)
            counts.append(made.events)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert counts == sorted(counts)


def test_spools_are_folded_before(url: str, tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> None:
    """What a recorder has spooled so far is in the backup, whether it goes on or was killed."""
    Registry(url).close()
    writers = []
    for name in ("living", "killed"):
        run = make_run(id=name, name=name, status="running")
        writer = SpoolWriter(spool_folder(url), run.id)
        writer.snapshot(run)
        for event in make_events(20):
            writer.event(event)
        writers.append(writer)
    writers[1].close()
    made = back_up_registry(url, tmp_path / "backup.db")
    writers[0].close()
    assert (made.runs, made.events, made.unfolded) == (2, 40, ())


def test_a_spool_that_cannot_be_folded_is_named(tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Neither a spool without a document nor one of a registry that is locked keeps a backup from being made."""
    path = tmp_path / "registry.db"
    with Registry(path) as registry:
        registry.save(make_run())
    writer = SpoolWriter(spool_folder(path), "nothing")
    writer.event(make_events(1)[0])
    writer.close()
    [left] = back_up_registry(path, tmp_path / "1.db").unfolded
    assert (left.path, "no document" in left.reason) == (str(writer.path), True)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cardgen.registry.backing.BUSY_SECONDS", 0.1)
        [left] = back_up_registry(path, tmp_path / "2.db").unfolded
    holder.close()
    assert "locked" in left.reason


def test_a_file_that_is_there_stays(tmp_path: Path, make_run: MakeRun) -> None:
    """Nothing is overwritten without `force`, and never the registry itself or what is open."""
    path, target = tmp_path / "registry.db", tmp_path / "backup.db"
    with Registry(path) as registry:
        registry.save(make_run())
        target.write_text("my notes")
        with pytest.raises(FileConflict, match="already"):
            back_up_registry(path, target)
        assert target.read_text() == "my notes"
        assert back_up_registry(path, target, force=True).runs == 1
        (tmp_path / "link.db").symlink_to(path)
        for itself in (path, tmp_path / "link.db"):
            with pytest.raises(FileProblem, match="the registry itself"):
                back_up_registry(path, itself, force=True)
    with Registry(target) as used:
        used.save(make_run())
        with pytest.raises(FileConflict, match="in use"):
            back_up_registry(path, target, force=True)
    for nowhere in (tmp_path / "no" / "folder.db", tmp_path):
        with pytest.raises(FileProblem):
            back_up_registry(path, nowhere)
    with pytest.raises(RegistryNotFound):
        back_up_registry(tmp_path / "none.db", tmp_path / "copy.db")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["backup.db", "link.db", "registry.db"]


def test_only_a_file_of_its_own_is_written(tmp_path: Path, make_run: MakeRun) -> None:
    """Neither a device nor what SQLite keeps beside a registry is replaced, and a URL of a server is none of a file."""
    path = tmp_path / "registry.db"
    os.mkfifo(tmp_path / "pipe")
    with Registry(path) as registry:
        registry.save(make_run())
        there = {file.name for file in tmp_path.iterdir()}
        for odd in ("pipe", "registry.db-wal", "registry.db-shm", "other.db-journal"):
            with pytest.raises(FileProblem, match=r"cannot be|no file"):
                back_up_registry(path, tmp_path / odd, force=True)
        with pytest.raises(SettingsError, match="on a server") as caught:
            back_up_registry(path, "postgresql+psycopg://me:hunter2@server/cards")
        assert "hunter2" not in str(caught.value)
        with pytest.raises(SettingsError, match="cannot be at postgresql:"):
            back_up_registry(path, "postgresql://me:hunter2@server/cards")
        assert {file.name for file in tmp_path.iterdir()} == there
        assert back_up_registry(path, f"sqlite:///{tmp_path}/copy.db").path == str(tmp_path / "copy.db")


def test_what_appears_meanwhile_stays(tmp_path: Path) -> None:
    """A file that somebody makes while the new one is written is not overwritten."""
    target = tmp_path / "backup.db"
    with pytest.raises(FileConflict, match="by now"), made_beside(target, replace=False) as part:  # noqa: PT012
        part.write_text("mine")
        target.write_text("somebody else's")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("backup.db", "somebody else's")]


def test_what_a_kill_leaves_is_removed(tmp_path: Path) -> None:
    """The next backup of this name removes the parts of those who were killed, and none that is being written."""
    target = tmp_path / "backup[1].db"
    killed = tmp_path / ".backup[1].db.0123abcd.part"
    for suffix in ("", "-journal"):
        Path(f"{killed}{suffix}").write_bytes(b"half")
    with made_beside(target, replace=True) as first, made_beside(target, replace=True) as second:
        assert {file.name for file in tmp_path.iterdir()} == {first.name, second.name}
    assert [file.name for file in tmp_path.iterdir()] == [target.name]


def test_a_damaged_registry_is_said_so(tmp_path: Path, make_run: MakeRun) -> None:
    """A copy that would be damaged is none: nothing is left under the name."""
    path = tmp_path / "registry.db"
    with Registry(path) as registry:
        for _ in range(20):
            registry.save(make_run(tags=("x" * 3000,)))
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX IF EXISTS none")
        connection.execute("PRAGMA writable_schema = ON")
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_run_created'").fetchall()
    connection.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096 + 8 : root * 4096] = bytes(4096 - 8)
    path.write_bytes(data)
    with pytest.raises(NotARegistry, match="damaged"):
        back_up_registry(path, tmp_path / "backup.db")
    assert [file.name for file in tmp_path.iterdir()] == ["registry.db"]


def test_a_network_file_system(tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry without a write-ahead log is backed up, to and from a network file system."""
    number = filesystem.type_number(tmp_path)
    if number is None:
        pytest.skip("the kernel is not asked on this system")
    monkeypatch.setitem(filesystem.NETWORK_TYPES, number, "nfs")
    with Registry(tmp_path / "registry.db") as registry:
        registry.save(make_run())
        assert back_up_registry(tmp_path / "registry.db", tmp_path / "backup.db").runs == 1
    with Registry(tmp_path / "backup.db") as copy:
        assert copy.verify().findings == ()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["backup.db", "registry.db"]


def test_an_older_registry_is_backed_up_as_it_is(
    url: str, tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before an upgrade a file is backed up without being upgraded; of a server it is said what to do instead."""
    with Registry(url) as registry:
        registry.save(make_run(status="finished"))
    writer = SpoolWriter(spool_folder(url), "spooled")
    writer.snapshot(make_run(id="spooled"))
    writer.close()
    for module in (schema, backing):
        monkeypatch.setattr(module, "REVISION", NEXT)
    if not url.endswith(".db"):
        with pytest.raises(SchemaTooOld, match=f"needs {NEXT}") as caught:
            back_up_registry(url, tmp_path / "backup.db")
        assert "pg_dump" in (caught.value.hint or "")
        assert not (tmp_path / "backup.db").exists()
        return
    made = back_up_registry(url, tmp_path / "backup.db")
    assert (made.schema, made.runs) == (REVISION, 1)
    assert [(left.path, "older schema" in left.reason) for left in made.unfolded] == [(str(writer.path), True)]
    monkeypatch.undo()
    for place in (url, tmp_path / "backup.db"):
        with Registry(place, mode="read") as registry:
            assert registry.status().schema == REVISION


READ = """
import sys
from cardgen.registry import Registry, back_up_registry
with Registry(sys.argv[1], mode="read") as registry:
    print(len(registry.listing()))
made = back_up_registry(sys.argv[1], sys.argv[2])
print(made.runs, len(made.unfolded))
"""


def test_a_read_only_folder(
    tmp_path: Path, make_run: MakeRun, make_events: MakeEvents, start: Start, ordinary_user: tuple[str, ...]
) -> None:
    """A backup that was put where nobody writes is read, and backed up; its spools are named as left."""
    with Registry(tmp_path / "registry.db") as registry:
        registry.save(make_run())
    folder = tmp_path / "archive"
    folder.mkdir()
    back_up_registry(tmp_path / "registry.db", folder / "backup.db")
    writer = SpoolWriter(spool_folder(folder / "backup.db"), "spooled")
    writer.snapshot(make_run(id="spooled"))
    writer.close()
    (folder / "backup.db").chmod(0o400)
    folder.chmod(0o500)
    try:
        process = start(READ, folder / "backup.db", tmp_path / "again.db", prefix=ordinary_user)
        printed, _ = process.communicate(timeout=60)
    finally:
        folder.chmod(0o700)
    assert printed.split() == ["1", "1", "1"]


FULL = """
import os, subprocess, sys
from cardgen.errors import FileProblem
from cardgen.registry import back_up_registry
folder = sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
try:
    back_up_registry(sys.argv[1], folder + "/backup.db")
except FileProblem as error:
    print(os.listdir(folder), error)
"""


def test_a_full_disk(tmp_path: Path, make_run: MakeRun, start: Start) -> None:
    """Where there is no space nothing is left, and it is said."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("nobody but root can mount a small disk")
    with Registry(tmp_path / "registry.db") as registry:
        registry.save(make_run())
    (tmp_path / "small").mkdir()
    process = start(FULL, tmp_path / "registry.db", tmp_path / "small", prefix=("unshare", "--mount"))
    printed, _ = process.communicate(timeout=60)
    assert printed.startswith("[] ")
    assert "full" in printed
