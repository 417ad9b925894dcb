"""What could not be recorded, each thing said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cardgen.redaction import redact

T = TypeVar("T")
D = TypeVar("D")

MAX_PROBLEMS = 50
MAX_LENGTH = 500


class Problems:
    """A list of sentences without repetition, bounded in number and length."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> bool:
        """Keep a sentence; False if it is known already or there are too many."""
        text, _ = redact(text)
        text = text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"
        if text in self.texts or len(self.texts) >= MAX_PROBLEMS:
            return False
        self.texts.append(text)
        return True

    def failed(self, what: str, error: BaseException) -> bool:
        """Keep that `what` could not be recorded, and why."""
        return self.note(f"{what}: {type(error).__name__}: {error}")

    def attempt(self, what: str, look: Callable[[], T], default: D) -> T | D:
        """The result of `look`, or `default` with a note if it fails."""
        try:
            return look()
        except Exception as error:
            self.failed(what, error)
            return default
