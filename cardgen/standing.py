"""What of a record stands: steps that were trained again count once, and a card tells of the weights it comes with.

Nothing that was recorded is taken away. The log keeps the events of steps that were trained again, the record the
results made on other weights; cards and listings look at both through these functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from cardgen.record import Checkpoint, Evaluation, LogEvent, Run, Segment


def standing_log(segments: Sequence[Segment], log: Iterable[LogEvent]) -> list[LogEvent]:
    """The log without what was trained again.

    A segment that starts at step N takes the place of what earlier segments did after N: their first event of a later
    step and all that follow it in that segment, evaluations after training (step -1) included.
    """
    events = list(log)
    limits = _limits(segments)
    if not limits:
        return events
    ended: set[int] = set()
    standing = []
    for event in events:
        if event.step > limits.get(event.segment, math.inf):
            ended.add(event.segment)
        if event.segment not in ended:
            standing.append(event)
    return standing


def _limits(segments: Sequence[Segment]) -> dict[int, int]:
    """For each segment the last step that a later one did not train again."""
    limits: dict[int, int] = {}
    lowest: int | None = None
    for segment in reversed(segments):
        if lowest is not None:
            limits[segment.index] = lowest
        if segment.start_step is not None:
            lowest = segment.start_step if lowest is None else min(lowest, segment.start_step)
    return limits


def described_checkpoint(run: Run) -> Checkpoint | None:
    """The checkpoint that the run's card describes: the best one if the trainer loads it at its end, else the last.

    Folders that were added later (`saved` is None) count only where the run saved none itself.
    """
    own = [point for point in run.checkpoints if point.saved is not None]
    if run.best_step is not None and (best := [point for point in own if point.best]):
        return best[-1]
    return max(own, key=lambda point: point.saved, default=None) or next(iter(run.checkpoints), None)  # type: ignore[arg-type,return-value]


def made_later(evaluation: Evaluation) -> bool:
    """Whether a result was made on a checkpoint after the run, in any process: it has a time and no epoch."""
    return evaluation.epoch is None and evaluation.at is not None


def evaluation_key(evaluation: Evaluation) -> tuple[str, str | None]:
    """What tells evaluators apart: class and name."""
    return evaluation.evaluator, evaluation.dataset_name


def standing_evaluations(run: Run) -> tuple[Evaluation, ...]:
    """The results that the run's card shows, in order of first use.

    A result that was made later counts if it was made on the weights that the card describes, and then goes before
    another one of the same evaluator; made on other weights, it is left out. What the run itself found while it
    trained is shown as it is.
    """
    if not any(made_later(evaluation) for evaluation in run.evaluations):
        return run.evaluations
    point = described_checkpoint(run)
    weights = None if point is None else point.weights
    shown: dict[tuple[str, str | None], Evaluation] = {}
    for evaluation in run.evaluations:
        if not made_later(evaluation) or (weights is not None and evaluation.weights == weights):
            key = evaluation_key(evaluation)
            if key not in shown or made_later(evaluation) or not made_later(shown[key]):
                shown[key] = evaluation
    return tuple(shown.values())
