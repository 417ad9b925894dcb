"""`cardgen refresh`: publish the cards of many runs again."""

from __future__ import annotations

import click

from cardgen import corrections
from cardgen.cli.filters import Filters, filter_options
from cardgen.cli.options import open_registry, registry_option, view_options
from cardgen.cli.output import Output


@click.command()
@click.argument("query", nargs=-1, metavar="QUERY…")
@filter_options
@click.option("--layout", metavar="VERSION", help="The cards in the form of this sentence-transformers version.")
@click.option("--set", "facts", multiple=True, metavar="KEY=VALUE", help="Set a fact of each run, see `runs set`.")
@click.option(
    "--samples",
    type=click.Choice(("include", "omit")),
    help="Rows of data sets that are not known to be public, in public repositories.",
)
@click.option("--redact", metavar="KINDS", default="", help="Hide in facts: paths,emails.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("-y", "--yes", is_flag=True, help="Accept the plan. A failed check stays one.")
@view_options
@registry_option
def refresh(
    query: tuple[str, ...],
    filters: Filters,
    layout: str | None,
    facts: tuple[str, ...],
    samples: str | None,
    redact: str,
    dry_run: bool,
    yes: bool,
    out: Output,
) -> None:
    """Publish the cards of runs again, those that were published: cards only, the plan first.

    What people wrote stays; a card that one of its checks stops, or that conflicts, is told and left alone.

    \b
    Examples:
      cardgen refresh nli --set license=apache-2.0 --dry-run
      cardgen refresh --project rerankers --layout 6.2 --yes
    """
    from cardgen.actions.publish import Published
    from cardgen.actions.publish_plan import Wanted
    from cardgen.actions.refresh import carry_out, plan_refresh
    from cardgen.actions.render import wanted as form

    if not query and not filters:
        raise click.UsageError("say which runs: a QUERY, or a filter such as --project")
    changes = corrections.read(facts) if facts else {}
    if "name" in changes:
        raise click.UsageError("a name is of one run: use `cardgen runs set`")
    kinds = tuple(kind.strip() for kind in redact.split(",") if kind.strip())
    wanted = Wanted(samples=samples or "ask", redact=kinds, form=form(layout, None, None))  # type: ignore[arg-type]
    with open_registry("read" if dry_run else "write") as registry:
        runs = registry.runs(" ".join(query), **filters.arguments)
        planned = list(plan_refresh(registry, runs, wanted=wanted, facts=changes))
        rows = [
            {
                "id": one.run.id,
                "repo_id": one.publication.repo_id,
                "run": one.run.name,
                "card": "stopped" if one.error else "changes" if one.changes else "unchanged",
                "reason": str(one.error or ""),
            }
            for one in planned
        ]
        chosen = [one for one in planned if one.error is None and one.changes]
        if out.format != "json":
            out.listing(rows, ("repo_id", "run", "card", "reason"))
        if not planned:
            out.hint("none of these runs was published")
        done: list[Published] = []
        failed = [one for one in planned if one.error is not None]
        if chosen and not dry_run:
            if not yes and not out.confirm(f"Publish {len(chosen)} cards?"):
                out.hint("nothing was changed")
                click.get_current_context().exit(1)
            for result in carry_out(registry, chosen, wanted=wanted, facts=changes):
                if isinstance(result, Published):
                    done.append(result)
                    if out.format != "json":
                        out.text(result.url)
                else:
                    failed.append(result)
                    out.hint(f"{result.run.name}: {result.error}")
    if out.format == "json":
        out.json({"plan": rows, "published": [one.publication for one in done]})
    out.hint(f"{len(done)} published, {len(chosen) - len(done)} to do, {len(failed)} stopped")
    if failed:
        error = failed[0].error
        assert error is not None
        click.get_current_context().exit(error.exit_code)
