"""Registries to test with: the same tests run on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import strategies as st

from cardgen.identity import new_run_id
from cardgen.record import Displayed, LogEvent, Model, Opaque, Run
from cardgen.registry import Registry


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a registry may be made, on either engine."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.db")
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    """A new registry on either engine, open for writing."""
    with Registry(url) as opened:
        yield opened


@pytest.fixture
def places(tmp_path: Path, postgresql_server: str) -> Iterator[Callable[[str], str]]:
    """Make an empty place of an engine, as often as asked."""
    import psycopg

    names: list[str] = []
    with psycopg.connect(postgresql_server.replace("+psycopg", ""), autocommit=True) as connection:

        def make(engine: str) -> str:
            name = f"t{new_run_id().replace('-', '')}"
            if engine == "sqlite":
                return str(tmp_path / f"{name}.db")
            names.append(name)
            connection.execute(f"CREATE SCHEMA {name}".encode())
            return f"{postgresql_server}&options=-csearch_path%3D{name}"

        yield make
        for name in names:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


# Runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Make a run with an id of its own; any field may be given."""

    def make(**given: Any) -> Run:
        fields: dict[str, Any] = {
            "id": new_run_id(),
            "name": "test",
            "model": Model(type="SentenceTransformer"),
            "created": dt.datetime.now(dt.UTC),
        }
        return Run(**{**fields, **given})

    return make


@pytest.fixture
def make_events() -> Callable[..., list[LogEvent]]:
    """Make log events with a loss, numbered from `start`."""

    def make(count: int, start: int = 0) -> list[LogEvent]:
        return [
            LogEvent(seq=number, kind="train", step=number, epoch=number / 8, values={"loss": 1 / (number + 1)})
            for number in range(start, start + count)
        ]

    return make


@pytest.fixture(scope="session")
def exact() -> Callable[[Any], Any]:
    """What must survive of a value: types and `repr` at every depth, and the order of keys; NaN equals itself."""

    def describe(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [describe(getattr(value, field.name)) for field in dataclasses.fields(value)]
            return type(value).__name__, fields
        if isinstance(value, dict):
            return "dict", [(describe(key), describe(item)) for key, item in value.items()]
        if isinstance(value, (list, tuple)):
            return type(value).__name__, [describe(item) for item in value]
        text = hex(value) if type(value) is int else repr(value)
        return type(value).__name__, text

    return describe


# All code points, surrogates and NUL included, and what looks like a tag.
TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["", "$tuple", "$", '{"$float": "nan"}', "\ud83d\ude00", "\ud800", "\0", "😀", "\u2028", "\r\n", "None"]
)
TIMES = st.datetimes(timezones=st.just(dt.UTC)).map(lambda time: time.replace(fold=0))  # UTC has no folds
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, 1, 1.0, -0.0, 5e-05, float("inf"), float("-inf"), float("nan"), 2**70, -(2**1100)])
)
DISPLAYED = st.builds(Displayed, TEXT, st.none() | NUMBERS)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT | st.binary(max_size=8) | TIMES | DISPLAYED
KEYS = TEXT | st.integers() | st.none() | st.tuples(TEXT, st.integers()) | st.sampled_from(["$dict", "$x"])


class Strategies:
    """Generated values for property tests."""

    plain = st.recursive(
        SCALARS | st.builds(Opaque, TEXT),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS, inner, max_size=3)
        ),
        max_leaves=8,
    )

    def of(self, hint: Any) -> st.SearchStrategy[Any]:
        """Values of one type hint of the record."""
        origin, arguments = get_origin(hint), get_args(hint)
        if hint is Any:
            return self.plain
        if origin in (Union, types.UnionType):
            return st.one_of([self.of(argument) for argument in arguments])
        if origin is Literal:
            return st.sampled_from(arguments)
        if origin is tuple and arguments[-1] is Ellipsis:
            return st.lists(self.of(arguments[0]), max_size=2).map(tuple)
        if origin is tuple:
            return st.tuples(*[self.of(argument) for argument in arguments])
        if origin is dict:
            return st.dictionaries(TEXT, self.of(arguments[1]), max_size=2)
        scalar: dict[Any, st.SearchStrategy[Any]] = {
            type(None): st.none(),
            str: TEXT,
            int: st.integers(),
            float: st.floats(),
            bool: st.booleans(),
            dt.datetime: TIMES,
            Displayed: DISPLAYED,
        }
        return scalar[hint] if hint in scalar else self.record(cast(type, hint))

    def record(self, kind: type) -> st.SearchStrategy[Any]:
        """Values of a dataclass of the record; about half the fields have their default."""
        hints = get_type_hints(kind)
        required: dict[str, st.SearchStrategy[Any]] = {}
        optional: dict[str, st.SearchStrategy[Any]] = {}
        for field in dataclasses.fields(kind):
            given = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            (required if given else optional)[field.name] = self.of(hints[field.name])
        return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))

    @property
    def runs(self) -> st.SearchStrategy[Run]:
        """Whole runs with ids of their own and any name."""
        return self.record(Run).map(lambda run: dataclasses.replace(run, id=new_run_id()))


@pytest.fixture(scope="session")
def strategies() -> Strategies:
    """Generated values for property tests."""
    return Strategies()


# Processes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code in another process, with arguments; whatever still runs is killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def outputs() -> Callable[..., list[str]]:
    """Let processes go at one moment, when each has said that it is ready, and return what they printed then."""

    def wait(processes: list[subprocess.Popen[str]], seconds: float = 60) -> list[str]:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=seconds)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * len(processes)
        return printed

    return wait


@pytest.fixture
def ordinary_user() -> tuple[str, ...]:
    """What to put before a command so that file permissions bind it, also when root runs the tests."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root, and no setpriv to become bound by permissions")
    without = "-dac_override,-dac_read_search,-fowner"
    return ("setpriv", f"--bounding-set={without}", f"--inh-caps={without}")
