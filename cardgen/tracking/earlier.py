"""The earlier part of a run, as its next part takes it over. Pure functions of the record and the log."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cardgen.record import Evaluation, LogEvent, Model, Run, Segment
from cardgen.standing import made_later, standing_log
from cardgen.totals import measured_segments, total_emissions

FORK_TAG = "fork"
"""The tag of a run that started from a checkpoint of another one, which it could not go on with."""

NAME_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A run as it was recorded before.

    `alive`: another process records it now. `whole`: nothing of its log can be missing here. `folded` is the number of
    the last spool entry that the registry has of it.
    """

    run: Run
    log: list[LogEvent]
    alive: bool = False
    whole: bool = True
    folded: int = -1

    @property
    def last_step(self) -> int:
        """How far the training went."""
        ends = [segment.end_step for segment in self.run.segments if segment.end_step is not None]
        return max([0, *ends, *(event.step for event in self.log)])


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What a training starts from: a record without its own facts, and the log so far, numbered."""

    run: Run
    log: list[LogEvent]


def obstacle(earlier: Earlier, step: int) -> str | None:
    """Why a training that starts at this step must not be recorded in this run; None if it goes on with it.

    A run that broke off goes on, whichever step it had reached. One that is finished goes on only where it ended:
    who starts from an older checkpoint of it tries something else.
    """
    if earlier.run.origin != "captured":
        return "was imported"
    if earlier.alive:
        return "is still being recorded"
    if earlier.run.status == "finished" and earlier.last_step > step:
        return f"finished at step {earlier.last_step}"
    return None


def continued(earlier: Earlier, step: int) -> TakenOver:
    """The run itself, to go on at a step: what was killed is closed, results of steps that come again are left out."""
    run, log = earlier.run, earlier.log
    segments = tuple(closed(segment, log) for segment in measured_segments(run))
    standing = standing_log((*segments, _next(step)), log)
    kept = run.evaluations
    if len(standing) < len(log):
        kept = _made_by(run.evaluations, step, _last_time(standing))
    return TakenOver(run=dataclasses.replace(run, segments=segments, evaluations=kept), log=log)


def child(earlier: Earlier, step: int, own: Run) -> TakenOver:
    """A new run that starts from a checkpoint of another one, with that one's history up to this step.

    It keeps the id and the time of `own`. The last segment of the history is cut at the step; how long it took up to
    there follows from its events, and what it emitted up to there is not known.
    """
    parent = earlier.run
    log = standing_log((*parent.segments, _next(step)), earlier.log)
    log = [dataclasses.replace(event, seq=seq) for seq, event in enumerate(log)]
    segments = []
    for segment in measured_segments(parent):
        if segment.start_step is None or segment.start_step < step or any(e.segment == segment.index for e in log):
            cut = segment.end_step is None or segment.end_step > step
            segments.append(_measured(segment, log, end_step=step) if cut else segment)
    run = Run(
        id=own.id,
        name=f"{parent.name[: NAME_LIMIT - 30]}-from-{step}",
        model=Model(type=parent.model.type, parent_run=parent.id),
        project=parent.project,
        group=parent.group,
        tags=(FORK_TAG,),
        created=own.created,
        hyperparameters=parent.hyperparameters,
        evaluations=tuple(
            evaluation
            for evaluation in _made_by(parent.evaluations, step, _last_time(log))
            if not made_later(evaluation)
        ),
        segments=tuple(segments),
        emissions=total_emissions(segments),
    )
    return TakenOver(run=run, log=log)


def next_index(segments: Sequence[Segment]) -> int:
    """The index of the next segment."""
    return max((segment.index for segment in segments), default=-1) + 1


def closed(segment: Segment, log: Iterable[LogEvent]) -> Segment:
    """A segment whose process was killed, as far as its events tell: it lasted up to the last of them."""
    return segment if segment.ended is not None else _measured(segment, log)


def _measured(segment: Segment, log: Iterable[LogEvent], *, end_step: int | None = None) -> Segment:
    events = [event for event in log if event.segment == segment.index and event.step >= 0]
    times = [event.at for event in events if event.at is not None and event.at >= segment.started]
    ended = max(times, default=segment.started)
    validations = [event.values.get("eval_runtime") for event in events if event.kind == "eval"]
    last = max((event.step for event in events), default=segment.start_step)
    return dataclasses.replace(
        segment,
        ended=ended,
        end_step=last if end_step is None else end_step,
        emissions=segment.emissions if end_step is None else None,
        training_seconds=(ended - segment.started).total_seconds(),
        evaluation_seconds=float(sum(seconds for seconds in validations if isinstance(seconds, (int, float)))),
    )


def _next(step: int) -> Segment:
    return Segment(index=-1, started=dt.datetime.now(dt.UTC), start_step=step)


def _last_time(log: Sequence[LogEvent]) -> dt.datetime | None:
    return max((event.at for event in log if event.at is not None), default=None)


def _made_by(evaluations: Iterable[Evaluation], step: int, time: dt.datetime | None) -> tuple[Evaluation, ...]:
    """The results that were made up to a step, which was reached at this time."""

    def stays(evaluation: Evaluation) -> bool:
        if made_later(evaluation):
            return True
        if evaluation.step is not None and evaluation.step >= 0:
            return evaluation.step <= step
        return evaluation.at is None or (time is not None and evaluation.at <= time)

    return tuple(evaluation for evaluation in evaluations if stays(evaluation))
