"""A process that fills a registry and MLflow's store with the same runs, asks both, and prints what that took.

    python stores.py COUNT      one line of JSON: for each cost the seconds of `cardgen` and of `mlflow`

Both keep their runs in a SQLite file in this folder. MLflow is asked through its client in this process, without a
server between. Rounds are interleaved.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import seeding

from cardgen import Registry
from cardgen.record import Run

PAGE = 100
ROUNDS = 7
SOME = 500
"""Runs of MLflow's whose loading is timed at the end, when its file is as large as it gets."""

MLFLOW_FILTER = "params.param_2 = 'value-3' and metrics.metric_1 > 0.5"
MLFLOW_ORDER = ["metrics.metric_1 DESC"]


class Ours:
    """A registry, written and read as a program does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, runs: Sequence[Run]) -> None:
        """Save them all."""
        with Registry(self.path) as registry:
            registry.save_all(runs)

    def questions(self, some: str) -> dict[str, Callable[[], Any]]:
        """What is asked; `some` is the id of a run."""
        self.registry = Registry(self.path, mode="read")
        ask = self.registry
        return {
            "rows": lambda: ask.listing(seeding.FILTER, order_by=seeding.ORDER, limit=PAGE),
            "runs": lambda: ask.runs(seeding.FILTER, order_by=seeding.ORDER, limit=PAGE),
            "page": lambda: ask.listing(limit=PAGE),
            "one": lambda: ask.run(some),
        }


class Mlflow:
    """MLflow's client on a SQLite store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.client: Any = import_module("mlflow").MlflowClient(f"sqlite:///{path}")
        self.entities: Any = import_module("mlflow.entities")
        self.experiment = self.client.create_experiment("bench")
        self.ids: dict[str, str] = {}

    def load(self, runs: Sequence[Run]) -> None:
        """Make each run and log its arguments and metrics in one batch, the fastest way that its API has."""
        for run in runs:
            assert run.created is not None
            assert run.hyperparameters is not None
            at = int(run.created.timestamp() * 1000)
            made = self.client.create_run(self.experiment, start_time=at, run_name=run.name)
            params = [self.entities.Param(name, str(value)) for name, value in run.hyperparameters.values.items()]
            metrics = [self.entities.Metric(name, v, at, 0) for name, v in run.evaluations[0].metrics.items()]
            self.client.log_batch(made.info.run_id, metrics=metrics, params=params)
            self.ids[run.id] = made.info.run_id

    def questions(self, some: str) -> dict[str, Callable[[], Any]]:
        """The same questions; MLflow has no listing that is not of whole runs."""
        experiments, search = [self.experiment], self.client.search_runs

        def found() -> Any:
            return search(experiments, MLFLOW_FILTER, order_by=MLFLOW_ORDER, max_results=PAGE)

        return {
            "rows": found,
            "runs": found,
            "page": lambda: search(experiments, max_results=PAGE),
            "one": lambda: self.client.get_run(self.ids[some]),
        }


def main(count: int) -> None:
    """Load, ask, print."""
    runs = list(seeding.runs(count))
    ours, theirs = Ours(Path("ours.db")), Mlflow(Path("mlflow.db"))
    some = min(SOME, count)
    seconds: dict[str, dict[str, float]] = {"load": {}}
    theirs.load(runs[some:])
    for name, store in (("cardgen", ours), ("mlflow", theirs)):
        todo = runs if store is ours else runs[:some]
        start = time.perf_counter()
        store.load(todo)
        seconds["load"][name] = (time.perf_counter() - start) / len(todo)
    chosen = runs[count // 2].id
    asked = {"cardgen": ours.questions(chosen), "mlflow": theirs.questions(chosen)}
    same(asked)
    for question in asked["cardgen"]:
        times: dict[str, list[float]] = {"cardgen": [], "mlflow": []}
        for number in range(ROUNDS + 1):
            for name, questions in asked.items():
                start = time.perf_counter()
                questions[question]()
                if number:
                    times[name].append(time.perf_counter() - start)
        seconds[question] = {name: statistics.median(values) for name, values in times.items()}
    ours.registry.close()
    sizes = {name: float(path.stat().st_size) for name, path in (("cardgen", ours.path), ("mlflow", theirs.path))}
    print(json.dumps({**seconds, "size": sizes}))


def same(asked: dict[str, dict[str, Callable[[], Any]]]) -> None:
    """See that both answer alike before it is timed.

    Raises:
        RuntimeError: they do not.
    """
    for question in ("runs", "page"):
        names = [run.name for run in asked["cardgen"][question]()]
        if names != [run.info.run_name for run in asked["mlflow"][question]()]:
            raise RuntimeError(f"{question}: the answers differ")


if __name__ == "__main__":
    main(int(sys.argv[1]))
