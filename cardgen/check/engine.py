"""All rules, and how a card is checked against them."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator

from cardgen.check import active, complete, private, true, valid, valid_index
from cardgen.check.policy import Policy
from cardgen.check.report import Finding, Report, Severity
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Subject

MOST = 20
"""Findings of one rule in one card that are told; the next one says how it goes on."""


@rule("valid", "unreadable", "error", alone=True)
def _unreadable(card: Subject) -> Iterator[Hit]:
    """The file or run can be read."""
    return iter(())


RULES: tuple[Rule, ...] = (
    _unreadable,
    *valid.RULES,
    *valid_index.RULES,
    *complete.RULES,
    *true.RULES,
    *private.RULES,
    *active.RULES,
)
"""Every rule."""

SEVERITY: dict[str, Severity] = {found.name: found.severity for found in RULES}
"""How much each rule counts by itself."""


def check(card: Subject, *, file: str = "", path: str | None = None, policy: Policy | None = None) -> Report:
    """Check a card against every rule that counts. Pure, in time linear in the length of the text.

    Args:
        card: the card and what is known about it.
        file: what a person calls the card.
        path: the file that it stands in, for what mends it; None for a run's own card.
        policy: which rules count, and how much; None: all as they are.
    """
    policy = policy or Policy()
    card.min_score = policy.min_score if card.min_score is None else card.min_score
    findings: list[Finding] = []
    readable = True
    for found in RULES:
        severity = policy.severity_of(found.name, found.severity)
        if severity is None and not found.alone:
            continue
        told = list(_told(found, card))
        if severity is not None:
            findings += (_finding(found, hit, severity, card, file, path) for hit in told)
        if told and found.alone:
            readable = False
            break
    if not readable:
        return Report(file=file, findings=tuple(findings))
    findings.sort(key=lambda finding: finding.line or 0)
    score, missing = complete.score(card)
    return Report(file=file, findings=tuple(findings), score=score, missing=missing)


def unreadable(file: str, message: str, remedy: str | None = None, *, policy: Policy | None = None) -> Report:
    """The report on what could not be read."""
    return _only(_unreadable, file, message, remedy, policy)


def too_large(file: str, size: int, *, policy: Policy | None = None) -> Report:
    """The report on a file that has so many bytes that it is not even read."""
    return _only(valid.card_too_large, file, valid.too_large_words(size), None, policy)


def _only(found: Rule, file: str, message: str, remedy: str | None, policy: Policy | None) -> Report:
    severity = (policy or Policy()).severity_of(found.name, found.severity)
    if severity is None:
        return Report(file=file)
    finding = Finding(file=file, line=None, rule=found.name, severity=severity, message=message, remedy=remedy)
    return Report(file=file, findings=(finding,))


def _told(found: Rule, card: Subject) -> Iterator[Hit]:
    hits = iter(found.check(card))
    yield from itertools.islice(hits, MOST)
    more = next(hits, None)
    if more is not None:
        yield Hit(more.line, "and so on: there are more")


def _finding(found: Rule, hit: Hit, severity: Severity, card: Subject, file: str, path: str | None) -> Finding:
    return Finding(
        file=file,
        line=hit.line,
        rule=found.name,
        severity=severity,
        message=hit.message,
        remedy=_remedy(hit.remedy or found.remedy, hit, card, path),
    )


def _remedy(command: str | None, hit: Hit, card: Subject, path: str | None) -> str | None:
    """What mends it: a command about the run, as far as there is one, and one that brings the file up to date."""
    quoted = None if path is None else shlex.quote(path)
    if card.run is not None and card.run.name and command is not None:
        filled = command.replace("{run}", shlex.quote(card.run.name)).replace("{file}", quoted or "README.md")
        edits = command.startswith(("cardgen runs set", "cardgen runs edit"))
        return f"{filled} && cardgen render {shlex.quote(card.run.name)} -o {quoted}" if edits and quoted else filled
    if quoted is None:
        return None if card.run is None else f"cardgen runs edit {shlex.quote(card.run.name)}"
    return f"edit {quoted}" if hit.line is None else f"edit {quoted}, line {hit.line}"
