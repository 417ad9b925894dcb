"""Processes of their own for the client: it reads its endpoint and its variables once, when it is imported."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Client:
    """A process in which functions are called; its `huggingface_hub` talks to `endpoint`.

    Functions, arguments, results and errors travel by pickle: functions are those of modules.
    """

    def __init__(self, endpoint: str, **variables: str) -> None:
        variables = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", **variables}
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_set, initargs=(variables,))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def call(self, function: Callable[..., T], *arguments: Any, token: str | None = None) -> T:
        """What the function returns, or raises, over there; `token` is the one that it is logged in with."""
        return self._pool.submit(_call, function, arguments, token).result(timeout=60)


def _set(variables: dict[str, str]) -> None:
    os.environ.update(variables)


def _call(function: Callable[..., T], arguments: tuple[Any, ...], token: str | None) -> T:
    if token is None:
        os.environ.pop("HF_TOKEN", None)
    else:
        os.environ["HF_TOKEN"] = token
    return function(*arguments)
