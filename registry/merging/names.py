"""Names of runs where registries meet: unique, and the same whichever of them is merged into the other.

Each run has a name that it claims, and others that it takes when older runs claim that, too: NAME with the last six
characters of its id, seven, and so on. Each name goes to the run that claims it itself, before those that have come to
it by their ids; among equals to the older one. So every run asks for its names in turn, and who has to give way asks
for the next. That is deferred acceptance: what comes of it does not depend on who asks first, and so neither on the
order of runs nor on that of merges. A run that gave way once keeps its longer name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cardgen.registry.naming import LATEST
from cardgen.registry.rows import NAME_LIMIT

SHORTEST = 6
"""Characters of the id that tell two runs of one name apart."""

_COUNTED = re.compile(r"-([1-9][0-9]{0,5})\Z")


class Claim(NamedTuple):
    """A name as one registry has it for a run; of two the greater one stands.

    `at` is when a person chose it or took that back, -1 if nobody did; `place` counts the names that the run has
    asked for before this one.
    """

    at: int
    moved: bool
    stem: str
    place: int


def claim(run_id: str, name: str, at: int = -1) -> Claim:
    """What a run of this name claims."""
    tails = _tails(run_id)
    counted = _COUNTED.search(name)
    if counted is not None and int(counted[1]) > len(tails):
        stem = name[: counted.start()].removesuffix(f"-{run_id}")
        if 0 < len(stem) < counted.start():
            return Claim(at, True, stem, int(counted[1]))
    for place, tail in sorted(enumerate(tails, 1), key=lambda found: -len(found[1])):
        end = f"-{tail}"
        if name.endswith(end) and len(name) > len(end):
            return Claim(at, True, name[: -len(end)], place)
    return Claim(at, False, name, 0)


def spelled(run_id: str, stem: str, place: int) -> str:
    """The name that a run asks for at this place."""
    if place == 0:
        return stem
    tails = _tails(run_id)
    tail = tails[place - 1] if place <= len(tails) else f"{run_id}-{place}"
    return f"{stem[: NAME_LIMIT - len(tail) - 1]}-{tail}"


def _tails(run_id: str) -> list[str]:
    ends = [run_id[-length:] for length in range(min(SHORTEST, len(run_id)), len(run_id) + 1)]
    return [end for end in ends if end[0].isalnum()] or [run_id]


@dataclass(slots=True)
class Asking:
    """A run that asks for a name; `had` is the one that its row has, None for a run that is new."""

    id: str
    created: int | None
    claim: Claim
    had: str | None = None
    place: int = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.claim.place

    @property
    def name(self) -> str:
        """The name that it asks for now."""
        return spelled(self.id, self.claim.stem, self.place)

    @property
    def rank(self) -> tuple[bool, bool, int, str]:
        """The smaller one gets the name."""
        return self.place > 0, self.created is None, self.created or 0, self.id


class Registry(Protocol):
    """What is known of names outside of what is being settled."""

    def holder(self, name: str, but: set[str]) -> Asking | None:
        """The run that has this name now, as it asks for one where all is merged; none of those in `but`."""
        ...


class Settlement:
    """Names that are settled, and not yet written: of the runs of a page, and of those that gave way to them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._by_name: dict[str, Asking] = {}
        self._settled: dict[str, Asking] = {}

    def settle(self, run: Asking) -> None:
        """Find a name for a run, and for each that has to give way to it; a run that has asked already has one."""
        waiting = [run] if run.id not in self._settled else []
        while waiting:
            asking = waiting.pop()
            self._settled[asking.id] = asking
            waiting.extend(self._place(asking))

    def __iter__(self) -> Iterator[Asking]:
        """The runs that have asked, each with the name that it got."""
        return iter(self._settled.values())

    def __getitem__(self, run_id: str) -> str:
        """The name that a run got."""
        return self._settled[run_id].name

    def _place(self, asking: Asking) -> list[Asking]:
        """Give a run the first of its names that nobody before it has; who had it asks anew."""
        while True:
            name = asking.name
            if name == LATEST:
                asking.place += 1
                continue
            there = self._by_name.get(name) or self._registry.holder(name, set(self._settled))
            if there is not None and there.name == name:
                if there.rank < asking.rank:
                    asking.place += 1
                    continue
                there.place += 1
            self._by_name[name] = asking
            return [] if there is None else [there]
