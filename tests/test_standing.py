"""What of a record stands: steps trained again count once, a card tells of one checkpoint."""

from __future__ import annotations

import dataclasses
import datetime as dt

from cardgen.card.layout import render
from cardgen.record import Checkpoint, Environment, Evaluation, LogEvent, Model, Run, Segment
from cardgen.standing import described_checkpoint, standing_evaluations, standing_log

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_what_stands_of_a_log() -> None:
    """Steps after a restart's start fall, with what follows them in their segment; each segment counts for itself."""

    def event(seq: int, segment: int, step: int) -> LogEvent:
        return LogEvent(seq=seq, kind="train", segment=segment, step=step, values={})

    def segment(index: int, step: int | None) -> Segment:
        return Segment(index=index, started=START, start_step=step)

    made = [(0, -1), (0, 2), (0, 4), (0, 5), (0, -1), (1, 5), (1, 6), (1, -1), (2, 3), (2, 4)]
    log = [event(seq, index, step) for seq, (index, step) in enumerate(made)]
    assert standing_log([segment(0, 0)], log[:5]) == log[:5]
    assert [e.seq for e in standing_log([segment(0, 0), segment(1, 4)], log[:8])] == [0, 1, 2, 5, 6, 7]
    assert [e.seq for e in standing_log([segment(0, 0), segment(1, 4), segment(2, 2)], log)] == [0, 1, 8, 9]
    assert standing_log([segment(0, 0), segment(1, None)], log[:8]) == log[:8]


def point(name: str, minute: int | None, *, best: bool = False) -> Checkpoint:
    """A checkpoint whose weights are called like it; `minute` is when the run saved it."""
    saved = None if minute is None else START + dt.timedelta(minutes=minute)
    return Checkpoint(path=f"/{name}", weights=name, best=best, saved=saved)


def test_the_described_checkpoint() -> None:
    """The last that the run saved; the best where that is loaded at the end; one added later only if it is alone."""
    run = Run(id="a", name="a", model=Model(type="SentenceTransformer"))
    assert described_checkpoint(run) is None
    added, early, late = point("added", None), point("early", 1, best=True), point("late", 2)
    assert described_checkpoint(dataclasses.replace(run, checkpoints=(added,))) == added
    run = dataclasses.replace(run, checkpoints=(added, late, early))
    assert described_checkpoint(run) == late
    assert described_checkpoint(dataclasses.replace(run, best_step=2)) == early


def test_results_of_other_weights_are_not_shown() -> None:
    """What the run found stays; a later result counts on the described weights alone, and then goes first."""

    def result(name: str, value: float, **facts: object) -> Evaluation:
        made = {"evaluator": "x.Evaluator", "dataset_name": name, "metrics": {"accuracy": value}, "at": START}
        return Evaluation(**{**made, **facts})  # type: ignore[arg-type]

    own = (result("dev", 0.1, epoch=1.0, step=4), result("test", 0.2, epoch=-1, step=-1))
    run = Run(
        id="a",
        name="a",
        model=Model(type="SentenceTransformer"),
        environment=Environment(versions={"sentence_transformers": "6.2.0"}),
        checkpoints=(point("early", 1), point("late", 2)),
        evaluations=own,
    )
    assert standing_evaluations(run) == own
    other, same, new = (
        result("dev", 0.6, weights="early"),
        result("dev", 0.7, weights="late"),
        result("more", 0.8, weights="late"),
    )
    run = dataclasses.replace(run, evaluations=(*own, other, same, new))
    assert standing_evaluations(run) == (same, own[1], new)
    card = render(run)
    assert [text in card for text in ("0.1", "0.2", "0.6", "0.7", "0.8")] == [False, True, False, True, True]
    # an old record, and an imported one, tell no times
    old = dataclasses.replace(other, at=None)
    assert standing_evaluations(dataclasses.replace(run, evaluations=(old,))) == (old,)
