"""A merge that is killed, and one beside trainings: nothing is lost, and the end is the same.

`CARDGEN_TEST_KILLS=100` kills so many merges (default: 5 on SQLite, 3 on PostgreSQL).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cardgen.record import Evaluation, Hyperparameters, LogEvent, Model, Run
from cardgen.registry import Registry, spool_folder
from cardgen.registry.exporting.write import export_registry
from tests.registry.states import ONE, OTHER, START, fill

Start = Callable[..., "subprocess.Popen[str]"]

KILLS = int(os.environ.get("CARDGEN_TEST_KILLS", "0"))
RUNS = 300

MERGE = """
import sys
from cardgen.registry import Registry
from cardgen.registry.merging import paging
paging.RUNS_AT_ONCE = 50
with Registry(sys.argv[1], busy_seconds=60) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    registry.merge(sys.argv[2])
    print("done", flush=True)
"""

RECORD = """
import sys, time
from cardgen.record import LogEvent, Model, Run
from cardgen.tracking.options import make_options
from cardgen.tracking.sink import Sink
options = make_options(name=None, project=None, group=None, tags=(), registry=sys.argv[1])
run = Run(id=sys.argv[2], name="training", model=Model(type="CrossEncoder"), status="running")
sink = Sink(options, run.id, renamed=lambda name: None, released=lambda: None)
sink.snapshot(run)
print("ready", flush=True)
sys.stdin.readline()
longest = 0.0
for seq in range(400):
    started = time.perf_counter()
    sink.event(LogEvent(seq=seq, kind="train", step=seq, values={"loss": 1 / (seq + 1)}))
    longest = max(longest, time.perf_counter() - started)
    time.sleep(0.005)
sink.close()
print(longest, flush=True)
"""


def many(registry: Registry, prefix: str, first: int) -> Registry:
    """Runs with arguments, results and logs; names are those of every other registry."""
    for number in range(first, first + RUNS):
        run = Run(
            id=f"{prefix}-{number:05d}",
            name=f"run-{number % 50}",
            model=Model(type="CrossEncoder", title=f"T{number % 7}"),
            created=START,
            hyperparameters=Hyperparameters(values={f"a{place}": number * place for place in range(10)}),
            evaluations=(Evaluation(evaluator="E", metrics={"ndcg": number / 1000}, at=START, epoch=1.0),),
        )
        registry.save(run)
        registry.append(run.id, [LogEvent(seq=seq, kind="train", step=seq, values={"loss": 0.5}) for seq in range(3)])
    return registry


def told(url: str, folder: Path) -> dict[str, bytes]:
    """All that a registry holds, byte for byte, but who made its runs here when."""
    export_registry(url, folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killed_merges(engine: str, places: Callable[[str], str], tmp_path: Path, start: Start) -> None:
    """After each kill the registry is whole and has all that it had; the next merge goes on, and ends as one would."""
    other = tmp_path / "other.db"
    with Registry(other) as registry:
        many(fill(registry, OTHER), "other", 0)
    here, never_killed = places(engine), tmp_path / "never-killed.db"
    with Registry(here) as registry:
        fill(registry, ONE)
        registry.append("young", [LogEvent(seq=seq, kind="train", step=seq) for seq in range(1, 50)])
        runs = len(registry.listing())
    with Registry(never_killed) as registry:
        registry.merge(here)
        started = time.monotonic()
        registry.merge(other)
        took = time.monotonic() - started
    chance, killed = random.Random(5), 0
    for _ in range(KILLS or (5 if engine == "sqlite" else 3)):
        process = start(MERGE, here, other)
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(chance.uniform(0.0, 0.8) * took)  # within a merge, on a quick machine and on a busy one
        os.kill(process.pid, signal.SIGKILL)
        killed += process.communicate()[0] == ""
        with Registry(here, busy_seconds=60) as registry:
            assert registry.verify().findings == ()
            assert len(registry.listing()) >= runs - 1  # one was there, and is gone by the other's word
            assert len(registry.log("young")) == 50
    with Registry(here) as registry:
        registry.merge(other)
        assert registry.verify().findings == ()
        assert registry.merge(other).changes == 0
    assert killed
    assert told(here, tmp_path / "a") == told(str(never_killed), tmp_path / "b")


def test_beside_trainings(tmp_path: Path, start: Start, outputs: Callable[..., list[str]]) -> None:
    """Two trainings record, and one merges into their registry: all is there, and no event waits for the merge."""
    here, other = tmp_path / "here.db", tmp_path / "other.db"
    with Registry(here) as registry:
        fill(registry, ONE)
    with Registry(other) as registry:
        many(fill(registry, OTHER), "other", 0)
    processes = [start(RECORD, here, "training-1"), start(RECORD, here, "training-2"), start(MERGE, here, other)]
    first, second, merged = outputs(processes, seconds=120)
    assert merged == "done\n"
    assert max(float(first), float(second)) < 5
    with Registry(here) as registry:
        for run_id in ("training-1", "training-2"):
            assert [event.seq for event in registry.log(run_id)] == list(range(400))
        assert registry.merge(other).changes == 0
        assert len(registry.listing()) == RUNS + 2 + 4
        assert registry.verify().findings == ()
    assert list(spool_folder(here).glob("*")) == []
