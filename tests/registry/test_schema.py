"""A registry is made once, recognised, upgraded, and never mistaken."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from cardgen.errors import NotARegistry, RegistryBusy, RegistryNotFound, SchemaTooNew, SchemaTooOld
from cardgen.record import Evaluation, LogEvent, Model, Run
from cardgen.registry import Registry, schema, upgrade_registry
from cardgen.registry.engine import Database
from cardgen.registry.location import parse_location
from cardgen.registry.publications import Publication
from cardgen.registry.schema import REVISION
from cardgen.registry.tables import audit, metadata, model_event, model_version, version
from tests.registry.versions import ADD_COLUMN, NEXT, make_older, migrate, next_scripts

MakeRun = Callable[..., Run]

OPEN_AND_SAVE = """
import sys
from cardgen.identity import new_run_id
from cardgen.record import Model, Run
from cardgen.registry import Registry
print("ready", flush=True)
sys.stdin.readline()
with Registry(sys.argv[1]) as registry:
    registry.save(Run(id=new_run_id(), name="first", model=Model(type="CrossEncoder")))
"""

FAILING = (
    "if op.get_bind().execute(sa.text(\"SELECT count(*) FROM run WHERE name = 'failing'\")).scalar_one():",
    "    raise RuntimeError('planned')",
)


CATALOGUE = (
    """SELECT table_name, column_name, ordinal_position, data_type, is_nullable, collation_name,
    regexp_replace(column_default, '^.*$', 'default') FROM information_schema.columns
    WHERE table_schema = current_schema()""",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())""",
    """SELECT tablename, indexname, replace(indexdef, current_schema() || '.', '') FROM pg_indexes
    WHERE schemaname = current_schema()""",
)


def describe(url: str) -> list[tuple[Any, ...]]:
    """Tables, columns, keys and indexes as the database itself tells them."""
    path = parse_location(url).path
    if path is not None:
        with sqlite3.connect(path) as file:
            found = file.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        file.close()
        return sorted((name, " ".join(sql.split())) for name, sql in found)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for select in CATALOGUE for row in connection.execute(sa.text(select))]
    engine.dispose()
    return sorted(rows, key=repr)


@pytest.fixture
def empty(url: str) -> str:
    """A database without tables, on either engine."""
    if url.endswith(".db"):
        Path(url).touch(mode=0o600)
    return url


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cardgen whose schema is one revision further, inside the test."""
    monkeypatch.setattr(schema, "SCRIPTS", next_scripts(tmp_path, ADD_COLUMN, *FAILING))
    monkeypatch.setattr(schema, "REVISION", NEXT)
    yield
    sys.modules.pop(f"{NEXT}_next_py", None)


def test_migrations_lead_to_the_tables(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running all migrations gives the schema that a new registry is made with."""
    database = Database(parse_location(empty), mode="write", create=True)
    with database.write() as connection:
        migrate(connection, "head")
    migrated = describe(empty)
    with database.write() as connection:
        metadata.drop_all(connection)
        version.drop(connection)
    with Registry(empty) as registry:
        assert registry.status().schema == REVISION
    database.close()
    assert describe(empty) == migrated
    assert len(migrated) > 1


