"""A registry of somebody else is only read, and nothing in it is believed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cardgen.errors import (
    CardgenError,
    NotARegistry,
    RegistryFull,
    RegistryNotFound,
    SchemaTooNew,
    SchemaTooOld,
    SettingsError,
)
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry, filesystem, foreign
from cardgen.registry.merging import models, paging
from cardgen.registry.schema import REVISION
from tests.registry import states
from tests.registry.states import AT, ONE, OTHER, fill
from tests.registry.versions import make_older

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry to merge into."""
    with Registry(tmp_path / "own.db") as registry:
        yield registry


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The file of another registry, in a folder of its own."""
    path = tmp_path / "elsewhere" / "other.db"
    path.parent.mkdir()
    with Registry(path) as registry:
        fill(registry, OTHER)
    return path


def change(path: Path, *statements: str) -> None:
    """What only a stranger does to a registry."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.executescript(statement)


def around(path: Path) -> dict[str, tuple[bytes, int]]:
    """What lies in the folder of a file: content and time."""
    return {found.name: (found.read_bytes(), found.stat().st_mtime_ns) for found in path.parent.iterdir()}


# Nothing of it is touched ---------------------------------------------------------------------------------------------


def test_nothing_is_written_there(own: Registry, other: Path) -> None:
    """Neither the file nor its folder is changed, nor do their times."""
    before = around(other)
    assert own.merge(other).new == 5
    assert around(other) == before


def test_what_is_in_the_log_counts(own: Registry, other: Path) -> None:
    """A killed writer's write-ahead log is read with the file, and stays as it is."""
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE run SET name = 'in-the-log' WHERE id = 'old'")
        connection.execute("UPDATE document SET text = replace(text, '\"same\"', '\"in-the-log\"')")
        connection.commit()
        copy = other.parent.with_name("killed")
        copy.mkdir()
        for found in other.parent.iterdir():
            if not found.name.endswith("-shm"):
                shutil.copy2(found, copy)
    killed = copy / other.name
    assert killed.with_name("other.db-wal").stat().st_size
    before = around(killed)
    own.merge(killed)
    assert own.run("in-the-log").id == "old"
    assert around(killed) == before


def test_a_folder_that_may_only_be_read(
    own: Registry, other: Path, start: Start, ordinary_user: tuple[str, ...]
) -> None:
    """A registry that belongs to somebody else is merged by one who may not write there."""
    code = "import sys; from cardgen.registry import Registry; print(Registry(sys.argv[1]).merge(sys.argv[2]).new)"
    other.chmod(0o400)
    other.parent.chmod(0o500)
    try:
        process = start(code, own.url.removeprefix("sqlite:///"), other, prefix=ordinary_user)
        assert process.communicate(timeout=60)[0] == "5\n"
    finally:
        other.parent.chmod(0o700)


