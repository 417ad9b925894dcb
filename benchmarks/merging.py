"""A registry of 10,000 runs merged into another one of 10,000: the memory that takes, and the time beside loading."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import seeding
from timing import Result

from cardgen import Registry

FEW, MANY = 1_000, 10_000

_MERGE = """
import json, sys, time
from cardgen.actions.merge_registry import merge_registry
start = time.perf_counter()
report = merge_registry(sys.argv[2], sys.argv[1])
seconds = time.perf_counter() - start
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([report.new + report.unchanged, seconds, peak / 1024]))
"""


def measure(folder: Path) -> Iterator[Result]:
    """Merge few into few and many into many, each in a process of its own; then the same again."""
    peaks: dict[int, float] = {}
    for count in (FEW, MANY):
        here, loaded = _registry(folder / f"here-{count}.db", count, 1)
        other, _ = _registry(folder / f"other-{count}.db", count, 2)
        seconds, peaks[count] = _merge(here, other, count)
    again, _ = _merge(here, other, MANY)
    note = f"{peaks[MANY]:.0f} MB against {peaks[FEW]:.0f} MB ({FEW:,} runs)"
    yield Result(f"merge of {MANY:,} runs, peak memory", peaks[MANY] / peaks[FEW], 1.3, note)
    yield Result(
        f"merge of {MANY:,} runs", seconds / loaded, 4, f"{seconds:.1f} s against {loaded:.1f} s (loading them)"
    )
    yield Result(
        "the same merged again", again / seconds, 0.5, f"{again:.1f} s against {seconds:.1f} s (the first time)"
    )


def _registry(path: Path, count: int, seed: int) -> tuple[Path, float]:
    start = time.perf_counter()
    with Registry(path) as registry:
        registry.save_all(dataclasses.replace(run, name=f"{seed}-{run.name}") for run in seeding.runs(count, seed=seed))
    return path, time.perf_counter() - start


def _merge(here: Path, other: Path, count: int) -> tuple[float, float]:
    """Seconds, and the peak of memory in MB."""
    command = [sys.executable, "-c", _MERGE, str(here), str(other)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    merged, seconds, peak = json.loads(done.stdout)
    if merged != count:
        raise RuntimeError(f"{merged} of {count} runs were merged")
    return seconds, peak
