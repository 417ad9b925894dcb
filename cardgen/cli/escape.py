"""Text of strangers, made harmless for a terminal and for a spreadsheet."""

from __future__ import annotations

import re

# C0 and C1 controls (ESC and OSC with them), line and paragraph separators, bidirectional controls, invisible
# tag characters, interlinear and byte-order marks, lone surrogates. Joiners stay: emoji and scripts need them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_UNSAFE_BUT_NEWLINE = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_SHELL_SPECIAL = re.compile(r"""^[-=~#]|^$|[\s"'\\$`()<>|&;*?!{}\[\]^]""")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str, *, lines: bool = False) -> str:
    """Replace what could move a cursor, change a title or reorder text by its escape; `lines` keeps line ends."""
    return (_UNSAFE_BUT_NEWLINE if lines else _UNSAFE).sub(_shown, text)


def is_shell_word(text: str) -> bool:
    """Whether a shell takes a text as one word and as it is: it may be put into somebody's command line."""
    return text.isprintable() and _SHELL_SPECIAL.search(text) is None


def spreadsheet_safe(text: str) -> str:
    """Keep a spreadsheet from reading a cell as a formula: a leading quote mark makes it text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
