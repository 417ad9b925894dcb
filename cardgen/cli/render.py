"""`cardgen render`: the card of a run."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import click

from cardgen.cli.options import open_registry, registry_option, run_argument
from cardgen.cli.output import Output

PREFERENCES = ("ours", "theirs", "markers")


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
@click.option(
    "--conflict",
    type=click.Choice(PREFERENCES),
    help="Where a person and new facts changed one place: the new facts (ours), what stands (theirs), or both, marked.",
)
@registry_option
def render(run: str, output: Path | None, layout: str | None, templates: Path | None, conflict: str | None) -> None:
    """Print the card of a run, byte for byte, or write it into a file.

    What a person wrote into the card or the file is kept: new facts are merged into it. Exit code 4 and
    both texts where that cannot be.

    \b
    Examples:
      cardgen render latest > README.md
      cardgen render amber-otter-3 -o model/README.md
      cardgen render latest --layout 3.4
      cardgen render latest -o README.md --conflict theirs
    """
    from cardgen.actions.render import stored_card, wanted
    from cardgen.actions.write import write_card
    from cardgen.card.merge import Prefer
    from cardgen.errors import CardConflict

    out = Output()
    assert set(PREFERENCES) == set(get_args(Prefer))
    form = wanted(layout, templates, cast("Prefer | None", conflict))
    try:
        if output is None:
            with open_registry("read" if conflict is None else "write") as registry:
                out.raw(stored_card(run, registry, form).encode())
        else:
            with open_registry("write") as registry:
                written = write_card(run, output, registry=registry, form=form)
            out.hint(f"{written.outcome} {output}")
    except CardConflict as error:
        for place, ours, theirs in error.conflicts:
            out.hint(f"{place}\n<<<<<<< new facts\n{ours}\n=======\n{theirs}\n>>>>>>> what stands")
        raise
