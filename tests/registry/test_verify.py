"""A registry that is not whole: every damage is found, what can be repaired is, and no fact is taken away."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cardgen.record import Evaluation, Hyperparameters, LogEvent, Run
from cardgen.registry import Finding, Registry, SpoolWriter, spool_folder
from cardgen.registry.codec import DOCUMENT_VERSION
from cardgen.registry.tables import audit

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    """A run with something in every table."""
    metrics = {"ndcg": 0.5, "map": float("nan")}
    return make_run(
        name="whole",
        tags=("a",),
        status="finished",
        evaluations=(Evaluation(evaluator="E", primary_metric="ndcg", metrics=metrics),),
        hyperparameters=Hyperparameters(values={"seed": 1, "lr": 5e-05, "none": None}),
    )


@pytest.fixture
def filled(url: str, run: Run, make_run: MakeRun, make_events: MakeEvents) -> str:
    """The URL of a registry with this run, its log, a text and a fact of a person, and with another run."""
    with Registry(url) as registry:
        registry.save(run)
        registry.append(run.id, make_events(10))
        registry.save_card_text(run.id, "run", base="a", text="b", deleted=["Usage"])
        registry.set_facts(run.id, {"license": "mit", "tags": ("b",)})
        registry.save(make_run(name="other"))
    return url


@pytest.fixture
def damage(filled: str) -> Callable[[str], None]:
    """Change the registry behind its back, with one statement of SQL."""

    def change(statement: str) -> None:
        with Registry(filled, fold=False) as registry, registry._database.write() as connection:
            if registry._database.is_sqlite:
                connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.exec_driver_sql(statement)

    return change


def found(url: str, *, repair: bool = False) -> list[Finding]:
    """What `verify` finds."""
    with Registry(url, mode="write" if repair else "read", fold=False) as registry:
        return list(registry.verify(repair=repair).findings)


def test_a_registry_that_is_whole(filled: str) -> None:
    """Nothing is found, all is counted, and looking is no deed that the audit would know."""
    seen: list[tuple[int, int]] = []
    with Registry(filled, mode="read") as registry:
        result = registry.verify(progress=lambda done, total: seen.append((done, total)))
        assert result.whole
        assert (result.runs, result.events, result.findings) == (2, 10, ())
        assert seen == [(2, 2)]
        with registry._database.read() as connection:
            assert "verify" not in connection.execute(sa.select(audit.c.action)).scalars().all()


ROWS = {
    "status": """UPDATE run SET status = 'failed' WHERE name = 'whole'""",
    "metric": """UPDATE run SET metric = 0.75 WHERE name = 'whole'""",
    "name": """UPDATE run SET name = 'renamed' WHERE name = 'whole'""",
    "metrics.ndcg": "UPDATE fact SET number = 2 WHERE number = 0.5",
    "run.tags": "UPDATE fact SET text = 'c' WHERE text = 'b'",
    "loss": "UPDATE history SET lowest = 0",
}


@pytest.mark.parametrize("place", ROWS)
def test_rows_that_differ_are_made_anew(filled: str, damage: Callable[[str], None], run: Run, place: str) -> None:
    """A row or a fact that is not what document and person say is named, and repaired from them."""
    with Registry(filled) as registry:
        before = repr(registry.run(run.id)), registry.listing(order_by="name"), registry.human_facts(run.id)
    damage(ROWS[place])
    [finding] = found(filled)
    assert finding.kind == "rows"
    assert place in finding.problem
    assert finding.id == run.id
    assert [finding.repaired for finding in found(filled, repair=True)] == [True]
    assert found(filled) == []
    with Registry(filled) as registry:
        listed = [dataclasses.replace(row, revision=0) for row in registry.listing(order_by="name")]
        assert listed == [dataclasses.replace(row, revision=0) for row in before[1]]
        assert (repr(registry.run(run.id)), registry.human_facts(run.id)) == (before[0], before[2])
        with registry._database.read() as connection:
            actions = connection.execute(sa.select(audit.c.action).order_by(audit.c.number)).scalars().all()
    assert actions[-2:] == ["repair", "verify"]


def test_a_name_that_is_taken_gets_a_number(filled: str, damage: Callable[[str], None], run: Run) -> None:
    """Two runs of one name are two runs with two names after the repair, and both keep their documents."""
    damage("UPDATE run SET name = 'x' WHERE name = 'whole'")
    damage("UPDATE run SET name = 'whole' WHERE name = 'other'")
    assert {finding.repaired for finding in found(filled, repair=True)} == {True}
    assert found(filled) == []
    with Registry(filled) as registry:
        assert sorted(row.name for row in registry.listing()) == ["other", "whole-2"]
        assert registry.run(run.id).name == "whole-2"


@pytest.mark.parametrize("statement", ["UPDATE search SET digest = 'x'", "DELETE FROM search"])
def test_what_is_searched_is_made_anew(filled: str, damage: Callable[[str], None], statement: str) -> None:
    """A run that is not indexed, or with other texts, is named, and found by them after the repair."""
    damage(statement)
    findings = found(filled)
    assert {finding.run for finding in findings} == {"whole", "other"}
    assert {finding.kind for finding in findings} == {"rows"}
    assert all("searched" in finding.problem for finding in findings)
    assert [finding.repaired for finding in found(filled, repair=True)] == [True, True]
    assert found(filled) == []
    with Registry(filled) as registry:
        assert [hit.name for hit in registry.search("whole")] == ["whole"]
        assert [hit.field for hit in registry.search("mit")] == ["license"]


FACTS = {
    "document": ("UPDATE document SET text = '{}' WHERE run = 1", "document_version"),
    "newer": ("""UPDATE document SET text = '{"document_version":99}' WHERE run = 1""", "reads up to"),
    "no document": ("DELETE FROM document WHERE run = 1", "no document"),
    "log": ("""UPDATE log_event SET "values" = '{"$x":' WHERE seq > 7""", "2 log events cannot be decoded: 8, 9"),
    "gap": ("DELETE FROM log_event WHERE seq IN (0, 3, 4)", "lacks the events 0 to 0, 3 to 4"),
    "text": ("UPDATE card_text SET base = 'x'", "its card at 'run'"),
    "human": ("UPDATE human_fact SET value = '7' WHERE field = 'license'", "'license'"),
}


@pytest.mark.parametrize("place", FACTS)
def test_facts_that_are_gone_are_named_and_nothing_is_removed(
    filled: str, damage: Callable[[str], None], place: str
) -> None:
    """What nothing can restore is found again and again; a repair changes nothing of it."""
    statement, said = FACTS[place]
    damage(statement)
    before = dump(filled)
    for repair in (False, True):
        [finding] = found(filled, repair=repair)
        assert said in finding.problem
        assert finding.run == "whole"
        assert not finding.repaired
    assert dump(filled) == before


def dump(url: str) -> list[object]:
    """Every row but the audit's."""
    with Registry(url, mode="read") as registry, registry._database.read() as connection:
        tables = ("run", "document", "fact", "log_event", "card_text", "human_fact")
        return [sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {name}"))) for name in tables]


@pytest.fixture
def file(tmp_path: Path, run: Run, make_events: MakeEvents) -> Path:
    """A SQLite registry with the run."""
    with Registry(tmp_path / "registry.db") as registry:
        registry.save(run)
        registry.append(run.id, make_events(100))
    return tmp_path / "registry.db"


@pytest.fixture
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    """The file as SQLite alone has it, without foreign keys."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


INDEX = {
    "emptied": ("DELETE FROM search_data WHERE id > 10", ["file"]),
    "overwritten": ("UPDATE search_data SET block = x'ffffffff' WHERE id > 10", ["file"]),
    "of no run": ("INSERT INTO search (rowid, digest, names) VALUES (99, 'x', 'whole')", ["rows"]),
}


@pytest.mark.parametrize("statement", INDEX)
def test_an_index_of_texts_that_is_broken_is_made_anew(file: Path, raw: sqlite3.Connection, statement: str) -> None:
    """What SQLite's own check of it finds, when it is repaired, and rows of runs that are gone."""
    change, kinds = INDEX[statement]
    raw.execute(change)
    raw.close()
    findings = found(str(file), repair=True)
    assert [(finding.kind, finding.repaired) for finding in findings] == [(kind, True) for kind in kinds]
    assert found(str(file)) == found(str(file), repair=True) == []
    with Registry(file) as registry:
        assert [hit.name for hit in registry.search("whole")] == ["whole"]


def test_an_index_of_texts_that_cannot_be_read_hides_no_other_finding(file: Path, raw: sqlite3.Connection) -> None:
    """It is one finding, without a repair, too; the runs are looked at all the same."""
    raw.execute("DELETE FROM search_data")
    raw.execute("UPDATE run SET status = 'failed'")
    raw.close()
    findings = found(str(file))
    assert [finding.kind for finding in findings] == ["file", "rows"]
    assert "index of the texts" in findings[0].problem
    assert all(finding.repaired for finding in found(str(file), repair=True))
    assert found(str(file)) == []


def test_an_index_is_made_anew(file: Path, raw: sqlite3.Connection) -> None:
    """An index that lacks a row is found by SQLite's own check, and made from the table."""
    change = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = sql || '{}' WHERE name = 'ix_run_project'"
    raw.executescript(f"{change.format(' WHERE 0')}; PRAGMA writable_schema = RESET; REINDEX")
    raw.executescript(change.replace("sql || '{}'", "replace(sql, ' WHERE 0', '')"))
    raw.close()
    findings = found(str(file))
    assert {finding.kind for finding in findings} == {"file"}
    assert any("ix_run_project" in finding.problem for finding in findings)
    assert all(finding.repaired for finding in found(str(file), repair=True))
    assert found(str(file)) == []


def test_a_damaged_page_is_a_finding(file: Path, raw: sqlite3.Connection) -> None:
    """A file with garbage in the middle is said to be damaged, and that a repair cannot help."""
    [[page]] = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'log_event'").fetchall()
    raw.close()
    with open(file, "r+b") as opened:
        opened.seek((page - 1) * 4096)
        opened.write(os.urandom(200))
    for repair in (False, True):
        findings = found(str(file), repair=repair)
        assert {finding.kind for finding in findings} >= {"file"}
        assert not all(finding.repaired for finding in findings)


def test_a_lost_row_comes_back_from_its_document(file: Path, raw: sqlite3.Connection, run: Run) -> None:
    """Documents and logs without a row belong to a run again; facts of a run without a document are only for search."""
    with Registry(file) as registry:
        before = repr(registry.run(run.id)), registry.log(run.id)
    raw.execute("DELETE FROM run")
    raw.execute("INSERT INTO fact VALUES (77, 1, 0, 1.0, NULL)")
    assert [finding.problem for finding in found(str(file))][1:] == ["fact of run number 77, which is gone"]
    assert [finding.repaired for finding in found(str(file), repair=True)] == [True, True]
    assert found(str(file)) == []
    with Registry(file) as registry:
        assert (repr(registry.run(run.id)), registry.log(run.id)) == before


def test_a_log_without_a_run_is_kept(file: Path, raw: sqlite3.Connection) -> None:
    """A log whose run and document are gone is named, and not removed."""
    raw.execute("DELETE FROM document")
    raw.execute("DELETE FROM run")
    [finding] = found(str(file), repair=True)
    assert not finding.repaired
    assert raw.execute("SELECT count(*) FROM log_event").fetchone() == (100,)


# What lies beside ---------------------------------------------------------------------------------------------------


def spooled(url: str, run: Run, events: list[LogEvent]) -> SpoolWriter:
    """A spool where the registry looks for it."""
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.snapshot(run)
    for event in events:
        writer.event(event)
    return writer


def test_an_orphan_spool_is_folded(filled: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """One that is written is no finding; one that was left is, until it is folded; its torn end was never accepted."""
    run = make_run(name="spooled")
    writer = spooled(filled, run, make_events(5))
    assert found(filled) == []
    writer.close()
    with open(writer.path, "ab") as file:
        file.write(b'{"entry":9')
    [finding] = found(filled)
    assert finding.kind == "spool"
    assert "holds 6 entries" in finding.problem
    assert "no end" in finding.problem
    assert [finding.repaired for finding in found(filled, repair=True)] == [True]
    assert found(filled) == []
    assert not writer.path.exists()
    with Registry(filled, mode="read") as registry:
        assert registry.log(run.id) == make_events(5)


def test_a_spool_that_was_folded_is_removed(filled: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """A copy of what the registry has, whole or cut, is left over."""
    writer = spooled(filled, make_run(name="spooled"), make_events(5))
    copy = writer.path.read_bytes()
    writer.close()
    with Registry(filled):
        pass
    for content, said in ((copy, "has all of it"), (copy[: len(copy) // 2], "was cut")):
        writer.path.write_bytes(content)
        [finding] = found(filled)
        assert said in finding.problem
        assert [finding.repaired for finding in found(filled, repair=True)] == [True]
        assert not writer.path.exists()


def test_what_cannot_be_put_anywhere_is_kept(filled: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Events without a document, damaged lines, a file of something else: named, and left as they are."""
    folder = spool_folder(filled)
    writer = SpoolWriter(folder, "events-only")
    writer.event(make_events(1)[0])
    writer.close()
    (folder / "notes.txt").write_text("x")
    (folder / "-.jsonl").write_text("x")
    (folder / "other.damaged").write_text("one\ntwo\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for repair in (False, True):
        findings = found(filled, repair=repair)
        assert sorted(finding.problem.split("/")[-1] for finding in findings) == [
            "-.jsonl is no spool of a run",
            "events-only.jsonl holds 1 entries and no document of their run: they can be put nowhere",
            "notes.txt does not belong here",
            "other.damaged",
        ]
        assert not any(finding.repaired for finding in findings)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_spool_of_a_newer_cardgen_waits(filled: str, make_run: MakeRun) -> None:
    """It is named with the reason, and stays whole."""
    writer = spooled(filled, make_run(id="newer"), [])
    writer.close()
    lines = writer.path.read_text().replace(
        f'"document_version":{DOCUMENT_VERSION},"run"', '"document_version":99,"run"'
    )
    writer.path.write_text(lines)
    findings = found(filled, repair=True)
    assert any("upgrade" in finding.problem or "version 99" in finding.problem for finding in findings)
    assert not any(finding.repaired for finding in findings)
    assert json.loads(writer.path.read_text().splitlines()[1])["run"]["document_version"] == 99


def test_an_old_lock_is_removed(file: Path) -> None:
    """A lock that its holder left is a finding, one that is held is none."""
    lock = file.with_name("registry.db.lock")
    lock.write_text("host 1 another-machine token\n")
    assert found(str(file)) == []
    os.utime(lock, (0, 0))
    assert [finding.kind for finding in found(str(file))] == ["lock"]
    assert [finding.repaired for finding in found(str(file), repair=True)] == [True]
    assert not lock.exists()
