"""`cardgen registry merge` and `export`: two registries become one, and one becomes files for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cardgen.cli.options import chosen_registry, registry_option, view_options
from cardgen.cli.output import Output
from cardgen.cli.progress import moving_bar

if TYPE_CHECKING:
    from cardgen.registry.merging.report import MergeReport

STDOUT = "-"
_LISTED = 20


@click.command()
@click.argument("other", metavar="OTHER")
@click.option("--dry-run", is_flag=True, help="Merge into a copy that is thrown away, and say what came of it.")
@view_options
@registry_option
def merge(out: Output, other: str, dry_run: bool) -> None:
    """Take everything that OTHER holds into the registry: a file, a URL, or a folder that `registry export` wrote.

    OTHER is only read. Nothing in it is believed: what cannot be right is left out, and named. Merged in either order
    two registries hold the same, and merging again changes nothing. A run is its id; what was written of it later
    goes first; a run that was purged in one of them is gone. A name that two runs have stays with the older one, the
    other gets it with an end of its id. An imported card joins the recorded run that it was rendered from.

    Trainings may go on meanwhile. A merge that was stopped is finished by the next one. Exits with 1 if something was
    left out.

    \b
    Examples:
      cardgen registry merge /mnt/node7/registry.db --dry-run
      cardgen registry merge postgresql+psycopg://me@server/cards
      cardgen registry merge exported/ --json
    """
    from cardgen.actions.merge_registry import merge_registry

    with moving_bar(out) as progress:
        report = merge_registry(other, chosen_registry(), dry_run=dry_run, progress=progress)
    if out.format == "json":
        out.json(report)
    else:
        _show(report, out)
    if report.unfolded:
        out.hint(
            f"{len(report.unfolded)} spools beside {report.source} were not read: fold them there, or here with "
            "`cardgen registry ingest`"
        )
    if report.skipped_count:
        click.get_current_context().exit(1)


def _show(report: MergeReport, out: Output) -> None:
    """Counts to stdout; names and reasons to stderr."""
    counts = {
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "joined": report.joined_count,
        "renamed": report.renamed_count,
        "removed": report.removed,
        "skipped": report.skipped_count,
    }
    out.text("would be: " * report.dry_run + ", ".join(f"{count} {name}" for name, count in counts.items()))
    rest = {
        "log events": report.events,
        "versions of models": report.versions,
        "publications": report.publications,
        "lines of the audit": report.audit,
    }
    if any(rest.values()):
        out.hint(", ".join(f"{count} {name}" for name, count in rest.items() if count))
    for renamed in report.renamed[:_LISTED]:
        out.hint(f"renamed: {renamed.old} to {renamed.new}" + (" (it was here)" if renamed.here else ""))
    for joined in report.joined[:_LISTED]:
        out.hint(f"joined: the imported card {joined.name} is of {joined.to_name}")
    for skipped in report.skipped[:_LISTED]:
        out.hint(f"skipped: {skipped.name or skipped.id or report.source}: {skipped.reason}")
    listed = (report.renamed_count, report.joined_count, report.skipped_count)
    if max(listed) > _LISTED:
        out.hint("only the first ones are listed; --json has a thousand of each")


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--kind", metavar="KIND", help="Only the lines of this file, such as runs; with DIR -, to stdout.")
@view_options
@registry_option
def export(out: Output, folder: str, kind: str | None) -> None:
    """Write the registry as it is now into DIR, as JSON lines that DuckDB, pandas, Spark and `datasets` read.

    One file a kind (runs, log_events, facts, card_texts …), each line an object with the same keys, each key of one
    type; export.json tells of them, and docs/export.md describes every key. DIR must not be there, or be empty; it is
    there whole or not at all. `registry merge DIR` reads it back: nothing is lost. Trainings may go on meanwhile.

    \b
    Examples:
      cardgen registry export exported/
      cardgen registry export - --kind facts | duckdb -c "select * from read_json('/dev/stdin')"
    """
    from cardgen.registry.exporting.kinds import KINDS
    from cardgen.registry.exporting.write import export_kind, export_registry

    if (folder == STDOUT) != (kind is not None):
        raise click.UsageError("DIR - and --kind belong together: one kind goes to stdout, all of them into a folder")
    if kind is not None:
        if kind not in KINDS:
            raise click.BadParameter(f"there is no kind {kind!r:.100}; there are {', '.join(KINDS)}")
        export_kind(chosen_registry(), kind, out.raw)
        return
    with moving_bar(out) as progress:
        made = export_registry(chosen_registry(), folder, progress=progress)
    if out.format == "json":
        out.json(made)
    else:
        out.text(made.path)
        out.hint(", ".join(f"{count} {name}" for name, count in made.lines.items() if count) or "it is empty")
