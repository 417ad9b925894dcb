"""`cardgen models`: versions of models, the aliases that point at them, tags, and what was done."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from cardgen.cli.complete_model import complete_alias, complete_model
from cardgen.cli.escape import visible
from cardgen.cli.options import complete_run, listing_options, open_registry, registry_option, view_options
from cardgen.cli.output import Output, cell_text

if TYPE_CHECKING:
    from cardgen.registry.model_rows import ModelVersion

VERSION_COLUMNS = ("version", "aliases", "tags", "run", "step", "commit", "registered")
HISTORY_COLUMNS = ("at", "actor", "action", "version", "value", "run", "commit", "detail")
SHORT = 12
"""Letters of a commit or hash that a table shows."""


@click.group()
def models() -> None:
    """Versions of models, aliases that move, and tags.

    A version is the weights and the card of a run, under a name. Publishing makes one under the name of the repository.
    MODEL@VERSION names it wherever a run is asked for: VERSION is a number, an alias, `latest`, or a run.

    \b
    Examples:
      cardgen models register latest me/my-reranker --alias champion
      cardgen models show me/my-reranker
      cardgen render me/my-reranker@champion
    """


@models.command("list")
@click.argument("text", default="")
@listing_options
@registry_option
def list_(text: str, out: Output) -> None:
    """List the models that have TEXT in their name; without one, all.

    \b
    Examples:
      cardgen models list
      cardgen models list rerank --json
    """
    with open_registry() as registry:
        rows = (
            {
                "id": row.name,
                "name": row.name,
                "versions": row.versions,
                "newest": row.newest.version,
                "run": row.newest.run_name,
                "aliases": row.aliases if out.format == "json" else [f"{a} {n}" for a, n in row.aliases.items()],
                "registered": row.newest.at,
            }
            for row in registry.models.iterate(text)
        )
        count = out.listing(rows, ("name", "versions", "newest", "run", "aliases", "registered"))
    if not count:
        out.hint(
            "no model has this in its name"
            if text
            else "no models yet: cardgen models register RUN NAME, or publish one"
        )


@models.command()
@click.argument("model", metavar="MODEL[@VERSION]", shell_complete=complete_model)
@click.option("--as-of", metavar="WHEN", help="As it was at a time; a date is the end of that day, in UTC.")
@listing_options
@registry_option
def show(model: str, as_of: str | None, out: Output) -> None:
    """Show the versions of a model, newest first, or one of them.

    \b
    Examples:
      cardgen models show me/my-reranker
      cardgen models show me/my-reranker --as-of 2026-10-01
      cardgen models show me/my-reranker@champion --json
    """
    with open_registry() as registry:
        if "@" in model:
            found = registry.models.version(model, as_of=as_of)
            has_card = not registry.is_deleted(found.run_id)
        else:
            versions = registry.models.versions(model, as_of=as_of)
            out.listing((_row(one, out) for one in versions), VERSION_COLUMNS if out.format != "json" else _FIELDS)
            return
    if out.format == "json":
        out.json(found)
    elif out.format == "table":
        facts = [(field.replace("_", " "), getattr(found, field)) for field in _FIELDS if field != "model"]
        out.sections([(found.model, [(label, cell_text(value)) for label, value in facts if value not in (None, ())])])
        if has_card:
            out.hint(f"\nits card: cardgen render {found.model}@{found.version}")
        else:
            out.hint(f"\nthe run {found.run_name} was deleted: there is no card of it any more")
    else:
        out.listing([_row(found, out)], VERSION_COLUMNS)


@models.command()
@click.argument("run", metavar="RUN", shell_complete=complete_run)
@click.argument("model", metavar="MODEL", shell_complete=complete_model)
@click.option("--checkpoint", metavar="WHICH", help="A step, a path or its end, or `best`.  [default: the last]")
@click.option("--alias", "aliases", metavar="NAME", multiple=True, help="Point this alias at the version.")
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="Tag the version.")
@view_options
@registry_option
def register(
    run: str, model: str, checkpoint: str | None, aliases: tuple[str, ...], tags: tuple[str, ...], out: Output
) -> None:
    """Make the model of a run the next version of MODEL.

    What is the newest version already stays it: aliases and tags are added.

    \b
    Examples:
      cardgen models register latest me/my-reranker
      cardgen models register amber-otter-3 my-reranker --checkpoint best --alias champion --tag eu
    """
    from cardgen.actions.register import register as carry_out

    with open_registry("write") as registry:
        made = carry_out(run, model, registry=registry, checkpoint=checkpoint, aliases=aliases, tags=tags)
    _say(made, out)


@models.command()
@click.argument("model", metavar="MODEL[@VERSION]", shell_complete=complete_model)
@click.argument("aliases", metavar="ALIAS...", nargs=-1, required=True, shell_complete=complete_alias)
@click.option("--remove", is_flag=True, help="Take the aliases away.")
@view_options
@registry_option
def alias(model: str, aliases: tuple[str, ...], remove: bool, out: Output) -> None:
    """Point aliases at a version, wherever they pointed; without one at the newest.

    \b
    Examples:
      cardgen models alias me/my-reranker@3 champion
      cardgen models alias me/my-reranker@amber-otter-3 champion staging
      cardgen models alias me/my-reranker staging --remove
    """
    if remove and "@" in model:
        raise click.UsageError("an alias is taken from the model: leave out what stands behind the @")
    with open_registry("write") as registry:
        if remove:
            registry.models.unalias(model, *aliases)
            if out.format == "json":
                out.json({"model": model, "aliases": registry.models.aliases(model)})
            else:
                out.hint(f"{model} has no alias {', '.join(aliases)} any more")
            return
        found = registry.models.alias(model, *aliases)
    _say(found, out)


@models.command()
@click.argument("model", metavar="MODEL[@VERSION]", shell_complete=complete_model)
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tags away.")
@view_options
@registry_option
def tag(model: str, tags: tuple[str, ...], remove: bool, out: Output) -> None:
    """Tag a version; without one the newest.

    \b
    Examples:
      cardgen models tag me/my-reranker@3 production eu
      cardgen models tag me/my-reranker@champion eu --remove
    """
    with open_registry("write") as registry:
        change = registry.models.untag if remove else registry.models.tag
        found = change(model, *tags)
    _say(found, out)


@models.command()
@click.argument("model", metavar="MODEL", shell_complete=complete_model)
@click.option("--from", "since", metavar="WHEN", help="From then on: 2026-10-01 is the beginning of that day, in UTC.")
@click.option("--to", "until", metavar="WHEN", help="Until then: 2026-10-01 is the end of that day, in UTC.")
@listing_options
@registry_option
def history(model: str, since: str | None, until: str | None, out: Output) -> None:
    """Tell what was done to a model and to the runs of its versions, oldest first, in UTC.

    The commits of its repository are among it, also those of others, where the Hub can be reached.

    \b
    Examples:
      cardgen models history me/my-reranker
      cardgen models history me/my-reranker --from 2026-10-01 --to 2026-10-31 --json
    """
    from cardgen.actions.model_history import history as ask

    with open_registry() as registry:
        found = ask(registry, model, since=since, until=until)
    rows: list[dict[str, Any]] = []
    for entry in found.entries:
        row = {**dataclasses.asdict(entry), "id": entry.commit or entry.run_id or ""}
        if out.format == "table":
            row["at"] = entry.at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            row["commit"] = (entry.commit or "")[:SHORT]
        rows.append(row)
    columns = HISTORY_COLUMNS if out.format == "table" else (*HISTORY_COLUMNS, "run_id")
    if not out.listing(rows, columns):
        out.hint("nothing was done in that time")
    if found.without_hub is not None:
        out.hint(f"without the Hub's commits: {found.without_hub}")


_FIELDS = ("model", "version", "id", "run_name", "run_id", "step", "weights", "card", "commit", "at", "aliases", "tags")


def _row(found: ModelVersion, out: Output) -> dict[str, Any]:
    if out.format == "json":
        return {field: getattr(found, field) for field in _FIELDS}
    return {
        "id": f"{found.model}@{found.version}",
        "version": found.version,
        "aliases": found.aliases,
        "tags": found.tags,
        "run": found.run_name,
        "step": found.step,
        "commit": (found.commit or "")[:SHORT] if out.format == "table" else found.commit,
        "registered": found.at,
    }


def _say(found: ModelVersion, out: Output) -> None:
    """The version that was made or changed."""
    if out.format == "json":
        out.json(found)
        return
    out.text(visible(f"{found.model}@{found.version}"))
    marks = [
        f"{name}: {', '.join(texts)}" for name, texts in (("aliases", found.aliases), ("tags", found.tags)) if texts
    ]
    out.hint("; ".join([f"the run {found.run_name}", *marks]))
