"""Nothing of ours reaches the training loop: every method that training calls is guarded."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from cardgen.capture.problems import Problems
from cardgen.redaction import redact_text

P = ParamSpec("P")
R = TypeVar("R")


class Noting(Protocol):
    """What notes its failures."""

    problems: Problems


class Guarded(Noting, Protocol):
    """What a guarded method's object must have. `armed` is False where nothing is recorded."""

    armed: bool


S = TypeVar("S", bound=Guarded)


def guarded(what: str) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R | None]]:
    """A method that gives None instead of raising, notes the problem, and does nothing on an object not armed.

    KeyboardInterrupt and SystemExit pass: they belong to the user.
    """

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R | None]:
        @functools.wraps(method)
        def guard(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
            if not self.armed:
                return None
            try:
                return method(self, *args, **kwargs)
            except Exception as error:
                note_failure(self, what, error)
                return None

        return guard

    return decorate


def attempt(self: Noting, what: str, step: Callable[[], object]) -> None:
    """One step of several that do not depend on each other; its failure is noted and costs no other."""
    try:
        step()
    except Exception as error:
        note_failure(self, what, error)


def note_failure(self: Noting, what: str, error: Exception) -> None:
    """Keep what could not be recorded among the run's problems, and tell the user once."""
    with contextlib.suppress(Exception):
        if self.problems.failed(what, error):
            say(redact_text(f"{what} could not be recorded ({type(error).__name__}: {error}); training goes on"))


def say(text: str) -> None:
    """One line to the user, on stderr."""
    with contextlib.suppress(Exception):  # a closed or broken stderr is no reason to stop
        print(f"cardgen: {text}", file=sys.stderr, flush=True)


_armed: weakref.WeakSet[Any] = weakref.WeakSet()


def watch_forks(guarded_object: Any) -> None:
    """Disarm the object in forked children: data loader workers must not write into the run of their parent."""
    _armed.add(guarded_object)


def _disarm() -> None:
    for guarded_object in list(_armed):
        guarded_object.armed = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disarm)
