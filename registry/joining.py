"""A recorder's document meets the one that the registry has.

A recorder writes the whole record as it knows it. What came in meanwhile from elsewhere it does not know: results made
on a checkpoint by another process, and, where it resumed a run without reaching the registry, the run's earlier part.
Both stay. So do a person's notes, which recorders never write.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

from cardgen.record import Durations, Run, Segment
from cardgen.standing import evaluation_key, made_later
from cardgen.totals import measured_segments, total_emissions


def joined(stored: Run, given: Run) -> Run:
    """The document of a recorder with what only the registry knows of the run. Joining again changes nothing."""
    known = {segment.started for segment in given.segments}
    earlier = [segment for segment in measured_segments(stored) if segment.started not in known]
    if earlier and given.segments:
        given = _with_earlier_part(stored, earlier, given)
    there = {repr(evaluation) for evaluation in given.evaluations}  # as texts, for NaN is not equal to itself
    evaluations = [e for e in stored.evaluations if made_later(e) and repr(e) not in there]
    paths = {point.path for point in given.checkpoints}
    same = {(point.path, point.weights) for point in given.checkpoints}
    checkpoints = [
        point
        for point in stored.checkpoints
        if point.path not in paths or (point.saved is None and (point.path, point.weights) not in same)
    ]
    notes = {**given.notes, **stored.notes}
    if not evaluations and not checkpoints and notes == given.notes:
        return given
    return dataclasses.replace(
        given,
        notes=notes,
        evaluations=(*given.evaluations, *evaluations),
        checkpoints=(*given.checkpoints, *checkpoints),
    )


def _with_earlier_part(stored: Run, earlier: list[Segment], given: Run) -> Run:
    renewed = {evaluation_key(evaluation) for evaluation in given.evaluations}
    earlier = [_closed(segment, stored) for segment in earlier]
    segments = tuple(sorted([*earlier, *measured_segments(given)], key=lambda segment: segment.started))
    parent = given.model.parent_run if given.model.parent_run != given.id else None
    return dataclasses.replace(
        given,
        name=stored.name,
        model=dataclasses.replace(given.model, parent_run=parent or stored.model.parent_run),
        project=given.project or stored.project,
        group=given.group or stored.group,
        tags=tuple(dict.fromkeys([*stored.tags, *given.tags])),
        created=stored.created or given.created,
        started=stored.started or given.started,
        datasets=given.datasets or stored.datasets,
        citations=given.citations or stored.citations,
        evaluations=(
            *(e for e in stored.evaluations if evaluation_key(e) not in renewed and not made_later(e)),
            *given.evaluations,
        ),
        segments=segments,
        emissions=total_emissions(segments),
        durations=_total(earlier, given.durations),
        redactions=tuple(dict.fromkeys([*stored.redactions, *given.redactions])),
        problems=tuple(dict.fromkeys([*stored.problems, *given.problems])),
    )


def _closed(segment: Segment, stored: Run) -> Segment:
    """A segment that was killed has lasted as long as the run's durations know."""
    if segment.training_seconds is not None or stored.durations is None:
        return segment
    total = stored.durations.total_seconds
    others = sum(other.training_seconds or 0.0 for other in stored.segments)
    seconds = max(0.0, float(total) - others) if isinstance(total, (int, float)) else 0.0
    return dataclasses.replace(segment, ended=segment.started + dt.timedelta(seconds=seconds), training_seconds=seconds)


def _total(earlier: list[Segment], own: Durations | None) -> Durations:
    total = sum(segment.training_seconds or 0.0 for segment in earlier)
    evaluation = sum(segment.evaluation_seconds or 0.0 for segment in earlier)
    if own is not None and isinstance(own.total_seconds, (int, float)):
        total += own.total_seconds
    if own is not None and isinstance(own.evaluation_seconds, (int, float)):
        evaluation += own.evaluation_seconds
    return Durations(total_seconds=total, evaluation_seconds=evaluation)
