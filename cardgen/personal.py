"""What tells who somebody is: home folders and e-mail addresses in texts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from typing import TypeVar, cast

_USER = r"""[^/\\\s"'`<>|:*?,;()\[\]{}]{1,64}"""
HOME = re.compile(
    rf"(?<![\w.~-])(?:/home/{_USER}|/(?:Users|users)/(?!Shared\b){_USER}|/root(?=/)|(?<![A-Za-z])[A-Za-z]:(?:\\\\?|/)Users(?:\\\\?|/){_USER})"
)
"""A user's home folder on Linux, macOS and Windows, with the user's name; backslashes may be doubled, as in JSON."""

EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9_.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
"""An e-mail address."""

HIDDEN_EMAIL = "[e-mail]"

T = TypeVar("T")


def hide_homes(text: str) -> str:
    """The text with `~` for every home folder."""
    return HOME.sub("~", text)


def hide_emails(text: str) -> str:
    """The text with `[e-mail]` for every address."""
    return EMAIL.sub(HIDDEN_EMAIL, text) if "@" in text else text


def hide(value: T, kinds: Collection[str]) -> T:
    """A value of any nesting, frozen dataclasses included, with homes (`paths`) and addresses (`emails`) hidden."""
    if isinstance(value, str):
        text: str = hide_homes(value) if "paths" in kinds else value
        return cast(T, hide_emails(text) if "emails" in kinds else text)
    if isinstance(value, dict):
        return cast(T, {hide(key, kinds): hide(entry, kinds) for key, entry in value.items()})
    if isinstance(value, list | tuple):
        return cast(T, type(value)([hide(entry, kinds) for entry in value]))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        hidden = {name: hide(entry, kinds) for name, entry in entries.items()}
        changed = {name: entry for name, entry in hidden.items() if entry != entries[name]}
        return dataclasses.replace(value, **changed) if changed else value
    return value
