"""One policy for every request of the client: time-outs, tries, waits, and an end.

By itself the client waits for an answer for ever, tries only some of its calls again, and waits as long as the server
asks. While a `connection` is open, its own sessions send by our policy: a request without effect, or one that may be
repeated, is sent again when the Hub is busy, down or silent; what remains is a `HubUnreachable`, which the client does
not try again once more. Two kinds of requests are not repeated here: a commit, since it may have been made all the same
(`cardgen.hub.commit` looks), and the bytes of files, which the client itself sends again.
"""

from __future__ import annotations

import contextlib
import email.utils
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from cardgen.errors import HubUnreachable
from cardgen.hub.problems import host, is_transient, is_unavailable, no_answer, unavailable
from cardgen.hub.session import WatchedFile, install, on_interrupt, rewound, watched_stream
from cardgen.hub.transfer import plain_transfer

COMMIT = re.compile(r"/api/models/[^?]+/commit/[^/?]+(?:\?.*)?$")
"""The address of a request that makes a commit."""
CREATE = "/api/repos/create"
BUSY = "another conflicting operation is in progress"
"""The Hub's answer while it makes another repository of the same user; the client would ask on without a pause."""
LONGEST_BACKOFF = 8.0
"""Seconds between two tries, unless the Hub asks for another wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient a connection is; all times in seconds.

    `tries` of one request; `wait` before the second, doubled before each further one; `longest_wait` that the Hub may
    ask for; `connect` to reach it, `silence` without a byte of an answer; `deadline` for everything within the
    connection, None for no end. `notice` is told in words of each wait. `sleep` and `clock` are the time itself.
    """

    tries: int = 5
    wait: float = 1.0
    longest_wait: float = 60.0
    connect: float = 10.0
    silence: float = 60.0
    deadline: float | None = None
    notice: Callable[[str], None] = lambda text: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class Watcher(Protocol):
    """Whoever wants to know what is sent; may raise to stop it."""

    def sending(self, method: str, url: str) -> None:
        """A request is about to be sent."""

    def answered(self, method: str, url: str, response: Any) -> None:
        """It was answered."""


