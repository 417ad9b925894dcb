"""`cardgen import`: cards that exist already become runs of the registry."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cardgen.cli.escape import visible
from cardgen.cli.options import listing_options, open_registry, registry_option
from cardgen.cli.output import Output

if TYPE_CHECKING:
    from cardgen.actions.import_ import FailedImport
    from cardgen.actions.read import ImportedCard

STDIN = "-"
COLUMNS = ("source", "grade", "id", "name", "title", "model_type", "known")
"""What a CSV listing has of each source."""


@click.command(name="import")
@click.argument("sources", nargs=-1, metavar="SOURCE…")
@click.option(
    "--from-file",
    "listed",
    type=click.File("r", encoding="utf-8", errors="surrogateescape"),
    metavar="FILE",
    help="Sources, one a line; - is stdin.",
)
@listing_options
@registry_option
def import_(sources: tuple[str, ...], listed: Any, out: Output) -> None:
    """Read generated cards into the registry.

    SOURCE is a README.md, a model or checkpoint folder, hf://REPO[@REV], or - for a card on stdin. The same
    card imported again is the same run, and a folder adds what its files know. A card is *exact* (its record renders it
    again, byte for byte), *edited* (somebody changed it; the text is kept) or *opaque* (no generated card; it is not
    kept).

    What cannot be read is named on stderr with file, line and section, does not stop the rest, and makes the exit code
    1.

    \b
    Examples:
      cardgen import README.md
      cardgen import models/*/README.md --format json
      cardgen import hf://me/my-reranker@main
      find . -name README.md | cardgen import --from-file -
    """
    from cardgen.actions.import_ import FailedImport

    given = [*sources, *_lines(listed)]
    if not given:
        raise click.UsageError("name a SOURCE, or --from-file")
    grades: Counter[str] = Counter()
    reports: list[dict[str, Any]] = []
    failures: list[FailedImport] = []
    with open_registry("write", create=True) as registry:
        for result in _with_progress(_results(given, registry), len(given), out):
            if isinstance(result, FailedImport):
                failures.append(result)
            grades["failed" if isinstance(result, FailedImport) else result.grade] += 1
            if len(given) > 1 or not isinstance(result, FailedImport):
                hint = result.error.hint if isinstance(result, FailedImport) else None
                for problem in result.problems:
                    click.echo(visible(f"{problem} ({hint})" if hint else str(problem)), err=True)
            reports.append(_report(result))
    _show(reports, out)
    if len(given) == 1 and failures:
        raise failures[0].error
    out.hint(", ".join(f"{count} {grade}" for grade, count in sorted(grades.items())))
    if any(report["errors"] for report in reports):
        click.get_current_context().exit(1)


def _lines(listed: Any) -> Iterator[str]:
    if listed is not None:
        yield from filter(None, (line.removeprefix("\ufeff").strip() for line in listed))


def _results(sources: list[str], registry: Any) -> Iterator[ImportedCard | FailedImport]:
    from cardgen.actions.import_ import FailedImport, import_card, import_cards
    from cardgen.errors import CardgenError

    for source in sources:
        if source == STDIN:
            try:
                yield import_card("stdin", data=sys.stdin.buffer.read(), registry=registry)
            except CardgenError as error:
                yield FailedImport("stdin", error)
        else:
            yield from import_cards([source], registry)


def _with_progress(results: Iterator[Any], count: int, out: Output) -> Iterator[Any]:
    """The results, under a progress bar on a terminal where there are many."""
    if out.quiet or count < 10 or not sys.stderr.isatty():
        yield from results
        return
    with click.progressbar(results, length=count, label="Importing", file=sys.stderr) as bar:
        yield from bar


def _show(reports: list[dict[str, Any]], out: Output) -> None:
    if out.format == "json":
        out.json(reports)
    elif out.format == "table":
        out.text("\n".join(map(_line, reports)))
    else:
        out.listing([report for report in reports if report["id"] or out.format == "csv"], COLUMNS)


def _report(result: ImportedCard | FailedImport) -> dict[str, Any]:
    from cardgen.actions.import_ import FailedImport

    card = None if isinstance(result, FailedImport) else result
    run = card.run if card else None
    report: dict[str, Any] = {
        "source": result.source,
        "grade": card.grade if card else None,
        "id": run.id if run else None,
        "name": run.name if run else None,
        "title": run.model.title if run else None,
        "model_type": run.model.type if run else None,
        "known": card.known if card else False,
        "errors": result.problems,
    }
    if isinstance(result, FailedImport):
        return {**report, "error": str(result.error), "hint": result.error.hint}
    return {
        **report,
        "repairs": result.repairs,
        "inferred_layout": result.inferred_layout,
        "changed": result.differences,
    }


def _line(report: dict[str, Any]) -> str:
    """A source in a line, for a person."""
    if report["grade"] is None:
        return visible(f"failed  {report['source']}")
    words = [f"{report['grade']:<7} {report['name'] or '-':<24} {report['source']}"]
    if report["known"]:
        words.append("(known already)")
    if report["inferred_layout"]:
        words.append(f"(no version in it; its form is that of {report['inferred_layout']})")
    if report["repairs"]:
        words.append(f"[{'; '.join(report['repairs'])}]")
    if report["changed"]:
        words.append(f"changed: {', '.join(report['changed'][:5])}")
    return visible(" ".join(words))
