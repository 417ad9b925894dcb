"""A registry with three runs, and the command line called on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cardgen.cli import main
from cardgen.record import (
    Checkpoint,
    Column,
    Dataset,
    Durations,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    Loss,
    Model,
    Run,
)
from cardgen.registry import Registry

NOW = dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Its data as text."""
        return self.out.decode()


Call = Callable[..., Said]


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Run `cardgen` with arguments in this process."""

    def run(*arguments: object) -> Said:
        words: Sequence[str] = [str(argument) for argument in arguments]
        code = main(words)
        captured = capfdbinary.readouterr()
        return Said(code, captured.out, captured.err.decode())

    return run


def run_number(number: int, name: str, **facts: object) -> Run:
    """A run made `number` days ago."""
    values: dict[str, object] = {
        "id": f"0193b5b0-0000-7000-8000-00000000000{number}",
        "name": name,
        "model": Model(type="SentenceTransformer", title=f"SentenceTransformer {name}"),
        "status": "finished",
        "created": NOW - dt.timedelta(days=number),
        "environment": Environment(versions={"python": "3.11.7", "sentence_transformers": "5.1.0"}),
        **facts,
    }
    return Run(**values)  # type: ignore[arg-type]


OTTER = run_number(
    1,
    "amber-otter",
    project="retrieval",
    tags=("nli", "v1"),
    datasets=(
        Dataset(
            role="train",
            name="all-nli",
            size=557850,
            columns=(Column(name="anchor", dtype="string"), Column(name="positive", dtype="string")),
            loss=Loss(name="sentence_transformers.losses.MultipleNegativesRankingLoss"),
        ),
    ),
    hyperparameters=Hyperparameters(values={"learning_rate": 2e-05, "seed": 42}, defaults={"learning_rate": 5e-05}),
    evaluations=(
        Evaluation(
            evaluator="sentence_transformers.evaluation.InformationRetrievalEvaluator",
            dataset_name="nano",
            primary_metric="nano_cosine_ndcg@10",
            metrics={"nano_cosine_ndcg@10": 0.875, "nano_cosine_mrr@10": 0.5},
        ),
    ),
    checkpoints=(Checkpoint(path="output/final", step=12),),
    durations=Durations(total_seconds=83.0),
    redactions=("hyperparameters.hub_token",),
    problems=("the widget could not be recorded",),
)
HERON = run_number(2, "brisk-heron", project="rerankers", group="sweep-1", model=Model(type="CrossEncoder"))
OLD = run_number(9, "calm-lynx", status="failed")


@pytest.fixture
def new_run() -> Callable[..., Run]:
    """`run_number`, for tests that need a run of their own."""
    return run_number


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with three runs of the last nine days, the one that the settings name."""
    path = tmp_path / "cards.db"
    monkeypatch.setenv("CARDGEN_REGISTRY", str(path))
    with Registry(path) as opened:
        for run in (OTTER, HERON, OLD):
            opened.save(run)
        opened.append(OTTER.id, [LogEvent(seq=0, kind="train", step=10, epoch=0.5, values={"loss": float("nan")})])
    return path


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry without runs, the one that the settings name."""
    path = tmp_path / "empty.db"
    monkeypatch.setenv("CARDGEN_REGISTRY", str(path))
    Registry(path).close()
    return path
