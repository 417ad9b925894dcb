"""Transactions that are tried again: of two that wait for each other, a server ends one.

It also ends one of two that take the same name or number at the same moment. Nothing of it was kept then, and the same
again succeeds. SQLite's writers come one after the other, so none of them is ever ended.
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from cardgen.registry.faults import Crossed

TRIES = 10
_FIRST_PAUSE = 0.01

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def retried(work: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """The function, whose work is one transaction, done again when that was ended for the sake of another's.

    An iterator that is given to it is gone through once, before.
    """

    @functools.wraps(work)
    def again(*arguments: Given.args, **named: Given.kwargs) -> Answer:
        kept = [_kept(value) for value in arguments]
        kept_named = {name: _kept(value) for name, value in named.items()}
        for attempt in range(TRIES - 1):
            try:
                return work(*cast(Any, kept), **cast(Any, kept_named))
            except Crossed:
                # Python's random state is the training's.
                time.sleep(_FIRST_PAUSE * 2**attempt * (0.5 + secrets.randbelow(1000) / 1000))
        return work(*cast(Any, kept), **cast(Any, kept_named))

    return again


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, Iterator) else value
