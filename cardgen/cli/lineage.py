"""`cardgen lineage`: where a run comes from, and where it went."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from cardgen.cli.complete_model import complete_model
from cardgen.cli.escape import visible
from cardgen.cli.options import complete_run, open_registry, registry_option
from cardgen.cli.output import Output

_BOXES = "├─└│←"


def complete_lineage(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs, and models by name."""
    found = [*complete_run(context, parameter, incomplete), *complete_model(context, parameter, incomplete)]
    return list({item.value: item for item in found}.values())


@click.command()
@click.argument("reference", metavar="RUN|REPO", shell_complete=complete_lineage)
@click.option(
    "--format",
    "form",
    type=click.Choice(("tree", "json", "mermaid")),
    default="tree",
    help="How to print.  [default: tree]",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("-q", "--quiet", is_flag=True, help="Print no hints.")
@registry_option
def lineage(reference: str, form: str, as_json: bool, quiet: bool) -> None:
    """Show parents up to the base model, children, data sets with their revisions, and publications.

    RUN is a run; REPO a repository or model: all runs that were published there, and those that begin from it. The
    format `mermaid` is a chart for Markdown.

    \b
    Examples:
      cardgen lineage latest
      cardgen lineage me/my-reranker
      cardgen lineage me/my-reranker@champion --format mermaid
    """
    from cardgen.actions import lineage as texts

    if as_json and form == "mermaid":
        raise click.UsageError("--json and --format mermaid exclude each other")
    out = Output("json" if as_json or form == "json" else "table", quiet=quiet)
    with open_registry() as registry:
        found = registry.lineage(reference)
    if out.format == "json":
        out.json(found)
    elif form == "mermaid":
        out.text(texts.mermaid(found).rstrip("\n"))
    else:
        lines = texts.tree(found, ascii_only=not _can_draw())
        out.text("\n".join(drawn + visible(said) for drawn, said in lines))
    if found.cut:
        out.hint(f"there are more: only {len(found.runs)} runs are shown")


def _can_draw() -> bool:
    """Whether the terminal's encoding has the lines of a tree."""
    try:
        _BOXES.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
