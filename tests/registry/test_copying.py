"""Registries copied whole: between engines and within one, compared, all or nothing."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.errors import FileProblem, NotARegistry, RegistryError, RegistryNotEmpty, RegistryNotFound
from cardgen.record import Evaluation, Hyperparameters, LogEvent, Run
from cardgen.registry import Registry, contents, copy_registry, copying
from cardgen.registry.engine import Database
from cardgen.registry.location import parse_location
from cardgen.registry.publications import Publication
from cardgen.registry.tables import metadata

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]

HOSTILE = ("\0\ud800", "😀\u2028\r\n", "\\N\t\\.", "'; DROP TABLE run; --", "{a,b}", "\\x41", "")


def fill(url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Make a registry with something in every table."""
    with Registry(url) as registry:
        for number, text in enumerate(HOSTILE):
            run = make_run(
                name=text or "empty",
                project=text,
                tags=(text,),
                hyperparameters=Hyperparameters(values={text: text, "zero": -0.0, "huge": 2**70, "inf": float("inf")}),
                evaluations=(Evaluation(evaluator="E", metrics={"map": -0.0, "nan": float("nan"), text: 1e-320}),),
            )
            stored = registry.save(run, seq=7)
            registry.append(stored.id, make_events(number))
            registry.save_card_text(stored.id, "run", base=text, text=f"{text}!", action="edit")
            registry.set_facts(stored.id, {"license": "mit"})
            registry.publications.add(
                Publication(
                    run_id=stored.id,
                    run_name=stored.name,
                    repo_id="me/x",
                    endpoint="https://hub",
                    revision="main",
                    commit=str(number),
                    card="0",
                    weights="1",
                )
            )
            registry.publications.wait(stored.id, stored.name, "me/x", {"private": True}, text)
        registry.delete(registry.save(make_run(name="hidden")).id)
        registry.delete(registry.save(make_run(name="purged")).id, purge=True)
        with registry._database.write() as connection:
            number = connection.execute(sa.text("SELECT max(number) FROM run")).scalar_one()
            connection.execute(metadata.tables["spool"].insert().values(run=number, first=1, folded=2))


def content(url: str) -> dict[str, Any]:
    """Every row of every table."""
    database = Database(parse_location(url), mode="read", create=False)
    with database.read() as connection:
        found = {table.name: [row for part in contents.rows(connection, table) for row in part] for table in TABLES}
    database.close()
    return found


TABLES = contents.tables()
ENGINES = ("sqlite", "postgresql")


@pytest.mark.parametrize("to", ENGINES)
@pytest.mark.parametrize("origin", ENGINES)
def test_a_copy_is_the_registry(
    origin: str, to: str, places: Callable[[str], str], make_run: MakeRun, make_events: MakeEvents
) -> None:
    """Every row of every table arrives as it is, and the copy is written on: numbers go on after the last."""
    source, target = places(origin), places(to)
    fill(source, make_run, make_events)
    before = content(source)
    made = copy_registry(source, target)
    assert content(source) == content(target) == before
    assert [name for name, rows in before.items() if not rows] == []
    assert made.rows == {name: len(rows) for name, rows in before.items()}
    assert len(set(made.digests.values())) == len(made.digests)
    with Registry(source, mode="read") as one, Registry(target) as other:
        assert other.verify().findings == ()
        assert other.listing() == one.listing()
        for row in one.listing():
            assert repr(other.run(row.id)) == repr(one.run(row.id))
            assert repr(other.log(row.id)) == repr(one.log(row.id))
        assert other.status().schema == one.status().schema
        for _ in range(2):
            stored = other.save(make_run(hyperparameters=Hyperparameters(values={"new": 1})))
        other.publications.wait(stored.id, stored.name, "me/y", {}, "")
        assert other.verify().findings == ()


def test_there_and_back(places: Callable[[str], str], make_run: MakeRun, make_events: MakeEvents) -> None:
    """A registry that goes to a server and back has the same hashes all the way."""
    urls = [places(engine) for engine in ("sqlite", "postgresql", "sqlite")]
    fill(urls[0], make_run, make_events)
    there, back = copy_registry(urls[0], urls[1]), copy_registry(urls[1], urls[2])
    assert there.digests == back.digests


@pytest.mark.parametrize("to", ENGINES)
def test_an_empty_registry_is_filled(
    to: str, places: Callable[[str], str], make_run: MakeRun, make_events: MakeEvents
) -> None:
    """A registry that is there is filled if it is empty, and refused with anything in it."""
    source, target = places("sqlite"), places(to)
    fill(source, make_run, make_events)
    Registry(target).close()
    copy_registry(source, target)
    before = content(target)
    for again in (source, target):
        with pytest.raises(RegistryNotEmpty, match=r"not empty|itself"):
            copy_registry(again, target)
    assert content(target) == before


def test_only_an_audit_is_something(places: Callable[[str], str], make_run: MakeRun) -> None:
    """A registry whose runs were all purged still has a history, and is not overwritten."""
    source, target = places("sqlite"), places("sqlite")
    with Registry(source) as registry:
        registry.save(make_run())
    with Registry(target) as registry:
        registry.delete(registry.save(make_run()).id, purge=True)
    with pytest.raises(RegistryNotEmpty, match="audit"):
        copy_registry(source, target)


