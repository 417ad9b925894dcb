"""Requests, answers, and what goes wrong between them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Request:
    """A request; `path` is decoded, but for `%2F`, which is no separator. `status` is what was answered.

    `size` are the bytes of the body; a large one is in `file` while it is worked on, and `body` is empty.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    size: int = 0
    file: Path | None = None
    status: int = 0

    @property
    def token(self) -> str | None:
        """The token that came along."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" and token else None

    @property
    def json(self) -> Any:
        """The body as JSON.

        Raises:
            Refused: it is none.
        """
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            raise Refused(Answer.error(400, None, "Invalid JSON")) from None

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The body as lines of JSON, as a commit is sent.

        Raises:
            Refused: it is none.
        """
        try:
            return [json.loads(line) for line in self.body.splitlines() if line.strip()]
        except ValueError:
            raise Refused(Answer.error(400, None, "Invalid NDJSON")) from None

    def asks(self, name: str) -> bool:
        """Whether a switch of the query is on."""
        return self.query.get(name, [""])[0].lower() in ("1", "true")

    def has(self, text: bytes) -> bool:
        """Whether a text came along: in the address, the headers or the body, plain or in base64 within JSON."""
        if text in self.body or any(text.decode("utf-8", "replace") in there for there in self._texts()):
            return True
        packed = re.findall(rb'"(?:content|sample)"\s*:\s*"([A-Za-z0-9+/=]*)"', self.body)
        return any(text in base64.b64decode(piece) for piece in packed)

    def _texts(self) -> list[str]:
        values = [value for values in self.query.values() for value in values]
        return [self.path, *values, *(value for name, value in self.headers.items() if name != "authorization")]


@dataclass
class Answer:
    """An answer; `body`, or `length` bytes of `file` from `start`, is sent for every method but HEAD.

    After `cut` bytes of it the connection is dropped.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None
    start: int = 0
    length: int | None = None
    cut: int | None = None

    @property
    def size(self) -> int:
        """The bytes of the body."""
        if self.file is None:
            return len(self.body)
        return self.file.stat().st_size - self.start if self.length is None else self.length

    @classmethod
    def of(cls, data: Any, status: int = 200, **headers: str) -> Answer:
        """An answer in JSON."""
        return cls(status, json.dumps(data).encode(), {"Content-Type": "application/json", **headers})

    @classmethod
    def error(cls, status: int, code: str | None, message: str, **headers: str) -> Answer:
        """A refusal as the Hub words it; the client tells its kinds by the code."""
        headers = {"X-Error-Message": " ".join(message.split()), **headers}
        if code is not None:
            headers["X-Error-Code"] = code
        return cls.of({"error": message}, status, **headers)


class Refused(Exception):
    """A route cannot go on: `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass
class Fault:
    """What goes wrong with requests of these methods (`"GET HEAD"`) whose path has a match.

    `skip` requests go well before, `times` do not, the ones after do. `after` does the work first; otherwise a request
    that is answered, dropped or stalled is never worked on, though one that is only delayed is. `answer` is sent
    instead, `delay` waits so many seconds, `drop` hangs up without an answer, `stall` never answers while the server
    runs, `cut` hangs up after so many bytes of the answer's body. `run` is called just before the work: somebody else
    who does something in the meantime. `pace` are seconds that each MiB of the request takes to come.
    """

    method: str
    path: str
    times: int = 1
    skip: int = 0
    answer: Answer | None = None
    delay: float = 0.0
    drop: bool = False
    stall: bool = False
    after: bool = False
    cut: int | None = None
    pace: float = 0.0
    run: Callable[[], object] | None = None

    @property
    def hides_work(self) -> bool:
        """Whether the answer of the work is not seen."""
        return self.drop or self.stall or self.answer is not None

    def is_about(self, request: Request) -> bool:
        """Whether it may be this request's turn."""
        wanted = request.method in self.method.split() and re.search(self.path, request.path) is not None
        return wanted and self.times > 0

    def hits(self, request: Request) -> bool:
        """Whether it is this request's turn; counts it."""
        if not self.is_about(request):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True
