"""`cardgen runs`: list, show, correct and delete runs."""

from __future__ import annotations

import contextlib

import click

from cardgen.cli.lazy import LazyGroup
from cardgen.cli.options import open_registry, registry_option, run_argument, view_options
from cardgen.cli.output import Output
from cardgen.errors import AmbiguousRun, RunNotFound

COMMANDS = {
    "compare": "cardgen.cli.runs_compare:compare",
    "edit": "cardgen.cli.runs_edit:edit",
    "keys": "cardgen.cli.runs_list:keys",
    "leaderboard": "cardgen.cli.runs_leaderboard:leaderboard",
    "list": "cardgen.cli.runs_list:list_",
    "set": "cardgen.cli.runs_set:set_",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def runs() -> None:
    """List, compare, rank, show, correct and delete runs.

    \b
    Examples:
      cardgen runs list
      cardgen runs show latest
      cardgen runs set latest license=mit
    """


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
    from cardgen import corrections
    from cardgen.cli.show import sections

    with open_registry() as registry:
        found = registry.run(run)
        state = registry.state(found.id)
        by_hand = registry.human_facts(found.id)
        parent = None
        if found.model.parent_run is not None:
            with contextlib.suppress(RunNotFound, AmbiguousRun):
                parent = registry.state(found.model.parent_run).name
        if out.format == "json":
            log = registry.log(found.id)
            out.json({"status": state.status, "run": found, "set_by_hand": by_hand, "log": log})
            return
    facts = [(field, corrections.text(value)) for field, value in by_hand.items()]
    out.sections([*sections(found, state, parent), *([("Set by hand", facts)] if facts else [])])
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
