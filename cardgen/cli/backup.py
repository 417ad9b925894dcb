"""`cardgen registry backup` and `copy`: a registry as one file, or in another place."""

from __future__ import annotations

import click

from cardgen.cli.options import chosen_registry, registry_option, view_options
from cardgen.cli.output import Output
from cardgen.cli.progress import moving_bar


@click.command()
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@view_options
@registry_option
def backup(out: Output, file: str, force: bool) -> None:
    """Write the registry as it is now into FILE, while trainings go on; a registry on a server, too.

    Spools beside the registry are folded before, and those that cannot be are named. The file is written beside its
    place, checked, and then named: a part of it never has its name. It is a registry itself: to restore it, copy it to
    where the registry was when nobody has that open, or `registry copy` it to a server.

    \b
    Examples:
      cardgen registry backup cards-2026-10-01.db
      cardgen registry backup /backup/cards.db --force
    """
    from cardgen.registry import back_up_registry

    if file == "-":
        raise click.UsageError("a backup is a file and no stream: name the file")
    with moving_bar(out) as progress:
        made = back_up_registry(chosen_registry(), file, force=force, progress=progress)
    if out.format == "json":
        out.json(made)
    else:
        out.text(made.path)
        out.hint(f"{_content(made.runs, made.events)}, schema {made.schema}, {made.size:,} bytes; checked, and whole")
    for spool in made.unfolded:
        out.hint(f"not in it: {spool.path}: {spool.reason}")


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@view_options
def copy(out: Output, source: str, target: str) -> None:
    """Copy a registry, with everything in it, to a new or empty one: between SQLite and PostgreSQL, or within one.

    SRC is only read, in one snapshot. DST gets all of it or nothing, and is compared with what was read: the number of
    rows and a hash of each table. Two registries that both hold runs are brought together by `registry merge`. Keep
    passwords out of the command line: PGPASSWORD, ~/.pgpass and `?service=NAME` are understood.

    \b
    Examples:
      cardgen registry copy cards.db postgresql+psycopg://cards_owner@server/cards
      cardgen registry copy "postgresql+psycopg:///?service=cards" cards.db
    """
    from cardgen.registry import copy_registry

    with moving_bar(out) as progress:
        made = copy_registry(source, target, progress=progress)
    if out.format == "json":
        out.json(made)
    else:
        out.text(made.target)
        tables = sum(1 for rows in made.rows.values() if rows)
        out.hint(f"{_content(made.runs, made.events)}; all {sum(made.rows.values())} rows of {tables} tables compared")


def _content(runs: int, events: int) -> str:
    return f"{runs} runs and {events} log events"
