"""What tells who somebody is: home folders and e-mail addresses in texts."""

from __future__ import annotations

import re

_USER = r"""[^/\\\s"'`<>|:*?,;()\[\]{}]{1,64}"""
HOME = re.compile(
    rf"(?<![\w.~-])(?:/home/{_USER}|/(?:Users|users)/(?!Shared\b){_USER}|/root(?=/)|(?<![A-Za-z])[A-Za-z]:(?:\\\\?|/)Users(?:\\\\?|/){_USER})"
)
"""A user's home folder on Linux, macOS and Windows, with the user's name; backslashes may be doubled, as in JSON."""

EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9_.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
"""An e-mail address."""

HIDDEN_EMAIL = "[e-mail]"


def hide_homes(text: str) -> str:
    """The text with `~` for every home folder."""
    return HOME.sub("~", text)


def hide_emails(text: str) -> str:
    """The text with `[e-mail]` for every address."""
    return EMAIL.sub(HIDDEN_EMAIL, text) if "@" in text else text
