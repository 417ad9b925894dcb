"""Connections: places, permissions, locks, full disks, servers that do not answer."""

from __future__ import annotations

import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardgen.errors import (
    CardgenError,
    MissingExtra,
    RegistryBusy,
    RegistryFull,
    RegistryNotFound,
    RegistryReadOnly,
    RegistryUnreachable,
    SettingsError,
)
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry
from cardgen.registry.location import parse_location

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]

HOLD_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""

READ_AND_WRITE = """
import os, sys
from cardgen.errors import RegistryReadOnly
from cardgen.registry import Registry
with Registry(sys.argv[1], mode="read") as registry:
    print(len(registry.runs()), registry.status().writable)
for create in (True, False):
    try:
        Registry(sys.argv[1], create=create)
    except RegistryReadOnly as error:
        print("read-only:", error)
try:
    Registry(sys.argv[1] + ".new")
except RegistryReadOnly as error:
    print("read-only:", error)
print(sorted(os.listdir(os.path.dirname(sys.argv[1]))))
"""


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/a/b.db", "/a/b.db"),
        ("sqlite:////a/b.db", "/a/b.db"),
        ("/a/../c d%20?#.db", "/c d%20?#.db"),
        (Path("/a/b.db"), "/a/b.db"),
    ],
)
def test_places_of_files(given: str, path: str) -> None:
    """A path and a URL of a file name the same place."""
    assert parse_location(given).path == Path(path)


def test_places_relative_to_folder_and_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is meant from here, `~` is the user's home, and a link is followed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    assert parse_location("x.db").path == parse_location("sqlite:///x.db").path == tmp_path / "x.db"
    assert parse_location("~/x.db").path == tmp_path / "home" / "x.db"
    assert parse_location("link.db").path == tmp_path / "real.db"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "  ",
        "a\0b",
        "mysql://host/db",
        "postgresql://host/db",
        "postgres://host/db",
        "http://host",
        "sqlite://",
        "sqlite:///",
        "sqlite:///x.db?mode=memory",
        "sqlite+aiosqlite:///x.db",
    ],
)
def test_what_is_no_place(url: str) -> None:
    """Another scheme, or no path, is a wrong setting; nothing is made."""
    with pytest.raises(SettingsError):
        Registry(url)


