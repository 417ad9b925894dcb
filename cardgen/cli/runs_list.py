"""`cardgen runs list` and `cardgen runs keys`: runs that a query finds, and what can be asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from cardgen.cli.complete_query import complete_columns, complete_query
from cardgen.cli.filters import Filters, filter_options
from cardgen.cli.options import listing_options, open_registry, registry_option
from cardgen.cli.output import Output

DEFAULT_COLUMNS = ("name", "status", "project", "model_type", "metric_name", "metric", "created")
TABLE_LIMIT = 50
NO_RUNS = "no runs yet: record one with cardgen.track(trainer), or see `cardgen demo`"

_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "~")
_NEGATIVE = re.compile(r"-(?:[0-9.].*|inf)", re.DOTALL)
_COMMA = re.compile(r""",(?=(?:[^"'()]|"[^"]*"|'[^']*'|\([^)]*\))*$)""")


class QueryCommand(click.Command):
    """A command whose words are a query: `-7d` and `-0.5` in it are values, not options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with a blank before what begins like a negative number; a query ignores blanks."""
        return super().parse_args(ctx, [f" {word}" if _NEGATIVE.fullmatch(word) else word for word in args])


@click.command("list", cls=QueryCommand)
@click.argument("query", nargs=-1, metavar="[QUERY]...", shell_complete=complete_query)
@filter_options
@click.option(
    "--sort",
    default="-created",
    show_default=True,
    metavar="KEY",
    shell_complete=complete_columns,
    help="Order by any KEY; -KEY turns it round.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="At most N runs; 0 is all.  [default: 50 in a table, else all]",
)
@click.option("--after", metavar="CURSOR", help="Go on after this place, which the page before named.")
@click.option(
    "--columns",
    metavar="A,B,…",
    shell_complete=complete_columns,
    help="The keys to print; `all` for every column.",
)
@listing_options
@registry_option
def list_(
    query: tuple[str, ...],
    filters: Filters,
    sort: str,
    limit: int | None,
    after: str | None,
    columns: str | None,
    out: Output,
) -> None:
    """List the runs that QUERY finds, newest first; without one, all.

    All words together are the query. Plain words must stand in name, title, project, base model or tags; comparisons
    are KEY OPERATOR VALUE with = != < <= > >= ~ (contains) and in, joined by and, or, not and brackets. `cardgen runs
    keys` lists the keys. Quote the query where the shell would read < > ( ) itself. A number printed as ≈ is known
    only as a card showed it.

    \b
    Examples:
      cardgen runs list
      cardgen runs list nli --status finished --since 7d
      cardgen runs list "metrics.ndcg@10 > 0.88 and params.seed in (1, 2)" --sort -metrics.ndcg@10
      cardgen runs list loss ~ ranking --columns name,metric,params.learning_rate
      cardgen runs list -q | xargs -n1 cardgen runs show
    """
    from cardgen.registry.query import COLUMNS

    text = joined_query(query)
    chosen = _columns(columns, COLUMNS) or list(DEFAULT_COLUMNS if out.format == "table" else COLUMNS)
    if limit is None:
        limit = TABLE_LIMIT if out.format == "table" else 0
    following = None
    with open_registry() as registry:
        rows: Iterable[Mapping[str, Any]]
        if limit:
            page = registry.listing(text, columns=chosen, order_by=sort, limit=limit, after=after, **filters.arguments)
            rows, following = page, page.next
        else:
            rows = registry.iterate(text, columns=chosen, order_by=sort, after=after, **filters.arguments)
        count = out.listing(rows, chosen)
    if not count:
        out.hint("no run matches" if text or filters or after else NO_RUNS)
    elif following is not None:
        out.hint(f"only {limit} are shown; --limit 0 shows all, the next: --after {following}")


def joined_query(words: Sequence[str]) -> str:
    """The words of a shell as one query: one with blanks in it right after an operator is one value."""
    from cardgen.registry.language import quote

    texts = list(words)
    for index in range(1, len(texts)):
        value = texts[index]
        if texts[index - 1] in _OPERATORS and len(value.split()) > 1 and value[:1] not in ("'", '"'):
            texts[index] = quote(value)
    return " ".join(texts)


def _columns(text: str | None, known: Sequence[str]) -> list[str]:
    """The keys of `--columns`; the names of columns may be written as a table heads them."""
    if text is None or text.strip() == "all":
        return [] if text is None else list(known)
    names = [name.strip() for name in _COMMA.split(text) if name.strip()]
    if not names:
        raise click.BadParameter(f"{text!r} names no key", param_hint="--columns")
    plain = [name.lower().replace(" ", "_").replace("-", "_") for name in names]
    return [column if column in known else name for name, column in zip(names, plain, strict=True)]


@click.command("keys")
@click.argument("prefix", default="", shell_complete=complete_columns)
@listing_options
@registry_option
def keys(prefix: str, out: Output) -> None:
    """List the keys that can be asked and begin with PREFIX: their kind, and how many runs have them.

    A key of the kind `log` stands in logs: ask for best( ), last( ), min( ) or max( ) of it.

    \b
    Examples:
      cardgen runs keys
      cardgen runs keys metrics.
      cardgen runs keys params. --json
    """
    with open_registry() as registry:
        found = registry.key_uses(prefix)
    rows = [{"id": use.key, "key": use.key, "kind": use.kind, "runs": use.runs} for use in found]
    if not out.listing(rows, ("key", "kind", "runs")):
        out.hint(f"no run has a key that begins with {prefix}" if prefix else NO_RUNS)