def test_the_revision_is_the_last_migration() -> None:
    """The revision in the code is the head of the migrations."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", schema.SCRIPTS)
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_a_new_registry_needs_no_alembic(tmp_path: Path) -> None:
    """Making and opening a registry loads no migration library."""
    code = (
        "import sys; from cardgen.registry import Registry; Registry(sys.argv[1]).close(); "
        "Registry(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "new.db"], check=False).returncode == 0


def test_processes_that_start_together_make_it_once(
    url: str,
    start: Callable[..., subprocess.Popen[str]],
    outputs: Callable[[list[subprocess.Popen[str]]], list[str]],
) -> None:
    """Of four processes that open a missing registry at once, one makes it, and all can use it."""
    outputs([start(OPEN_AND_SAVE, url) for _ in range(4)])
    with Registry(url, mode="read") as registry:
        assert sorted(row.name for row in registry.listing()) == ["first", "first-2", "first-3", "first-4"]


def test_a_reader_makes_nothing(empty: str, tmp_path: Path) -> None:
    """A reader of nothing, or of an empty database, is told so; a writer may be told to make nothing, too."""
    missing = tmp_path / "folder" / "missing.db"
    with pytest.raises(RegistryNotFound, match="no registry"):
        Registry(missing, mode="read")
    with pytest.raises(RegistryNotFound):
        Registry(missing, create=False)
    assert not missing.parent.exists()
    with pytest.raises(RegistryNotFound, match="no registry"):
        Registry(empty, mode="read")
    with pytest.raises(RegistryNotFound):
        Registry(empty, create=False)


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_newer_schema_is_refused(url: str, mode: Any, make_run: MakeRun) -> None:
    """A registry of a newer cardgen is left alone, and the error says what to do."""
    with Registry(url) as registry:
        registry.save(make_run())
        with registry._database.write() as connection:
            connection.execute(version.update().values(version_num="0099"))
            connection.execute(sa.text("CREATE TABLE invented_later (x INTEGER)"))
    with pytest.raises(SchemaTooNew, match=f"schema 0099, this cardgen knows up to {REVISION}") as caught:
        Registry(url, mode=mode)
    assert "pip install --upgrade cardgen" in (caught.value.hint or "")


@pytest.mark.usefixtures("next_version")
def test_an_older_file_is_upgraded_after_a_copy(
    tmp_path: Path, make_run: MakeRun, make_old: Callable[..., Run]
) -> None:
    """Opening an older file for writing upgrades it, and leaves a copy as it was."""
    path = tmp_path / "old.db"
    stored = make_old(path)
    with pytest.raises(SchemaTooOld, match=f"needs {NEXT}") as caught:
        Registry(path, mode="read")
    assert "cardgen registry upgrade" in (caught.value.hint or "")
    with Registry(path) as registry:
        assert registry.run("old") == stored
        assert registry.status().schema == NEXT
    copy = tmp_path / f"old.db.before-{NEXT}"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
        assert connection.execute("SELECT name FROM run").fetchall() == [("old",)]
    connection.close()
    with Registry(path, mode="read") as registry:
        assert registry.run("old") == stored


OLDER = [f"{number:04d}" for number in range(1, int(REVISION))]
DERIVED = ("fact", "history")


def contents(url: str, *, without: Iterable[str] = ()) -> dict[str, list[Any]]:
    """All rows, without the audit's, and of `run` without what the upgrade may not change."""
    with Registry(url, mode="read") as registry, registry._database.read() as connection:
        tables = [table for name, table in metadata.tables.items() if name not in ("audit", "key", *without)]
        return {table.name: sorted(map(tuple, connection.execute(table.select())), key=repr) for table in tables}


@pytest.mark.parametrize("revision", OLDER)
def test_an_older_schema_is_upgraded_with_its_rows(url: str, make_run: MakeRun, revision: str) -> None:
    """Runs, logs and texts stay as they are, and what is searched by follows from them, as in a new registry."""
    events = [LogEvent(seq=seq, kind="train", step=seq, values={"loss": 1 / (seq + 1)}) for seq in range(5)]
    events.append(LogEvent(seq=5, kind="train", step=5, values={"loss": float("inf")}))
    model = Model(type="CrossEncoder", base_model="me/base", parent_run="another-run")
    metrics = Evaluation(evaluator="IR", metrics={"map": float("-inf"), "ndcg": 0.5})
    with Registry(url) as registry:
        stored = registry.save(make_run(status="finished", model=model, evaluations=(metrics,)))
        registry.append(stored.id, events)
        registry.set_facts(stored.id, {"license": "mit", "tags": ("a", "b")})
        registry.save_card_text(stored.id, "run", base="a", text="b")
        stored = registry.run(stored.id)
        with registry._database.write() as connection:
            last = connection.execute(sa.select(audit.c.number).order_by(audit.c.number.desc()).limit(1)).scalar_one()
    before = contents(url)
    assert all(before[name] for name in (*DERIVED, "run", "document", "human_fact", "card_text"))
    make_older(url, revision)
    database = Database(parse_location(url), mode="write", create=False)
    with database.write() as connection:  # as an older cardgen left them
        connection.execute(metadata.tables["fact"].delete())
        connection.execute(metadata.tables["run"].update().values(base_model=None, metric=1.0))
    database.close()
    assert upgrade_registry(url) == (revision, REVISION)
    assert upgrade_registry(url) == (REVISION, REVISION)
    assert contents(url) == before
    with Registry(url) as registry:
        assert registry.run(stored.id) == stored
        assert repr(registry.log(stored.id)) == repr(events)
        assert registry.status().schema == REVISION
        assert [row.id for row in registry.listing("parent = another-run and metrics.map = -inf")] == [stored.id]
        assert registry.verify().whole
        assert [hit.field for hit in registry.search("me/base")] == ["base model"]
        with registry._database.read() as connection:
            new = connection.execute(sa.select(audit).where(audit.c.number > last)).all()
        assert [(row.action, row.detail) for row in new] == [("upgrade", f"{revision} to {REVISION}")]