def test_while_somebody_writes(own: Registry, other: Path) -> None:
    """A registry in use is read as it is at one moment, however much is written."""
    done = threading.Event()

    def write() -> None:
        with Registry(other) as registry:
            while not done.is_set():
                run = registry.save(Run(id=new_run_id(), name="busy", model=Model(type="CrossEncoder")))
                registry.append(run.id, [LogEvent(seq=seq, kind="train", step=seq) for seq in range(20)])
                done.wait(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            assert own.merge(other).skipped == []
            assert own.verify().findings == ()
    finally:
        done.set()
        writer.join()
    own.merge(other)
    with Registry(other, mode="read") as registry:
        assert {row.id for row in registry.listing()} == {row.id for row in own.listing()}


def test_on_a_network_file_system(own: Registry, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, the writers' lock is taken for the time of the copy, and left."""
    number = filesystem.type_number(other)
    if number is None:
        pytest.skip("the kernel is not asked on this system")
    monkeypatch.setitem(filesystem.NETWORK_TYPES, number, "nfs")
    assert own.merge(other).new == 5
    assert not list(other.parent.glob("*.lock"))


# Older and newer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [f"{number:04d}" for number in range(1, int(REVISION))])
def test_an_older_one_is_upgraded_as_a_copy(own: Registry, other: Path, revision: str) -> None:
    """What it has is taken, also while a run is recorded there; the file stays of its schema."""
    make_older(str(other), revision)
    change(other, "UPDATE run SET status = 'running', heartbeat = 9999999999999999")
    change(other, f"UPDATE run SET heartbeat = {AT}")
    before = around(other)
    report = own.merge(other)
    assert (report.new, report.skipped) == (5, [])
    assert own.verify().findings == ()
    assert around(other) == before


def test_a_newer_one_is_refused(own: Registry, other: Path) -> None:
    """With what to do."""
    change(other, "UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(SchemaTooNew, match="schema 0099") as caught:
        own.merge(other)
    assert str(other) in str(caught.value)
    assert "upgrade cardgen" in (caught.value.hint or "")


def test_an_older_server_is_not_upgraded(own: Registry, postgresql_url: str) -> None:
    """That is for those who use it."""
    Registry(postgresql_url).close()
    make_older(postgresql_url, "0002")
    with pytest.raises(SchemaTooOld, match="has schema 0002") as caught:
        own.merge(postgresql_url)
    assert "registry upgrade" in (caught.value.hint or "")


# Itself and none ------------------------------------------------------------------------------------------------------


def test_itself(own: Registry, tmp_path: Path, postgresql_url: str) -> None:
    """Under any name: a link, a hard link, another URL of the same database."""
    path = tmp_path / "own.db"
    (tmp_path / "link.db").symlink_to(path)
    os.link(path, tmp_path / "hard.db")
    for name in (path, f"sqlite:///{path}", tmp_path / "link.db", tmp_path / "hard.db"):
        with pytest.raises(SettingsError, match="is the registry itself"):
            own.merge(name)
    with Registry(postgresql_url) as server, pytest.raises(SettingsError, match="is the registry itself"):
        server.merge(f"{postgresql_url}&application_name=x")


def test_nothing_there(own: Registry, tmp_path: Path) -> None:
    """No file, an empty one, a folder, a device, somebody else's database."""
    (tmp_path / "empty.db").touch()
    os.mkfifo(tmp_path / "pipe")
    change(tmp_path / "alien.db", "CREATE TABLE photos (x)")
    wanted: dict[str, tuple[type[CardgenError], str]] = {
        "none.db": (RegistryNotFound, "there is no registry"),
        "empty.db": (RegistryNotFound, "holds no registry"),
        "pipe": (NotARegistry, "is no file"),
        ".": (NotARegistry, "is a folder"),
        "alien.db": (NotARegistry, "something else: it has table photos"),
    }
    for name, (error, match) in wanted.items():
        with pytest.raises(error, match=match):
            own.merge(tmp_path / name)
    assert {found.name for found in tmp_path.iterdir()} >= {"empty.db", "alien.db"}
    assert not (tmp_path / "none.db").exists()


def test_no_room(own: Registry, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that would fill the disk is not begun."""
    monkeypatch.setattr(foreign, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(RegistryFull, match="no room") as caught:
        own.merge(other)
    assert "TMPDIR" in (caught.value.hint or "")


# Built in another way -------------------------------------------------------------------------------------------------

BUILT = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END",
    "a view": "ALTER TABLE pending RENAME TO p; CREATE VIEW pending AS SELECT * FROM p",
    "a table more": "CREATE TABLE more (x)",
    "a virtual table": "DROP TABLE pending; CREATE VIRTUAL TABLE pending USING fts5(run_id, repo_id)",
    "a computed column": "ALTER TABLE pending ADD COLUMN more TEXT AS (hex(zeroblob(1000000000)))",
    "a column less": "ALTER TABLE audit DROP COLUMN detail",
    "ids that may repeat": (
        "CREATE TABLE r AS SELECT * FROM run; DROP TABLE run; ALTER TABLE r RENAME TO run; "
        "INSERT INTO run SELECT * FROM run"
    ),
    "an index of what is computed": "CREATE INDEX evil ON run (upper(name))",
    "an index of a part": "CREATE UNIQUE INDEX part ON audit (at) WHERE at < 0",
    "another order": "DROP INDEX ix_audit_run_id; CREATE INDEX ix_audit_run_id ON audit (run_id COLLATE NOCASE)",
    "a missing table": "DROP TABLE card_text",
    "no stamp": "DELETE FROM alembic_version",
    "a stamp that is none": "UPDATE alembic_version SET version_num = 'x; DROP TABLE run'",
}


@pytest.mark.parametrize("name", BUILT)
def test_it_is_built_as_a_registry(own: Registry, other: Path, name: str) -> None:
    """Whatever a registry does not have, or has in another way, is refused; nothing is taken, nothing is run."""
    change(other, BUILT[name])
    with pytest.raises(NotARegistry) as caught:
        own.merge(other)
    assert str(other) in str(caught.value)
    assert "cardgen-" not in str(caught.value)  # where the copy is says nothing to anybody
    assert own.listing() == []


@pytest.mark.parametrize("where", ["start", "middle", "cut"])
def test_a_damaged_file(own: Registry, other: Path, where: str) -> None:
    """It is looked at as a whole before anything of it is used."""
    data = bytearray(other.read_bytes())
    if where == "cut":
        del data[len(data) // 2 :]
    else:
        start = 0 if where == "start" else 4096
        data[start : start + 200] = b"\xff" * 200
    other.write_bytes(data)
    with pytest.raises(NotARegistry):
        own.merge(other)
    assert own.listing() == []


def test_a_change_that_was_left_in_the_middle(own: Registry, other: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A journal is never played back: it may name a file that is to be removed when that is done."""
    monkeypatch.setattr(foreign, "_ATTEMPTS", 2)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    name = str(victim).encode()
    journal = bytearray(512) + struct.pack(">I", 1) + name + struct.pack(">II", len(name), sum(name))
    journal += bytes.fromhex("d9d505f920a163d7")
    other.with_name("other.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + journal[8:])
    with pytest.raises(NotARegistry, match="in the middle of a change"):
        own.merge(other)
    assert victim.read_text() == "mine"
    assert other.with_name("other.db-journal").exists()


# Values that cannot be right ------------------------------------------------------------------------------------------

VALUES = {
    "an id": ("UPDATE run SET id = '../x' WHERE id = 'old'", "its id is '../x'"),
    "an id that is a number": ("UPDATE run SET id = 5 WHERE id = 'old'", "its record is of the run 'old'"),
    "an id that is bytes": ("UPDATE run SET id = x'00ff' WHERE id = 'old'", "its id is b'"),
    "no name": ("UPDATE run SET name = '' WHERE id = 'old'", "its name is empty"),
    "a name with NUL": ("UPDATE run SET name = 'a' || char(0) WHERE id = 'old'", "its name is"),
    "a long name": ("UPDATE run SET name = hex(zeroblob(200)) WHERE id = 'old'", "its name is"),
    "the name latest": ("UPDATE run SET name = 'latest' WHERE id = 'old'", "its name is 'latest'"),
    "bytes for a name": ("UPDATE run SET name = x'ff' WHERE id = 'old'", "its name is b"),
    "no text": ("UPDATE run SET asked_name = CAST(x'ff' AS TEXT) WHERE id = 'old'", "that it asked for is"),
    "a negative revision": ("UPDATE run SET revision = -1 WHERE id = 'old'", "its revision is -1"),
    "a revision without end": ("UPDATE run SET revision = 9223372036854775807 WHERE id = 'old'", "its revision is 92"),
    "words for a number": ("UPDATE run SET folded = 'many' WHERE id = 'old'", "spool entry is 'many'"),
    "a fraction": ("UPDATE run SET heartbeat = 1.5 WHERE id = 'old'", "its heartbeat is 1.5"),
    "a time to come": ("UPDATE run SET deleted = 9000000000000000 WHERE id = 'old'", "which is yet to come"),
    "no document": ("DELETE FROM document", "cannot be decoded"),
    "another's document": ("UPDATE document SET text = replace(text, 'old', 'odd')", "is of the run 'odd'"),
    "a newer document": (
        "UPDATE document SET text = replace(text, '\"document_version\":', '\"document_version\":9')",
        "the document has version 9",
    ),
    "a deep document": (
        "UPDATE document SET text = '{\"document_version\":1,\"run\":' || replace(hex(zeroblob(99999)), '00', '[')",
        "cannot be decoded",
    ),
    "bytes for a document": ("UPDATE document SET text = CAST(text AS BLOB)", "cannot be decoded"),
    "a fact that there is not": (
        "UPDATE human_fact SET field = 'colour' WHERE field = 'tags'",
        "there is no fact 'colour'",
    ),
    "a fact that cannot be": ("UPDATE human_fact SET value = '5' WHERE field = 'license'", "license is 5"),
    "a fact to come": ("UPDATE human_fact SET at = 9000000000000000", "which is yet to come"),
    "a card that is none": ("UPDATE card_text SET text = '5'", "is none"),
    "a card in other words": ("UPDATE card_text SET base = 'x'", "cannot be decoded"),
    "a card for all": ("UPDATE card_text SET deleted = '[1]'", "headings that are none"),
    "a place": ("UPDATE card_text SET target = x'00' WHERE target = 'run'", "the place of a card is"),
    "an event without values": ("UPDATE log_event SET \"values\" = '[]'", "has no values"),
    "an event in other words": ("UPDATE log_event SET \"values\" = '{'", "cannot be decoded"),
    "an event of another kind": ("UPDATE log_event SET kind = 'magic'", "is 'magic'"),
    "an event that is no number": ("UPDATE log_event SET step = 'x'", "the step of"),
    "an epoch": ("UPDATE log_event SET epoch = '\"x\"'", "is no number"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_run_that_cannot_be_right_is_left_out(own: Registry, other: Path, name: str) -> None:
    """Whole, and said; what it does not touch is taken, and the registry stays whole."""
    statement, reason = VALUES[name]
    change(other, statement)
    report = own.merge(other)
    assert report.skipped
    assert any(reason in one.reason for one in report.skipped), [one.reason for one in report.skipped]
    assert report.new + report.skipped_count == 5
    assert own.verify().findings == ()
    assert own.merge(other).changes == 0
    taken = {row.id for row in own.listing()}
    assert taken.isdisjoint(one.id for one in report.skipped)


ROWS = {
    "audit": ("UPDATE audit SET at = 9000000000000000 WHERE run_id = 'old'", "which is yet to come", "audit"),
    "an actor": ("UPDATE audit SET actor = x'05' WHERE run_id = 'old'", "who did something", "audit"),
    "a run of the audit": ("UPDATE audit SET run_id = 'a/b' WHERE run_id = 'old'", "tells of a run 'a/b'", "audit"),
    "a version": ("UPDATE model_version SET version = 0 WHERE id = 'v3'", "a version of", "model_version"),
    "a model": ("UPDATE model_version SET model = x'07' WHERE id = 'v3'", "the name of a model", "model_version"),
    "a publication": ("UPDATE publication SET endpoint = char(0)", "endpoint of", "publication"),
    "files": ("UPDATE publication SET files = '[]'", "the files of", "publication"),
    "files that are none": ("UPDATE publication SET files = '{\"a\":1}'", "the files of", "publication"),
    "what waits": ("UPDATE pending SET options = '1'", "has no options", "pending"),
    "its key": ("UPDATE pending SET repo_id = x'05'", "a repository is", "pending"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_cannot_be_right_is_left_out(own: Registry, other: Path, name: str) -> None:
    """It is said why; all others are taken."""
    statement, reason, _ = ROWS[name]
    change(other, statement)
    report = own.merge(other)
    assert any(reason in one.reason for one in report.skipped), [one.reason for one in report.skipped]
    assert report.new == 5
    assert own.verify().findings == ()
    assert own.merge(other).changes == 0


def test_a_value_that_is_too_long(own: Registry, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never held in memory."""
    monkeypatch.setattr(foreign, "LENGTH_LIMIT", 100_000)
    change(other, "UPDATE document SET text = hex(zeroblob(200000))")
    with pytest.raises(NotARegistry, match="too long"):
        own.merge(other)


LARGE = {
    "an event": 'UPDATE log_event SET "values" = \'{"a":"\' || hex(zeroblob(50000)) || \'"}\' WHERE run = 5',
    "a card": "UPDATE card_text SET text = '\"' || hex(zeroblob(50000)) || '\"'",
    "a line of the audit": "UPDATE audit SET detail = hex(zeroblob(50000)) WHERE run_id = 'old'",
    "lines of a run that is gone": "UPDATE audit SET detail = hex(zeroblob(50000)), run_id = 'nobody'",
    "a publication": "UPDATE publication SET files = hex(zeroblob(50000))",
    "a version": "UPDATE model_version SET card = hex(zeroblob(50000)) WHERE id = 'v3'",
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_far_too_large_is_left_out(own: Registry, other: Path, name: str, monkeypatch: Any) -> None:
    """It is never read, and said."""
    monkeypatch.setattr(paging, "EVENT_BYTES", 10_000)
    monkeypatch.setattr(paging, "RUN_BYTES", 20_000)
    monkeypatch.setattr(models, "_ROW_LIMIT", 20_000)
    change(other, LARGE[name])
    report = own.merge(other)
    assert any("too large" in one.reason or "too long" in one.reason for one in report.skipped)
    assert report.new >= 4
    assert own.verify().findings == ()


def test_damage_of_ones_own_stays(own: Registry, other: Path) -> None:
    """A run that cannot be read here is left as it is, and named; the others are merged."""
    fill(own, ONE)
    with own._database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE document SET text = '{' WHERE run = (SELECT number FROM run WHERE id = 'imported')"
        )
    report = own.merge(other)
    assert [(one.id, "in this registry" in one.reason) for one in report.skipped] == [("imported", True)]
    assert report.new == 1
    assert own.recorded("young").name == "same-young"
    assert states.ONE == ONE


def test_facts_of_ones_own_that_cannot_be_read(own: Registry, other: Path) -> None:
    """They stay as they are, their run is named, and everything else is merged."""
    fill(own, ONE)
    with own._database.write() as connection:
        connection.exec_driver_sql("UPDATE human_fact SET value = 'nonsense' WHERE field = 'name'")
    report = own.merge(other)
    assert [one.id for one in report.skipped] == [states.IDS[0]]
    assert report.new == 1
