"""`cardgen registry`: make a registry, look at it."""

from __future__ import annotations

import click

from cardgen.cli.options import open_registry, registry_option, view_options
from cardgen.cli.output import Output


@click.group()
def registry() -> None:
    """Make a registry, look at it.

    \b
    Examples:
      cardgen registry init
      cardgen registry status
    """


@registry.command()
@view_options
@registry_option
def init(out: Output) -> None:
    """Make the registry where there is none; one that is there stays as it is.

    \b
    Examples:
      cardgen registry init
      cardgen --registry team.db registry init
    """
    with open_registry("write", create=True) as opened:
        if out.format == "json":
            out.json(opened.status())
        else:
            out.text(opened.url)


@registry.command()
@view_options
@registry_option
def status(out: Output) -> None:
    """Show where the registry is, what is in it and whether it can be written.

    \b
    Examples:
      cardgen registry status
      cardgen registry status --json
    """
    with open_registry() as opened:
        found = opened.status()
    if out.format == "json":
        out.json(found)
    else:
        from cardgen.cli.show import status_section

        out.sections([status_section(found)])
