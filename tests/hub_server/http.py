"""The server: routes, faults and a log of every request."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from tests.hub_server.client import client_variables
from tests.hub_server.handler import Handler, Listener
from tests.hub_server.messages import Answer, Fault, Refused, Request
from tests.hub_server.state import Hub, Repo, User

__all__ = ["Answer", "Fault", "HubServer", "Refused", "Request", "route"]

Route = Callable[["HubServer", Request, dict[str, str]], Answer]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(methods: str, pattern: str) -> Callable[[Route], Route]:
    """Serve paths that match with the decorated function; named groups are its third argument."""

    def add(function: Route) -> Route:
        for method in methods.split():
            ROUTES.append((method, re.compile(pattern), function))
        return function

    return add


class HubServer:
    """A running Hub: `endpoint` is its address, `requests` what was asked so far, `faults` what shall go wrong.

    `manners` change answers in ways that the protocol allows.

    Each request is worked on alone: what it finds does not change under it.
    """

    def __init__(self) -> None:
        self.hub = Hub()
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.manners: list[Callable[[Request, Answer], Answer]] = []
        self.stopping = threading.Event()
        handler = type("BoundHandler", (Handler,), {"hub_server": self})
        self._server: ThreadingHTTPServer = Listener(("127.0.0.1", 0), handler)
        port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.blob_endpoint = f"http://localhost:{port}"  # another origin: the client keeps its token from it

    @contextmanager
    def running(self) -> Iterator[HubServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()
            self.hub.store.close()

    def token(
        self,
        name: str,
        role: str = "write",
        *,
        organizations: tuple[str, ...] = (),
        readers: tuple[str, ...] = (),
        scopes: Mapping[str, set[str]] | None = None,
    ) -> str:
        """Make a token of a user (see `User`); it looks like a real one, so that it is found where it must not be."""
        token = f"hf_{name}{role}{len(self.hub.users)}".ljust(37, "x")
        self.hub.users[token] = User(name, role, organizations, readers, scopes or {})
        self.hub.organizations.update(organizations)
        return token

    def repo(
        self,
        repo_id: str,
        files: Mapping[str, bytes] | None = None,
        *,
        private: bool = False,
        gated: bool | str = False,
    ) -> Repo:
        """Make a repository with these files."""
        return self.hub.add(repo_id, files, private=private, gated=gated)

    def environment(self, token: str | None = None, home: str | Path | None = None, **variables: str) -> dict[str, str]:
        """The environment of a process that uses this Hub, by default without a token; `home` is its `HF_HOME`."""
        inherited = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"}
        return {**inherited, **client_variables(self.endpoint, token, home), **variables}

    def log(self, method: str = "", path: str = "") -> list[Request]:
        """The requests so far with one of these methods whose path has a match."""
        with self.hub.lock:
            asked = list(self.requests)
        return [
            request
            for request in asked
            if (not method or request.method in method.split()) and re.search(path, request.path)
        ]

    def received(self, text: str | bytes) -> list[Request]:
        """The requests in which a text came along, as it is or packed in base64; large files are not among them."""
        needle = text.encode() if isinstance(text, str) else text
        return [request for request in self.log() if request.has(needle)]

    def user(self, request: Request) -> User | None:
        """Who asks; None for nobody in particular.

        Raises:
            Refused: the token is none of ours.
        """
        if request.token is None:
            return None
        user = self.hub.users.get(request.token)
        if user is None:
            raise Refused(Answer.error(401, None, "Invalid credentials in Authorization header"))
        return user

    def answer(self, request: Request) -> Answer | None:
        """Answer a request; None drops the connection."""
        with self.hub.lock:
            fault = next((fault for fault in list(self.faults) if fault.hits(request)), None)
        if fault is None:
            return self._work(request)
        answer = None
        if fault.after:
            answer = self._work(request)
        time.sleep(fault.delay)
        if fault.run is not None:
            fault.run()
        if not fault.after and not fault.hides_work:
            answer = self._work(request)
        if fault.stall:
            self.stopping.wait()
        if fault.drop or fault.stall:
            return None
        answer = fault.answer or answer
        if answer is not None and fault.cut is not None:
            answer.cut = fault.cut
        return answer

    def _work(self, request: Request) -> Answer:
        answer = self._found(request)
        for manner in self.manners:
            answer = manner(request, answer)
        return answer

    def _found(self, request: Request) -> Answer:
        for method, pattern, function in ROUTES:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found is not None:
                names = {name: unquote(text) for name, text in found.groupdict().items() if text is not None}
                try:
                    with self.hub.lock:
                        return function(self, request, names)
                except Refused as refused:
                    return refused.answer
        return Answer.error(404, None, f"no route for {request.method} {request.path}")
