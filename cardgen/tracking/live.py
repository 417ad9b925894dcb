"""Which run is the current one of this process, and which `track` blocks are open."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from cardgen.tracking import patches
from cardgen.tracking.active import ActiveRun

if TYPE_CHECKING:
    from cardgen.tracking.callback import CardCallback
    from cardgen.tracking.recording import Recording


class _Seen(NamedTuple):
    thread: int
    begun: bool
    number: int


_numbers = itertools.count()
_seen: weakref.WeakKeyDictionary[Recording, _Seen] = weakref.WeakKeyDictionary()
_blocks: list[CardCallback] = []


def current_run() -> ActiveRun | None:
    """The handle of the run that is being recorded, where there is no `with` block to give it.

        cardgen.autolog()
        trainer.train()
        cardgen.current_run().evaluate(test_evaluator)

    Of several, it is one of this thread, before others; of these the innermost in training, then that of the innermost
    open `track` block, then the one whose training began last. A run is current until it ends: with its block, with
    `finish()`, with the next `train()` on its model, or when its model is gone.

    Returns:
        None where no training is recorded: no trainer was made or tracked, or every run has ended.
    """
    open_runs = [recording for recording in patches.live_recordings() if recording.phase != "closed"]
    best = max(open_runs, key=_rank, default=None)
    return None if best is None else ActiveRun(best)


def note(recording: Recording, *, begun: bool) -> None:
    """A recording was made in this thread, or its training begins."""
    _seen[recording] = _Seen(threading.get_ident(), begun, next(_numbers))


@contextlib.contextmanager
def block(hook: CardCallback) -> Iterator[None]:
    """Inside, this hook belongs to an open `track` block."""
    _blocks.append(hook)
    try:
        yield
    finally:
        _blocks.remove(hook)


def block_of(model: Any) -> CardCallback | None:
    """The hook of the innermost open `track` block that follows this model."""
    if model is None:
        return None
    return next(
        (hook for hook in reversed(_blocks) if hook.recording is not None and hook.recording.model() is model), None
    )


def _rank(recording: Recording) -> tuple[bool, bool, bool, bool, int]:
    seen = _seen.get(recording, _Seen(0, False, -1))
    training = recording.phase == "training"
    in_block = not training and any(hook.recording is recording for hook in _blocks)
    return seen.thread == threading.get_ident(), training, in_block, seen.begun, seen.number
