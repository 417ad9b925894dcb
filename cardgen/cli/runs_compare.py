"""`cardgen runs compare`: any number of runs side by side."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cardgen.cli.facts import code_span, fact_texts
from cardgen.cli.options import chosen_registry, complete_run, registry_option, report_options
from cardgen.cli.output import Output
from cardgen.record import Opaque

if TYPE_CHECKING:
    from cardgen.actions.compare import ComparedFact, ComparedRun, RunComparison

SECTIONS = ("arguments", "data", "metrics", "architecture", "versions", "other")
MISSING = "—"
NARROWEST = 14
"""Cells of a column from which on runs stand side by side."""

METRIC_DIGITS = 6


def complete_sections(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A section; the last, where several stand with commas between them."""
    start, comma, last = incomplete.rpartition(",")
    return [CompletionItem(start + comma + name) for name in SECTIONS if name.startswith(last)]


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_run)
@click.option("--query", metavar="QUERY", help="Also the newest runs that QUERY finds, see docs/queries.md.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=100),
    default=20,
    show_default=True,
    metavar="N",
    help="At most N runs of --query.",
)
@click.option("--all", "everything", is_flag=True, help="Also what is the same in all runs.")
@click.option(
    "--sections",
    metavar="A,B,…",
    shell_complete=complete_sections,
    help=f"Only these: {', '.join(SECTIONS)}.",
)
@report_options
@registry_option
def compare(
    runs: tuple[str, ...],
    query: str | None,
    limit: int,
    everything: bool,
    sections: str | None,
    format_: str,
    out: Output,
) -> None:
    """Lay runs side by side: arguments, data, metrics, architecture, versions and the rest.

    Only what differs is shown, unless --all is given. `*` marks the best value of a metric, `*?` values any of which
    may be it, because a card shows them rounded (≈). Values that different evaluators or configurations made are not
    ranked. (default) stands behind an argument that is the default, — where a run has no such fact.

    \b
    Examples:
      cardgen runs compare amber-otter-3 brisk-heron latest
      cardgen runs compare --query "project = rerankers and created > -7d" --sections arguments,metrics
      cardgen runs compare amber-otter-3 latest --format md > comparison.md
    """
    from cardgen.actions.compare import compare_runs

    if len(runs) < 2 and query is None:
        raise click.UsageError("name two runs or more, or --query QUERY")
    found = compare_runs(
        *runs,
        query=query,
        limit=limit,
        everything=everything,
        sections=_chosen(sections),
        registry=chosen_registry(),
    )
    if format_ == "json":
        out.json(plain_comparison(found))
    elif format_ == "csv":
        _csv(found, out)
    elif format_ == "md":
        out.text("\n".join(_markdown(found)))
    else:
        _table(found, out)
    _hints(found, limit, out)


def _chosen(text: str | None) -> Sequence[str]:
    if text is None:
        return SECTIONS
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in SECTIONS]
    if unknown or not names:
        what = f"there is no section {unknown[0]!r}" if unknown else "it names no section"
        raise click.BadParameter(f"{what}; use some of: {', '.join(SECTIONS)}", param_hint="--sections")
    return names


def _hints(found: RunComparison, limit: int, out: Output) -> None:
    facts = [fact for section in found.sections for fact in section.facts]
    if not facts:
        out.hint("no difference")
    apart = [fact.fact for fact in facts if not fact.comparable]
    if apart:
        more = f" and {len(apart) - 3} more" if len(apart) > 3 else ""
        out.hint(f"not made in the same way, so not ranked: {', '.join(apart[:3])}{more}")
    if any(fact.rounded for fact in facts):
        out.hint("*? any of these may be the best: ≈ is rounded, as a card shows it")
    if found.left_out:
        out.hint(f"the query finds more than {limit} runs: the newest are compared")


# Forms


def plain_comparison(found: RunComparison) -> dict[str, Any]:
    """The form of JSON, see docs/compare.md."""
    return {
        "runs": found.runs,
        "sections": [{"name": section.name, "facts": section.facts} for section in found.sections],
        "left_out": found.left_out,
    }