def test_files_are_private(tmp_path: Path, make_run: MakeRun) -> None:
    """Only the owner reads a registry and what SQLite keeps beside it."""
    path = tmp_path / "new" / "folder" / "registry.db"
    with Registry(path) as registry:
        registry.save(make_run())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_shared_folder_makes_a_shared_file(tmp_path: Path) -> None:
    """In a folder with the setgid bit the group may write."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    Registry(shared / "registry.db").close()
    assert stat.S_IMODE((shared / "registry.db").stat().st_mode) == 0o660


def test_closing_leaves_one_file(tmp_path: Path, make_run: MakeRun) -> None:
    """A closed registry is one file with everything in it, and closing again does nothing."""
    path = tmp_path / "registry.db"
    registry = Registry(path)
    stored = registry.save(make_run())
    registry.close()
    registry.close()
    assert [file.name for file in tmp_path.iterdir()] == ["registry.db"]
    with Registry(shutil.copy(path, tmp_path / "copy.db"), mode="read") as copy:
        assert copy.run("test") == stored


def test_the_log_is_emptied_while_others_are_open(tmp_path: Path, make_run: MakeRun) -> None:
    """Closing moves the write-ahead log into the file, also when somebody else has it open."""
    path = tmp_path / "registry.db"
    with Registry(path):
        writer = Registry(path)
        writer.save(make_run())
        assert path.with_name("registry.db-wal").stat().st_size > 0
        writer.close()
        assert path.with_name("registry.db-wal").stat().st_size == 0


@pytest.fixture
def read_only(tmp_path: Path, make_run: MakeRun) -> Iterator[Path]:
    """A registry with one run, in a folder that may not be written."""
    path = tmp_path / "folder" / "registry.db"
    with Registry(path) as registry:
        registry.save(make_run())
    path.chmod(0o400)
    path.parent.chmod(0o500)
    yield path
    path.parent.chmod(0o700)


def test_a_read_only_folder(read_only: Path, ordinary_user: tuple[str, ...], start: Start) -> None:
    """A registry in a read-only folder can be read; to write it, or make one there, is a clear error."""
    process = start(READ_AND_WRITE, read_only, prefix=ordinary_user)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = printed.splitlines()
    assert lines[0] == "1 False"
    assert [line.startswith("read-only:") for line in lines[1:4]] == [True] * 3
    assert lines[4] == "['registry.db']"


def test_a_full_disk(tmp_path: Path, make_run: MakeRun, make_events: MakeEvents) -> None:
    """A registry without space says so, keeps what it has, and goes on when there is space again."""
    path = tmp_path / "registry.db"
    with Registry(path) as registry:
        stored = registry.save(make_run())
        limit(registry, 1)
        with pytest.raises(RegistryFull, match="no space is left"):
            registry.append(stored.id, make_events(20_000))
        with pytest.raises(RegistryFull):
            registry.save(make_run(tags=("x" * 500_000,)))
        assert registry.log(stored.id) == []
        assert registry.runs() == [stored]
        limit(registry, 1 << 30)
        assert registry.append(stored.id, make_events(20_000)) == 20_000


def limit(registry: Registry, pages: int) -> None:
    """Let the file have so many pages, or as many as it has."""
    with registry._database.read() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_locked_registry(tmp_path: Path, make_run: MakeRun, start: Start) -> None:
    """A registry that another process keeps locked is busy, after the time that was given; then it goes on."""
    path = tmp_path / "registry.db"
    with Registry(path, busy_seconds=0.1) as registry:
        process = start(HOLD_LOCK, path)
        assert process.stdout is not None
        process.stdout.readline()
        before = time.monotonic()
        with pytest.raises(RegistryBusy, match="locked by another process"):
            registry.save(make_run())
        assert time.monotonic() - before < 5
        assert registry.listing() == []  # readers do not wait for writers
        process.communicate("\n")
        registry.save(make_run())


def test_a_locked_registry_opens(tmp_path: Path, make_run: MakeRun, start: Start) -> None:
    """Opening folds what it can and does not fail for a lock."""
    path = tmp_path / "registry.db"
    Registry(path).close()
    from cardgen.registry import SpoolWriter, spool_folder

    writer = SpoolWriter(spool_folder(path), "spooled")
    writer.snapshot(make_run(id="spooled"))
    writer.close()
    process = start(HOLD_LOCK, path)
    assert process.stdout is not None
    process.stdout.readline()
    with Registry(path, busy_seconds=0.1) as registry:
        assert registry.listing() == []
        assert writer.path.exists()
    process.communicate("\n")
    with Registry(path) as registry:
        assert len(registry.listing()) == 1


def test_threads_share_a_registry(registry: Registry, make_run: MakeRun, make_events: MakeEvents) -> None:
    """Threads may write and read through one registry."""
    stored = [registry.save(make_run(name=f"run {number}")) for number in range(4)]
    errors: list[BaseException] = []

    def work(run: Run) -> None:
        try:
            for start in range(0, 50, 10):
                registry.append(run.id, make_events(10, start))
                registry.listing()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(run,)) for run in stored]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [len(registry.log(run.id)) for run in stored] == [50] * 4


def unused_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.mark.parametrize("login", ["me:s3cr%2Ft-pass", "me:s3cr/t-pass"], ids=["quoted", "slash"])
def test_no_password_is_shown(login: str) -> None:
    """A server that does not answer is named without the password, in every text and place."""
    url = f"postgresql+psycopg://{login}@127.0.0.1:{unused_port()}/db?connect_timeout=2&password=s3cr"
    with pytest.raises(CardgenError) as caught:
        Registry(url)
    assert isinstance(caught.value, RegistryUnreachable)
    chain = ""
    error: BaseException | None = caught.value
    while error is not None:
        chain += f"{error!r} {error} {getattr(error, 'hint', '')}"
        error = error.__cause__
    location = parse_location(url)
    for shown in (chain, repr(location), location.url):
        assert "s3cr" not in shown
        assert "t-pass" not in shown
    assert "me:***@127.0.0.1" in location.url
    assert location.clean("a s3cr/t-pass, a s3cr") == "a ***, a ***"


def test_a_password_with_an_at_is_refused() -> None:
    """An unescaped @ would send a part of the password to a name server."""
    with pytest.raises(SettingsError) as caught:
        Registry("postgresql+psycopg://me:s3cr@t-pass@127.0.0.1/db")
    assert "s3cr" not in f"{caught.value}{caught.value.hint}"
    assert "t-pass" not in f"{caught.value}{caught.value.hint}"


def test_a_server_that_is_away() -> None:
    """A server that does not answer is said to be away."""
    with pytest.raises(RegistryUnreachable, match="does not answer"):
        Registry(f"postgresql+psycopg://me@127.0.0.1:{unused_port()}/db")


def test_a_database_that_is_missing(postgresql_server: str) -> None:
    """A database that the server does not have is not found."""
    with pytest.raises(RegistryNotFound, match="does not exist"):
        Registry(postgresql_server.replace("/postgres?", "/missing?"))


def test_a_server_that_forbids(postgresql_url: str, make_run: MakeRun) -> None:
    """A user who may only read is told so, and can read."""
    with Registry(postgresql_url) as registry:
        registry.save(make_run())
        registry._database.close()
    with_role = f"{postgresql_url}%20-cdefault_transaction_read_only%3Don"
    with Registry(with_role) as registry:
        assert len(registry.listing()) == 1
        with pytest.raises(RegistryReadOnly, match="may not be written"):
            registry.save(make_run())


def test_a_locked_row_on_a_server(postgresql_url: str, make_run: MakeRun) -> None:
    """A run that another transaction keeps locked is busy after the time that was given."""
    with Registry(postgresql_url) as registry, Registry(postgresql_url, busy_seconds=0.1) as other:
        stored = registry.save(make_run())
        with registry._database.write() as connection:
            connection.exec_driver_sql("SELECT * FROM run FOR UPDATE")
            with pytest.raises(RegistryBusy):
                other.save(stored)
            assert other.run("test") == stored


def test_a_server_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg the error says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra) as caught:
        Registry("postgresql+psycopg://me@127.0.0.1/db")
    assert caught.value.hint == "pip install 'cardgen[postgres]'"


@pytest.mark.parametrize("url", ["postgresql+psycopg://", "postgresql+psycopg://me@host:port/db"])
def test_a_url_that_cannot_be_read(url: str) -> None:
    """A URL of a server that cannot be read is a clear error."""
    with pytest.raises((SettingsError, RegistryUnreachable)):
        Registry(url)


def test_the_settings_name_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the registry of the settings is used."""
    monkeypatch.setenv("CARDGEN_REGISTRY", str(tmp_path / "mine.db"))
    with Registry() as registry:
        assert registry.url == f"sqlite:///{tmp_path / 'mine.db'}"
        assert repr(registry) == f"Registry('sqlite:///{tmp_path / 'mine.db'}', mode='write')"
