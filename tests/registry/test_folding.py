"""What was spooled gets into the registry, once."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import logging
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cardgen.errors import DocumentError, FileProblem, RunNotFound
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, SpoolWriter, folding, spool_folder
from cardgen.registry.codec import DOCUMENT_VERSION
from cardgen.registry.engine import Database
from cardgen.registry.tables import audit

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]
Outputs = Callable[[list["subprocess.Popen[str]"]], list[str]]

FOLD = """
import sys
from pathlib import Path
from cardgen.registry import Registry
with Registry(sys.argv[1]) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    print(registry.fold(Path(sys.argv[2])))
"""

FOLD_IN_SMALL_STEPS = """
import sys
from pathlib import Path
from cardgen.registry import Registry, folding
folding.BATCH_ENTRIES = 20
registry = Registry(sys.argv[1], busy_seconds=30)
print("ready", flush=True)
registry.fold(Path(sys.argv[2]))
"""


@pytest.fixture
def spool_path(tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> Path:
    """The spool of a run named `spooled` with 1000 events, outside of any registry's folder."""
    run = make_run(name="spooled", status="finished")
    writer = SpoolWriter(tmp_path / "elsewhere", run.id)
    writer.snapshot(dataclasses.replace(run, status="running"))
    for event in make_events(1000):
        writer.event(event)
    writer.snapshot(run)
    writer.close()
    return writer.path


def open_writer(url: str, run: Run) -> SpoolWriter:
    """A writer where the registry looks for spools, with a first snapshot."""
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.snapshot(run)
    return writer


def test_a_spool_is_folded_while_it_grows(
    registry: Registry, url: str, make_run: MakeRun, make_events: MakeEvents
) -> None:
    """Each fold brings what is new; folding again brings nothing; the last snapshot stands."""
    run, events = make_run(status="running"), make_events(5)
    writer = open_writer(url, run)
    assert registry.fold(writer.path) == 2
    assert registry.run(run.id) == run
    for number, event in enumerate(events):
        writer.event(event)
        writer.snapshot(dataclasses.replace(run, tags=(f"t{number}",)))
        assert registry.fold(writer.path) == 2
        assert registry.fold(writer.path) == 0
    assert registry.log(run.id) == events
    assert registry.run(run.id).tags == ("t4",)
    writer.close()


