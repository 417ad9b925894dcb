"""The client's sessions, of requests (0.36) and of httpx (2.x): how they are replaced, and sent files watched."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


def install(patient: Callable[[Any], Any]) -> Callable[[], None]:
    """Have each session of the client made `patient`, those of a user's own factory as well; the result undoes it."""
    import huggingface_hub
    from huggingface_hub.utils import _http  # tells which factory there was; the client has no public way to ask

    client: Any = huggingface_hub
    internal: Any = _http
    if hasattr(client, "set_client_factory"):
        before, configure = internal._GLOBAL_CLIENT_FACTORY, client.set_client_factory
    else:
        before, configure = internal._GLOBAL_BACKEND_FACTORY, client.configure_http_backend
    configure(lambda: patient(before()))
    return lambda: configure(before)


def watched_stream(stream: Any, check: Callable[[], object]) -> Any:
    """A stream of httpx that calls `check` before each piece; an error of it ends the sending."""

    class Watched(type(stream)):  # type: ignore[misc]  # httpx wants streams of its own kind
        def __init__(self) -> None:
            pass

        def __iter__(self) -> Iterator[bytes]:
            for chunk in stream:
                check()
                yield chunk

        def close(self) -> None:
            stream.close()

    return Watched()


class WatchedFile:
    """A file that calls `check` before each piece that is read, for requests."""

    def __init__(self, file: Any, check: Callable[[], object]) -> None:
        self._file = file
        self._check = check
        self._start = file.tell()

    def read(self, size: int = -1) -> Any:
        """The next piece."""
        self._check()
        return self._file.read(size)

    def rewind(self) -> None:
        """Go back to where it began."""
        self._file.seek(self._start)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def rewound(request: Any) -> bool:
    """Take the body of a request of requests back to its beginning; False for one that cannot be."""
    body = getattr(request, "body", None)
    if not isinstance(body, WatchedFile):
        return False
    body.rewind()
    return True


@contextlib.contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl-C: the client sends files in threads, and would wait until they are all sent."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def interrupted(number: int, frame: Any) -> None:
        try:
            before(number, frame)
        except BaseException:
            stop()
            raise

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
