"""`cardgen registry`: make a registry, look at it, keep it whole."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

import click

from cardgen.cli import backup, merge
from cardgen.cli.options import chosen_registry, listing_options, open_registry, registry_option, view_options
from cardgen.cli.output import Output
from cardgen.cli.progress import moving_bar

FINDING_COLUMNS = ("kind", "run", "problem", "repaired")
SPOOL_COLUMNS = ("name", "state", "entries", "path", "error")


@click.group()
def registry() -> None:
    """Make a registry, look at it, keep it whole.

    \b
    Examples:
      cardgen registry init
      cardgen registry status
      cardgen registry verify --repair
      cardgen registry backup cards-2026-10-01.db
      cardgen registry merge other.db --dry-run
    """


registry.add_command(backup.backup)
registry.add_command(backup.copy)
registry.add_command(merge.merge)
registry.add_command(merge.export)


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
def upgrade(out: Output) -> None:
    """Bring a registry of an older cardgen to this version's schema: one on a server, when nobody records.

    A file is upgraded when it is opened for writing, and a copy of it is kept; this does it now.

    \b
    Examples:
      cardgen registry upgrade --registry postgresql+psycopg://team@server/cards
    """
    from cardgen.registry import upgrade_registry

    before, after = upgrade_registry(chosen_registry())
    if out.format == "json":
        out.json({"before": before, "after": after})
    else:
        out.text(f"schema {after}" if before == after else f"schema {before} is now {after}")


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


@registry.command()
@click.option("--repair", is_flag=True, help="Make rows anew from documents, and fold what was left in spools.")
@view_options
@registry_option
def verify(out: Output, repair: bool) -> None:
    """Look whether the registry is whole: the file, its rows, documents and logs, and what lies beside it.

    Exits with 1 if something is not as it should be. Nothing is changed without --repair, which takes no fact away:
    what cannot be repaired is named and stays as it is.

    \b
    Examples:
      cardgen registry verify
      cardgen registry verify --repair
    """
    from cardgen.registry import Registry

    mode: Literal["read", "write"] = "write" if repair else "read"
    with Registry(chosen_registry(), mode=mode, create=False, fold=False) as opened, moving_bar(out) as bar:
        progress = None if bar is None else functools.partial(bar, "runs")
        found = opened.verify(repair=repair, progress=progress)
    if out.format == "json":
        out.json({"whole": found.whole, **{name: getattr(found, name) for name in found.__dataclass_fields__}})
    else:
        rows = [{name: getattr(finding, name) for name in FINDING_COLUMNS} for finding in found.findings]
        out.listing(rows, FINDING_COLUMNS)
        left = sum(not finding.repaired for finding in found.findings)
        out.hint(f"{found.runs} runs and {found.events} log events; {len(rows)} findings, {left} of them are left")
        if left and not repair:
            out.hint("repair what can be repaired: cardgen registry verify --repair")
    if not found.whole:
        click.get_current_context().exit(1)


@registry.command()
@click.argument("places", nargs=-1, metavar="[FOLDER|FILE]...", type=click.Path(path_type=Path))
@listing_options
@registry_option
def ingest(out: Output, places: tuple[Path, ...]) -> None:
    """Fold spools: runs recorded offline, on a network file system, or copied from another machine.

    Without arguments the registry's own. Each entry counts once, however often it is folded. The spools of other
    folders stay where they are. Exits with 1 if one of them cannot be folded.

    \b
    Examples:
      cardgen registry ingest
      cardgen registry ingest /mnt/node7/registry.db.spool
    """
    from cardgen.registry import Registry

    with Registry(chosen_registry(), fold=False) as opened:
        found = opened.ingest(places)
    rows = [{name: getattr(spool, name) for name in ("id", *SPOOL_COLUMNS)} for spool in found]
    if out.format == "ids":
        rows = [row for row in rows if row["id"]]
    out.listing(rows, ("id", *SPOOL_COLUMNS) if out.format == "json" else SPOOL_COLUMNS)
    failed = sum(spool.state == "failed" for spool in found)
    out.hint(f"{len(found)} spools, {sum(spool.entries for spool in found)} entries were new, {failed} failed")
    if failed:
        click.get_current_context().exit(1)