def _csv(found: RunComparison, out: Output) -> None:
    own = ("section", "fact", "best", "rounded")
    labels = [
        f"{label} {run.id}" if label in own else label
        for label, run in zip(_labels(found.runs), found.runs, strict=True)
    ]
    rows = []
    for section in found.sections:
        for fact in section.facts:
            row: dict[str, Any] = {"section": section.name, "fact": fact.fact, **dict.fromkeys(labels)}
            for run, label in zip(found.runs, labels, strict=True):
                if run.id in fact.values:
                    row[label] = _given(fact.values[run.id])
            row["best"] = [label for run, label in zip(found.runs, labels, strict=True) if run.id in fact.best]
            row["rounded"] = fact.rounded
            row["approximate"] = [
                label for run, label in zip(found.runs, labels, strict=True) if run.id in fact.approximate
            ]
            rows.append(row)
    out.listing(rows, ("section", "fact", *labels, "best", "rounded", "approximate"))


def _table(found: RunComparison, out: Output) -> None:
    from rich.cells import cell_len

    labels = _labels(found.runs)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    facts = [fact for section in found.sections for fact in section.facts]
    least = min(24, max((cell_len(fact.fact) for fact in facts), default=0)) + sum(
        2 + max(NARROWEST, min(24, cell_len(label))) for label in labels
    )
    beside = width is None or least <= width
    if not beside:
        out.hint(f"{len(labels)} runs do not fit side by side in {width} columns: each has a line")
    blank = False
    for section in found.sections:
        if not section.facts:
            continue
        if blank:
            out.text("")
        blank = True
        rows = [(fact.fact, *_cells(fact, found.runs)) for fact in section.facts]
        if beside:
            out.table([section.name, *labels], rows)
            continue
        out.text(section.name)
        for fact, *cells in rows:
            out.table([fact, ""], [(f"  {label}", cell) for label, cell in zip(labels, cells, strict=True)])


def _markdown(found: RunComparison) -> Iterator[str]:
    labels = [code_span(label) for label in _labels(found.runs)]
    if not any(section.facts for section in found.sections):
        yield f"No difference between {', '.join(labels)}."
        return
    yield f"Comparing {', '.join(labels)}"
    for section in found.sections:
        if not section.facts:
            continue
        yield f"\n### {section.name.capitalize()}\n"
        yield f"| fact | {' | '.join(labels)} |"
        yield f"| --- |{' --- |' * len(labels)}"
        for fact in section.facts:
            texts = _texts(fact, found.runs)
            cells = [_marked(code_span(text), fact, run) for text, run in zip(texts, found.runs, strict=True)]
            yield f"| {' | '.join([code_span(fact.fact), *cells])} |"


def _marked(span: str, fact: ComparedFact, run: ComparedRun) -> str:
    if run.id not in fact.values:
        return MISSING
    if run.id in fact.best:
        return f"**{span}**{' ?' if fact.rounded else ''}"
    return f"{span} (default)" if run.id in fact.defaults else span


def _cells(fact: ComparedFact, runs: Sequence[ComparedRun]) -> list[str]:
    """The value of each run, as a person reads it."""
    cells = []
    for text, run in zip(_texts(fact, runs), runs, strict=True):
        if run.id not in fact.values:
            cells.append(MISSING)
        elif run.id in fact.best:
            cells.append(f"{text} {'*?' if fact.rounded else '*'}")
        else:
            cells.append(f"{text} (default)" if run.id in fact.defaults else text)
    return cells


def _texts(fact: ComparedFact, runs: Sequence[ComparedRun]) -> list[str]:
    values = [_given(fact.values[run.id]) if run.id in fact.values else None for run in runs]
    return fact_texts(values, digits=METRIC_DIGITS if fact.direction else None)


def _given(value: Any) -> Any:
    """A value that a run has, also where it is None."""
    return Opaque("None") if value is None else value


def _labels(runs: Sequence[ComparedRun]) -> list[str]:
    """The names of the runs, with the id where two have one name."""
    names = [run.name for run in runs]
    return [run.name if names.count(run.name) == 1 else f"{run.name} {run.id}" for run in runs]
