"""A recorder's document and the one that the registry has become one, however often they meet."""

from __future__ import annotations

import dataclasses
import datetime as dt

from cardgen.record import Checkpoint, Durations, Emissions, Evaluation, Model, Run, Segment
from cardgen.registry import Registry, SpoolWriter, spool_folder
from cardgen.registry.joining import joined

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def segment(hour: int, seconds: float | None) -> Segment:
    """A segment that began at this hour."""
    return Segment(index=hour, started=START + dt.timedelta(hours=hour), training_seconds=seconds)


FIRST = Run(
    id="01900000-0000-7000-8000-000000000001",
    name="first",
    model=Model(type="CrossEncoder", parent_run="p"),
    project="p",
    tags=("a",),
    created=START,
    started=START,
    segments=(segment(0, 5.0), segment(1, None)),
    durations=Durations(total_seconds=12.0),
    evaluations=(
        Evaluation(evaluator="E", dataset_name="dev", epoch=1.0, step=3, at=START),
        Evaluation(evaluator="E", dataset_name="test", epoch=-1, step=-1, at=START),
        Evaluation(evaluator="E", dataset_name="dev", weights="w", at=START),
    ),
    checkpoints=(Checkpoint(path="/a", weights="w", saved=START), Checkpoint(path="/later", weights="x")),
    problems=("one",),
)
ALONE = Run(
    id=FIRST.id,
    name="other-name-1",
    model=Model(type="CrossEncoder", title="New"),
    status="finished",
    tags=("b",),
    created=START + dt.timedelta(hours=2),
    started=START + dt.timedelta(hours=2),
    segments=(segment(2, 4.0),),
    durations=Durations(total_seconds=4.0),
    evaluations=(Evaluation(evaluator="E", dataset_name="dev", epoch=2.0, step=6, at=START),),
    checkpoints=(Checkpoint(path="/b", weights="y", saved=START),),
)


def test_a_part_that_was_recorded_alone_is_joined() -> None:
    """Names and beginnings are of the first, facts of the last; the killed segment lasted as long as was known."""
    run = joined(FIRST, ALONE)
    assert joined(run, ALONE) == run
    assert (run.name, run.project, run.tags, run.created, run.status) == ("first", "p", ("a", "b"), START, "finished")
    assert (run.model.title, run.model.parent_run) == ("New", "p")
    assert [(part.index, part.training_seconds) for part in run.segments] == [(0, 5.0), (1, 7.0), (2, 4.0)]
    assert run.durations == Durations(total_seconds=16.0)
    assert [(e.dataset_name, e.step, e.weights) for e in run.evaluations] == [
        ("test", -1, None),
        ("dev", 6, None),
        ("dev", None, "w"),
    ]
    assert [point.path for point in run.checkpoints] == ["/b", "/a", "/later"]
    assert run.problems == ("one",)


def test_a_result_that_is_no_number_is_joined_once() -> None:
    """NaN is not equal to itself, and yet the same result."""
    stored, given = (
        dataclasses.replace(
            FIRST, evaluations=(Evaluation(evaluator="E", metrics={"ndcg": float("nan")}, weights="w", at=START),)
        )
        for _ in range(2)
    )
    assert joined(stored, given) is given
    without = dataclasses.replace(given, evaluations=())
    assert joined(stored, joined(stored, without)).evaluations == stored.evaluations


def test_a_recorder_keeps_its_word() -> None:
    """A document that knows all segments stands as it is, with what was evaluated elsewhere."""
    given = dataclasses.replace(FIRST, evaluations=FIRST.evaluations[:1], checkpoints=FIRST.checkpoints[:1], tags=())
    run = joined(FIRST, given)
    assert run.tags == ()
    assert run.evaluations == (FIRST.evaluations[0], FIRST.evaluations[2])
    assert run.checkpoints == FIRST.checkpoints
    assert joined(given, given) is given


def test_folding_joins(registry: Registry, url: str) -> None:
    """In the registry the run keeps its name, and search rows follow the joined document."""
    registry.save(FIRST)
    writer = SpoolWriter(spool_folder(url), FIRST.id)
    writer.snapshot(ALONE)
    writer.close()
    registry.fold(writer.path)
    stored = registry.run(FIRST.id)
    assert stored == joined(FIRST, ALONE)
    assert registry.having("run", "weights", "w") == registry.having("run", "weights", "y") == [FIRST.id]
    assert registry.having("run", "weights", "none") == []
    (row,) = registry.listing("other-name") or registry.listing()
    assert (row.name, row.seconds) == ("first", 16.0)
    registry.delete(FIRST.id)
    assert registry.having("run", "weights", "w") == []
    assert registry.is_deleted(FIRST.id)
    assert not registry.is_deleted("01900000-0000-7000-8000-000000000009")


def test_emissions_of_both_parts_are_added_up() -> None:
    """Also those that an older record knows of the whole alone; joining again counts nothing twice."""
    one = Emissions(emissions_kg=0.25, energy_kwh=1.0, on_cloud=False)
    own = dataclasses.replace(segment(2, 4.0), emissions=one)
    alone = dataclasses.replace(ALONE, segments=(own,), emissions=one)
    for first, total in ((FIRST, 0.25), (dataclasses.replace(FIRST, emissions=one), 0.5)):
        run = joined(first, alone)
        assert run.emissions is not None
        assert run.emissions.emissions_kg == total
        assert joined(run, alone) == run


def test_notes_stay() -> None:
    """A recorder writes none: those that the registry has stay, also through a part that was recorded alone."""
    noted = dataclasses.replace(FIRST, notes={"bias": "new"})
    assert joined(noted, ALONE).notes == {"bias": "new"}
    assert joined(noted, dataclasses.replace(FIRST, notes={"bias": "old", "contact": "me"})).notes == {
        "bias": "new",
        "contact": "me",
    }
