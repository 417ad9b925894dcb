"""Runs ranked by a metric, never across what cannot be compared: evaluator, data set and configuration."""

from __future__ import annotations

import datetime as dt
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

from cardgen.actions.evaluated import Evaluated, evaluated
from cardgen.errors import QueryError
from cardgen.measures import Direction, direction_of, measured, span
from cardgen.record import Displayed, Evaluation, Run
from cardgen.registry.rows import searchable
from cardgen.standing import standing_evaluations

if TYPE_CHECKING:
    from cardgen.registry.pages import Filters
    from cardgen.registry.store import Registry

_SPARE = 1000
"""Results of a group beyond those wanted, before the ones that cannot be among them are let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A result of a run. Equal values share a `rank`; NaN and texts have none, and come last.

    `value` is a `Displayed` where it is only known as somebody displayed it; `uncertain` says that another order is
    possible for that reason. `step` is None for a result from outside of training; `checkpoint` is the folder with the
    weights that it was made on, where that is known.
    """

    rank: int | None
    run_id: str
    run: str
    value: Any
    uncertain: bool = False
    step: int | None = None
    epoch: Any = None
    checkpoint: str | None = None
    weights: str | None = None
    at: dt.datetime | None = None
    status: str
    project: str | None
    created: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Results of one metric that were made in the same way, best first; `total` counts those left out, too.

    `configuration` is None where there is none, and where it is not known (`configuration_known`).
    """

    metric: str
    evaluator: str
    dataset: str | None
    configuration: Any
    configuration_known: bool
    direction: Direction
    total: int
    results: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """Rankings of the metrics that a name means, apart by what they were made with.

    `others` are metrics that end like the one that has this name in full, and were not asked for.
    """

    metrics: tuple[str, ...]
    rankings: tuple[Ranking, ...]
    others: tuple[str, ...] = ()


def leaderboard(
    metric: str,
    query: str = "",
    *,
    limit: int | None = None,
    direction: Direction | None = None,
    registry: Registry | str | os.PathLike[str] | None = None,
    **filters: Unpack[Filters],
) -> Leaderboard:
    """Rank runs by a metric.

    Args:
        metric: the full name, or an end of one: each full name that ends so has rankings of its own.
        query: only runs that it finds, see docs/queries.md.
        limit: at most so many results of each ranking.
        direction: which end is the better one, `min` or `max`, where it is not as evaluator or name say.
        registry: where the runs are, if not in the registry of the settings.
        filters: `project`, `group`, `status`, `since`, as of `Registry.runs`.

    Raises:
        QueryError: no evaluator gave such a metric, neither end of it is the better one and `direction` does not say
            which, or the query cannot be right.
        RegistryError: the registry cannot be read.
    """
    from cardgen.registry.store import Registry

    if not isinstance(registry, Registry):
        with Registry(registry, mode="read") as opened:
            return leaderboard(metric, query, limit=limit, direction=direction, registry=opened, **filters)
    metrics, others = registry.metric_names(metric)
    found = rank(registry.results(metrics, query, **filters), metrics, limit=limit, direction=direction)
    return replace(found, others=tuple(others))


def rank(
    runs: Iterable[tuple[str, Run]],
    metrics: Iterable[str],
    *,
    limit: int | None = None,
    direction: Direction | None = None,
) -> Leaderboard:
    """The rankings of runs, each with its status. Pure; of a run only the results are kept.

    Raises:
        QueryError: neither end of a metric is the better one, and `direction` does not say which.
    """
    wanted = tuple(metrics)
    groups: dict[tuple[str, Evaluated], _Group] = {}
    for status, run in runs:
        for name, key, evaluation in _results(run, frozenset(wanted)):
            made = evaluated(run, evaluation)
            group = groups.setdefault((name, made), _Group(limit))
            group.directions.add(direction_of(evaluation, key))
            group.add(_result(run, evaluation, evaluation.metrics[key], status))
    rankings = []
    for name, made in sorted(groups, key=_place(wanted)):
        group = groups[name, made]
        end = direction or group.direction
        if end is None:
            raise QueryError(
                f"neither end of {name!r:.100} is the better one", hint="say which: --ascending or --descending"
            )
        rankings.append(
            Ranking(
                metric=name,
                evaluator=made.evaluator,
                dataset=made.dataset,
                configuration=made.configuration,
                configuration_known=made.known,
                direction=end,
                total=group.total,
                results=tuple(group.ranked(end)),
            )
        )
    return Leaderboard(metrics=wanted, rankings=tuple(rankings))


def _place(wanted: tuple[str, ...]) -> Any:
    def place(key: tuple[str, Evaluated]) -> tuple[Any, ...]:
        name, made = key
        return wanted.index(name), made.evaluator, made.dataset or "", not made.known, repr(made.configuration)

    return place


def _results(run: Run, wanted: frozenset[str]) -> Iterator[tuple[str, Any, Evaluation]]:
    """The results of these metrics: the name as a registry has it, the key in the record, the evaluation."""
    for evaluation in standing_evaluations(run):
        for key in evaluation.metrics:
            name = searchable(key if isinstance(key, str) else repr(key))
            if name in wanted:
                yield name, key, evaluation


def _result(run: Run, evaluation: Evaluation, value: Any, status: str) -> Ranked:
    points = [point for point in run.checkpoints if point.weights and point.weights == evaluation.weights]
    points.sort(key=lambda point: point.step != evaluation.step)
    during = evaluation.step is not None and evaluation.step >= 0
    return Ranked(
        rank=None,
        run_id=run.id,
        run=run.name,
        value=measured(value),
        step=evaluation.step if during else None,
        epoch=evaluation.epoch if during else None,
        checkpoint=points[0].path if points else None,
        weights=evaluation.weights,
        at=evaluation.at,
        status=status,
        project=run.project,
        created=run.created,
    )


class _Group:
    """The results of one ranking, while they come; of many, those that can be among the first, from either end."""

    def __init__(self, limit: int | None) -> None:
        self.total = 0
        self.directions: set[Direction | None] = set()
        self._limit = limit
        self._kept = None if limit is None else limit + _SPARE
        self._numbers: list[Ranked] = []
        self._others: list[Ranked] = []

    @property
    def direction(self) -> Direction | None:
        """Which end is the better one: an evaluator that says so goes before those that say nothing."""
        return "min" if "min" in self.directions else "max" if "max" in self.directions else None

    def add(self, result: Ranked) -> None:
        """Take a result in."""
        self.total += 1
        if span(result.value) is None:
            if self._kept is None or len(self._others) < self._kept:
                self._others.append(result)
            return
        self._numbers.append(result)
        if self._kept is not None and len(self._numbers) > 4 * self._kept:
            first = [*_sorted(self._numbers, "min")[: self._kept], *_sorted(self._numbers, "max")[: self._kept]]
            wanted = {id(result) for result in first}
            self._numbers = [result for result in self._numbers if id(result) in wanted]  # as they came

    def ranked(self, direction: Direction) -> list[Ranked]:
        """The results, best first."""
        numbers = _sorted(self._numbers, direction)
        unsure = _uncertain(numbers)
        found, rank = [], 0
        for index, result in enumerate(numbers[: self._limit]):
            if index == 0 or _number(result) != _number(numbers[index - 1]):
                rank = index + 1
            found.append(replace(result, rank=rank, uncertain=unsure[index]))
        return [*found, *self._others][: self._limit]


def _number(result: Ranked) -> float | int:
    number: Any = result.value.value if isinstance(result.value, Displayed) else result.value
    return number  # type: ignore[no-any-return]


def _sorted(results: Iterable[Ranked], direction: Direction) -> list[Ranked]:
    """Best first; of equal ones the exact before the displayed, then as they were given."""
    exact_first = sorted(results, key=lambda result: isinstance(result.value, Displayed))
    return sorted(exact_first, key=_number, reverse=direction == "max")


def _uncertain(results: Iterable[Ranked]) -> list[bool]:
    """For each result whether it may stand elsewhere, because a displayed number is anything that rounds to it."""
    spans = [(span(result.value) or (0, 0), isinstance(result.value, Displayed)) for result in results]
    lows, highs = (sorted(found[end] for found, _ in spans) for end in (0, 1))
    rounded_lows, rounded_highs = (sorted(found[end] for found, rounded in spans if rounded) for end in (0, 1))
    unsure = []
    for (low, high), rounded in spans:
        if rounded:
            unsure.append(bisect_right(lows, high) - bisect_left(highs, low) > 1)
        else:
            unsure.append(bisect_right(rounded_lows, high) > bisect_left(rounded_highs, low))
    return unsure
