"""`cardgen check`: what is wrong with cards, for a person and for CI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from cardgen.cli.escape import visible
from cardgen.cli.options import chosen_registry, complete_run, registry_option
from cardgen.cli.output import Output, colour_wanted

if TYPE_CHECKING:
    from cardgen.check.report import Report

CHECK_FAILED = 6
_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


@click.command()
@click.argument("names", nargs=-1, metavar="RUN|FILE|DIR…", shell_complete=complete_run)
@click.option("--min-score", type=click.IntRange(0, 100), metavar="N", help="How complete a card must be, of 100.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave out a rule; may be given several times.")
@click.option("--strict", is_flag=True, help="Warnings stop a card, too.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    help="How to print.  [default: table]",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--rules", is_flag=True, help="List the rules instead.")
@click.option("--explain", metavar="RULE", help="Say what a rule wants, and why, instead.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only: no notes, scores and hints.")
@registry_option
def check(
    names: tuple[str, ...],
    min_score: int | None,
    ignore: tuple[str, ...],
    strict: bool,
    format_: str | None,
    as_json: bool,
    rules: bool,
    explain: str | None,
    quiet: bool,
) -> None:
    """Check cards: are they valid for the Hub, complete, true to their runs, and free of what is private?

    RUN is checked as it would be rendered; of a DIR each README.md, and each other Markdown file with front matter.
    Nothing is fetched or run, and files need no registry. Exit code 6 if a card has an error (with --strict: or a
    warning). Your configuration may ignore rules and change how much they count; `cardgen.toml` or `pyproject.toml` in
    the current folder may only tighten them.

    \b
    Examples:
      cardgen check latest
      cardgen check README.md --min-score 60
      cardgen check models/ --format json --strict
      cardgen check README.md --ignore license-missing
      cardgen check --explain private-rows
    """
    if as_json and format_ == "table":
        raise click.UsageError("--json and --format table exclude each other")
    format_ = "json" if as_json else format_ or "table"
    out = Output("json" if format_ == "json" else "table", quiet=quiet)
    if rules:
        _list_rules(out)
        return
    if explain is not None:
        _explain(explain, out)
        return
    if not names:
        raise click.UsageError("name a RUN, FILE or DIR, or use --rules or --explain")
    from cardgen.actions.check import check_all
    from cardgen.actions.check_policy import load_policy
    from cardgen.check.engine import SEVERITY

    policy = load_policy().but(ignore=ignore, min_score=min_score, strict=strict, known=SEVERITY)
    reports: list[Report] = []
    for report in check_all(names, registry=chosen_registry(), policy=policy):
        reports.append(report)
        if format_ == "table":
            _tell(report, out)
    if format_ == "json":
        out.json(_plain(reports))
    _summary(reports, out)
    if any(report.stopping(strict=policy.strict) for report in reports):
        click.get_current_context().exit(CHECK_FAILED)


def _plain(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "findings": [finding for report in reports for finding in report.findings],
        "cards": [{"file": report.file, "score": report.score, "missing": report.missing} for report in reports],
    }


def _tell(report: Report, out: Output) -> None:
    lines = [] if out.quiet else list(_score(report))
    for finding in report.findings:
        if finding.severity == "note":
            continue  # the score tells what is missing
        place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
        severity = click.style(finding.severity, fg=_COLOURS[finding.severity]) if _coloured() else finding.severity
        lines.append(f"{visible(place)}: {severity} {finding.rule}: {visible(finding.message)}")
        if finding.remedy and not out.quiet:
            lines.append(f"    {visible(finding.remedy)}")
    if lines:
        out.text("\n".join(lines))


def _score(report: Report) -> Iterator[str]:
    if report.score is not None:
        lacks = f": it lacks {', '.join(report.missing)}" if report.missing else ""
        yield visible(f"{report.file}: score {report.score} of 100{lacks}")


def _coloured() -> bool:
    import sys

    return sys.stdout.isatty() and colour_wanted()


def _summary(reports: Sequence[Report], out: Output) -> None:
    counts = Counter(finding.severity for report in reports for finding in report.findings)
    told = [f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}" for severity in ("error", "warning")]
    out.hint(f"{len(reports)} card{'s' * (len(reports) != 1)}: {', '.join(told)}")


def _list_rules(out: Output) -> None:
    from cardgen.check.engine import RULES

    rows = [
        {"id": rule.name, "rule": rule.name, "kind": rule.kind, "severity": rule.severity, "wants": rule.summary}
        for rule in RULES
    ]
    out.listing(rows, ("rule", "kind", "severity", "wants"))


def _explain(name: str, out: Output) -> None:
    from cardgen.check.engine import RULES
    from cardgen.errors import SettingsError

    found = next((rule for rule in RULES if rule.name == name), None)
    if found is None:
        raise SettingsError(f"there is no rule {name!r:.80}", hint="see `cardgen check --rules`")
    if out.format == "json":
        facts = {"rule": found.name, "kind": found.kind, "severity": found.severity, "remedy": found.remedy}
        out.json({**facts, "explanation": found.explanation})
        return
    remedy = (
        f"\n\nMended with: {found.remedy.replace('{run}', 'RUN').replace('{file}', 'FILE')}" if found.remedy else ""
    )
    out.text(f"{found.name} ({found.kind}, {found.severity})\n\n{found.explanation}{remedy}")
