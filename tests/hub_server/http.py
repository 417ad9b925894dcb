"""The server: requests, answers, routes, faults and a log of every request."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_server.state import Hub, User


@dataclass
class Request:
    """A request; `path` is decoded, but for `%2F`, which is no separator. `status` is what was answered."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    status: int = 0

    @property
    def token(self) -> str | None:
        """The token that came along."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" and token else None


@dataclass
class Answer:
    """An answer; `body` is sent for every method but HEAD, its length always."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any, status: int = 200, **headers: str) -> Answer:
        """An answer in JSON."""
        return cls(status, json.dumps(data).encode(), {"Content-Type": "application/json", **headers})

    @classmethod
    def error(cls, status: int, code: str | None, message: str, **headers: str) -> Answer:
        """A refusal as the Hub words it; the client tells its kinds by the code."""
        headers = {"X-Error-Message": message, **headers}
        if code is not None:
            headers["X-Error-Code"] = code
        return cls.of({"error": message}, status, **headers)


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of a method whose path matches."""

    method: str
    path: str
    times: int = 1
    answer: Answer | None = None
    delay: float = 0.0
    drop: bool = False

    def hits(self, request: Request) -> bool:
        """Whether it is this request's turn."""
        return self.times > 0 and request.method == self.method and re.search(self.path, request.path) is not None


class Refused(Exception):
    """A route cannot go on: `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


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
    """A running Hub: `endpoint` is its address, `requests` what was asked so far, `faults` what shall go wrong."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        handler = type("Handler", (_Handler,), {"hub_server": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.blob_endpoint = f"http://localhost:{port}"  # another origin: the client keeps its token from it

    @contextmanager
    def running(self) -> Iterator[HubServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

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
        fault = next((fault for fault in self.faults if fault.hits(request)), None)
        if fault is not None:
            fault.times -= 1
            time.sleep(fault.delay)
            if fault.drop:
                return None
            if fault.answer is not None:
                return fault.answer
        for method, pattern, function in ROUTES:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found is not None:
                try:
                    with self.hub.lock:
                        return function(
                            self, request, {name: unquote(text) for name, text in found.groupdict().items()}
                        )
                except Refused as refused:
                    return refused.answer
        return Answer.error(404, None, f"no route for {request.method} {request.path}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub_server: HubServer

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path = "%2F".join(unquote(part) for part in re.split("%2F", parts.path, flags=re.IGNORECASE))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, parse_qs(parts.query), headers, body)
        self.hub_server.requests.append(request)
        answer = self.hub_server.answer(request)
        if answer is None:
            self.close_connection = True
            return
        request.status = answer.status
        try:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
        except (BrokenPipeError, ConnectionResetError):  # a client that waited long enough
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent; the requests are in the log of the server."""
