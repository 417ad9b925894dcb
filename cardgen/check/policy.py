"""Which rules count, and how much: the user chooses, a project may only tighten."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from cardgen.check.report import SEVERITIES, Severity
from cardgen.errors import SettingsError

KEYS = frozenset({"ignore", "severity", "min-score", "strict"})


@dataclass(frozen=True, slots=True)
class Policy:
    """`ignore` are the rules that do not count, `severity` those that count differently, `min_score` is the score (0 to
    100) that a card must have, `strict` says that warnings stop a card.
    """

    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    min_score: int | None = None
    strict: bool = False

    def severity_of(self, name: str, default: Severity) -> Severity | None:
        """How much a rule counts; None: not at all."""
        return None if name in self.ignore else self.severity.get(name, default)

    def but(
        self, *, ignore: Iterable[str] = (), min_score: int | None = None, strict: bool = False, known: Collection[str]
    ) -> Policy:
        """The policy with what arguments say; a lower score than before may be asked for.

        Raises:
            SettingsError: there is no such rule, or no such score.
        """
        ignored = frozenset(ignore)
        _known(ignored, known, "ignore")
        score = self.min_score if min_score is None else _score(min_score, "the score")
        return replace(self, ignore=self.ignore | ignored, min_score=score, strict=self.strict or strict)


def user_policy(table: Any, place: str, known: Collection[str]) -> Policy:
    """The policy of the user's configuration: its table `check`.

    Raises:
        SettingsError: something in it cannot be right.
    """
    table = _table(table, place)
    ignore = table.get("ignore", [])
    if not isinstance(ignore, list) or not all(isinstance(name, str) for name in ignore):
        raise SettingsError(f"ignore in {place} is {ignore!r}", hint="use a list of names of rules")
    _known(ignore, known, place)
    return Policy(
        ignore=frozenset(ignore),
        severity=_severities(table, place, known),
        min_score=_score(table["min-score"], f"min-score in {place}") if "min-score" in table else None,
        strict=_strict(table, place),
    )


def tightened(policy: Policy, table: Any, place: str, known: Mapping[str, Severity]) -> Policy:
    """A policy under a project's table: what the project wants more strictly, it gets.

    Args:
        policy: the user's.
        table: the project's configuration, which comes with the work of strangers.
        place: its file, for messages.
        known: every rule with its own severity.

    Raises:
        SettingsError: something in it cannot be right, or would loosen a rule.
    """
    table = _table(table, place)
    if "ignore" in table:
        raise SettingsError(
            f"{place} ignores rules: a project may only tighten them",
            hint="take `ignore` out of it; your own configuration and --ignore may have it",
        )
    severity = dict(policy.severity)
    for name, wanted in _severities(table, place, known).items():
        if SEVERITIES.index(wanted) < SEVERITIES.index(known[name]):
            raise SettingsError(
                f"{place} makes {name} a {wanted}: a project may only tighten rules",
                hint=f"it is a {known[name]} for everybody",
            )
        here = policy.severity_of(name, known[name])
        if here is None or SEVERITIES.index(wanted) > SEVERITIES.index(here):
            severity[name] = wanted
    score = _score(table["min-score"], f"min-score in {place}") if "min-score" in table else 0
    return Policy(
        ignore=policy.ignore - _severities(table, place, known).keys(),
        severity=severity,
        min_score=max(score, policy.min_score or 0) or None,
        strict=policy.strict or _strict(table, place),
    )


def _table(table: Any, place: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise SettingsError(f"check in {place} is {table!r}", hint="it is a table: [check]")
    unknown = sorted(set(table) - KEYS)
    if unknown:
        raise SettingsError(
            f"check in {place} has unknown keys: {', '.join(unknown)}", hint=f"known: {', '.join(sorted(KEYS))}"
        )
    return table


def _severities(table: Mapping[str, Any], place: str, known: Collection[str]) -> dict[str, Severity]:
    chosen = table.get("severity", {})
    if not isinstance(chosen, dict) or not all(value in SEVERITIES for value in chosen.values()):
        raise SettingsError(f"severity in {place} is {chosen!r}", hint=f"each is one of: {', '.join(SEVERITIES)}")
    _known(chosen, known, place)
    return cast(dict[str, Severity], chosen)


def _strict(table: Mapping[str, Any], place: str) -> bool:
    strict = table.get("strict", False)
    if not isinstance(strict, bool):
        raise SettingsError(f"strict in {place} is {strict!r}", hint="use true or false")
    return strict


def _score(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
        raise SettingsError(f"{what} is {value!r}", hint="use a whole number from 0 to 100")
    return value


def _known(names: Iterable[str], known: Collection[str], place: str) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SettingsError(f"{place} names no rule: {', '.join(unknown)}", hint="see `cardgen check --rules`")