def test_versions_of_models_get_ids_that_all_copies_share(url: str, tmp_path: Path, make_run: MakeRun) -> None:
    """Two copies of a registry give each version that was published one id, and one event, of who published it."""
    with Registry(url) as registry:
        run = registry.save(make_run(status="finished"))
        for commit in ("a", "b", "c"):
            made = Publication(
                run_id=run.id,
                run_name=run.name,
                repo_id="me/model",
                endpoint="https://hub",
                revision="main",
                commit=commit,
                card="0",
                weights="1",
            )
            registry.publications.add(made)
        with registry._database.write() as connection:  # of one moment, as if one commit had been two
            same = {"at": 7, "commit": "a"}
            connection.execute(model_version.update().where(model_version.c.version > 1).values(**same))
            [by] = {row.actor for row in connection.execute(sa.select(audit))}
    make_older(url, "0002")
    found = []
    copy = str(tmp_path / "copy.db")
    if url.endswith(".db"):
        shutil.copy(url, copy)
    for place in [url, copy] if url.endswith(".db") else [url]:
        upgrade_registry(place)
        with Registry(place) as registry, registry._database.read() as connection:
            versions = connection.execute(sa.select(model_version).order_by(model_version.c.version)).all()
            events = connection.execute(sa.select(model_event).order_by(model_event.c.number)).all()
        assert [row.version for row in versions] == [1, 2, 3]
        assert len({row.id for row in versions}) == 3
        assert [(row.version_id, row.at, row.model, row.action, row.actor) for row in events] == [
            (row.id, row.at, "me/model", "register", by) for row in versions
        ]
        found.append([(row.id, row.at) for row in (*versions, *events)])
    assert found[0] == found[-1]
    with Registry(url) as registry:
        assert registry.publications.add(dataclasses.replace(made, commit="d")).version == 4


def test_an_upgrade_goes_round_what_is_damaged(url: str, make_run: MakeRun) -> None:
    """A document and a person's fact that cannot be read leave the rows of their runs as they are, and stop nothing."""
    with Registry(url) as registry:
        runs = [
            registry.save(make_run(name=name, tags=("nli",), status="finished"))
            for name in ("damaged", "odd", "swapped", "whole")
        ]
        for run in runs:
            registry.append(run.id, [LogEvent(seq=0, kind="train", step=1, values={"loss": 0.5})])
        registry.set_facts("odd", {"license": "mit"})
        numbers = [registry.listing(name)[0].id for name in ("damaged", "odd", "swapped", "whole")]
    before = contents(url, without=["document", "human_fact"])
    assert len(before["history"]) == len(runs)
    with Registry(url) as registry, registry._database.write() as connection:
        of = [
            connection.execute(sa.text("SELECT number FROM run WHERE id = :id"), {"id": id}).scalar_one()
            for id in numbers
        ]
        change = sa.text("UPDATE document SET text = :text WHERE run = :run")
        connection.execute(change, {"text": '{"run": 7}', "run": of[0]})
        whole = connection.execute(sa.text("SELECT text FROM document WHERE run = :run"), {"run": of[3]}).scalar_one()
        connection.execute(change, {"text": whole, "run": of[2]})
        connection.execute(sa.text("UPDATE human_fact SET field = 'newer'"))
    make_older(url, "0001")
    upgrade_registry(url)
    assert contents(url, without=["document", "human_fact"]) == before
    with Registry(url) as registry:
        assert registry.run("whole") == runs[3]
        assert {finding.run for finding in registry.verify().findings} == {"damaged", "odd", "swapped"}


@pytest.mark.usefixtures("next_version")
def test_a_failing_upgrade_changes_nothing(tmp_path: Path, make_old: Callable[..., Run]) -> None:
    """An upgrade that fails in the middle leaves the file as it was, and can be tried again."""
    path = tmp_path / "old.db"
    make_old(path, name="failing")
    before = describe(str(path))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="planned"):
            Registry(path)
    assert describe(str(path)) == before


