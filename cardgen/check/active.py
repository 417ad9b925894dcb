"""Private: content that does something when a card is looked at.

What stands in code fences and code spans is shown and not run. A cell of a generated table is no such place: its text
is between HTML tags, so HTML in a row of data is HTML on the page.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterator

from cardgen.card.parse.fences import closes, opening
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Subject

_ACTIVE = frozenset(
    ("script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "base", "meta", "link")
)
_TAGS = (
    re.compile(r"<(/?[a-z][a-z0-9-]{0,30})([^<>]*)", re.IGNORECASE),
    re.compile(r"""<([a-z][a-z0-9-]{0,30})((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)""", re.IGNORECASE),
)
"""A tag up to the first angle bracket, and up to the first one outside quotes: browsers take either, as it comes."""
_HANDLER = re.compile(r"""(?:^|[\s/"'])on[a-z]{3,30}\s*=""", re.IGNORECASE)
_VALUE = re.compile(r"""=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_LINK = re.compile(r"\]\(\s{0,10}<?([^)\n]{1,2000})|^ {0,3}\[[^\]\n]{1,200}\]:\s{0,10}(\S{1,2000})", re.MULTILINE)
_AUTOLINK = re.compile(r"<((?:javascript|vbscript|data):[^>\n]{0,2000})", re.IGNORECASE)
_SCHEME = re.compile(r"(?:javascript|vbscript|data:text/html)", re.IGNORECASE)
_BLANKS = re.compile(r"[\x00-\x20]+")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)")
_IMAGE = re.compile(
    r"!\[[^\[\]\n]{0,1000}\]\(\s{0,10}<?(?:https?:)?//|<img\b[^<>]*\bsrc\s*=\s*[\"']?(?:https?:)?//", re.I
)


@rule("private", "active-content", "error")
def active_content(card: Subject) -> Iterator[Hit]:
    """The card has no content that runs or loads something: no scripts, frames, forms or objects, no event handlers, no
    `javascript:` URLs. Put an example of such in a code fence.
    """
    text = _live(card)
    told: dict[int, str] = {}
    for pattern in _TAGS if "<" in text else ():
        for found in pattern.finditer(text):
            if why := _why(found[1].lower(), found[2]):
                told.setdefault(found.start(), why)
    for pattern in (_LINK, _AUTOLINK):
        for found in pattern.finditer(text):
            if _is_active_url(found[found.lastindex or 0]):
                told.setdefault(found.start(), "a link that runs a script")
    for start, why in sorted(told.items()):
        yield Hit(card.body_start + text.count("\n", 0, start) + 1, why)


@rule("private", "remote-image-in-cell", "warning")
def remote_image_in_cell(card: Subject) -> Iterator[Hit]:
    """No cell of a table of data loads an image from elsewhere, which would tell its server who reads the card."""
    body = card.dress.body
    if "//" not in body:
        return
    for number, line in enumerate(_live(card).split("\n"), card.body_start + 1):
        if line.lstrip().startswith("|") and "//" in line and _IMAGE.search(line):
            yield Hit(number, "an image that is loaded from elsewhere in a cell")


RULES: tuple[Rule, ...] = (active_content, remote_image_in_cell)


def _why(name: str, attributes: str) -> str | None:
    """What a tag does, if it does anything."""
    if name in _ACTIVE:
        return f"the tag <{name}> runs or loads something"
    if "=" not in attributes:
        return None
    if _HANDLER.search(attributes):
        return "an event handler in a tag"
    if any(_is_active_url(next(filter(None, value.groups()), "")) for value in _VALUE.finditer(attributes)):
        return "a URL in a tag that runs a script"
    return None


def _is_active_url(url: str) -> bool:
    """Whether a browser takes this for a script, whatever is between the letters."""
    head = url[:200]
    if "&" in head:
        head = html.unescape(head)
    return _SCHEME.match(_BLANKS.sub("", head)) is not None


@functools.lru_cache(maxsize=1)
def _live(card: Subject) -> str:
    """The body with blanks in the place of code, line by line."""
    lines: list[str] = []
    fence = ""
    for _, line in card.body_lines():
        if fence:
            fence = "" if closes(line, fence) else fence
            lines.append("")
        elif fence := opening(line):
            lines.append("")
        else:
            lines.append(_without_spans(line) if "`" in line and ("<" in line or "](" in line) else line)
    return "\n".join(lines)


def _without_spans(line: str) -> str:
    """A line without its code spans: a run of backticks up to the next run of the same length."""
    parts: list[str] = []
    runs = list(_SPAN.finditer(line))
    last: dict[int, int] = {}
    for index, run in enumerate(runs):
        last[len(run[1])] = index
    position, index = 0, 0
    while index < len(runs):
        run = runs[index]
        if last[len(run[1])] > index:
            closing = next(i for i in range(index + 1, len(runs)) if len(runs[i][1]) == len(run[1]))
            parts.append(line[position : run.start()])
            position, index = runs[closing].end(), closing + 1
        else:
            index += 1
    return "".join([*parts, line[position:]])