@pytest.mark.parametrize("to", ENGINES)
def test_what_arrives_otherwise_is_not_kept(
    to: str, places: Callable[[str], str], make_run: MakeRun, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a row arrives changed, or does not, nothing of the copy is kept."""
    source, target = places("sqlite"), places(to)
    fill(source, make_run, make_events)
    plain = copying._inserted
    for wrong in (lambda rows: rows[1:], lambda rows: [(*rows[0][:-1], "changed"), *rows[1:]]):

        def inserted(database: Database, connection: sa.Connection, table: sa.Table, wrong: Any = wrong) -> Any:
            made = plain(database, connection, table)
            if table.name != "human_fact":
                return made

            class Changing:
                def __enter__(self) -> Any:
                    insert = made.__enter__()
                    return lambda rows: insert([(*row[:-2], "x", row[-1]) for row in wrong(rows)])

                def __exit__(self, *error: Any) -> Any:
                    return made.__exit__(*error)

            return Changing()

        monkeypatch.setattr(copying, "_inserted", inserted)
        with pytest.raises(RegistryError, match="human_fact"):
            copy_registry(source, target)
    monkeypatch.undo()
    if to == "sqlite":
        assert not Path(target).exists()
    else:
        assert content(target) == {table.name: [] for table in TABLES}


DAMAGE = {
    "a row without its run": "PRAGMA foreign_keys = OFF; DELETE FROM run WHERE number = 1",
    "bytes for text": "UPDATE run SET title = x'00ff' WHERE number = 1",
    "no text": "UPDATE document SET text = CAST(x'ff' AS TEXT) WHERE run = 1",
    "a NUL": "UPDATE run SET title = 'a' || char(0) WHERE number = 1",
}


@pytest.mark.parametrize(
    ("damage", "to"), [(damage, to) for damage in DAMAGE for to in ENGINES if (damage, to) != ("a NUL", "sqlite")]
)
def test_a_damaged_source_is_not_copied(
    damage: str, to: str, places: Callable[[str], str], make_run: MakeRun, make_events: MakeEvents
) -> None:
    """What the target would not take as it is, is damage of the source, and nothing arrives."""
    source, target = places("sqlite"), places(to)
    fill(source, make_run, make_events)
    connection = sqlite3.connect(source)
    connection.executescript(DAMAGE[damage])
    connection.close()
    with pytest.raises(NotARegistry, match="damaged"):
        copy_registry(source, target)
    if to == "sqlite":
        assert list(Path(target).parent.glob("*")) == [Path(source)]
    else:
        assert content(target) == {table.name: [] for table in TABLES}


def test_places_that_cannot_be(tmp_path: Path, postgresql_server: str, make_run: MakeRun) -> None:
    """No source, no such database, no such folder, another's file: clear errors, and nothing is made."""
    path = tmp_path / "registry.db"
    with Registry(path) as registry:
        registry.save(make_run())
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes\n" * 1000)
    cases: list[tuple[str | Path, str | Path, type[Exception]]] = [
        (tmp_path / "none.db", tmp_path / "copy.db", RegistryNotFound),
        (path, postgresql_server.replace("/postgres?", "/missing?"), RegistryNotFound),
        (path, tmp_path / "no" / "copy.db", FileProblem),
        (path, notes, NotARegistry),
        (notes, tmp_path / "copy.db", NotARegistry),
        (path, path, RegistryNotEmpty),
    ]
    for source, target, error in cases:
        with pytest.raises(error):
            copy_registry(source, target)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.txt", "registry.db"]
    assert notes.read_text() == "my notes\n" * 1000


def test_the_file_is_private_or_the_groups(tmp_path: Path, make_run: MakeRun) -> None:
    """As with a new registry: 0600, and the group's in a folder that it shares."""
    with Registry(tmp_path / "registry.db") as registry:
        registry.save(make_run())
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    for folder, mode in ((tmp_path, 0o600), (shared, 0o660)):
        copy_registry(tmp_path / "registry.db", folder / "copy.db")
        assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == mode
        shutil.copy(folder / "copy.db", folder / "moved.db")
        with Registry(folder / "moved.db", mode="read") as moved:
            assert len(moved.listing()) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_is_bounded(
    engine: str, places: Callable[[str], str], make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows go through in portions: of many, never more than one portion is in hand."""
    source, target = places(engine), places("sqlite")
    with Registry(source) as registry:
        run = registry.save(make_run())
        registry.append(run.id, [LogEvent(seq=seq, kind="train", step=seq, epoch=None) for seq in range(2500)])
    sizes: list[int] = []
    plain = contents.Digest.add

    def add(digest: contents.Digest, rows: contents.Rows) -> None:
        sizes.append(len(rows))
        plain(digest, rows)

    monkeypatch.setattr(contents.Digest, "add", add)
    assert copy_registry(source, target).events == 2500
    assert max(sizes) == contents.ROWS_AT_ONCE
