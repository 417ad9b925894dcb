"""`cardgen demo`: everything once, in a folder."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardgen.cli.output import Output

if TYPE_CHECKING:
    from cardgen.actions.demo import Report

PREVIEW_LINES = 60


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default="cardgen-demo")
def demo(folder: Path) -> None:
    """Train a tiny model on this machine, record it and show its card.

    Takes less than a minute and no network. DIR (default: cardgen-demo) gets the registry, the model and the card;
    run it again to have a second run in the same registry.

    \b
    Examples:
      cardgen demo
      cardgen demo /tmp/demo
    """
    from cardgen.actions.demo import run_demo
    from cardgen.cli.show import sections

    out = Output()
    with _progress(out) as report:
        done = run_demo(folder, report)
    out.sections(sections(done.run))
    if done.before is not None and done.after is not None:
        out.text(f"\nnDCG@10 on held-out names: {done.before:.3f} before training, {done.after:.3f} after")
    lines = _body(done.text)
    out.text(f"\n--- {done.card} " + "-" * 20 + "\n")
    out.markdown("\n".join(lines[:PREVIEW_LINES]))
    out.text(f"\n--- {max(0, len(lines) - PREVIEW_LINES)} more lines in {done.card}")
    start = f"  {_program()} --registry {shlex.quote(str(done.registry))}"
    name = done.run.name
    nexts = ("runs list", f"runs show {name}", f"render {name}", f"render {name} --layout 3.4")
    out.hint("\n".join(("\nNext:", *(f"{start} {words}" for words in nexts))))


def _program() -> str:
    """How this person calls cardgen: not everybody has it on the path."""
    if shutil.which("cardgen"):
        return "cardgen"
    called = Path(sys.argv[0])
    return shlex.quote(sys.argv[0]) if called.name == "cardgen" else f"{shlex.quote(sys.executable)} -m cardgen"


def _body(card: str) -> list[str]:
    """The lines of a card below its front matter."""
    head, mark, body = card.partition("\n---\n")
    return (body if mark and head.startswith("---\n") else card).strip("\n").split("\n")


@contextmanager
def _progress(out: Output) -> Iterator[Report]:
    """Stages on stderr: a moving bar on a terminal, a line each elsewhere."""
    if not sys.stderr.isatty():
        said: list[str] = []

        def line(stage: str, done: int, total: int) -> None:
            if stage not in said:
                said.append(stage)
                out.hint(f"{stage} …")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def bar(stage: str, done: int, total: int) -> None:
            progress.update(task, description=stage, completed=done, total=total or None)

        yield bar
