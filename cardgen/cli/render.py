"""`cardgen render`: the card of a run."""

from __future__ import annotations

from pathlib import Path

import click

from cardgen.cli.options import chosen_registry, registry_option, run_argument
from cardgen.cli.output import Output


@click.command()
@run_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write FILE, whole or not at all."
)
@click.option("--layout", metavar="VERSION", help="In the form of this sentence-transformers version (5.1, 3.0.1 …).")
@click.option(
    "--templates",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of templates that go before cardgen's.",
)
@click.option("--force", is_flag=True, help="Replace FILE though its text is not this card.")
@registry_option
def render(run: str, output: Path | None, layout: str | None, templates: Path | None, force: bool) -> None:
    """Print the card of a run, byte for byte.

    \b
    Examples:
      cardgen render latest > README.md
      cardgen render amber-otter-3 -o model/README.md
      cardgen render latest --layout 3.4
    """
    from cardgen.actions.render import render_card, write_card

    out = Output()
    card = render_card(run, registry=chosen_registry(), layout=layout, templates=templates)
    if output is None:
        out.raw(card.encode())
    else:
        write_card(card, output, force=force)
        out.hint(f"wrote {output}")
