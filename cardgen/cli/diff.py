"""`cardgen diff`: what differs between two runs or cards."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import click

from cardgen.cli.escape import visible
from cardgen.cli.facts import LONG_LIST, code_span, fact_text, short
from cardgen.cli.options import chosen_registry, complete_run, registry_option
from cardgen.cli.output import Output

if TYPE_CHECKING:
    from cardgen.actions.diff import Comparison, Difference


@click.command()
@click.argument("a", metavar="A", shell_complete=complete_run)
@click.argument("b", metavar="B", shell_complete=complete_run)
@click.option("--facts", "only", flag_value="facts", help="Only the facts.")
@click.option("--text", "only", flag_value="text", help="Only the texts of the cards, as a unified diff.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "md"]),
    default="table",
    show_default=True,
    help="How to print; md is for a pull request.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if they differ.")
@click.option("-q", "--quiet", is_flag=True, help="Print no hints.")
@registry_option
def diff(a: str, b: str, only: Literal["facts", "text"] | None, format_: str, exit_code: bool, quiet: bool) -> None:
    """Compare two cards or runs: their facts (arguments, data, metrics, architecture, versions, other) and their texts.

    A and B are a RUN, a file, a folder with a README.md, or hf://REPO[@REV]. A run goes before a file of the same name:
    write ./NAME for the file. Numbers that are known only as a card displays them have a ≈; they differ only if no
    rounding explains it. The exit code is 0 whether or not they differ, unless --exit-code is given.

    \b
    Examples:
      cardgen diff amber-otter-3 brisk-heron-1
      cardgen diff latest README.md --text
      cardgen diff latest hf://me/my-model --facts --format md
    """
    from cardgen.actions.diff import diff as compare

    found = compare(a, b, registry=chosen_registry())
    out = Output("json" if format_ == "json" else "table", quiet=quiet)
    facts, text = only != "text", only != "facts"
    if format_ == "json":
        out.json(_plain(found, facts, text))
    elif format_ == "md":
        out.text("\n".join(_markdown(found, facts, text)))
    else:
        _table(found, facts, text, out)
    for name in found.opaque if facts else ():
        out.hint(f"{name} is no generated card: its facts are not known")
    differ = bool((facts and found.groups) or (text and found.text))
    if not differ and format_ == "table":
        out.hint("no difference")
    if exit_code and differ:
        click.get_current_context().exit(1)


def _plain(found: Comparison, facts: bool, text: bool) -> dict[str, Any]:
    parts: dict[str, Any] = {"a": found.a, "b": found.b}
    if facts:
        parts["facts"] = {group.name: group.differences for group in found.groups}
    if text:
        parts["text"] = found.text
    return parts


def _table(found: Comparison, facts: bool, text: bool, out: Output) -> None:
    blank = False
    for group in found.groups if facts else ():
        if blank:
            out.text("")
        blank = True
        out.text(group.name.capitalize())
        rows = [
            dict(zip(("id", "fact", "a", "b", "delta"), ("", *_cells(difference)), strict=True))
            for difference in group.differences
        ]
        out.listing(rows, ("fact", "a", "b", "delta"))
    if text and found.text:
        if blank:
            out.text("")
        out.text("\n".join(visible(line) for line in found.text))


def _markdown(found: Comparison, facts: bool, text: bool) -> Iterator[str]:
    if not ((facts and found.groups) or (text and found.text)):
        yield f"No difference between {code_span(found.a)} and {code_span(found.b)}."
        return
    yield f"Comparing {code_span(found.a)} (A) and {code_span(found.b)} (B)"
    for group in found.groups if facts else ():
        yield f"\n### {group.name.capitalize()}\n"
        yield "| fact | A | B | delta |"
        yield "| --- | --- | --- | --- |"
        for difference in group.differences:
            yield f"| {' | '.join(code_span(cell) for cell in _cells(difference))} |"
    if text and found.text:
        lines = [visible(line) for line in found.text]
        fence = "`" * max(3, *(len(run) + 1 for line in lines for run in re.findall("`+", line)), 3)
        yield "\n### Text\n"
        yield from (f"{fence}diff", *lines, fence)


def _cells(difference: Difference) -> tuple[str, str, str, str]:
    """Name, both values and delta, as a person reads them."""
    a, b = difference.a, difference.b
    if isinstance(a, str) and isinstance(b, str) and "\n" in a and "\n" in b:
        a, b = _changed_lines(a, b)
    elif isinstance(a, tuple) and isinstance(b, tuple) and len(fact_text(a) + fact_text(b)) > LONG_LIST:
        a, b = (["\u2026", *(item for item in side if item not in other)] for side, other in ((a, b), (b, a)))
    shown = [fact_text(a), fact_text(b)]
    if shown[0] == shown[1]:
        shown = [repr(a), repr(b)]
    delta = "" if difference.delta is None else f"{difference.delta:+.6g}"
    return difference.key, short(shown[0]), short(shown[1]), f"≈ {delta}" if difference.approximate else delta


def _changed_lines(a: str, b: str) -> tuple[str, str]:
    lines = list(difflib.ndiff(a.split("\n"), b.split("\n")))
    old, new = ([line[2:].strip() for line in lines if line.startswith(mark)] for mark in ("- ", "+ "))
    return " / ".join(old), " / ".join(new)
