"""The roles that docs/scale.md tells to make: each can do its work, and nothing beyond."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from cardgen.cli import main
from cardgen.errors import RegistryReadOnly, SchemaTooOld
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, back_up_registry, copy_registry, schema
from cardgen.registry.publications import Publication
from cardgen.registry.tables import metadata
from tests.registry.recording import Recording
from tests.registry.versions import NEXT, next_scripts

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
ROLES = ("owner", "writer", "reader")


def statements() -> list[list[str]]:
    """The blocks of SQL of the page."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return [[one.strip() for one in block.split(";") if one.strip()] for block in blocks[:3]]


@pytest.fixture
def roles(postgresql_server: str) -> Iterator[dict[str, str]]:
    """The URL of each role, in a database that was made as the page says."""
    urls = {
        role: sa.make_url(postgresql_server)
        .set(username=f"cards_{role}", database="cards")
        .render_as_string(hide_password=False)
        for role in ROLES
    }
    administrator, owner, afterwards = statements()
    execute(postgresql_server, administrator)
    try:
        execute(urls["owner"], owner)
        Registry(urls["owner"]).close()
        execute(urls["owner"], afterwards)
        yield urls
    finally:
        execute(
            postgresql_server,
            ["DROP DATABASE IF EXISTS cards WITH (FORCE)", *(f"DROP ROLE IF EXISTS cards_{role}" for role in ROLES)],
        )


