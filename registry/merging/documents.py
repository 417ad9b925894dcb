"""One record of what two registries have of a run.

Which of both goes first follows from what they hold, never from where they lie. A record that has all that the other
knows stands as it is; where each knows something that the other lacks (results on a checkpoint, the part before a
resume), the later one takes it in, and that counts as a save.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, TypeAlias

from cardgen.record import Run
from cardgen.registry.codec import encode_run
from cardgen.registry.joining import joined
from cardgen.registry.merging.bundle import Bundle

Side: TypeAlias = Literal["own", "other"]


class Record(NamedTuple):
    """What stands: the record (whose name is still to be chosen), and whose it is; None if both say the same."""

    run: Run
    side: Side | None
    revision: int
    folded: int


def merged(own: Bundle, other: Bundle) -> Record:
    """The record of both; of their documents each can be decoded.

    Raises:
        DocumentError: one cannot.
    """
    revision, folded = max(own.revision, other.revision), max(own.folded, other.folded)
    if own.text == other.text:
        return Record(other.record, None, revision, folded)
    pair = _Pair(own, other)
    side, run = pair.side, pair.run
    return Record(run, side, revision + pair.is_new, folded)


class _Pair:
    """Two records of one run that are not the same text."""

    def __init__(self, own: Bundle, other: Bundle) -> None:
        imported = own.record.origin == other.record.origin == "imported"
        times = [run.created for run in (own.record, other.record) if run.created is not None]
        # What is settled apart: the name, what people wrote, and of an imported card when it came, which is the first
        # time that it did.
        first: dict[str, Any] = {"created": min(times, default=None)} if imported else {}
        bare = [dataclasses.replace(run, name="", notes={}, **first) for run in (own.record, other.record)]
        texts = [encode_run(run) for run in bare]
        self.side: Side | None = None
        self.is_new = False
        run = bare[0]
        if texts[0] != texts[1]:
            both = [joined(bare[1], bare[0]), joined(bare[0], bare[1])]
            knows_all = [encode_run(one) == text for one, text in zip(both, texts, strict=True)]
            ranks = [
                # what has more was completed by files beside the card
                (bundle.events, len(text), text) if imported else (bundle.folded, bundle.revision, text)
                for bundle, text in zip((own, other), texts, strict=True)
            ]
            if knows_all[0] == knows_all[1]:
                self.side = "own" if ranks[0] > ranks[1] else "other"
            else:
                self.side = "own" if knows_all[0] else "other"
            self.is_new = not any(knows_all)
            run = both[0] if self.side == "own" else both[1]
        self.run = dataclasses.replace(run, notes=_notes(own.record, other.record, self.side))


def _notes(own: Run, other: Run, side: Side | None) -> dict[str, str]:
    """The words of both; of two for one section those of the record that stands, else the greater."""
    first, second = (other.notes, own.notes) if side == "own" else (own.notes, other.notes)  # the second one stands
    if side is not None and first.keys() <= second.keys():
        return second
    if list(first.items()) == list(second.items()):
        return second
    names = sorted({*first, *second})
    if side is not None:
        return {name: second.get(name, first.get(name, "")) for name in names}
    return {name: max(first.get(name, ""), second.get(name, "")) for name in names}
