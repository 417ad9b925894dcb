"""Spools from elsewhere: folded once, and what is no spool is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from cardgen.errors import FileProblem
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, SpoolWriter, spool, spool_folder
from cardgen.registry.tables import audit

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]


@pytest.fixture
def copies(tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> Path:
    """A folder with the spools of two runs, of another machine."""
    for name in ("first", "second"):
        writer = SpoolWriter(tmp_path / "copies", name)
        writer.snapshot(make_run(id=name, name=name))
        for event in make_events(5):
            writer.event(event)
        writer.close()
    return tmp_path / "copies"


def test_copies_are_folded_once(registry: Registry, copies: Path, make_events: MakeEvents) -> None:
    """A folder, a file of it, and the folder again: every entry is new once, and the copies stay as they are."""
    before = {path.name: path.read_bytes() for path in copies.iterdir()}
    found = registry.ingest([copies / "first.jsonl", copies])
    assert [(spool.name, spool.state, spool.entries) for spool in found] == [
        ("first", "folded", 7),
        ("second", "folded", 7),
    ]
    assert [spool.entries for spool in registry.ingest([copies])] == [0, 0]
    assert registry.log("first") == registry.log("second") == make_events(5)
    assert {path.name: path.read_bytes() for path in copies.iterdir()} == before
    with registry._database.read() as connection:
        noted = connection.execute(sa.select(audit.c.run_id).where(audit.c.action == "ingest")).scalars().all()
    assert noted == ["first", "second"]


def test_a_copy_of_a_spool_that_goes_on(registry: Registry, url: str, make_run: MakeRun, tmp_path: Path) -> None:
    """A copy that was made in between, and then the spool itself: each entry counts once."""
    run = make_run()
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.snapshot(run)
    copy = shutil.copy(writer.path, tmp_path)
    writer.event(LogEvent(seq=0, kind="train", step=1, epoch=None))
    assert [found.entries for found in registry.ingest([copy])] == [2]
    assert [(found.state, found.entries) for found in registry.ingest()] == [("recording", 1)]
    writer.close()
    assert [(found.state, found.entries) for found in registry.ingest()] == [("folded", 0)]
    assert registry.ingest() == []


def test_events_before_their_document_wait(registry: Registry, url: str, make_run: MakeRun) -> None:
    """A spool without a document of its run is said to wait, and is folded when it has one."""
    run = make_run()
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.event(LogEvent(seq=0, kind="train", step=1, epoch=None))
    writer.close()
    assert [(found.state, found.name) for found in registry.ingest()] == [("waiting", None)]
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.snapshot(run)
    writer.close()
    assert [(found.state, found.name) for found in registry.ingest()] == [("folded", "test")]
    assert len(registry.log(run.id)) == 1


def test_a_place_that_is_not_there(registry: Registry, copies: Path) -> None:
    """Nothing is folded if one of the places is missing, or is a device."""
    for place in (copies / "third.jsonl", Path("/dev/zero")):
        with pytest.raises(FileProblem, match="there is no spool"):
            registry.ingest([copies, place])
    assert registry.listing() == []


def test_what_is_no_spool(
    registry: Registry, copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_run: MakeRun
) -> None:
    """Links, files of something else, endless lines and documents of other runs fail; the rest is folded."""
    monkeypatch.setattr(spool, "LINE_LIMIT", 1 << 20)
    target = tmp_path / "secret"
    target.write_bytes((copies / "first.jsonl").read_bytes())
    (copies / "link.jsonl").symlink_to(target)
    (copies / "notes.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    (copies / "binary.jsonl").write_bytes(os.urandom(3 << 20))
    (copies / "bad id.jsonl").write_text("x\n")
    (copies / "empty.jsonl").touch()
    (copies / "stolen.jsonl").write_bytes((copies / "first.jsonl").read_bytes())
    names = {path.name for path in copies.iterdir()}
    states = {Path(found.path).name: found for found in registry.ingest([copies])}
    assert {name: found.state for name, found in states.items()} == {
        "bad id.jsonl": "failed",
        "binary.jsonl": "failed",
        "empty.jsonl": "folded",
        "first.jsonl": "folded",
        "link.jsonl": "failed",
        "notes.jsonl": "failed",
        "second.jsonl": "folded",
        "stolen.jsonl": "waiting",
    }
    assert all("is no spool of a run" in (found.error or "") for found in states.values() if found.state == "failed")
    assert sorted(row.name for row in registry.listing()) == ["first", "second"]
    assert {path.name for path in copies.iterdir()} <= names | {"stolen.damaged"}