def test_a_finished_spool_is_removed(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A spool stays while its writer lives, also after the run has finished, and goes when all is folded."""
    run = make_run(status="finished")
    writer = open_writer(url, run)
    registry.fold(writer.path)
    assert writer.path.exists()
    writer.event(LogEvent(seq=0, kind="evaluator", step=-1, epoch=-1))
    writer.close()
    assert registry.status().pending_spools == 1
    assert registry.fold(writer.path) == 1
    assert not writer.path.exists()
    assert registry.fold(writer.path) == 0
    assert registry.status().pending_spools == 0
    assert len(registry.log(run.id)) == 1


def test_what_a_killed_writer_wrote_last_is_not_removed(
    registry: Registry, url: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that comes between the fold and the removal of the spool keeps it from being removed."""
    writer = open_writer(url, make_run())
    event = LogEvent(seq=0, kind="train", step=1, epoch=None)

    @contextlib.contextmanager
    def killed_after_an_entry(path: Path) -> Iterator[bool]:
        writer.event(event)
        writer.close()
        yield True

    with monkeypatch.context() as patch:
        patch.setattr(folding, "abandoned", killed_after_an_entry)
        registry.fold(writer.path)
    assert writer.path.exists()
    assert registry.fold(writer.path) == 1
    assert not writer.path.exists()


def test_a_spool_outlives_a_registry_that_goes_away(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that is moved or damaged just when all is folded does not take the spool with it."""
    path = tmp_path / "registry.db"
    for spoil in (lambda: path.rename(tmp_path / "moved.db"), lambda: path.write_bytes(b"x" * 100_000)):
        with Registry(path) as registry:
            writer = open_writer(str(path), make_run())
            writer.close()
            with monkeypatch.context() as patch:
                patch.setattr(Database, "flush", lambda self, spoil=spoil: spoil())
                registry.fold(writer.path)
            assert writer.path.exists()
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        with Registry(path) as registry:
            assert len(registry.listing(limit=10)) >= 1
            assert not writer.path.exists()


def test_a_spool_of_somebody_else_is_kept(registry: Registry, spool_path: Path) -> None:
    """A file that was folded on request, from another folder, is not removed."""
    assert registry.fold(spool_path) == 1003
    assert spool_path.exists()
    assert registry.fold(spool_path) == 0


def test_opening_folds_what_a_killed_process_left(
    url: str, make_run: MakeRun, make_events: MakeEvents, start: Start
) -> None:
    """The next to open the registry for writing has everything; a reader folds nothing."""
    Registry(url).close()
    run = make_run(status="running")
    writer = open_writer(url, run)
    for event in make_events(10):
        writer.event(event)
    os.utime(writer.path, (time.time() - 120,) * 2)
    writer.close()  # the lock is gone, as after a kill; the status is still `running`
    with Registry(url, mode="read") as reader:
        assert reader.status().pending_spools == 1
        with pytest.raises(RunNotFound):
            reader.run(run.id)
    with Registry(url) as registry:
        assert len(registry.log(run.id)) == 10
        assert registry.state(run.id).status == "lost"
        assert registry.run(run.id).status == "running"
        assert not writer.path.exists()


def test_a_recorder_killed_while_its_run_is_folded(url: str, tmp_path: Path, start: Start, spool_path: Path) -> None:
    """A fold that is killed in the middle is finished by the next, and nothing is there twice."""
    Registry(url).close()
    for _ in range(3):
        process = start(FOLD_IN_SMALL_STEPS, url, spool_path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Registry(url) as registry:
        registry.fold(spool_path)
        assert [event.seq for event in registry.log("spooled")] == list(range(1000))
        assert registry.run("spooled").status == "finished"


def test_several_processes_fold_a_spool_once(url: str, spool_path: Path, start: Start, outputs: Outputs) -> None:
    """Of four processes that fold the same spool at once, each entry is new to one."""
    Registry(url).close()
    assert sum(map(int, outputs([start(FOLD, url, spool_path) for _ in range(4)]))) == 1003
    with Registry(url, mode="read") as registry:
        assert len(registry.log("spooled")) == 1000
        assert len(registry.listing()) == 1


def test_what_the_writer_has_is_not_read(
    registry: Registry, url: str, make_run: MakeRun, make_events: MakeEvents
) -> None:
    """Whatever part of the spool the writer hands over, each entry comes in once and as it was written."""
    run, chance = make_run(), random.Random(4)
    writer, events = SpoolWriter(spool_folder(url), run.id, keep=20), make_events(300)
    writer.snapshot(run)
    given = None
    for number, event in enumerate(events):
        writer.event(event)
        if chance.random() < 0.05:
            writer.snapshot(dataclasses.replace(run, project=str(number)))
        if chance.random() < 0.05:
            writer.take()  # and lose it
        if chance.random() < 0.1:
            given = chance.choice([writer.take(), given, None])
            registry.fold(writer.path, given)
            log = registry.log(run.id)
            assert log == events[: number + 1]
    writer.close()
    registry.fold(writer.path, writer.take())
    assert registry.log(run.id) == events
    assert not writer.path.exists()


def test_what_an_earlier_writer_left_is_read(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A recorder that goes on hands over its own part: what stands before that and is not folded yet comes in, too."""
    run = make_run()
    earlier = open_writer(url, run)
    earlier.event(LogEvent(seq=0, kind="train", step=1))
    earlier.close()
    writer = SpoolWriter(spool_folder(url), run.id, keep=100)
    writer.event(LogEvent(seq=1, kind="train", step=2))
    writer.snapshot(run)
    registry.fold(writer.path, writer.take())
    assert [event.step for event in registry.log(run.id)] == [1, 2]
    writer.close()


def test_a_torn_last_line_waits(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A line without end is folded when its end is written, not before."""
    run = make_run()
    writer = open_writer(url, run)
    registry.fold(writer.path)
    writer.event(LogEvent(seq=0, kind="train", step=7))
    whole = writer.path.read_bytes()
    with open(writer.path, "r+b") as file:
        file.truncate(len(whole) - 5)
    assert registry.fold(writer.path) == 0
    with open(writer.path, "ab") as file:
        file.write(whole[-5:])
    assert registry.fold(writer.path) == 1
    assert [event.step for event in registry.log(run.id)] == [7]
    writer.close()


def test_damaged_entries_are_passed_over_and_said(
    registry: Registry, url: str, make_run: MakeRun, make_events: MakeEvents, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage in the middle costs the damaged lines only; they are kept beside the spool, each once."""
    run = make_run(status="running")
    writer = open_writer(url, run)
    for event in make_events(3):
        writer.event(event)
    writer.snapshot(dataclasses.replace(run, status="finished"))
    writer.close()
    lines = writer.path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"seq":1', b'"seq":"')
    lines[5] = lines[5].replace(b'"finished"', b'"finishe"')
    lines.insert(4, b"\0\0\0 garbage\n")
    writer.path.write_bytes(b"".join(lines))
    with caplog.at_level(logging.WARNING, "cardgen.registry"):
        registry.fold(writer.path)
    assert [event.seq for event in registry.log(run.id)] == [0, 2]
    assert registry.run(run.id).status == "running"
    assert "3 damaged entries" in caplog.text
    assert sorted((writer.path.with_suffix(".damaged")).read_bytes().splitlines(keepends=True)) == sorted(
        [lines[3], lines[4], lines[6]]
    )
    assert registry.status().damaged_spools == 1


def test_a_spool_without_a_document_waits(registry: Registry, url: str, make_run: MakeRun) -> None:
    """Events whose run is not known yet are kept until a document comes."""
    run = make_run()
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.event(LogEvent(seq=0, kind="train", step=0))
    assert registry.fold(writer.path) == 0
    writer.snapshot(run)
    writer.close()
    assert registry.fold(writer.path) == 4 - 1
    assert len(registry.log(run.id)) == 1


def test_large_spools_are_folded_in_batches(
    registry: Registry, spool_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many transactions give what one gives, also when the first document comes late."""
    monkeypatch.setattr(folding, "BATCH_ENTRIES", 7)
    lines = spool_path.read_bytes().splitlines(keepends=True)
    first = lines.pop(1)
    late = first.replace(first[9:25], lines[20][9:25])
    spool_path.write_bytes(b"".join([*lines[:21], late, *lines[21:]]))
    assert registry.fold(spool_path) == 1003
    assert len(registry.log("spooled")) == 1000
    assert registry.run("spooled").status == "finished"


def test_a_newer_document_is_not_passed_over(registry: Registry, spool_path: Path) -> None:
    """A spool of a newer cardgen waits for one."""
    spool_path.write_bytes(
        spool_path.read_bytes().replace(
            b'"document_version":%d,"run"' % DOCUMENT_VERSION, b'"document_version":9,"run"'
        )
    )
    with pytest.raises(DocumentError, match="version 9"):
        registry.fold(spool_path)
    assert registry.listing() == []


def test_a_foreign_document_is_not_folded(registry: Registry, spool_path: Path, make_run: MakeRun) -> None:
    """A spool cannot change another run than its own."""
    victim = registry.save(make_run(name="victim"))
    evil = SpoolWriter(spool_path.parent, make_run().id)
    evil.snapshot(dataclasses.replace(victim, name="evil", tags=("evil",)))
    evil.close()
    assert registry.fold(evil.path) == 0
    assert registry.run("victim") == victim


def test_an_older_spool_changes_nothing_newer(registry: Registry, tmp_path: Path, make_run: MakeRun) -> None:
    """A spool of the first part of a run, folded after the second, adds its events and not its document."""
    run = make_run(status="running")
    writers = [SpoolWriter(tmp_path / host, run.id) for host in ("first", "second")]
    for number, writer in enumerate(writers):
        writer.snapshot(dataclasses.replace(run, tags=(f"part {number}",)))
        writer.event(LogEvent(seq=number, kind="train", step=number))
        writer.close()
    for writer in reversed(writers):
        assert registry.fold(writer.path) == 3
        assert registry.run(run.id).tags == ("part 1",)
    assert [event.seq for event in registry.log(run.id)] == [0, 1]
    assert registry.fold(writers[0].path) == registry.fold(writers[1].path) == 0


def test_a_resumed_run_goes_on(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A run that goes on after its spool was folded and removed is folded on."""
    run = make_run(status="interrupted")
    for part in range(3):
        writer = open_writer(url, dataclasses.replace(run, tags=(f"part {part}",)))
        writer.event(LogEvent(seq=part, kind="train", step=part, segment=part))
        writer.close()
        registry.fold(writer.path)
        assert not writer.path.exists()
        assert registry.run(run.id).tags == (f"part {part}",)
    assert [event.segment for event in registry.log(run.id)] == [0, 1, 2]


def test_a_spool_that_was_replaced_is_read_anew(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A spool that another process folded and removed, and a resumed run made again, is not taken for the old one."""
    run = make_run()
    first = open_writer(url, run)
    assert registry.fold(first.path) == 2
    first.close()
    with Registry(url):
        assert not first.path.exists()
    second = open_writer(url, run)
    for number in range(20):
        second.event(LogEvent(seq=number, kind="train", step=number))
    assert registry.fold(second.path) == 22
    assert len(registry.log(run.id)) == 20
    second.close()


def test_names_stay_as_they_were_given(registry: Registry, url: str, make_run: MakeRun) -> None:
    """Recorders that ask for the same name get different ones, and keep them through every later fold."""
    runs = [make_run(name="same") for _ in range(3)]
    writers = [open_writer(url, run) for run in runs]
    for _ in range(2):
        for run, writer in zip(runs, writers, strict=True):
            writer.snapshot(run)
            registry.fold(writer.path)
    assert [registry.run(run.id).name for run in runs] == ["same", "same-2", "same-3"]
    for writer in writers:
        writer.close()


def test_a_purged_run_does_not_come_back(registry: Registry, url: str, make_run: MakeRun) -> None:
    """What a recorder that lives on writes about a purged run is not folded; a saved run is a new one."""
    run = make_run()
    writer = open_writer(url, run)
    registry.fold(writer.path)
    registry.delete(run.id, purge=True)
    assert not writer.path.exists()
    other = SpoolWriter(spool_folder(url), run.id)
    other.snapshot(run)
    other.event(LogEvent(seq=0, kind="train", step=0))
    other.close()
    writer.close()
    assert registry.fold(other.path) == 0
    assert not other.path.exists()
    with pytest.raises(RunNotFound):
        registry.run(run.id)
    assert registry.save(run) == run
    assert registry.delete(run.id, purge=True) == run
    assert registry.save(run) == run
    again = SpoolWriter(spool_folder(url), run.id)
    again.snapshot(run)
    again.close()
    assert registry.fold(again.path) == 2


def test_what_was_appended_later_may_be_older(registry: Registry, make_run: MakeRun) -> None:
    """Whether a run is purged is said by what happened last, not by what was written down last."""
    run = registry.save(make_run())
    registry.delete(run.id, purge=True)
    with registry._database.write() as connection:
        [first] = connection.execute(sa.select(audit).where(audit.c.action == "create")).all()
        older = {**first._asdict(), "at": first.at - 1, "action": "restore"}
        del older["number"]
        connection.execute(audit.insert().values(**older))
    assert registry.is_deleted(run.id)
    registry.save(run)
    assert not registry.is_deleted(run.id)


def test_a_hidden_run_stays_hidden(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A deleted run goes on being recorded, unseen."""
    run = make_run()
    writer = open_writer(url, run)
    registry.fold(writer.path)
    registry.delete(run.id)
    writer.event(LogEvent(seq=0, kind="train", step=0))
    writer.close()
    assert registry.fold(writer.path) == 1
    assert registry.listing() == []
    assert registry.status().events == 1


def test_a_damaged_spool_is_no_reason_not_to_open(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A registry opens whatever lies in its spool folder, and says what it could not fold."""
    Registry(url).close()
    folder = spool_folder(url)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "garbage.jsonl").write_bytes(os.urandom(100_000))
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "folder.jsonl").mkdir()
    (folder / "link.jsonl").symlink_to("/etc/passwd")
    (folder / "no id.jsonl").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "cardgen.registry"), Registry(url) as registry:
        assert registry.listing() == []
    assert "link.jsonl" in caplog.text
    assert (folder / "link.jsonl").is_symlink()


def test_only_spools_are_folded(registry: Registry, tmp_path: Path) -> None:
    """A file that cannot be the spool of a run is an error, a file that is gone is not."""
    with pytest.raises(FileProblem):
        registry.fold(tmp_path)
    assert registry.fold(tmp_path / "gone.jsonl") == 0


def test_the_heartbeat_is_when_the_spool_was_written(registry: Registry, spool_path: Path) -> None:
    """Folding an old spool does not make its run look alive."""
    os.utime(spool_path, (1_700_000_000,) * 2)
    registry.fold(spool_path)
    assert registry.state("spooled").heartbeat == dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)
