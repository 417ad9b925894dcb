"""Import, upgrade, backup and copy are killed: the registry opens, `verify` is clean, nothing committed is lost.

`CARDGEN_TEST_KILLS=250` kills each of them so often on each kind of registry (default: 5).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.errors import RegistryNotEmpty
from cardgen.record import Evaluation, Hyperparameters, LogEvent, Run
from cardgen.registry import Registry, contents, copy_registry, schema, upgrade_registry
from cardgen.registry.engine import Database
from cardgen.registry.location import parse_location
from cardgen.registry.schema import REVISION, stored_revision
from tests.registry.versions import ADD_COLUMN, NEXT, next_scripts

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]

KILLS = int(os.environ.get("CARDGEN_TEST_KILLS", "5"))
RUNS = 60
GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "6.2.0").glob("*/README.md"))[:8]


class Killer:
    """Does something and is killed; the first time it is left alone, to see how long it takes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._chance = random.Random(20261)
        self._longest = 0.0
        self.killed = self.finished = 0

    def run(self, action: str, *arguments: object, alone: bool = False) -> int:
        """Do it; returns how many steps were told to be done."""
        seconds = 60.0 if alone else self._chance.random() * self._longest
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([action, seconds, [str(one) for one in arguments]]) + "\n")
        self._process.stdin.flush()
        code, took, steps = json.loads(self._process.stdout.readline())
        assert code in (0, -9), f"{action} failed by itself"
        if alone:
            assert code == 0
            self._longest = 1.1 * took
        elif code:
            self.killed += 1
        else:
            self.finished += 1
        return int(steps)


@pytest.fixture
def killer(start: Start) -> Iterator[Killer]:
    """A process that is killed on request."""
    process = start("from tests.registry.killing import main; main()")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    made = Killer(process)
    yield made
    print(f"{made.killed} were killed, {made.finished} were done before")
    assert made.killed or KILLS < 5


