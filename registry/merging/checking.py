"""What somebody else's registry says is looked at, value by value, before any of it is taken.

A value that cannot be right makes its run one that is not taken at all: nothing is taken by halves. Its record is
written anew, in our words.
"""

from __future__ import annotations

from typing import Any, get_args

from cardgen import corrections
from cardgen.errors import CardgenError, DocumentError
from cardgen.identity import is_run_id
from cardgen.record import Displayed, LogKind
from cardgen.registry import rows
from cardgen.registry.codec import decode_run, decode_value, encode_run
from cardgen.registry.merging.bundle import Bundle, CardPair, Entry, Event, HumanFact
from cardgen.registry.naming import LATEST
from cardgen.registry.texts import TARGET_LIMIT

EARLY_MICROSECONDS = 86_400_000_000
"""How far a clock may be ahead of ours: what claims to come from later would go before all that is said until then."""

_COUNT_LIMIT = 1 << 53
_NUMBER_LIMIT = 1 << 62
TEXT_LIMIT = 10_000
"""Characters of a text that is no record, card or log."""

_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999
_KINDS = get_args(LogKind)


class Wrong(ValueError):
    """Why something is not taken."""


def text(value: Any, what: str, limit: int = TEXT_LIMIT) -> str:
    """A text that any database takes, not longer than that."""
    if type(value) is not str or value != rows.searchable(value, limit):
        raise Wrong(f"{what} is {value!r:.80}")
    return value


def maybe_text(value: Any, what: str, limit: int = TEXT_LIMIT) -> str | None:
    """The same, or None."""
    return None if value is None else text(value, what, limit)


def number(value: Any, what: str, least: int = 0, limit: int = _COUNT_LIMIT) -> int:
    """An integer from `least` to `limit`."""
    if type(value) is not int or not least <= value <= limit:
        raise Wrong(f"{what} is {value!r:.80}")
    return value


def maybe_number(value: Any, what: str, least: int = 0, limit: int = _COUNT_LIMIT) -> int | None:
    """The same, or None."""
    return None if value is None else number(value, what, least, limit)


def time(value: Any, what: str, now: int) -> int:
    """A moment that has been."""
    found = number(value, what, _FIRST, _LAST)
    if found > now + EARLY_MICROSECONDS:
        raise Wrong(f"{what} is {rows.from_microseconds(found)}, which is yet to come")
    return found


def maybe_time(value: Any, what: str, now: int) -> int | None:
    """The same, or None."""
    return None if value is None else time(value, what, now)


def tagged(value: Any, what: str) -> Any:
    """The value that stands in a tagged text."""
    if type(value) is not str or not value.isascii():
        raise Wrong(f"{what} is no tagged text")
    try:
        return decode_value(value)
    except DocumentError as error:
        raise Wrong(f"{what}: {error}") from error


def bundle(found: Bundle, now: int) -> None:
    """A run; its record is decoded, and written anew.

    Raises:
        Wrong: something in it cannot be right.
    """
    if type(found.id) is not str or not is_run_id(found.id):
        raise Wrong(f"its id is {found.id!r:.100}")
    for what, name in (("its name", found.name), ("the name that it asked for", found.asked_name)):
        if not text(name, what, rows.NAME_LIMIT).strip():
            raise Wrong(f"{what} is empty")
    if found.name in (LATEST, "") or found.name != found.name.strip():
        raise Wrong(f"its name is {found.name!r:.80}")
    number(found.revision, "its revision")
    number(found.folded, "the number of its last spool entry", -1, _NUMBER_LIMIT)
    maybe_time(found.heartbeat, "its heartbeat", now)
    maybe_time(found.deleted, "the time when it was hidden", now)
    try:
        found.run = decode_run(found.text if type(found.text) is str else "")
        found.text = encode_run(found.run)
        if found.run.id != found.id:
            raise Wrong(f"its record is of the run {found.run.id!r:.100}")
        rows.run_columns(found.run)
    except (DocumentError, ValueError, OverflowError) as error:
        raise Wrong(str(error)) from error
    for field, fact in found.human.items():
        _human(field, fact, now)
    for target, card in found.cards.items():
        _card(target, card, now)


def _human(field: Any, fact: HumanFact, now: int) -> None:
    what = f"the fact {field!r:.100}"
    time(fact.at, f"the time of {what}", now)
    value = tagged(fact.value, what)
    try:
        corrections.check({text(field, what): value})
    except CardgenError as error:
        raise Wrong(str(error)) from error


def _card(target: Any, card: CardPair, now: int) -> None:
    what = f"the text of its card at {target!r:.200}"
    text(target, "the place of a card", TARGET_LIMIT)
    time(card.at, f"the time of {what}", now)
    base, standing, deleted = (tagged(value, what) for value in (card.base, card.text, card.deleted))
    if not (isinstance(base, str) and isinstance(standing, str) and isinstance(deleted, list)):
        raise Wrong(f"{what} is none")
    if not all(isinstance(heading, str) for heading in deleted):
        raise Wrong(f"{what} has headings that are none")


def event(found: Event) -> None:
    """An event of a log.

    Raises:
        Wrong: something in it cannot be right.
    """
    what = f"its log event {found.seq!r:.40}"
    number(found.seq, what, 0, _NUMBER_LIMIT)
    number(found.segment, f"the segment of {what}", -_NUMBER_LIMIT, _NUMBER_LIMIT)
    number(found.step, f"the step of {what}", -_NUMBER_LIMIT, _NUMBER_LIMIT)
    if found.kind not in _KINDS:
        raise Wrong(f"the kind of {what} is {found.kind!r:.40}")
    if found.epoch is not None:
        epoch = tagged(found.epoch, f"the epoch of {what}")
        if isinstance(epoch, bool) or not isinstance(epoch, int | float | Displayed):
            raise Wrong(f"the epoch of {what} is no number")
    if found.at is not None:
        number(found.at, f"the time of {what}", _FIRST, _LAST)
    if type(tagged(found.values, what)) is not dict:
        raise Wrong(f"{what} has no values")


def entry(found: Entry, now: int) -> None:
    """A line of the audit.

    Raises:
        Wrong: something in it cannot be right.
    """
    time(found.at, "the time of a line of the audit", now)
    text(found.actor, "who did something")
    text(found.action, "what was done", 100)
    if found.run_id is not None and not (type(found.run_id) is str and is_run_id(found.run_id)):
        raise Wrong(f"the audit tells of a run {found.run_id!r:.100}")
    maybe_text(found.name, "a name in the audit")
    maybe_text(found.detail, "a detail in the audit")
