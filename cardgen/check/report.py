"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]
"""An error stops a card; a warning does under `--strict`; a note never does."""

SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""From the mildest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that a card breaks. `line` counts from 1; None is the whole card. `remedy` is what mends it."""

    file: str
    line: int | None
    rule: str
    severity: Severity
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings of one card, by line.

    `score` says how complete it is, from 0 to 100, and `missing` what it lacks; both are None and empty for what
    could not be read as a card.
    """

    file: str
    findings: tuple[Finding, ...] = ()
    score: int | None = None
    missing: tuple[str, ...] = ()

    def stopping(self, *, strict: bool = False) -> tuple[Finding, ...]:
        """The findings that stop the card: its errors, with `strict` its warnings, too."""
        stops = ("error", "warning") if strict else ("error",)
        return tuple(finding for finding in self.findings if finding.severity in stops)