def fill(url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Some runs with facts and logs."""
    values: dict[str, Any] = {f"param_{number}": number for number in range(20)}
    with Registry(url) as registry:
        runs = [
            make_run(
                name=f"run-{number}",
                status="finished",
                hyperparameters=Hyperparameters(values=values),
                evaluations=(Evaluation(evaluator="E", metrics={"map": number / 100}),),
            )
            for number in range(RUNS)
        ]
        registry.save_all(runs)
        for run in runs[::10]:
            registry.append(run.id, make_events(50))


def rows(url: str) -> dict[str, Any]:
    """Number and hash of each table's rows."""
    with closing(Database(parse_location(url), mode="read", create=False)) as database, database.read() as connection:
        found = {table.name: contents.digest(connection, table) for table in contents.tables()}
        return {name: (one.rows, one.hexdigest()) for name, one in found.items()}


def test_imports_that_are_killed(url: str, killer: Killer, tmp_path: Path) -> None:
    """Each card whose import had returned is there, and importing all again makes each of them once."""
    reference = str(tmp_path / "reference.db")
    assert killer.run("import", reference, *GOLDEN, alone=True) == len(GOLDEN)
    with Registry(reference, mode="read") as registry:
        every = {row.id: repr(registry.log(row.id)) for row in registry.listing(order_by="created")}
    for _ in range(KILLS):
        told = killer.run("import", url, *GOLDEN)
        with Registry(url, busy_seconds=60) as registry:
            there = {row.id for row in registry.listing()}
            assert set(list(every)[:told]) <= there <= set(every)
            assert registry.verify().findings == ()
            for row in list(there)[:-1]:
                registry.delete(row, purge=True)  # so that the next one has something to do
    assert killer.run("import", url, *GOLDEN, alone=True) == len(GOLDEN)
    with Registry(url, busy_seconds=60) as registry:
        assert {row.id: repr(registry.log(row.id)) for row in registry.listing()} == every
        assert registry.verify().findings == ()
        assert all(registry.card_text(run_id, "run") is not None for run_id in every)


SLOWLY = (
    ADD_COLUMN,
    "for number in range(1, 61, 2):",
    "    op.execute(f'UPDATE run SET stars = {number} WHERE number BETWEEN {number} AND {number} + 1')",
)


def test_upgrades_that_are_killed(
    url: str,
    killer: Killer,
    tmp_path: Path,
    make_run: MakeRun,
    make_events: MakeEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After each kill the registry is of the old or the new schema with all its rows, and can be upgraded."""
    fill(url, make_run, make_events)
    before = rows(url)
    scripts = next_scripts(tmp_path, *SLOWLY)
    path = parse_location(url).path
    if path is not None:
        shutil.copy(path, tmp_path / "kept.db")

    def make_older() -> None:
        if path is not None:
            shutil.copy(tmp_path / "kept.db", path)
            return
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE run DROP COLUMN stars")
            connection.exec_driver_sql("DELETE FROM audit WHERE action = 'upgrade'")
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{REVISION}'")
        engine.dispose()

    killer.run("upgrade", url, NEXT, scripts, alone=True)
    make_older()
    for _ in range(KILLS):
        killer.run("upgrade", url, NEXT, scripts)
        with monkeypatch.context() as patch:
            patch.setattr(schema, "REVISION", NEXT)
            patch.setattr(schema, "SCRIPTS", scripts)
            with closing(Database(parse_location(url), mode="read", create=False)) as database:
                assert stored_revision(database) in (REVISION, NEXT)
            upgrade_registry(url, busy_seconds=60)
            with Registry(url) as registry:
                assert registry.verify().findings == ()
                assert len(registry.listing(limit=None)) == RUNS
        if path is not None:
            copy = tmp_path / f"{path.name}.before-{NEXT}"
            assert rows(str(copy)) == before
            assert [file.name for file in path.parent.glob(".*.part*")] == []
        make_older()
        assert rows(url) == before


def test_backups_that_are_killed(
    url: str, killer: Killer, tmp_path: Path, make_run: MakeRun, make_events: MakeEvents
) -> None:
    """The file is the backup of before or that of now, and whole; of what was killed nothing stays."""
    fill(url, make_run, make_events)
    target = tmp_path / "backups" / "backup.db"
    target.parent.mkdir()
    killer.run("backup", url, target, alone=True)
    older = rows(str(target))
    for number in range(KILLS):
        with Registry(url) as registry:
            registry.save(make_run(name=f"new-{number}"))
        newer = rows(url)
        told = killer.run("backup", url, target)
        found = rows(str(target))
        assert found == newer if told else found in (older, newer)
        with Registry(target, mode="read") as registry:
            assert registry.verify().findings == ()
        older = found
        assert rows(url) == newer
    killer.run("backup", url, target, alone=True)
    assert [file.name for file in target.parent.iterdir()] == ["backup.db"]
    with Registry(url) as registry:
        assert registry.verify().findings == ()


@pytest.mark.parametrize(("origin", "to"), [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_copies_that_are_killed(
    origin: str,
    to: str,
    killer: Killer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    make_run: MakeRun,
    make_events: MakeEvents,
) -> None:
    """The target has nothing or everything, and the source is as it was."""
    folder = tmp_path / "copies"
    folder.mkdir()
    url, target = (
        str(request.getfixturevalue("postgresql_url")) if engine == "postgresql" else str(file)
        for engine, file in ((origin, tmp_path / "registry.db"), (to, folder / "copy.db"))
    )
    fill(url, make_run, make_events)
    before = rows(url)
    killer.run("copy", url, tmp_path / "first.db", alone=True)

    def empty() -> None:
        if to == "sqlite":
            Path(target).unlink()
            return
        database = Database(parse_location(target), mode="write", create=False)
        with closing(database), database.write() as connection:
            for table in reversed(contents.tables()):
                connection.execute(table.delete())

    for _ in range(KILLS):
        told = killer.run("copy", url, target)
        there = Path(target).exists() if to == "sqlite" else _is_full(target)
        if told:
            assert there
        if not there:
            killer.run("copy", url, target, alone=True)
        assert rows(target) == before
        with Registry(target) as registry:
            assert registry.verify().findings == ()
        with pytest.raises(RegistryNotEmpty):
            copy_registry(url, target)
        empty()
    assert list(folder.iterdir()) == []
    assert rows(url) == before


def _is_full(url: str) -> bool:
    with closing(Database(parse_location(url), mode="write", create=False)) as database:
        if stored_revision(database) is None:
            return False
        with database.write() as connection:  # behind a killed one, which the server may still have to end
            schema.lock_whole(database, connection)
            counts = contents.counts(connection)
    assert len({bool(counts[name]) for name in ("run", "fact", "log_event", "document")}) == 1
    return bool(counts["run"])
