"""A team's server: many writers, time-outs, connections that end, versions side by side."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa

from cardgen.errors import CardgenError, ModelNotFound, RegistryBusy, RunNotFound, SchemaTooNew, SchemaTooOld
from cardgen.record import Hyperparameters, LogEvent, Run
from cardgen.registry import Registry, schema, upgrade_registry
from cardgen.registry.engine import Database
from cardgen.registry.location import parse_location
from cardgen.registry.publications import Publication
from cardgen.registry.retrying import TRIES, retried
from cardgen.registry.schema import REVISION, stored_revision
from cardgen.registry.tables import run as run_table
from tests.registry.versions import ADD_COLUMN, NEXT, next_scripts

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]

WRITERS = 32


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    """The database of a new registry on a server."""
    Registry(postgresql_url).close()
    opened = Database(parse_location(postgresql_url), mode="write", create=False)
    yield opened
    opened.close()


# What a pooler may not see ------------------------------------------------------------------------------------------


def test_a_session_has_no_state(postgresql_url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Between transactions a connection is as the server made it: the next one may be another one of a pooler's."""
    settings = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name"
    with Registry(postgresql_url) as registry:
        with registry._database._engine.connect() as connection:
            before = connection.exec_driver_sql(settings).all()
        for number in range(8):  # psycopg prepares what it is asked five times
            stored = registry.save(make_run(name=f"run-{number}"))
            registry.append(stored.id, make_events(3))
            registry.listing()
        with registry._database._engine.connect() as connection:
            assert connection.exec_driver_sql(settings).all() == before
            assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one() == 0
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert connection.exec_driver_sql(locks).scalar_one() == 0
            assert connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "off"


def test_readers_write_nothing(postgresql_url: str, make_run: MakeRun) -> None:
    """Reading is read-only for the server, too, and does not make the next transaction so."""
    with Registry(postgresql_url) as registry:
        registry.save(make_run())
        with (
            pytest.raises(CardgenError, match="may not be written"),
            registry._database.read() as connection,
        ):
            connection.execute(run_table.delete())
        registry.save(make_run())
        assert len(registry.listing()) == 2


# Many writers -------------------------------------------------------------------------------------------------------


def test_transactions_that_cross_are_tried_again(database: Database) -> None:
    """Of two that lock the same rows crosswise the server ends one; it is done again, and both come to their end."""
    with database.write() as connection:
        for name in ("a", "b"):
            values = dict.fromkeys(("tags", "status", "origin", "model_type", "words"), "x")
            connection.execute(
                run_table.insert().values(
                    id=name, name=name, asked_name=name, heartbeat=0, revision=0, folded=-1, **values
                )
            )
    met = threading.Barrier(2)
    tries: list[str] = []

    @retried
    def add(first: str, second: str, rest: Iterator[int]) -> int:
        tries.append(first)
        with database.write() as connection:
            for name in (first, second):
                change = run_table.update().where(run_table.c.id == name)
                connection.execute(change.values(heartbeat=run_table.c.heartbeat + 1))
                if name == first and len(tries) <= 2:
                    met.wait(20)
        return sum(rest)

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(add, *names, iter([1, 2])) for names in (("a", "b"), ("b", "a"))]
        assert [one.result(30) for one in done] == [3, 3]  # an iterator is not used up by the first try
    assert len(tries) == 3
    with database.read() as connection:
        assert connection.execute(sa.select(run_table.c.heartbeat)).scalars().all() == [2, 2]


def test_trying_again_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What crosses others every time is said to be busy."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    tries = []

    @retried
    def cross() -> None:
        tries.append(1)
        with database.write() as connection:
            connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$")

    with pytest.raises(RegistryBusy, match="too many at once"):
        cross()
    assert len(tries) == TRIES


