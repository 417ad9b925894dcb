"""Other tools doing the same: start-up, a logged training, and log events alone.

Each case is a process of its own (see `training`), all with the same Python; rounds are interleaved. Costs of a whole
loop are the least of the rounds: whatever else the machine does only adds to them.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import asking
from environment import FOLDER, PYTHON, install, measured
from startup import installed
from timing import Result, compared, medians, process

Costs = dict[str, dict[str, list[float]]]
"""By tool and by cost: a figure a round."""


def parts(rounds: int = 7) -> list[Callable[[Path], Iterator[Result]]]:
    """The measurements that need another tool, each of them one: if it fails, the others still tell theirs."""
    found: list[Callable[[Path], Iterator[Result]]] = [start_up, lambda _: training(rounds)]
    return [_ready(part) for part in (*found, lambda _: log_events(rounds), asking.against_mlflow)]


def _ready(part: Callable[[Path], Iterator[Result]]) -> Callable[[Path], Iterator[Result]]:
    def measure(folder: Path) -> Iterator[Result]:
        install()
        yield from part(folder)

    return measure


def start_up(folder: Path, rounds: int = 5) -> Iterator[Result]:
    """`cardgen --version` against `mlflow --version` and `hf version`, and `import cardgen` against `import mlflow`."""
    here = Path(sys.executable).parent
    python, command = installed(folder / "installed")
    found = medians(
        {
            "version": process([command, "--version"]),
            "import": process([python, "-c", "import cardgen"]),
            "mlflow version": process([str(FOLDER / "bin" / "mlflow"), "--version"]),
            "mlflow import": process([str(PYTHON), "-c", "import mlflow"]),
            "hf version": process([python, str(here / "hf"), "version"]),
        },
        rounds,
    )
    yield compared("cardgen --version", found["version"], found["mlflow version"], 0.025, "mlflow --version")
    yield compared("cardgen --version", found["version"], found["hf version"], 0.4, "hf version")
    yield compared("import cardgen", found["import"], found["mlflow import"], 0.05, "import mlflow")


def training(rounds: int) -> Iterator[Result]:
    """300 steps, each logged: what the hook takes, what it adds to a step, what beginning takes."""
    costs = _run("steps", ("none", "cardgen", "mlflow"), rounds)
    hook, base = _median(costs, "cardgen", "on_log_ms"), _median(costs, "mlflow", "on_log_ms")
    yield _figures("median in on_log", hook, base, 0.25, "ms, MLflow's callback")
    bare = min(costs["none"]["cpu_step_ms"])
    added, base = (max(0.0, min(costs[tool]["cpu_step_ms"]) - bare) for tool in ("cardgen", "mlflow"))
    yield _figures("CPU added a step", added, base, 0.05, "ms, MLflow's callback")
    # the same without the noise of the training: the hook's own, and that of all other threads
    bare = _median(costs, "none", "own_step_ms")
    added, base = (max(0.0, _median(costs, tool, "own_step_ms") - bare) for tool in ("cardgen", "mlflow"))
    yield _figures("CPU of hook and threads a step", added, base, 0.05, "ms, MLflow's callback")
    for name, cost in (("set-up, new registry", "set_up_s"), ("set-up until it is stored", "stored_s")):
        base = _median(costs, "mlflow", cost)
        yield _figures(name, _median(costs, "cardgen", cost), base, 0.1, "s, MLflow's callback")


def log_events(rounds: int) -> Iterator[Result]:
    """20,000 events of 4 values as fast as they come: what the caller pays, and how fast all is stored."""
    costs = _run("events", ("cardgen", "trackio"), rounds)
    ours, theirs = (min(costs[tool]["caller_us"]) for tool in ("cardgen", "trackio"))
    yield _figures("the caller pays a step", ours, theirs, 1.0, "us, trackio")
    ours, theirs = (min(costs[tool]["total_us"]) for tool in ("cardgen", "trackio"))
    note = f"{1e6 / ours:,.0f} steps/s against {1e6 / theirs:,.0f} (trackio)"
    yield Result("log to close, speed", theirs / ours, 1.5, note, at_least=True)


def _run(what: str, tools: Sequence[str], rounds: int) -> Costs:
    costs: Costs = {tool: {} for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            for cost, figure in measured("training.py", what, tool).items():
                costs[tool].setdefault(cost, []).append(float(figure))
    return costs


def _median(costs: Costs, tool: str, cost: str) -> float:
    return statistics.median(costs[tool][cost])


def _figures(name: str, ours: float, theirs: float, target: float | None, unit: str) -> Result:
    return Result(name, ours / theirs, target, f"{ours:.3f} against {theirs:.3f} {unit}")
