"""Runs to measure with: the same for everybody, from a seed."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator

from cardgen.record import Environment, Evaluation, Hyperparameters, Model, Run

NEWEST = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
FILTER = "params.param_2 = value-3 and metrics.metric_1 > 0.5"
"""A query that about one run in forty passes."""

ORDER = "-metrics.metric_1"


SEARCHES = ("model 7", "crossencoder")
"""What one run in fifty has, and what all have."""


def runs(count: int, *, seed: int = 1, params: int = 100, metrics: int = 20) -> Iterator[Run]:
    """Finished runs, a minute apart, newest first; of the arguments a third each are floats, integers and texts."""
    rng = random.Random(seed)
    for number in range(count):
        yield Run(
            id=str(uuid.UUID(int=rng.getrandbits(128))),
            name=f"run-{number}",
            model=Model(type="CrossEncoder", title=f"Model {number % 50}", base_model=f"org/base-{number % 20}"),
            project=f"project-{number % 10}",
            group=f"group-{number % 100}",
            tags=(f"tag-{number % 7}",),
            status="finished",
            created=NEWEST - dt.timedelta(minutes=number),
            hyperparameters=Hyperparameters(values={f"param_{key}": _value(key, rng) for key in range(params)}),
            evaluations=(
                Evaluation(
                    evaluator="sentence_transformers.evaluation.InformationRetrievalEvaluator",
                    primary_metric="metric_0",
                    metrics={f"metric_{key}": rng.random() for key in range(metrics)},
                ),
            ),
            environment=Environment(versions={"torch": rng.choice(["2.8.1", "2.9.0", "2.10.0"])}),
        )


def _value(key: int, rng: random.Random) -> float | int | str:
    if key % 3 == 0:
        return rng.random()
    return rng.randrange(100) if key % 3 == 1 else f"value-{rng.randrange(20)}"
