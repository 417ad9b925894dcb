"""Processes of their own for the client: it reads its endpoint and its variables once, when it is imported."""

from __future__ import annotations

import io
import multiprocessing
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class ApiError(Exception):
    """What the client raised over there: the name of its class, the status that it was answered, its text."""

    def __init__(self, kind: str, status: int | None, text: str) -> None:
        super().__init__(kind, status, text)
        self.kind = kind
        self.status = status
        self.text = text


class Client:
    """A process in which functions are called; its `huggingface_hub` talks to `endpoint`.

    Functions, arguments, results and errors travel by pickle: functions are those of modules. In a `hasty` one whoever
    sleeps, such as the client before it tries again, sleeps a hundredth of the time.
    """

    def __init__(self, endpoint: str, *, hasty: bool = False, patience: float = 60, **variables: str) -> None:
        variables = {**client_variables(endpoint), **variables}
        context = multiprocessing.get_context("spawn")
        self._patience = patience
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_set, initargs=(variables, hasty))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def call(self, function: Callable[..., T], *arguments: Any, token: str | None = None) -> T:
        """What the function returns, or raises, over there; `token` is the one that it is logged in with.

        Raises:
            TimeoutError: it takes longer than `patience` in seconds; the process is ended.
        """
        future = self._pool.submit(_call, function, arguments, token)
        try:
            return future.result(timeout=self._patience)
        except TimeoutError:
            if not future.done():
                for process in list(self._pool._processes.values()):
                    process.kill()
            raise

    def api(self, method: str, *arguments: Any, token: str | None = None, **options: Any) -> Any:
        """What a method of `HfApi` returns, as plain lists and namespaces.

        Raises:
            ApiError: it raised something.
        """
        return self.call(_api, method, arguments, options, token=token)

    def commit(
        self,
        repo_id: str,
        add: Mapping[str, bytes | Path],
        *,
        delete: Collection[str] = (),
        message: str = "release",
        token: str | None = None,
        **options: Any,
    ) -> Any:
        """Commit with the client's own `create_commit`.

        Raises:
            ApiError: it raised something.
        """
        return self.call(_commit, repo_id, dict(add), list(delete), message, options, token=token)


def client_variables(endpoint: str, token: str | None = None, home: str | Path | None = None) -> dict[str, str]:
    """The environment variables of a process whose client talks to a Hub on the loopback interface, by plain LFS."""
    variables = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    if token is not None:
        variables["HF_TOKEN"] = token
    if home is not None:
        variables["HF_HOME"] = str(home)
    return variables


def _set(variables: dict[str, str], hasty: bool) -> None:
    os.environ.update(variables)
    if hasty:
        sleep = time.sleep
        time.sleep = lambda seconds: sleep(float(seconds) / 100)


def _call(function: Callable[..., T], arguments: tuple[Any, ...], token: str | None) -> T:
    if token is None:
        os.environ.pop("HF_TOKEN", None)
    else:
        os.environ["HF_TOKEN"] = token
    return function(*arguments)


def _api(method: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    from huggingface_hub import HfApi

    try:
        return _plain(getattr(HfApi(), method)(*arguments, **options))
    except Exception as error:
        raise _api_error(error) from None


def _commit(
    repo_id: str, add: dict[str, bytes | Path], delete: list[str], message: str, options: dict[str, Any]
) -> Any:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(path, data) for path, data in add.items()
    ]
    operations += [CommitOperationDelete(path) for path in delete]
    try:
        return _plain(HfApi().create_commit(repo_id, operations, commit_message=message, **options))
    except Exception as error:
        raise _api_error(error) from None


def _api_error(error: BaseException) -> ApiError:
    cause = error
    while getattr(cause, "response", None) is None and cause.__cause__ is not None:
        cause = cause.__cause__
    return ApiError(
        type(error).__name__, getattr(getattr(cause, "response", None), "status_code", None), f"{error} {cause}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items() if not str(key).startswith("_")}
    if isinstance(value, io.IOBase) or value is None or type(value) in (str, bytes, int, float, bool):
        return value
    if hasattr(value, "__dict__"):
        return SimpleNamespace(**_plain(vars(value)))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    return value
