"""`cardgen import`: cards that exist already become runs of the registry."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cardgen.cli.options import open_registry, registry_option, view_options
from cardgen.cli.output import Output

if TYPE_CHECKING:
    from cardgen.actions.import_ import FailedImport
    from cardgen.actions.read import ImportedCard

STDIN = "-"


@click.command(name="import")
@click.argument("sources", nargs=-1, metavar="SOURCE…")
@click.option(
    "--from-file",
    "listed",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Sources, one a line; - is stdin.",
)
@view_options
@registry_option
def import_(sources: tuple[str, ...], listed: Any, out: Output) -> None:
    """Read generated cards into the registry.

    SOURCE is a README.md, a model or checkpoint folder, hf://REPO[@REV], or - for a card on stdin. The same
    card imported again is the same run. A card is *exact* (its record renders it again, byte for byte), *edited*
    (somebody changed it; the text is kept) or *opaque* (no generated card; it is not kept).

    \b
    Examples:
      cardgen import README.md
      cardgen import models/*/README.md --json
      cardgen import hf://me/my-reranker@main
      find . -name README.md | cardgen import --from-file -
    """
    from cardgen.actions.import_ import FailedImport

    given = [*sources, *_lines(listed)]
    if not given:
        raise click.UsageError("name a SOURCE, or --from-file")
    grades: Counter[str] = Counter()
    reports: list[dict[str, Any]] = []
    with open_registry("write", create=True) as registry:
        for result in _with_progress(_results(given, registry), len(given), out):
            if isinstance(result, FailedImport):
                if len(given) == 1:
                    raise result.error
                grades["failed"] += 1
                out.hint(f"{result.source}: {result.error}" + (f" ({result.error.hint})" if result.error.hint else ""))
            else:
                grades[result.grade] += 1
            reports.append(_report(result))
    if out.format == "json":
        out.json(reports)
    else:
        out.text("\n".join(_line(report) for report in reports))
    out.hint(", ".join(f"{count} {grade}" for grade, count in sorted(grades.items())))
    if grades["failed"]:
        click.get_current_context().exit(1)


def _lines(listed: Any) -> Iterator[str]:
    if listed is not None:
        yield from (line.strip() for line in listed if line.strip())


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


def _report(result: ImportedCard | FailedImport) -> dict[str, Any]:
    from cardgen.actions.import_ import FailedImport

    if isinstance(result, FailedImport):
        return {"source": result.source, "grade": None, "error": str(result.error), "hint": result.error.hint}
    run = result.run
    return {
        "source": result.source,
        "grade": result.grade,
        "id": run.id if run else None,
        "name": run.name if run else None,
        "known": result.known,
        "title": run.model.title if run else None,
        "model_type": run.model.type if run else None,
        "repairs": list(result.repairs),
        "inferred_layout": result.inferred_layout,
        "changed": list(result.differences),
    }


def _line(report: dict[str, Any]) -> str:
    from cardgen.cli.escape import visible

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
