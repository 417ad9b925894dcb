"""What a query means, in plain Python over one run at a time: the definition that SQL has to meet.

A key has any number of values in a run, each a number, a text, or both (a number that is only known as it was
displayed). A comparison holds if it holds for any of them; without a value it does not hold. `!=` holds if there is a
value and `=` does not hold.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from cardgen.record import LogEvent, Run
from cardgen.registry import rows
from cardgen.registry.figures import figures
from cardgen.registry.language.binding import All, Bound, Check, No, Order, Some, Words
from cardgen.registry.language.keys import LOG, Column, History, Kind, Operand
from cardgen.registry.language.terms import Term
from cardgen.registry.language.versions import version, without_local

Value: TypeAlias = tuple[float | None, str | None]
"""A value as a number and as a text."""

NAN = "nan"
"""The text of what is no number, and sorts as if it were missing."""

ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Record:
    """A run as queries see it. `status` is the derived one, `revision` the number of saves."""

    def __init__(self, run: Run, log: Sequence[LogEvent] = (), *, status: str | None = None, revision: int = 1) -> None:
        self.columns: dict[str, Any] = {
            **rows.run_columns(run),
            "id": run.id,
            "name": run.name,
            "status": run.status if status is None else status,
            "revision": revision,
        }
        self.facts: dict[tuple[str, str], list[Value]] = {}
        for fact in rows.facts(run):
            self.facts.setdefault((fact.kind, fact.name), []).append((fact.number, fact.text))
        self.history = figures((event.seq, event.values) for event in log)

    def values(self, operand: Operand) -> list[Value]:
        """The values of a key, in their order."""
        if isinstance(operand, Column):
            value = self.columns[operand.name]
            return [] if value is None else [(None, value) if operand.kind == "text" else (value, None)]
        if isinstance(operand, History):
            found = self.history.get(operand.name)
            number = None if found is None else getattr(found, operand.moment)
            return [] if number is None else [(number, None)]
        return self.facts.get((operand.family, operand.name), [])


class Records:
    """Runs as a `Catalog`: the names that their facts have."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._names: dict[str, set[str]] = {}
        for record in records:
            for family, name in record.facts:
                self._names.setdefault(family, set()).add(name)
            for name in record.history:
                self._names.setdefault(LOG, set()).add(name)

    def has(self, family: str, name: str) -> bool:
        """Whether a run has a fact of this name."""
        return name in self._names.get(family, ())

    def ending(self, family: str, end: str, limit: int) -> list[str]:
        """The names that end so, sorted, at most `limit`."""
        return sorted(name for name in self._names.get(family, ()) if name.endswith(end))[:limit]

    def beginning(self, family: str, start: str, limit: int) -> list[str]:
        """The names that begin so, sorted, at most `limit`."""
        return sorted(name for name in self._names.get(family, ()) if name.startswith(start))[:limit]


def matches(query: Bound, record: Record) -> bool:
    """Whether a run is one that a query asks for."""
    if isinstance(query, Words):
        return query.folded in record.columns["words"]
    if isinstance(query, No):
        return not matches(query.item, record)
    if isinstance(query, All):
        return all(matches(item, record) for item in query.items)
    if isinstance(query, Some):
        return any(matches(item, record) for item in query.items)
    values = record.values(query.operand)
    found = any(holds(query, *value) for value in values)
    return bool(values) and not found if query.operator == "!=" else found


def holds(check: Check, number: float | None, text: str | None) -> bool:
    """Whether a comparison holds for one value; for `!=`, whether its opposite does."""
    if check.operator in ("=", "!="):
        return equals(check, number, text)
    [term] = check.terms
    if check.operator == "~":
        return text is not None and term.texts[0].casefold() in text.casefold()
    compare = ORDERS[check.operator]
    kind = check.operand.kind
    if kind == "version":
        pair = _versions(text, term)
        return pair is not None and bool(compare(*pair))
    if term.times is not None:
        start, end = term.times
        border = end if check.operator in ("<=", ">") else start  # a date is a whole day: `>` is from its end on
        before = check.operator.startswith("<")
        return number is not None and (number < border if before else number >= border)
    if term.number is not None:
        return number is not None and bool(compare(number, term.number))
    return text is not None and bool(compare(text, term.texts[0]))


def equals(check: Check, number: float | None, text: str | None) -> bool:
    """Whether one value equals any of the terms."""
    for term in check.terms:
        if term.times is not None:
            if number is not None and term.times[0] <= number < term.times[1]:
                return True
            continue
        if text is not None and text in term.texts:
            return True
        if number is not None and term.number is not None and number == term.number:
            return True
        if check.operand.kind == "version":
            pair = _versions(text, term)
            if pair is not None and pair[0] == pair[1]:
                return True
    return False


def _versions(text: str | None, term: Term) -> tuple[Any, Any] | None:
    found = None if text is None else version(text)
    if found is None or term.version is None:
        return None
    return (found if term.version[2] else without_local(found)), term.version


def ordered(records: Sequence[Record], order: Order) -> list[Record]:
    """Runs in the order of a key, given in the order in which they were saved, which decides between equals.

    Numbers come before texts, and both before what is missing or NaN, also when the order is turned round.
    """
    tiers: tuple[list[tuple[Any, int]], ...] = ([], [], [])
    for index, record in enumerate(records):
        tier, value = place(record, order.operand)
        tiers[tier].append((value, index))
    return [records[index] for tier in tiers for _, index in sorted(tier, reverse=order.down)]


def place(record: Record, operand: Operand) -> tuple[int, Any]:
    """Where a run sorts by its first value of a key: 0 and a number (or version), 1 and a text, 2 for nothing."""
    values = record.values(operand)
    number, text = values[0] if values else (None, None)
    kind: Kind = operand.kind
    if kind == "version":
        found = None if text is None else version(text)
        return (2, 0) if found is None else (0, found)
    if number is not None and not math.isnan(number):
        return 0, number
    if text is not None and (kind == "text" or text != NAN):
        return 1, text
    return 2, 0
