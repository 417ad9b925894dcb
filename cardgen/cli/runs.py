"""`cardgen runs`: list, show, correct and delete runs."""

from __future__ import annotations

import click

from cardgen import corrections
from cardgen.cli.filters import Filters, filter_options
from cardgen.cli.options import listing_options, open_registry, registry_option, run_argument, view_options
from cardgen.cli.output import Output
from cardgen.cli.runs_edit import edit
from cardgen.cli.runs_set import set_
from cardgen.errors import RunNotFound

DEFAULT_COLUMNS = ("name", "status", "project", "model_type", "metric_name", "metric", "created")
TABLE_LIMIT = 50
NO_RUNS = "no runs yet: record one with cardgen.track(trainer), or see `cardgen demo`"


@click.group()
def runs() -> None:
    """List, show, correct and delete runs.

    \b
    Examples:
      cardgen runs list
      cardgen runs show latest
      cardgen runs set latest license=mit
    """


runs.add_command(set_)
runs.add_command(edit)


@runs.command("list")
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@filter_options
@click.option("--sort", default="-created", show_default=True, metavar="KEY", help="Order by KEY; -KEY turns it round.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="At most N runs; 0 is all.  [default: 50 in a table, else all]",
)
@click.option("--columns", metavar="A,B,…", help="The columns to print; `all` for every one.")
@listing_options
@registry_option
def list_(
    words: tuple[str, ...],
    filters: Filters,
    sort: str,
    limit: int | None,
    columns: str | None,
    out: Output,
) -> None:
    """List runs, newest first; a run must have all the WORDS in its texts.

    \b
    Examples:
      cardgen runs list
      cardgen runs list nli --status finished --since 7d
      cardgen runs list --project rerankers --columns name,metric,created --sort -metric
      cardgen runs list -q | xargs -n1 cardgen runs show
    """
    chosen = _columns(columns, out)
    if limit is None:
        limit = TABLE_LIMIT if out.format == "table" else 0
    with open_registry() as registry:
        rows = registry.listing(words, **filters.arguments, order_by=sort, limit=limit + 1 if limit else None)
    more = bool(limit) and len(rows) > limit
    shown = rows[:limit] if limit else rows
    out.listing([{name: getattr(row, name) for name in {*chosen, "id"}} for row in shown], chosen)
    if not rows:
        out.hint("no run matches" if words or filters else NO_RUNS)
    elif more and out.format == "table":
        out.hint(f"only the first {limit} are shown; --limit 0 shows all")


def _columns(text: str | None, out: Output) -> list[str]:
    from cardgen.registry.query import COLUMNS

    if text is None:
        return list(DEFAULT_COLUMNS if out.format == "table" else COLUMNS)
    if text.strip() == "all":
        return list(COLUMNS)
    names = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or not names:
        raise click.BadParameter(
            f"unknown column {', '.join(unknown) or text!r}; there are: {', '.join(COLUMNS)}", param_hint="--columns"
        )
    return names


@runs.command()
@run_argument
@view_options
@registry_option
def show(run: str, out: Output) -> None:
    """Show what is recorded of a run.

    \b
    Examples:
      cardgen runs show latest
      cardgen runs show amber-otter --json
    """
    from cardgen.cli.show import sections

    with open_registry() as registry:
        found = registry.run(run)
        state = registry.state(found.id)
        by_hand = registry.human_facts(found.id)
        if out.format == "json":
            log = registry.log(found.id)
            out.json({"status": state.status, "run": found, "set_by_hand": by_hand, "log": log})
            return
    facts = [(field, corrections.text(value)) for field, value in by_hand.items()]
    out.sections([*sections(found, state), *([("Set by hand", facts)] if facts else [])])
    out.hint(f"\nits card: cardgen render {found.name}")


@runs.command()
@run_argument
@click.option("--purge", is_flag=True, help="Remove its record, log and spool for good; otherwise it is only hidden.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@view_options
@registry_option
def delete(run: str, purge: bool, yes: bool, out: Output) -> None:
    """Hide a run from listings, or remove it for good.

    \b
    Examples:
      cardgen runs delete amber-otter-3
      cardgen runs delete amber-otter-3 --purge --yes
    """
    with open_registry("write") as registry:
        try:
            state = registry.state(run)
            reference, label = state.id, f"{state.name} ({state.id})"
        except RunNotFound:
            if not purge:
                raise
            reference, label = run, f"the hidden run {run}"
        if not yes and not out.confirm(f"{'Remove for good' if purge else 'Hide'} {label}?"):
            out.hint("nothing was changed")
            click.get_current_context().exit(1)
        gone = registry.delete(reference, purge=purge)
    if out.format == "json":
        out.json({"id": gone.id, "name": gone.name, "purged": purge})
    else:
        out.hint(f"{gone.name} is removed" if purge else f"{gone.name} is hidden; --purge removes it for good")
