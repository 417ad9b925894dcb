"""The log of a run and its spool: every event has a number, and is written once.

Before training begins there is no spool, for only then is it known which run this is; events wait until then.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cardgen.capture.problems import Problems
from cardgen.capture.values import number_or_none, plain, text_of
from cardgen.record import LogEvent, LogKind, Run
from cardgen.redaction import redact_text
from cardgen.registry.said import Said
from cardgen.tracking.facts import Facts, now
from cardgen.tracking.guard import say
from cardgen.tracking.options import Options
from cardgen.tracking.sink import Sink, write_late

_NUMBERS = frozenset((float, int))

FLUSH_SECONDS = 2.0
"""How long the end of training waits for the registry, so that the name that is told is the final one."""


class Journal:
    """What is written of one run. `given_name` is the name that the registry gave it, once it did."""

    def __init__(self, options: Options, facts: Facts, problems: Problems, released: Callable[[], None]) -> None:
        """Start with an empty log; `released` is called from a thread after `release`."""
        self.log: list[LogEvent] = []
        self.given_name: str | None = None
        self._options, self._facts, self._problems, self._released = options, facts, problems, released
        self._sink: Sink | None = None
        self._next = 0
        self._written = 0
        self._said: list[Said] = []
        self._ended = False

    @property
    def is_open(self) -> bool:
        """Whether there is a spool: a run that was never opened leaves nothing."""
        return self._sink is not None

    def add(self, kind: LogKind, values: Mapping[Any, Any], epoch: Any, step: Any) -> None:
        """Append an event; with a spool it is on disk when this returns."""
        event = LogEvent(
            seq=self._next,
            kind=kind,
            step=int(step),
            epoch=epoch if type(epoch) is float else number_or_none(epoch),
            segment=self._facts.segment,
            values=self._entries(values),
            at=now(),
        )
        self._next += 1
        self.log.append(event)
        if self._sink is not None and self._written == len(self.log) - 1 and not self._said:
            self._written += 1
            self._sink.event(event)
        else:
            self._write_new()

    def _entries(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        if _is_harmless(tuple(values)) and _NUMBERS.issuperset(map(type, values.values())):
            return dict(values)  # nearly all that is logged
        entries = {key if isinstance(key, str) else text_of(key): plain(value) for key, value in values.items()}
        return self._facts.clean(entries, "log")

    def say(self, said: Said) -> None:
        """Write what a person said, as `add` does; after the end of the run the spool is opened once more."""
        if self._ended:
            write_late(self._options, self._facts.run.id, said)
            return
        self._said.append(said)
        self._write_new()

    def take_over(self, earlier: Sequence[LogEvent], *, segment: int, first: int, written: bool) -> None:
        """Put an earlier part before what was logged so far.

        Args:
            earlier: its events.
            segment: the segment that the events of this process belong to.
            first: the number of the first of these.
            written: whether the earlier events are those of this run's own log, and so are written already.
        """
        mine = [dataclasses.replace(event, seq=first + index, segment=segment) for index, event in enumerate(self.log)]
        self.log = [*earlier, *mine]
        self._next = max(first + len(mine), self.log[-1].seq + 1 if self.log else 0)
        self._written = len(earlier) if written else 0

    def open(self, run_id: str, *, after: int = -1) -> bool:
        """Open the spool of a run and write what waits; False with a note if it cannot be had.

        `after` is the number of the last spool entry of this run that the registry has.
        """
        try:
            self._sink = Sink(self._options, run_id, after=after, renamed=self._renamed, released=self._released)
        except Exception as error:
            if self._problems.failed("the spool", error):
                say(f"the run cannot be written ({error}); training goes on")
            return False
        self._write_new()
        return True

    def write(self, run: Run) -> None:
        """Write the whole record as it is now, with what waits before it."""
        if self._sink is not None or self.open(run.id):
            assert self._sink is not None
            self._sink.snapshot(run)

    def release(self) -> bool:
        """Have the spool's thread call `released`; False without a spool. Safe in a finalizer."""
        if self._sink is None:
            return False
        self._sink.release()
        return True

    def flush(self, seconds: float) -> bool:
        """Wait until the registry has what was written, at most so long; whether it has."""
        return self._sink is not None and self._sink.flush(seconds)

    def close(self) -> bool:
        """Close the spool and fold it a last time; False if its end is known to wait for somebody else to fold it."""
        if self._sink is None:
            return True
        waited = self._sink.close()
        self._ended = True
        return not waited or self._sink.folded

    def end_line(self, name: Callable[[], str], status: str, *, flush: bool) -> str:
        """What to tell at the end of an open journal. With `flush`, the registry's name is waited for."""
        assert self._sink is not None
        if flush:
            self.flush(FLUSH_SECONDS)
        if self._sink.whole:
            return f"{name()} {status}; {self._options.how_to_see(name())}"
        return f"{status}; the end of {name()} is missing in {self._sink.path}"

    def _write_new(self) -> None:
        if self._sink is None:
            return
        while self._written < len(self.log):
            self._written += 1  # first: the sink keeps what the disk refuses
            self._sink.event(self.log[self._written - 1])
        while self._said:
            self._sink.said(self._said.pop(0))

    def _renamed(self, name: str) -> None:
        self.given_name = name


@functools.lru_cache(maxsize=1024)
def _is_harmless(names: tuple[Any, ...]) -> bool:
    """Whether all names are text without a secret in it."""
    return all(type(name) is str and redact_text(name) == name for name in names)
