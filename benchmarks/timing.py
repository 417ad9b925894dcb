"""Medians of interleaved rounds: what is compared is measured in turn, so that a busy moment hits all alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A ratio and its target: the most that it may be, or the least if `at_least`; `note` has the absolute figures."""

    name: str
    ratio: float
    target: float | None
    note: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is met; without one, always."""
        if self.target is None:
            return True
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target


def medians(cases: Mapping[str, Callable[[], object]], rounds: int, *, timed: bool = False) -> dict[str, float]:
    """Seconds of each case: one unmeasured round, then the median of `rounds`.

    `timed`: the cases return their seconds, because not all that they do counts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            start = time.perf_counter()
            result = case()
            if number:
                seconds[name].append(float(str(result)) if timed else time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def process(command: Sequence[str]) -> Callable[[], object]:
    """A case that runs a command and waits for it."""
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compared(
    name: str, seconds: float, base: float, target: float | None, base_name: str, *, at_least: bool = False
) -> Result:
    """One line of the report."""
    note = f"{seconds * 1000:.1f} ms against {base * 1000:.1f} ms ({base_name})"
    return Result(name, seconds / base, target, note, at_least)