@pytest.mark.usefixtures("next_version")
def test_no_upgrade_while_a_run_is_recorded(tmp_path: Path, make_old: Callable[..., Run]) -> None:
    """A file is not upgraded under a recorder of the older cardgen."""
    path = tmp_path / "old.db"
    make_old(path, status="running")
    with pytest.raises(RegistryBusy, match="being recorded"):
        Registry(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE run SET heartbeat = ?", ((time.time() - 3600) * 1e6 // 1,))
    connection.close()
    Registry(path).close()


@pytest.mark.usefixtures("next_version")
def test_a_server_is_not_upgraded_by_the_way(postgresql_url: str, make_old: Callable[..., Run]) -> None:
    """An older registry on a server is refused: it is upgraded on purpose only."""
    stored = make_old(postgresql_url)
    with pytest.raises(SchemaTooOld) as caught:
        Registry(postgresql_url)
    assert "cardgen registry upgrade" in (caught.value.hint or "")
    database = Database(parse_location(postgresql_url), mode="write", create=False)
    schema.upgrade(database)
    database.close()
    with Registry(postgresql_url) as registry:
        assert (registry.run("old"), registry.status().schema) == (stored, NEXT)


@pytest.fixture
def make_old(make_run: MakeRun) -> Callable[..., Run]:
    """Make a registry of the revision before `next_version`, with one run."""

    def make(where: str | Path, **given: Any) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schema, "REVISION", REVISION)
            with Registry(where) as registry:
                return registry.save(make_run(**{"name": "old", "status": "finished", **given}))

    return make


FOREIGN = {
    "another program's": "CREATE TABLE songs (x)",
    "another Alembic's": "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('0001')",
    "with a hash": "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('1f2e3d')",
    "odd version": "CREATE TABLE alembic_version (something TEXT)",
    "only ours": "CREATE TABLE run (x INTEGER)",
}


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("script", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_database_is_refused(empty: str, script: str, mode: Any) -> None:
    """A database of something else is no registry, and is not changed."""
    script = script.replace("(x)", "(x INTEGER)")
    database = Database(parse_location(empty), mode="write", create=False)
    with database.write() as connection:
        for statement in script.split(";"):
            connection.execute(sa.text(statement))
    database.close()
    before = describe(empty)
    with pytest.raises(NotARegistry):
        Registry(empty, mode=mode)
    assert describe(empty) == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END",
        "CREATE VIEW v AS SELECT * FROM run",
        "CREATE TABLE extra (x)",
        "DROP TABLE fact",
        "DELETE FROM alembic_version",
        "CREATE VIRTUAL TABLE extra USING fts5(x)",
        "DROP TABLE search",
        "DROP TABLE search; CREATE TABLE search (x)",
        "DROP TABLE search; CREATE VIRTUAL TABLE search USING fts5(names, tokenize = 'trigram')",
        "DROP TABLE pending; CREATE VIRTUAL TABLE pending USING fts5vocab('search', 'row')",
        "DROP TABLE alembic_version; CREATE VIRTUAL TABLE alembic_version USING fts4(version_num)",
        "DROP TABLE search; CREATE TABLE search_data (x)",
    ],
)
@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_tampered_file_is_refused(tmp_path: Path, script: str, mode: Any) -> None:
    """Triggers, views, extra, missing and other virtual tables make a file that is not opened."""
    path = tmp_path / "registry.db"
    Registry(path).close()
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    with pytest.raises(NotARegistry):
        Registry(path, mode=mode)


def test_missing_columns_are_damage(tmp_path: Path) -> None:
    """A table that lacks a column is said to be damaged."""
    path = tmp_path / "registry.db"
    Registry(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE run DROP COLUMN title")
    connection.close()
    with Registry(path) as registry, pytest.raises(NotARegistry, match="damaged"):
        registry.listing()


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("content", [b"garbage" * 1000, b"# A card\n", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, mode: Any) -> None:
    """What is no SQLite file is said so, and stays as it was."""
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(NotARegistry, match="no SQLite database, or is damaged"):
        Registry(path, mode=mode)
    assert path.read_bytes() == content


def test_a_truncated_file_is_damaged(tmp_path: Path, make_run: MakeRun) -> None:
    """A file that was cut is an error and not an empty registry."""
    path = tmp_path / "registry.db"
    with Registry(path) as registry:
        for _ in range(20):
            registry.save(make_run(tags=("x" * 3000,)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    modes: tuple[Literal["read"], Literal["write"]] = ("read", "write")
    for mode in modes:
        with pytest.raises(NotARegistry), Registry(path, mode=mode) as registry:
            registry.runs()


def test_a_folder_is_no_registry(tmp_path: Path) -> None:
    """A folder in the place of a file is a clear error."""
    modes: tuple[Literal["read"], Literal["write"]] = ("read", "write")
    for mode in modes:
        with pytest.raises(NotARegistry, match="is a folder"):
            Registry(tmp_path, mode=mode)
