"""A run that is recorded while its registry is taken away."""

from __future__ import annotations

from pathlib import Path

from cardgen.record import LogEvent, Run
from cardgen.registry import Registry
from cardgen.tracking.options import make_options
from cardgen.tracking.sink import Sink


class Recording:
    """A sink that is given events, as a training does; whatever it raises fails the test."""

    def __init__(self, where: str | Path, run: Run) -> None:
        options = make_options(name=None, project=None, group=None, tags=(), registry=where)
        self.run, self.told = run, 0
        self.sink = Sink(options, run.id, renamed=lambda name: None, released=lambda: None)
        self.sink.snapshot(run)

    def go_on(self, events: int = 20) -> None:
        """Record some events, and wait until the registry has them or has refused."""
        for _ in range(events):
            self.sink.event(LogEvent(seq=self.told, kind="train", step=self.told, epoch=None))
            self.told += 1
        self.sink.flush(10)

    def check(self, where: str | Path) -> None:
        """Close, and see that the next to open the registry has everything once."""
        self.sink.close()
        with Registry(where) as registry:
            assert [event.seq for event in registry.log(self.run.id)] == list(range(self.told))
            assert registry.verify().findings == ()
        assert not self.sink.path.exists()
