"""The connections: bytes become requests, answers become bytes."""

from __future__ import annotations

import re
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_server.messages import Answer, Request

if TYPE_CHECKING:
    from tests.hub_server.http import HubServer

IN_MEMORY = 64_000_000
"""Larger bodies, and all that are sent to the storage of large files, go to disk."""


class Listener(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer in two packets would wait 40 ms for the first to be acknowledged
    wbufsize = 1 << 16
    hub_server: HubServer

    def _serve(self) -> None:
        request = self._request()
        self.hub_server.requests.append(request)
        if not self._read_body(request):
            self.close_connection = True
            return
        answer = self.hub_server.answer(request)
        if request.file is not None:
            request.file.unlink(missing_ok=True)
            request.file = None
        if answer is None:
            self.close_connection = True
            return
        request.status = answer.status
        try:
            self._send(answer)
        except ConnectionError:  # a client that waited long enough
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        path = "%2F".join(unquote(part) for part in re.split("%2F", parts.path, flags=re.IGNORECASE))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, parse_qs(parts.query, keep_blank_values=True), headers, b"")

    def _read_body(self, request: Request) -> bool:
        """Read what was announced; False if less came: the client went away."""
        if "chunked" in request.headers.get("transfer-encoding", ""):
            self._send(Answer.error(501, None, "A header you provided implies functionality that is not implemented"))
            request.status = 501
            return False
        left = int(request.headers.get("content-length") or 0)
        if left <= IN_MEMORY and not request.path.startswith("/lfs/"):
            request.body = self.rfile.read(left)
            request.size = len(request.body)
            return request.size == left
        pace = max((fault.pace for fault in self.hub_server.faults if fault.is_about(request)), default=0.0)
        request.file = self.hub_server.hub.store.incoming / uuid.uuid4().hex
        with open(request.file, "wb") as file:
            while left:
                chunk = self.rfile.read(min(left, 1 << 20))
                if not chunk:
                    break
                file.write(chunk)
                request.size += len(chunk)
                left -= len(chunk)
                self.hub_server.stopping.wait(pace)
        if left:
            request.file.unlink(missing_ok=True)  # the Hub may have been stopped meanwhile
            request.file = None
        return not left

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        chunked = "chunked" in (answer.headers.get("Transfer-Encoding"), answer.headers.get("transfer-encoding"))
        length = {} if chunked or answer.status == 204 else {"Content-Length": str(answer.size)}
        for name, value in {**length, **answer.headers}.items():
            self.send_header(name, value.encode("utf-8").decode("latin-1"))
        self.end_headers()
        if self.command == "HEAD":
            return
        if chunked:
            for start in range(0, len(answer.body), 1000):
                piece = answer.body[start : start + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
            return
        left = answer.size if answer.cut is None else min(answer.cut, answer.size)
        if answer.file is None:
            self.wfile.write(answer.body[:left])
        else:
            with open(answer.file, "rb") as file:
                file.seek(answer.start)
                while left and (chunk := file.read(min(left, 1 << 20))):
                    self.wfile.write(chunk)
                    left -= len(chunk)
        self.wfile.flush()
        if answer.cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent; the requests are in the log of the server."""
