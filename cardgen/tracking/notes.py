"""What a person says in the training script, kept at the end of the run: words for the card, and facts."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.record import Run
from cardgen.tracking.guard import say
from cardgen.tracking.options import Options

Change = dict[str, Value | None]


class Notes:
    """Words by section, of which the last count, and facts in the order in which they were said."""

    def __init__(self, configured: Mapping[str, Value | None]) -> None:
        """Start with what the configuration says of each run: a person's facts go before it."""
        self._configured = dict(configured)
        self._words: dict[str, str] = {}
        self._changes: list[Change] = []
        self._facts: dict[str, Value] = {}

    def __bool__(self) -> bool:
        return bool(self._words or self._changes or self._configured)

    def add(self, section: str, words: str) -> None:
        """Keep words for a section.

        Raises:
            SettingsError: there is no such section.
            TypeError: the words are no text.
        """
        from cardgen.card.stubs import section_name

        if not isinstance(words, str):
            raise TypeError(f"a note is text, not {type(words).__name__}")
        self._words[section_name(section)] = words

    def set(self, facts: Mapping[str, Any]) -> None:
        """Keep facts, by field; None takes one back.

        Raises:
            SettingsError: there is no such field, or the value cannot be right.
        """
        changes = corrections.check(facts)
        self._facts = corrections.combine(self._facts, changes)
        self._changes.append(changes)

    def over(self, run: Run) -> Run:
        """The run with these facts over it, as it will be read."""
        facts = corrections.combine(corrections.combine({}, self._configured), self._facts)
        return corrections.apply(run, facts) if facts else run

    def keep(self, options: Options, run_id: str, name: str, folder: Path, *, reachable: bool) -> None:
        """Put facts and words into the registry; what it does not take is said, and words are kept in files.

        Args:
            options: says where the registry is.
            run_id: the run, which the registry has if it is reachable.
            name: what a person calls the run.
            folder: where files go.
            reachable: whether the registry is worth an attempt.
        """
        words, self._words = self._words, {}
        changes, self._changes = self._changes, []
        configured, self._configured = self._configured, {}
        reason = "the registry is not there"
        if reachable:
            try:
                changes, words, reason = _store(options.settings.registry, run_id, configured, changes, words)
            except Exception as error:  # any driver may fail in any way
                reason = str(error)
        where = ["--registry", options.location.url] if options.registry_given else []
        for facts in changes:
            said = [f"{field}={corrections.text(value)}" for field, value in facts.items()]
            command = ["cardgen", "runs", "set", name, *said, *where]
            say(f"{', '.join(facts)} cannot be set yet ({reason}): {shlex.join(command)}")
        for section, text in words.items():
            path = folder / f"{run_id}.{section.replace(' ', '-')}.md"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(text.encode("utf-8", "replace"))
            command = ["cardgen", "runs", "edit", name, "--section", section, "--file", str(path), *where]
            say(f"the note on {section} is not in the card yet ({reason}): {shlex.join(command)}")


def _store(
    registry_url: str, run_id: str, configured: Change, changes: list[Change], words: dict[str, str]
) -> tuple[list[Change], dict[str, str], str]:
    """Set the facts, then fill the sections; what cannot be kept, and why. What was said before stays."""
    from cardgen.actions.edit import fill_section
    from cardgen.errors import SettingsError
    from cardgen.registry import Registry

    refused: list[Change] = []
    left: dict[str, str] = {}
    reason = ""
    with Registry(registry_url) as registry:
        if configured:
            said = registry.human_facts(run_id)
            changes = [{name: value for name, value in configured.items() if name not in said}, *changes]
        for facts in changes:
            try:
                registry.set_facts(run_id, facts)
            except SettingsError as error:
                refused.append(facts)
                reason = str(error)
        for section, text in words.items():
            try:
                fill_section(registry, run_id, section, text)
            except SettingsError as error:
                left[section], reason = text, str(error)
    return refused, left, reason
