"""`cardgen status`: what became of the cards that were published."""

from __future__ import annotations

import click

from cardgen.cli.options import listing_options, open_registry, registry_option
from cardgen.cli.output import Output


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that stand as they were published.")
@listing_options
@registry_option
def status(everything: bool, out: Output) -> None:
    """List the published cards that drifted: edited on the Hub, gone, or outdated because the record changed.

    \b
    Examples:
      cardgen status
      cardgen status --all --json
    """
    from cardgen.actions.drift import drifts

    rows = []
    with open_registry() as registry:
        found = list(drifts(registry))
        for drift in found:
            if not everything and drift.state == "as published" and not drift.outdated:
                continue
            made = drift.publication
            rows.append(
                {
                    "id": made.run_id,
                    "repo_id": made.repo_id,
                    "revision": made.revision,
                    "run": made.run_name,
                    "published": made.at,
                    "state": drift.state,
                    "outdated": drift.outdated,
                    "reason": drift.reason,
                }
            )
    out.listing(rows, ("repo_id", "revision", "run", "published", "state", "outdated", "reason"))
    if not rows:
        out.hint("every published card stands as it was published" if found else "nothing was published from here")
    elif any(row["state"] == "edited" for row in rows):
        out.hint("bring edits back: cardgen import hf://REPO_ID; new facts go out: cardgen refresh")
