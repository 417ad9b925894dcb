"""What a person says of a run in the training script, as its spool has it. This module needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import DocumentError, SettingsError
from cardgen.registry.values import decode_value, encode_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Facts that a person knows better than the record (None takes one back), and words for sections of the card.

    `configured` facts are those of the user's configuration: what a person says of this very run goes before them.
    """

    facts: Mapping[str, Value | None] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    configured: bool = False


def encode_said(said: Said) -> str:
    """As one line of text without its end."""
    return encode_value({"facts": dict(said.facts), "notes": dict(said.notes), "configured": said.configured})


def decode_said(text: str) -> Said:
    """What `encode_said` wrote.

    Raises:
        DocumentError: the text is not of this form, or a fact in it cannot be right.
    """
    found = decode_value(text)
    try:
        facts, notes, configured = found["facts"], found["notes"], found["configured"]
        if not all(isinstance(part, str) for note in notes.items() for part in note):
            raise TypeError("notes are texts")
        return Said(facts=corrections.check(facts), notes=notes, configured=bool(configured))
    except (SettingsError, AttributeError, TypeError, LookupError) as error:
        raise DocumentError(f"what a person said cannot be read: {error}") from error
