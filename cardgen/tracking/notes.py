"""A person's words for sections of the card, said in the training script and kept at the end of the run."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from cardgen.tracking.guard import say
from cardgen.tracking.options import Options


class Notes:
    """The words so far, by section; the last word on a section counts."""

    def __init__(self) -> None:
        """Start with none."""
        self._words: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._words)

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

    def keep(self, options: Options, run_id: str, name: str, folder: Path, *, reachable: bool) -> None:
        """Put the words into the card's text in the registry; what it does not take is kept in files.

        Args:
            options: says where the registry is.
            run_id: the run, which the registry has if it is reachable.
            name: what a person calls the run.
            folder: where files go.
            reachable: whether the registry is worth an attempt.
        """
        left, self._words = self._words, {}
        reason = "the registry is not there"
        if reachable and left:
            try:
                left, reason = _fill(options.settings.registry, run_id, left)
            except Exception as error:  # any driver may fail in any way
                reason = str(error)
        for section, words in left.items():
            path = folder / f"{run_id}.{section.replace(' ', '-')}.md"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(words.encode("utf-8", "replace"))
            command = ["cardgen", "runs", "edit", name, "--section", section, "--file", str(path)]
            if options.registry_given:
                command += ["--registry", options.location.url]
            say(f"the note on {section} is not in the card yet ({reason}): {shlex.join(command)}")


def _fill(registry_url: str, run_id: str, notes: dict[str, str]) -> tuple[dict[str, str], str]:
    """Fill the sections; those that cannot be filled, and why."""
    from cardgen.actions.edit import fill_section
    from cardgen.errors import SettingsError
    from cardgen.registry import Registry

    left, reason = {}, ""
    with Registry(registry_url) as registry:
        for section, words in notes.items():
            try:
                fill_section(registry, run_id, section, words)
            except SettingsError as error:
                left[section], reason = words, str(error)
    return left, reason
