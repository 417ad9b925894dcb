"""A wire between a client and a server's socket that can be cut, or made to swallow everything."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path


class Relay:
    """Listens on the loopback interface and passes on what comes to a Unix socket, and back."""

    def __init__(self, target: Path) -> None:
        self.swallows = False
        """Whether what the server answers gets lost."""
        self.accepted = 0
        """How many connections there were so far."""
        self._target = str(target)
        self._open: list[socket.socket] = []
        self._mutex = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection there is."""
        with self._mutex:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._open.clear()

    def close(self) -> None:
        """Accept no more, and end what there is."""
        self._closed = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = socket.socket(socket.AF_UNIX)
                self._open += [client, server]
                server.connect(self._target)
            except OSError:
                continue
            for origin, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(origin, target, origin is server), daemon=True).start()

    def _pass(self, origin: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := origin.recv(65536):
                if not (answers and self.swallows):
                    target.sendall(data)
        for end in (origin, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
