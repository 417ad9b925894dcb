"""Small cards with something wrong, and what a check finds in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cardgen.check.engine import check
from cardgen.check.policy import Policy
from cardgen.check.report import Report
from cardgen.check.subject import Subject

GOLDEN = Path(__file__).parent.parent / "golden"
CARD = (GOLDEN / "6.2.0" / "st_named_eval" / "README.md").read_bytes().decode()
"""A card of the library without anything wrong in it."""


def report(text: str, policy: Policy | None = None, **known: Any) -> Report:
    """What a check says of a text."""
    return check(Subject(text=text, **known), file="x.md", path="x.md", policy=policy)


def found(text: str, rule: str, **known: Any) -> list[int | None]:
    """The lines that break a rule."""
    return [finding.line for finding in report(text, **known).findings if finding.rule == rule]


def front(*lines: str) -> str:
    """A card of front matter."""
    return "\n".join(["---", *lines, "---", "", "# Title", ""])


def body(*lines: str) -> str:
    """A card whose body begins on line 5."""
    return "\n".join(["---", "license: mit", "---", "", *lines, ""])


def line_of(text: str, part: str) -> int:
    """The number of the first line with a part in it."""
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)