def execute(url: str, commands: list[str]) -> None:
    """Run statements, each by itself."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for command in commands:
                connection.exec_driver_sql(command)
    finally:
        engine.dispose()


def test_a_writer_does_all_that_is_done_with_runs(
    roles: dict[str, str], make_run: MakeRun, make_events: MakeEvents, tmp_path: Path
) -> None:
    """Recording, saving, facts, texts, models, publications, deleting, verifying and backing up need no more."""
    with Registry(roles["writer"]) as registry:
        run = registry.save(make_run(name="saved", status="finished"))
        registry.append(run.id, make_events(3))
        registry.replace_log(run.id, make_events(5))
        registry.set_facts(run.id, {"license": "mit", "name": "named"})
        registry.set_facts(run.id, {"license": None})
        registry.save_card_text(run.id, "run", base="a", text="b", action="edit")
        registry.models.register(run.id, "me/model", aliases=["champion"], tags=["good"])
        registry.models.untag("me/model@champion", "good")
        registry.publications.add(publication(run))
        waiting = registry.publications.wait(run.id, run.name, "me/model", {}, "x")
        registry.publications.drop([waiting])
        registry.delete(registry.save(make_run()).id)
        registry.delete(registry.save(make_run()).id, purge=True)
        assert registry.verify(repair=True).findings == ()
        assert registry.status().writable
    recording = Recording(roles["writer"], make_run(status="running"))
    recording.go_on()
    assert recording.sink.folded
    recording.check(roles["writer"])
    assert back_up_registry(roles["writer"], tmp_path / "backup.db").runs == 3


FORBIDDEN = [
    "DROP TABLE fact",
    "ALTER TABLE run ADD COLUMN x INTEGER",
    "TRUNCATE pending",
    "CREATE TABLE cards.mine (x INTEGER)",
    "UPDATE audit SET actor = 'nobody'",
    "DELETE FROM audit",
    "DELETE FROM model_event",
    "UPDATE alembic_version SET version_num = '0001'",
]


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_nobody_but_the_owner_changes_tables(roles: dict[str, str], role: str) -> None:
    """Neither a table nor the audit nor the stamp of the schema is changed by others, whatever they use."""
    for command in FORBIDDEN:
        with pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"):
            execute(roles[role], [command])


def test_a_reader_reads(roles: dict[str, str], make_run: MakeRun, make_events: MakeEvents, tmp_path: Path) -> None:
    """Listings, runs, logs, models, keys, status, verifying and backups; what writes is a clear error."""
    with Registry(roles["writer"]) as registry:
        run = registry.save(make_run(name="saved", status="finished"))
        registry.append(run.id, make_events(3))
        registry.models.register(run.id, "me/model")
    with Registry(roles["reader"], mode="read") as reader:
        assert [row.name for row in reader.listing("saved")] == ["saved"]
        assert reader.run("saved") == run
        assert len(reader.log(run.id)) == 3
        assert [row.name for row in reader.models.all()] == ["me/model"]
        assert not reader.status().writable
        assert reader.verify().findings == ()
    assert back_up_registry(roles["reader"], tmp_path / "backup.db").events == 3
    with Registry(roles["reader"]) as registry:
        for write in (
            lambda: registry.save(make_run()),
            lambda: registry.append(run.id, make_events(4)),
            lambda: registry.set_facts(run.id, {"license": "mit"}),
            lambda: registry.delete(run.id, purge=True),
        ):
            with pytest.raises(RegistryReadOnly, match="has not the right to do this: permission denied") as caught:
                write()
            assert "scale.md" in (caught.value.hint or "")
    with Registry(roles["writer"]) as registry:
        assert registry.verify().findings == ()
        assert len(registry.log(run.id)) == 3


def test_what_a_reader_records_waits(roles: dict[str, str], make_run: MakeRun, capfd: Any) -> None:
    """A training under a role that may not write is spooled, and folded by one that may."""
    recording = Recording(roles["reader"], make_run(status="running"))
    recording.go_on()
    recording.sink.close()
    assert "has not the right" in capfd.readouterr().err
    assert recording.sink.path.exists()
    with Registry(roles["writer"], fold=False) as registry:
        [spool] = registry.ingest([recording.sink.path])
        assert (spool.state, spool.error) == ("folded", None)
        assert len(registry.log(recording.run.id)) == recording.told


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_only_the_owner_upgrades(
    roles: dict[str, str],
    role: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_run: MakeRun,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The others are told whom to ask; afterwards they go on with what they had."""
    body = 'op.create_table("later", sa.Column("number", sa.BigInteger, primary_key=True))'
    monkeypatch.setattr(schema, "SCRIPTS", next_scripts(tmp_path, body))
    monkeypatch.setattr(schema, "REVISION", NEXT)
    known = sa.MetaData()
    for table in metadata.tables.values():
        table.to_metadata(known)
    sa.Table("later", known, sa.Column("number", sa.BigInteger, primary_key=True))
    monkeypatch.setattr("cardgen.registry.schema.metadata", known)
    with pytest.raises(SchemaTooOld):
        Registry(roles[role], mode="read")
    assert main(["registry", "upgrade", "--registry", roles[role]]) == 1
    assert "ask the owner" in capfd.readouterr().err
    assert main(["registry", "upgrade", "--registry", roles["owner"]]) == 0
    execute(roles["writer"], ["INSERT INTO later DEFAULT VALUES", "UPDATE later SET number = 7"])
    execute(roles["reader"], ["SELECT * FROM later"])


def test_without_a_schema_that_may_be_used(roles: dict[str, str], make_run: MakeRun) -> None:
    """A user without any right is told so, and not that there is no registry."""
    execute(roles["owner"], ["REVOKE USAGE ON SCHEMA cards FROM cards_reader"])
    modes: tuple[Literal["read"], Literal["write"]] = ("read", "write")
    for mode in modes:
        with pytest.raises(RegistryReadOnly, match="no schema"):
            Registry(roles["reader"], mode=mode)


def test_a_copy_is_the_owners_business(roles: dict[str, str], tmp_path: Path, make_run: MakeRun) -> None:
    """Into a server it takes the owner, who sets the numbers that come next; a writer is told so."""
    with Registry(tmp_path / "registry.db") as registry:
        registry.save(make_run())
    with pytest.raises(RegistryReadOnly):
        copy_registry(tmp_path / "registry.db", roles["writer"])
    assert copy_registry(tmp_path / "registry.db", roles["owner"]).runs == 1
    with Registry(roles["writer"]) as registry:
        registry.save(make_run())
        assert len(registry.listing()) == 2


def publication(run: Run) -> Publication:
    """A commit with a model."""
    return Publication(
        run_id=run.id,
        run_name=run.name,
        repo_id="me/model",
        endpoint="https://hub",
        revision="main",
        commit="1",
        card="0",
        weights="1",
    )
