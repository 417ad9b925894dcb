"""What a rule is: a name that never changes, a kind, a severity, and a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from cardgen.check.report import Severity
from cardgen.check.subject import Subject

Kind: TypeAlias = Literal["valid", "complete", "true", "private"]


class Hit(NamedTuple):
    """A place that breaks a rule: the line, from 1 (None is the whole card), what is wrong, what mends it.

    `remedy` goes before the rule's own.
    """

    line: int | None
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `remedy` is a command with `{run}` and `{file}` in it; `alone` says that no other rule makes sense
    where this one is broken.
    """

    name: str
    kind: Kind
    severity: Severity
    check: Callable[[Subject], Iterable[Hit]]
    remedy: str | None
    alone: bool

    @property
    def explanation(self) -> str:
        """What the rule wants, and why: the docstring of its function, a paragraph a line."""
        paragraphs = inspect.cleandoc(self.check.__doc__ or "").split("\n\n")
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

    @property
    def summary(self) -> str:
        """The first sentence of it."""
        sentence, stop, _ = self.explanation.partition("\n")[0].partition(". ")
        return f"{sentence}." if stop else sentence


def rule(
    kind: Kind, name: str, severity: Severity, *, remedy: str | None = None, alone: bool = False
) -> Callable[[Callable[[Subject], Iterable[Hit]]], Rule]:
    """Make a function a rule."""

    def make(check: Callable[[Subject], Iterable[Hit]]) -> Rule:
        return Rule(name, kind, severity, check, remedy, alone)

    return make
