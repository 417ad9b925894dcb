"""A password that is planted in every place where one may stand is found in no output, file or row."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.cli import main
from cardgen.errors import CardgenError
from cardgen.record import Run
from cardgen.registry import Registry, back_up_registry, copy_registry
from cardgen.registry.engine import Database
from cardgen.registry.location import parse_location
from cardgen.settings import user_config_path, user_data_folder
from tests.registry.recording import Recording

MakeRun = Callable[..., Run]

SECRET = "pl4nted/s3cret"
"""Quoted in a URL, where it is `pl4nted%2Fs3cret`: half of it must not be seen either."""

HALVES = ("pl4nted", "s3cret")


def with_password(url: str, **changes: Any) -> str:
    """The URL with the password in it."""
    made = sa.make_url(url).set(password=SECRET)
    return made.set(**changes).render_as_string(hide_password=False)


def assert_clean(*texts: str | bytes) -> None:
    """Neither half of the password is in any text."""
    for text in texts:
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        for half in HALVES:
            assert half not in shown, shown[max(0, shown.index(half) - 300) :][:600]


def cardgen(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, with every log shown."""
    code = (
        "import logging, sys; logging.basicConfig(level=0); from cardgen.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, check=False, timeout=60)


@pytest.fixture
def login(postgresql_server: str) -> Iterator[str]:
    """The URL of a schema of a user who has the password, over the server's socket."""
    engine = sa.create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE planted LOGIN PASSWORD '{SECRET}'")
        connection.exec_driver_sql("CREATE SCHEMA planted AUTHORIZATION planted")
        url = sa.make_url(postgresql_server).set(username="planted")
        yield with_password(url.update_query_dict({"options": "-csearch_path=planted"}).render_as_string())
        connection.exec_driver_sql("DROP SCHEMA planted CASCADE")
        connection.exec_driver_sql("DROP ROLE planted")
    engine.dispose()


COMMANDS = [
    ("registry", "status"),
    ("registry", "status", "--json"),
    ("registry", "upgrade"),
    ("registry", "verify"),
    ("registry", "ingest"),
    ("runs", "list"),
    ("runs", "show", "nothing"),
    ("doctor",),
    ("doctor", "--json"),
]


def test_the_command_line_shows_no_password(
    login: str,
    tmp_path: Path,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether it works or fails, and wherever the URL comes from: option, environment or configuration."""
    caplog.set_level(logging.NOTSET)
    with Registry(login) as registry:
        registry.save(make_run(name="saved", status="finished"))
    user_config_path().parent.mkdir(parents=True, exist_ok=True)
    wrong = [
        with_password(login, username="nobody"),
        with_password(login, database="nothing"),
        with_password("postgresql+psycopg://planted@127.0.0.1:1/x"),
        "postgresql+psycopg://planted@127.0.0.1:1/x?password=pl4nted%2Fs3cret&sslpassword=s3cret",
        "postgresql+psycopg://planted:pl4nted@s3cret@127.0.0.1/x",
        "postgresql+psycopg://planted:pl4nted%2Fs3cret@127.0.0.1:port/x",
    ]
    never, copy = str(tmp_path / "never.db"), str(tmp_path / "copy.db")
    for command in COMMANDS:
        main(["--registry", login, *command])
    for url in wrong:
        monkeypatch.setenv("CARDGEN_REGISTRY", url)
        assert main(["registry", "status"]) != 0
        main(["doctor"])
        monkeypatch.delenv("CARDGEN_REGISTRY")
        user_config_path().write_text(f"registry = {json.dumps(url)}\n")
        assert main(["registry", "backup", never]) != 0
        user_config_path().unlink()
        assert main(["registry", "copy", url, never]) != 0
        assert main(["registry", "copy", login, url]) != 0
    assert main(["registry", "backup", str(tmp_path / "backup.db"), "--json", "--registry", login]) == 0
    assert main(["registry", "copy", login, copy, "--json"]) == 0
    assert main(["registry", "copy", copy, login]) == 4
    captured = capfdbinary.readouterr()
    assert captured.out.count(b"planted:***@") > len(COMMANDS) / 2
    assert captured.err.count(b"Error:") >= 4 * len(wrong)
    assert_clean(captured.out, captured.err, caplog.text)
    assert not Path(never).exists()


def test_nothing_that_is_kept_has_a_password(login: str, tmp_path: Path, make_run: MakeRun, capfd: Any) -> None:
    """Neither rows, nor the audit, nor spools and their names, nor backups and copies."""
    recording = Recording(login, make_run(status="running"))
    recording.go_on()
    spool = recording.sink.path.read_bytes()
    recording.check(login)
    lost = Recording(with_password("postgresql+psycopg://planted@127.0.0.1:1/x"), make_run(status="running"))
    lost.go_on()
    lost.sink.close()
    with Registry(login, fold=False) as registry:
        registry.ingest([lost.sink.path])
        registry.delete(lost.run.id, purge=True)
        registry.verify(repair=True)
    back_up_registry(login, tmp_path / "backup.db")
    copy_registry(login, tmp_path / "copy.db")
    captured = capfd.readouterr()
    assert "cannot be written yet" in captured.err
    assert_clean(captured.out, captured.err, spool, str(lost.sink.path))
    for file in [*tmp_path.glob("*.db"), *user_data_folder().rglob("*")]:
        assert_clean(str(file), file.read_bytes() if file.is_file() else b"")


def test_objects_and_errors_show_no_password(login: str, make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    """Not in any `repr`, nor in a traceback with all its causes, nor in a log at its most talkative."""
    caplog.set_level(logging.NOTSET)
    location = parse_location(login)
    with Registry(login) as registry:
        run = registry.save(make_run())
        shown = [
            repr(registry),
            registry.url,
            repr(location),
            repr(registry._database._engine),
            repr(registry.status()),
        ]
        other = Registry(login, busy_seconds=0.1)
        with registry._database.write() as connection:
            connection.exec_driver_sql("SELECT * FROM run FOR UPDATE")
            with pytest.raises(CardgenError) as busy:
                other.save(run)
        other.close()
    errors: list[BaseException] = [busy.value]
    for url in (with_password(login, username="nobody"), with_password(login, database="nothing")):
        with pytest.raises(CardgenError) as caught:
            Registry(url)
        errors.append(caught.value)
    database = Database(location, mode="write", create=False)
    with pytest.raises(sa.exc.DBAPIError) as unknown:  # one that nobody expected
        divide(database)
    database.close()
    for error in [*errors, unknown.value]:
        shown += ["".join(traceback.format_exception(error)), repr(error), getattr(error, "hint", None) or ""]
    assert_clean(*shown, caplog.text)
    assert "planted:***@" in location.url


def divide(database: Database) -> None:
    """Have the database fail."""
    with database.write() as connection:
        connection.exec_driver_sql("SELECT 1 / 0")


def test_the_library_finds_passwords_itself(login: str, tmp_path: Path, make_run: MakeRun) -> None:
    """A service, a password file and PGPASSWORD are understood, so that no URL needs a password; none is shown."""
    url = sa.make_url(login)
    host = str(url.query["host"])
    services, passwords = tmp_path / "services", tmp_path / "passwords"
    services.write_text(
        f"[cards]\nhost={host}\nuser=planted\ndbname={url.database}\noptions=-csearch_path=planted\npassword={SECRET}\n"
    )
    passwords.write_text(f"*:*:*:planted:{SECRET}\n")
    passwords.chmod(0o600)
    plain = url.set(password=None).render_as_string()
    with Registry(login) as registry:
        registry.save(make_run(name="saved"))
    for place, environ in (
        ("postgresql+psycopg:///?service=cards", {"PGSERVICEFILE": str(services)}),
        ("postgresql+psycopg://", {"PGSERVICEFILE": str(services), "PGSERVICE": "cards"}),
        (plain, {"PGPASSFILE": str(passwords)}),
        (plain, {"PGPASSWORD": SECRET}),
        (f"{plain}&sslmode=prefer&connect_timeout=5&application_name=me", {"PGPASSWORD": SECRET}),
    ):
        done = cardgen("--registry", place, "runs", "list", "--json", **environ)
        assert done.returncode == 0, done.stderr
        assert [row["name"] for row in json.loads(done.stdout)] == ["saved"]
        assert_clean(done.stdout, done.stderr)
