"""The log of a run on its way to the spool, whatever comes between."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.capture.problems import Problems
from cardgen.errors import RegistryFull
from cardgen.registry import Registry
from cardgen.registry.said import Said
from cardgen.tracking.facts import Facts
from cardgen.tracking.journal import Journal
from cardgen.tracking.options import make_options

RUN = "run-1"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Of a run that has not begun."""
    options = make_options(name="run", project=None, group=None, tags=(), registry=str(tmp_path / "registry.db"))
    problems = Problems()
    made = Journal(options, Facts(options, RUN, problems), problems, lambda: None)
    yield made
    made.close()


def stored(journal: Journal, tmp_path: Path) -> tuple[list[tuple[int, Any]], dict[str, str]]:
    """Numbers and losses of the events in the registry, and the notes."""
    journal.write(journal._facts.run)
    journal.close()
    with Registry(tmp_path / "registry.db") as registry:
        log = [(event.seq, event.values["loss"]) for event in registry.log(RUN)]
        return log, dict(registry.run(RUN).notes)


def test_what_was_said_survives_a_disk_that_was_full(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that is refused as the spool is opened keeps nothing back that comes after it."""
    journal.add("train", {"loss": 1.0}, 0.1, 1)
    journal.say(Said(notes={"Intended use": "tests"}))
    write = os.write

    def full(file: int, data: bytes) -> int:
        if b'"event"' in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(RegistryFull):
            journal.open(RUN)
    journal.add("train", {"loss": 2.0}, 0.2, 2)
    journal.add("train", {"loss": 3.0}, 0.3, 3)
    assert stored(journal, tmp_path) == ([(0, 1.0), (1, 2.0), (2, 3.0)], {"Intended use": "tests"})


def test_an_interrupt_gives_no_number_twice(journal: Journal, tmp_path: Path) -> None:
    """Ctrl-C just behind an event that is in the log: the next one has another number, and both are stored."""

    class Interrupted(list[Any]):
        def append(self, item: Any) -> None:
            super().append(item)
            raise KeyboardInterrupt

    journal.open(RUN)
    journal.add("train", {"loss": 1.0}, 0.1, 1)
    journal.log = Interrupted(journal.log)
    with pytest.raises(KeyboardInterrupt):
        journal.add("train", {"loss": 2.0}, 0.2, 2)
    journal.log = list(journal.log)
    journal.add("train", {"loss": 3.0}, 0.3, 3)
    assert [loss for _, loss in stored(journal, tmp_path)[0]] == [1.0, 2.0, 3.0]
