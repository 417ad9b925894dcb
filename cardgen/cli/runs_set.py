"""`cardgen runs set`: facts that a person knows better than the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cardgen import corrections
from cardgen.cli.filters import Filters, filter_options
from cardgen.cli.options import complete_run, open_registry, registry_option, view_options
from cardgen.cli.output import Output

if TYPE_CHECKING:
    from cardgen.actions.facts import Change


@click.command("set")
@click.argument("words", nargs=-1, required=True, metavar="[RUN] KEY=VALUE...", shell_complete=complete_run)
@click.option("--query", metavar="QUERY", help="Instead of RUN: every run that this query finds, as in `runs list`.")
@filter_options
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before many runs are changed.")
@view_options
@registry_option
def set_(words: tuple[str, ...], query: str | None, filters: Filters, dry_run: bool, yes: bool, out: Output) -> None:
    """Set facts of a run that you know better than its record; an empty value takes your fact back.

    What you set goes before what was recorded, also before what is recorded later, in listings, searches and cards.

    KEY is license, license_name, license_link (of a license that is other), language, base_model, base_model_revision,
    title, hub_id, task, pipeline_tag, card_tags (of the card), name, project, group, tags (of the run), or
    dataset.train.0.name, dataset.eval.1.hub_id and so on. Lists have commas; tags=+new,-old adds and removes.

    With --query or a filter the facts are set for all runs that match: the plan is shown first, and you are asked.

    \b
    Examples:
      cardgen runs set latest license=mit language=en,nl
      cardgen runs set latest license=other license_name=acme-research-1 license_link=LICENSE
      cardgen runs set amber-otter-3 base_model= tags=+good,-draft
      cardgen runs set --query nli --project rerankers license=apache-2.0 --dry-run
    """
    from cardgen.actions.facts import plan_facts, set_facts

    many = query is not None or bool(filters)
    if query is not None and not query.strip():
        raise click.BadParameter("it is empty", param_hint="--query")
    if not many and words[0].partition("=")[0] in corrections.FIELDS:
        raise click.UsageError("name a RUN first, or choose runs with --query")
    if not many and len(words) == 1:
        raise click.UsageError("say what to set: KEY=VALUE")
    facts = corrections.read(words if many else words[1:])
    if many and "name" in facts:
        raise click.UsageError("a name is of one run: give RUN instead of --query and filters")
    with open_registry("read" if dry_run else "write") as registry:
        chosen = registry.runs(query or "", **filters.arguments) if many else [registry.run(words[0])]
        changes = plan_facts(registry, chosen, facts)
        if out.format != "json":
            out.listing([_row(change) for change in changes], ("run", "fact", "now", "then"))
        changed = list(dict.fromkeys(change.id for change in changes))
        if not chosen:
            out.hint("no run matches")
        elif not changes:
            out.hint("nothing to change")
        elif dry_run:
            out.hint(f"{_counted(changes, 'fact')} of {_counted(changed, 'run')} would change; nothing was changed")
        else:
            question = f"Change {_counted(changes, 'fact')} of {_counted(changed, 'run')}?"
            if many and not yes and not out.confirm(question):  # a RUN that was named is the answer
                out.hint("nothing was changed")
                click.get_current_context().exit(1)
            done = set_facts(registry, [run for run in chosen if run.id in changed], facts)
            out.hint(f"changed {', '.join(run.name for run in done[:10])}{' …' if len(done) > 10 else ''}")
        if out.format == "json":
            out.json(changes)


def _row(change: Change) -> dict[str, str]:
    return {
        "id": change.id,
        "run": change.name,
        "fact": change.field,
        "now": corrections.text(change.old),
        "then": corrections.text(change.new),
    }


def _counted(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}" if len(things) == 1 else f"{len(things)} {noun}s"
