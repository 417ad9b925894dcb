"""What a command that failed says, and the code it exits with: one table, applied once, in `main()`.

An exception that is not in the table is a defect of cardgen and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

import click

from cardgen.cli.escape import visible
from cardgen.cli.output import colour_wanted
from cardgen.errors import CardgenError

INTERRUPTED = 130


def _usage(error: click.ClickException) -> int:
    error.show(sys.stderr)
    return error.exit_code


def _ours(error: CardgenError) -> int:
    click.echo(
        f"{click.style('Error:', fg='red')} {visible(str(error), lines=True)}",
        err=True,
        color=None if colour_wanted() else False,
    )
    if error.hint:
        click.echo(f"Hint: {visible(error.hint, lines=True)}", err=True)
    return error.exit_code


def _interrupted(error: BaseException) -> int:
    return INTERRUPTED


def _closed_pipe(error: BrokenPipeError) -> int:
    silence_stdout()
    return 1


TABLE: tuple[tuple[type[BaseException], Callable[..., int]], ...] = (
    (CardgenError, _ours),
    (click.ClickException, _usage),
    (click.Abort, _interrupted),
    (KeyboardInterrupt, _interrupted),
    (BrokenPipeError, _closed_pipe),
)
"""Type of exception and what to do about it; the first that fits."""


def report(error: BaseException) -> int | None:
    """Say what went wrong and return the exit code; None for an exception that nobody expected."""
    for kind, handle in TABLE:
        if isinstance(error, kind):
            return handle(error)
    return None


def silence_stdout() -> None:
    """Nobody reads stdout any more: keep Python from complaining when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
