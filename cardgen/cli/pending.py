"""`cardgen pending`: publications that wait."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from cardgen.cli.options import listing_options, open_registry, registry_option, view_options
from cardgen.cli.output import Output

if TYPE_CHECKING:
    from cardgen.actions.publish_plan import Plan, Wanted


@click.group()
def pending() -> None:
    """Publications that a training asked for and that wait: list, push, drop.

    \b
    Examples:
      cardgen pending list
      cardgen pending push
      cardgen pending drop 3
    """


@pending.command(name="list")
@listing_options
@registry_option
def list_(out: Output) -> None:
    """List what waits, the oldest first.

    \b
    Examples:
      cardgen pending list
      cardgen pending list --json
    """
    with open_registry() as registry:
        found = registry.publications.waiting()
    rows = [
        {
            "id": one.run_id,
            "number": one.number,
            "run": one.run_name,
            "repo_id": one.repo_id,
            "since": one.at,
            "tries": one.tries,
            "reason": one.reason,
        }
        for one in found
    ]
    out.listing(rows, ("number", "run", "repo_id", "since", "tries", "reason"))
    if not found:
        out.hint("nothing waits")


@pending.command()
@click.argument("which", metavar="[NUMBER|RUN|REPO_ID]", required=False)
@click.option("--private/--public", "private", default=None, help="What a new repository is.")
@click.option(
    "--samples",
    type=click.Choice(("include", "omit")),
    help="Rows of data sets that are not known to be public.",
)
@click.option("-y", "--yes", is_flag=True, help="Accept the plans. A failed check stays one.")
@view_options
@registry_option
def push(which: str | None, private: bool | None, samples: str | None, yes: bool, out: Output) -> None:
    """Publish what waits; what fails waits on.

    \b
    Examples:
      cardgen pending push
      cardgen pending push amber-otter-3 --private --yes
    """
    from cardgen.actions.pending import StillPending
    from cardgen.actions.pending import push as carry_out
    from cardgen.cli.publish import plan_sections

    wishes: dict[str, Any] = {"private": private, "samples": samples}
    wishes = {name: value for name, value in wishes.items() if value is not None}
    current: list[Wanted] = []

    def change(wanted: Wanted) -> Wanted:
        current[:] = [dataclasses.replace(wanted, **wishes)]
        return current[0]

    def confirm(plan: Plan) -> bool:
        plan.refuse()
        if yes:
            return True
        out.sections(plan_sections(plan, current[0]))
        return out.confirm(f"Publish to {plan.repo_id}?")

    failed, done = [], []
    with open_registry("write") as registry:
        chosen = registry.publications.waiting(which)
        for result in carry_out(registry, chosen, change=change, confirm=confirm):
            if isinstance(result, StillPending):
                failed.append(result)
                hint = f" ({result.error.hint})" if result.error.hint else ""
                out.hint(f"{result.pending.run_name}: {result.error}{hint}")
            else:
                done.append(result)
                if out.format != "json":
                    out.text(result.url)
    if out.format == "json":
        out.json(
            {
                "published": [one.publication for one in done],
                "waiting": [{"pending": one.pending, "error": str(one.error)} for one in failed],
            }
        )
    out.hint(f"{len(done)} published, {len(chosen) - len(done)} waiting")
    if failed:
        click.get_current_context().exit(failed[0].error.exit_code)


@pending.command()
@click.argument("which", metavar="NUMBER|RUN|REPO_ID")
@view_options
@registry_option
def drop(which: str, out: Output) -> None:
    """Have something wait no longer; nothing is published.

    \b
    Examples:
      cardgen pending drop 3
      cardgen pending drop me/my-reranker
    """
    with open_registry("write") as registry:
        chosen = registry.publications.waiting(which)
        registry.publications.drop(chosen)
    if out.format == "json":
        out.json(chosen)
    out.hint(f"dropped {', '.join(f'{one.run_name} for {one.repo_id}' for one in chosen)}")
