"""Log events through the registry, against the least that SQLite can do: the same numbers as rows of `sqlite3`."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from timing import Result, compared, medians

from cardgen import Registry
from cardgen.record import LogEvent, Model, Run

BATCH = 1000
BATCHES = 20
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SCHEMA = (
    "create table point (run integer, key integer, step integer, value real, time real, primary key (run, key, step))"
    " without rowid"
)


def events(count: int) -> list[LogEvent]:
    """Events of training, with four values each."""
    return [
        LogEvent(
            seq=number,
            kind="train",
            step=number + 1,
            epoch=number / count,
            values={
                "loss": 1 / (number + 1),
                "grad_norm": 0.5 + number,
                "learning_rate": 2e-5,
                "epoch": number / count,
            },
            at=AT + dt.timedelta(seconds=number),
        )
        for number in range(count)
    ]


def measure(folder: Path, rounds: int = 5) -> Iterator[Result]:
    """Batches of 1,000 events, each a transaction."""
    log = events(BATCH * BATCHES)
    batches = [log[start : start + BATCH] for start in range(0, len(log), BATCH)]
    paths = (folder / f"writing-{number}.db" for number in range(2 * (rounds + 1)))
    found = medians(
        {
            "registry": lambda: _through_the_registry(next(paths), batches),
            "plain": lambda: _plainly(next(paths), batches),
        },
        rounds,
        timed=True,
    )
    yield compared(
        f"{BATCH:,} events a batch, speed", found["plain"], found["registry"], 0.35, "registry, plain sqlite3 first",
        at_least=True,
    )  # fmt: skip


def _through_the_registry(path: Path, batches: Sequence[Sequence[LogEvent]]) -> float:
    with Registry(path) as registry:
        run_id = registry.save(Run(id="writing", name="writing", model=Model(type="SentenceTransformer"))).id
        start = time.perf_counter()
        for batch in batches:
            registry.append(run_id, batch)
        return time.perf_counter() - start


def _plainly(path: Path, batches: Sequence[Sequence[LogEvent]]) -> float:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(SCHEMA)
        keys: dict[str, int] = {}
        start = time.perf_counter()
        for batch in batches:
            rows = [
                (1, keys.setdefault(name, len(keys)), event.step, value, event.at.timestamp() if event.at else None)
                for event in batch
                for name, value in event.values.items()
            ]
            with connection:
                connection.executemany("insert into point values (?, ?, ?, ?, ?)", rows)
        return time.perf_counter() - start