class Connection:
    """The client's sessions while they send by a policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.watcher: Watcher | None = None
        self.asked: dict[str, Any] = {}
        """Answers that stay the same within the connection, and that a Hub gives only so often."""
        self._stopped = False
        self._end = None if policy.deadline is None else policy.clock() + policy.deadline

    def left(self) -> float | None:
        """Seconds until the deadline, None without one.

        Raises:
            HubUnreachable: it has passed, or the user stopped it all.
        """
        if self._stopped:
            raise HubUnreachable("stopped")
        if self._end is None:
            return None
        left = self._end - self.policy.clock()
        if left <= 0:
            raise self._too_late()
        return left

    def stop(self) -> None:
        """Let everything that is under way end with an error."""
        self._stopped = True

    def pause(self, seconds: float, why: str) -> None:
        """Wait before another try.

        Raises:
            HubUnreachable: the deadline would pass meanwhile.
        """
        left = self.left()
        if left is not None and seconds >= left:
            raise self._too_late(why)
        self.policy.notice(f"{why}; trying again in {seconds:.0f} s")
        self.policy.sleep(seconds)

    def backoff(self, tried: int) -> float:
        """Seconds to wait after so many tries."""
        return min(self.policy.wait * 2.0 ** (tried - 1), LONGEST_BACKOFF)

    def _too_late(self, why: str | None = None) -> HubUnreachable:
        said = f"gave up after {self.policy.deadline:.0f} s" + (f": {why}" if why else "")
        return HubUnreachable(said, hint="try again later")

    def patient(self, session: Any) -> Any:
        """The session, sending by the policy: of httpx or of requests, which are alike in this."""
        inner = session.send

        def send(request: Any, **options: Any) -> Any:
            return self._send(inner, request, options)

        session.send = send
        return session

    def _send(self, inner: Callable[..., Any], request: Any, options: dict[str, Any]) -> Any:
        method, url = str(request.method), str(request.url)
        once = method == "PUT" or _is_commit(method, url)
        tried = 0
        while True:
            tried += 1
            if self.watcher is not None:
                self.watcher.sending(method, url)
            self._set_timeouts(request, options)
            if method == "PUT":
                self._watch_body(request)
            try:
                response = inner(request, **options)
            except Exception as error:
                if once or not is_transient(error):
                    raise
                if tried >= self.policy.tries:
                    raise no_answer(error) from error
                self.pause(self.backoff(tried), str(no_answer(error)))
                continue
            if self.watcher is not None:
                self.watcher.answered(method, url, response)
            if not self._is_none(method, url, response):
                return response
            wait = self._asked(response) or self.backoff(tried)
            if once and not (response.status_code == 429 and self._may_repeat(method, request)):
                return response
            if tried >= self.policy.tries:
                raise unavailable(response.status_code)
            response.close()
            self.pause(wait, str(unavailable(response.status_code)))

    def _may_repeat(self, method: str, request: Any) -> bool:
        """Whether a request that was told to wait can be sent again: it was not served, and its bytes are here.

        Those of files the client sends again by itself, but not 0.36 in this case.
        """
        return method != "PUT" or rewound(request)

    def _is_none(self, method: str, url: str, response: Any) -> bool:
        """Whether an answer only says that there is none now."""
        if response.status_code == 409 and method == "POST" and url.endswith(CREATE):
            return BUSY in response.text
        return is_unavailable(response.status_code)

    def _asked(self, response: Any) -> float | None:
        """Seconds that the Hub asks to wait.

        Raises:
            HubUnreachable: the policy has no time for that.
        """
        asked, left = asked_wait(response.headers), self.left()
        if asked is not None and asked > min(self.policy.longest_wait, asked if left is None else left):
            said = f"{host()} answers {response.status_code} and asks to wait {asked:.0f} s"
            raise HubUnreachable(said, hint="try again after that time")
        return asked

    def _set_timeouts(self, request: Any, options: dict[str, Any]) -> None:
        """Neither library has a limit by itself; those that the client sets for a call stay."""
        left = self.left()
        connect, silence = self.policy.connect, self.policy.silence
        if left is not None:
            connect, silence = min(connect, left), min(silence, left)
        if hasattr(request, "extensions"):  # httpx
            own = request.extensions.get("timeout") or {}
            limits = {"connect": connect, "pool": connect, "read": silence, "write": silence}
            limits = {name: min(own.get(name) or limit, limit) for name, limit in limits.items()}
            request.extensions = {**request.extensions, "timeout": limits}
        elif options.get("timeout") is None:
            options["timeout"] = (connect, silence)

    def _watch_body(self, request: Any) -> None:
        """Let the bytes of a file end where the deadline is, or where the user stops it."""
        if hasattr(request, "stream"):  # httpx
            request.stream = watched_stream(request.stream, self.left)
        elif hasattr(request.body, "read") and not isinstance(request.body, WatchedFile):
            request.body = WatchedFile(request.body, self.left)


def _is_commit(method: str, url: str) -> bool:
    return method == "POST" and COMMIT.search(url) is not None


def asked_wait(headers: Any) -> float | None:
    """Seconds that an answer asks to wait, by `RateLimit` or `Retry-After`; None if it asks for nothing."""
    for limit in (headers.get("RateLimit") or "").split(","):
        found = dict(re.findall(r";\s*([rt])=(\d{1,9})(?!\d)", limit))  # in any order
        if found.get("r", "").strip("0") == "" and {"r", "t"} <= found.keys():
            return float(found["t"]) + 1  # whole seconds, rounded down
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())


_lock = threading.RLock()
_current: Connection | None = None


@contextlib.contextmanager
def connection(policy: Policy | None = None) -> Iterator[Connection]:
    """Let the client's sessions send by a policy until the block ends; within another one, that one goes on.

    The sessions are the process's own: requests that other threads make with the client meanwhile follow the policy,
    too, and one that is under way when the block begins or ends may break. Only one thread at a time has a connection.

    Raises:
        HubUnreachable: another thread had one until the deadline.
    """
    global _current
    policy = policy or Policy()
    if not _lock.acquire(timeout=-1 if policy.deadline is None else policy.deadline):
        raise HubUnreachable("another publish of this process has not ended yet", hint="try again later")
    try:
        if _current is not None:
            yield _current
            return
        link = Connection(policy)
        restore = install(link.patient)
        _current = link
        try:
            with on_interrupt(link.stop), plain_transfer(policy.deadline is not None):
                yield link
        finally:
            _current = None
            restore()
    finally:
        _lock.release()