def test_32_writers(postgresql_url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Saves, appends, facts, names, publications and deletions of the same runs: nobody fails, nothing is lost."""
    with Registry(postgresql_url) as registry:
        kept = [registry.save(make_run(name=f"kept-{number}", status="running")) for number in range(4)]
    spare = [make_run(name="spare") for _ in range(4)]
    together = threading.Barrier(WRITERS)
    before = deadlocks(postgresql_url)
    published: list[str] = []
    saved: list[str] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        with Registry(postgresql_url, busy_seconds=60) as registry:
            together.wait(60)
            for step in range(5):
                what = chance.randrange(8)
                one, other = chance.choice(kept), chance.choice(spare)
                values = {f"new_{chance.randrange(40)}": step for _ in range(5)}
                if what == 0:
                    saved.append(
                        registry.save(make_run(name="same", hyperparameters=Hyperparameters(values=values))).id
                    )
                elif what == 1:
                    few = [make_run(name=f"n{chance.randrange(3)}") for _ in range(5)]
                    registry.save_all([*few, *chance.sample(spare, 4)])
                    saved.extend(run.id for run in few)
                elif what == 2:
                    registry.set_facts(one.id, {"name": f"renamed-{chance.randrange(2)}", "license": "mit"})
                elif what == 3:
                    commit = f"{number}-{step}"
                    registry.publications.add(publication(one, commit))
                    published.append(commit)
                elif what == 4:
                    with contextlib.suppress(RunNotFound):
                        registry.delete(other.id, purge=chance.random() < 0.7)
                elif what == 7:
                    registry.models.register(one.id, f"team/{chance.randrange(2)}", aliases=["champion"])
                    with contextlib.suppress(ModelNotFound):
                        registry.models.alias(f"team/{chance.randrange(2)}", "champion", "good")
                elif what == 5:
                    registry.publications.wait(one.id, one.name, f"me/{chance.randrange(2)}", {}, "x")
                else:
                    with contextlib.suppress(RunNotFound):
                        registry.append(other.id, make_events(3, step))
                names = {f"loss_{chance.randrange(60)}": 1.0 for _ in range(4)}
                registry.append(
                    one.id, [LogEvent(seq=number * 100 + step, kind="train", step=1, epoch=None, values=names)]
                )
                appended[number].append((one.id, number * 100 + step))

    appended: dict[int, list[tuple[str, int]]] = {number: [] for number in range(WRITERS)}
    with ThreadPoolExecutor(WRITERS) as threads:
        for done in [threads.submit(work, number) for number in range(WRITERS)]:
            done.result(120)
    with Registry(postgresql_url) as registry:
        for run in kept:
            told = sorted(seq for events in appended.values() for run_id, seq in events if run_id == run.id)
            assert [event.seq for event in registry.log(run.id)] == told
        assert {row.id for row in registry.listing()} >= {*saved, *(run.id for run in kept)}
        versions = sorted(one.version or 0 for one in registry.publications.all())
        assert versions == list(range(1, len(published) + 1))
        problems = [finding for finding in registry.verify().findings if "lacks the events" not in finding.problem]
        assert problems == []  # the numbers of the events have gaps, as they come from many
    assert deadlocks(postgresql_url) == before  # all take their locks in one order


def deadlocks(url: str) -> int:
    """How many transactions the server has ended because they waited for each other."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        ask = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        found = connection.exec_driver_sql(ask).scalar_one()
    engine.dispose()
    return int(found)


def publication(run: Run, commit: str) -> Publication:
    """A commit of a model that all publish to."""
    return Publication(
        run_id=run.id,
        run_name=run.name,
        repo_id="me/model",
        endpoint="https://hub",
        revision="main",
        commit=commit,
        card="0",
        weights="1",
    )


# Upgrades, and versions side by side --------------------------------------------------------------------------------

SLOW = 'op.execute("SELECT pg_sleep(0.5)")'


@pytest.fixture
def older(tmp_path: Path, postgresql_url: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> str:
    """A registry on a server with one run, and a cardgen that is a revision further, whose upgrade takes its time."""
    with Registry(postgresql_url) as registry:
        registry.save(make_run(name="old", status="finished"))
    monkeypatch.setattr(schema, "SCRIPTS", next_scripts(tmp_path, ADD_COLUMN, SLOW))
    monkeypatch.setattr(schema, "REVISION", NEXT)
    return postgresql_url


def test_a_second_upgrade_waits_for_the_first(older: str) -> None:
    """Of two that upgrade at once one does it; the other waits and finds it done."""
    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(upgrade_registry, older) for _ in range(2)]
        assert {one.result(30)[1] for one in done} == {NEXT}
    with Registry(older) as registry:
        assert [row.name for row in registry.listing()] == ["old"]
        assert registry.status().schema == NEXT


def test_an_upgrade_does_not_wait_for_ever(older: str) -> None:
    """While others write or read for long, an upgrade gives up with a clear error and has changed nothing."""
    database = Database(parse_location(older), mode="read", create=False)
    for holding in (f"SELECT pg_advisory_xact_lock_shared({schema._ADVISORY_LOCK})", "SELECT count(*) FROM run"):
        with database.read() as connection:
            connection.exec_driver_sql(holding)
            before = time.monotonic()
            with pytest.raises(RegistryBusy, match="cannot be upgraded now") as caught:
                upgrade_registry(older, busy_seconds=0.2)
            assert time.monotonic() - before < 10
        assert "nobody uses it" in (caught.value.hint or "")
        assert stored_revision(database) == REVISION
    database.close()
    assert upgrade_registry(older) == (REVISION, NEXT)


def test_the_servers_own_time_out_does_not_end_an_upgrade(older: str) -> None:
    """A database with a short statement time-out is upgraded all the same."""
    assert upgrade_registry(f"{older}%20-cstatement_timeout%3D200")[1] == NEXT


def test_a_recorder_keeps_an_upgrade_away(older: str, make_run: MakeRun) -> None:
    """While a run is alive there is no upgrade, and the error says why."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "REVISION", REVISION)
        with Registry(older) as registry:
            registry.save(make_run(status="running"))
    with pytest.raises(RegistryBusy, match="a run is being recorded"):
        upgrade_registry(older)


def test_versions_side_by_side(older: str, make_run: MakeRun) -> None:
    """The newer cardgen says how to upgrade; the older one, also one that is at work, that it is too old by now."""
    modes: tuple[Literal["read"], Literal["write"]] = ("read", "write")
    for mode in modes:
        with pytest.raises(SchemaTooOld, match=f"schema {REVISION}, this cardgen needs {NEXT}") as old:
            Registry(older, mode=mode)
        assert "cardgen registry upgrade" in (old.value.hint or "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "REVISION", REVISION)
        with Registry(older) as at_work:
            patch.setattr(schema, "REVISION", NEXT)
            upgrade_registry(older)
            patch.setattr(schema, "REVISION", REVISION)
            with pytest.raises(SchemaTooNew, match=f"was upgraded to schema {NEXT} while it was open"):
                at_work.save(make_run())
            assert [row.name for row in at_work.listing()] == ["old"]  # a column more keeps nobody from reading
        for mode in modes:
            with pytest.raises(SchemaTooNew, match=f"schema {NEXT}, this cardgen knows up to {REVISION}") as new:
                Registry(older, mode=mode)
            assert "upgrade cardgen" in (new.value.hint or "")
