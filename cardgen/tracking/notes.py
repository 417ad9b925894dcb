"""What a person says in the training script: words for the card, and facts. The spool has them at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import SettingsError
from cardgen.record import Run
from cardgen.registry.said import Said
from cardgen.registry.spool import make_private_folder
from cardgen.tracking.guard import say


class Notes:
    """Words by section, of which the last count, and facts in the order in which they were said."""

    def __init__(self, configured: Mapping[str, Value | None]) -> None:
        """Start with what the configuration says of each run: a person's facts go before it."""
        self._waiting = [Said(facts=configured, configured=True)] if configured else []
        self._words: dict[str, str] = {}
        self._facts = corrections.combine({}, configured)

    def add(self, section: str, words: str, unfit: Path) -> None:
        """Keep words for a section; what would break the card is put into a file that is named like `unfit`.

        Raises:
            SettingsError: there is no such section, or the words do not fit.
            TypeError: the words are no text.
        """
        from cardgen.card.stubs import fill, section_name

        if not isinstance(words, str):
            raise TypeError(f"a note is text, not {type(words).__name__}")
        name = section_name(section)
        try:
            fill("", name, words)
        except SettingsError as error:
            path = unfit.with_name(f"{unfit.name}.{name.replace(' ', '-')}.md")
            _keep_unfit(path, words)
            raise SettingsError(f"{error}; they are kept in {path}") from error
        self._words[name] = words
        self._waiting.append(Said(notes={name: words}))

    def set(self, facts: Mapping[str, Any]) -> None:
        """Keep facts, by field; None takes one back.

        Raises:
            SettingsError: there is no such field, or the value cannot be right.
        """
        changes = corrections.check(facts)
        self._facts = corrections.combine(self._facts, changes)
        self._waiting.append(Said(facts=changes))

    def over(self, run: Run) -> Run:
        """The run with these over it, as it will be read."""
        run = dataclasses.replace(run, notes={**run.notes, **self._words}) if self._words else run
        return corrections.apply(run, self._facts) if self._facts else run

    def due(self, run: Run) -> list[Said]:
        """What was said since this was asked, to be written; a fact that has no place in the run is told instead."""
        due, self._waiting = self._waiting, []
        for index, said in enumerate(due):
            fits = {field: value for field, value in said.facts.items() if value is None or corrections.has(run, field)}
            for field in said.facts.keys() - fits.keys():
                say(f"{field} cannot be set: the run has no {field.rpartition('.')[0]}")
            due[index] = dataclasses.replace(said, facts=fits)
        return [said for said in due if said.facts or said.notes]


def _keep_unfit(path: Path, words: str) -> None:
    make_private_folder(path.parent)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(words.encode("utf-8", "replace"))
