"""`cardgen search`: runs by the words in their names, facts, cards and samples."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cardgen.cli.escape import visible
from cardgen.cli.filters import Filters, filter_options
from cardgen.cli.options import listing_options, open_registry, registry_option
from cardgen.cli.output import Output, colour_wanted

if TYPE_CHECKING:
    from cardgen.registry import Hit

COLUMNS = ("id", "name", "title", "field", "text", "spans", "rank")

_WITHOUT = re.compile(r"-[^-].+|-[^\x00-\x7f]", re.DOTALL)


class SearchCommand(click.Command):
    """A command whose words are looked for: `-german` among them is a word, not options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with a blank before what begins like several short options; a search ignores blanks."""
        return super().parse_args(ctx, [f" {word}" if _WITHOUT.fullmatch(word) else word for word in args])


@click.command(cls=SearchCommand)
@click.argument("text", nargs=-1, required=True, metavar="TEXT...")
@filter_options
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most N runs.")
@listing_options
@registry_option
def search(text: tuple[str, ...], filters: Filters, limit: int, out: Output) -> None:
    """Find runs by words in their names, data sets, cards, samples and what people wrote, the best first.

    All words must be there, in any case, with or without accents and vowel signs. A phrase stands in quotes inside of
    quotes, -WORD must not be there, and WORD* is a beginning.

    \b
    Examples:
      cardgen search arabic legal reranker
      cardgen search '"legal reranker" -german' --project rerankers
      cardgen search 首都 --json
      cardgen search "rerank*" -q | xargs -n1 cardgen runs show
    """
    with open_registry() as registry:
        hits = registry.search(" ".join(text), limit=limit, **filters.arguments)
    if out.format == "table":
        if hits:
            out.text("\n".join(line for hit in hits for line in _lines(hit)))
    else:
        out.listing([dataclasses.asdict(hit) for hit in hits], COLUMNS)
    if not hits:
        out.hint("no run has all of this; fewer words find more, and so does the beginning of one: WORD*")
    elif len(hits) == limit:
        out.hint(f"the best {limit} are shown; --limit N shows more")


def _lines(hit: Hit) -> list[str]:
    """A run by its name and title, and below it the place."""
    name = _marked(hit.name, [(0, len(hit.name))])
    title = hit.title if hit.title and hit.field != "title" else ""
    return [f"{name}  {visible(title)}".rstrip(), f"  {visible(hit.field)}: {_marked(hit.text, hit.spans)}"]


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text made harmless, its spans bold on a terminal."""
    if not (sys.stdout.isatty() and colour_wanted()):
        return visible(text)
    pieces, done = [], 0
    for start, end in spans:
        pieces += [visible(text[done:start]), click.style(visible(text[start:end]), bold=True)]
        done = end
    return "".join([*pieces, visible(text[done:])])
