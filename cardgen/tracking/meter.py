"""What CodeCarbon measured in one segment. A tracker may go on from one training of the process to the next."""

from __future__ import annotations

import contextlib
import weakref
from typing import Any

from cardgen.capture.environment import capture_emissions, emissions_tracker
from cardgen.record import Emissions
from cardgen.totals import less

_counted: weakref.WeakKeyDictionary[Any, Emissions] = weakref.WeakKeyDictionary()
"""What trackers had measured when it was last recorded."""


class Meter:
    """Emissions since the last start of training."""

    def __init__(self) -> None:
        """Nothing was measured before."""
        self._before: Emissions | None = None

    def begin(self, card: Any) -> None:
        """Training starts or goes on: what its tracker knows by now is of an earlier one."""
        self._before = capture_emissions(card, ask=False)
        with contextlib.suppress(TypeError):
            self._before = _counted.get(emissions_tracker(card)) or self._before

    def read(self, card: Any, *, ask: bool) -> Emissions | None:
        """What was measured so far; None if nothing is known. Without `ask`, a tracker that runs is left alone."""
        found = capture_emissions(card, ask=ask)
        if found is None or found == self._before:
            return None
        with contextlib.suppress(TypeError):
            _counted[emissions_tracker(card)] = found
        return found if self._before is None else less(found, self._before)
