"""Asking a registry of many runs, each with 100 arguments and 20 metrics: against MLflow, and against a tenth of them.

Loading 10,000 runs into MLflow takes three minutes, loading 100,000 into a registry two.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import seeding
from environment import measured
from timing import Result, compared, medians

from cardgen import Registry
from cardgen.record import Run

RUNS = 10_000
PAGE = 100

TARGETS = {
    "rows": ("filter + order, 100 rows", 0.015, "search_runs"),
    "runs": ("filter + order, 100 whole runs", 0.05, "search_runs"),
    "page": ("newest 100 rows", 0.01, "search_runs"),
    "one": ("one run", 0.2, "get_run"),
}


def against_mlflow(_: Path, count: int = RUNS) -> Iterator[Result]:
    """The same runs in both, on this machine, in one process."""
    costs: Mapping[str, Mapping[str, float]] = measured("stores.py", str(count))
    for question, (name, target, base) in TARGETS.items():
        found = costs[question]
        yield compared(f"{name} of {count:,}", found["cardgen"], found["mlflow"], target, f"MLflow's {base}")
    load, size = costs["load"], costs["size"]
    note = f"{load['cardgen'] * 1000:.2f} ms a run against {load['mlflow'] * 1000:.1f} ms (MLflow's API)"
    yield Result("loading runs, speed", load["mlflow"] / load["cardgen"], 15, note, at_least=True)
    note = f"{size['cardgen'] / 1e6:.0f} MB against {size['mlflow'] / 1e6:.0f} MB (MLflow)"
    yield Result(f"file of {count:,} runs", size["cardgen"] / size["mlflow"], 0.5, note)


def grown(folder: Path, count: int = RUNS, rounds: int = 15) -> Iterator[Result]:
    """Ten times the runs: a filter may take three times as long, a page half again. A search takes three filters."""
    paths = {size: folder / f"asking-{size}.db" for size in (count, 10 * count)}
    for size, path in paths.items():
        with Registry(path) as registry:
            registry.save_all(_plain(size))
    registries = {size: Registry(path, mode="read") for size, path in paths.items()}
    try:
        for name, question, target in (
            ("filter + order", {"query": seeding.FILTER, "order_by": seeding.ORDER}, 3.0),
            ("newest page", {}, 1.5),
        ):
            cases = {
                str(size): lambda registry=registry, question=question: registry.listing(limit=PAGE, **question)
                for size, registry in registries.items()
            }
            found = medians(cases, rounds)
            few, many = found[str(count)], found[str(10 * count)]
            yield compared(f"{name}, {10 * count:,} runs", many, few, target, f"{count:,} runs")
        yield from _searches(registries[10 * count], 10 * count, rounds)
    finally:
        for registry in registries.values():
            registry.close()


def _searches(registry: Registry, count: int, rounds: int) -> Iterator[Result]:
    """A search, its places included, against a filter of the same registry."""
    cases: dict[str, Callable[[], object]] = {
        text: functools.partial(registry.search, text) for text in seeding.SEARCHES
    }
    cases["filter"] = lambda: registry.listing(seeding.FILTER, order_by=seeding.ORDER, limit=PAGE)
    found = medians(cases, rounds)
    for text in seeding.SEARCHES:
        yield compared(f"search {text}, {count:,} runs", found[text], found["filter"], 3.0, "filter + order")


def _plain(count: int) -> Iterator[Run]:
    """Names of the same length, whatever the number of runs."""
    for run in seeding.runs(count):
        yield dataclasses.replace(run, name=f"run-{int(run.name.rpartition('-')[2]):06}")
