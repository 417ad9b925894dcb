"""What people do to a card, as functions of its text; the same text where an edit finds no place."""

from __future__ import annotations

import re
from collections.abc import Callable

BIAS = re.compile(r"<!--\n(## Bias, Risks and Limitations\n)\n.*?\n-->", re.DOTALL)


def _stub(text: str) -> str:
    return BIAS.sub(r"\1\nThe model knows only rivers.\nAsk it nothing else.", text)


def _license(text: str) -> str:
    if re.search("^license:", text, re.MULTILINE):
        return re.sub("^license: .*$", "license: gpl-3.0", text, count=1, flags=re.MULTILINE)
    return text.replace("tags:\n", "license: mit\ntags:\n", 1)


def _reordered(text: str) -> str:
    """Another tool has moved the tags to the end."""
    start = text.index("tags:\n")
    end = start + len(re.match(r"tags:\n(?:- .*\n)*", text[start:])[0])  # type: ignore[index]
    closing = text.index("\n---\n", end - 1) + 1
    return text[:start] + text[end:closing] + text[start:end] + text[closing:]


def _deleted(text: str) -> str:
    start = text.index("## Training Details\n")
    return text[:start] + text[text.index("\n## ", start) + 1 :]


EDITS: dict[str, Callable[[str], str]] = {
    "a filled stub": _stub,
    "a changed sentence": lambda text: text.replace("This is a [", "This is a very fine [", 1),
    "a word in fixed text": lambda text: text.replace("Then you can load this model", "Then you may load this model"),
    "a badge above the title": lambda text: text.replace("\n# ", "\n[![b](https://x/y.svg)](https://x)\n\n# ", 1),
    "a new section": lambda text: text.replace(
        "## Training Details\n", "## Our story\n\nWe trained it at night.\n\n## Training Details\n", 1
    ),
    "text at the end": lambda text: text + "\n\n## Thanks\n\nTo all.\n",
    "a corrected sample": lambda text: text.replace("<code>The ", "<code>THE ", 1),
    "a key": lambda text: text.replace("---\n", "---\nthumbnail: https://x/y.png\n", 1),
    "a comment": lambda text: text.replace("tags:\n", "# these are the tags\ntags:\n", 1),
    "a comment in a list": lambda text: text.replace("tags:\n", "tags:\n# mine\n", 1),
    "a licence": _license,
    "a tag": lambda text: text.replace("tags:\n", "tags:\n- mine\n", 1),
    "another order of the keys": _reordered,
    "CRLF line ends": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "a final newline": lambda text: text + "\n",
    "a deleted section": _deleted,
}
