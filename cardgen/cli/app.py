"""The group `cardgen`, which loads a command's module when the command is used, and `main()`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from cardgen.cli.errors import report, silence_stdout
from cardgen.cli.lazy import LazyGroup
from cardgen.cli.options import registry_option
from cardgen.errors import FileProblem

COMMANDS = {
    "check": "cardgen.cli.check:check",
    "completion": "cardgen.cli.completion:completion",
    "demo": "cardgen.cli.demo:demo",
    "diff": "cardgen.cli.diff:diff",
    "doctor": "cardgen.cli.doctor:doctor",
    "edit": "cardgen.cli.runs_edit:edit",  # `runs edit`, which people look for here, too
    "import": "cardgen.cli.import_:import_",
    "lineage": "cardgen.cli.lineage:lineage",
    "models": "cardgen.cli.models:models",
    "pending": "cardgen.cli.pending:pending",
    "publish": "cardgen.cli.publish:publish",
    "refresh": "cardgen.cli.refresh:refresh",
    "registry": "cardgen.cli.registry:registry",
    "render": "cardgen.cli.render:render",
    "runs": "cardgen.cli.runs:runs",
    "search": "cardgen.cli.search:search",
    "status": "cardgen.cli.status:status",
}
"""Every command and where it is."""


_COMPLETE = "_CARDGEN_COMPLETE"


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        import cardgen

        click.echo(f"cardgen {cardgen.__version__}")
        context.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@registry_option
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
def cli() -> None:
    """Model cards from the record of a training run.

    RUN is an id or a name, a unique prefix or suffix of one, `latest`, or MODEL@VERSION, see `cardgen models`. Hints go
    to stderr, data to stdout.

    Exit codes: 0 done, 1 failure, 2 usage, 3 not found, 4 conflict, 5 Hub or network, 6 check failed.

    \b
    Examples:
      cardgen demo                     train a tiny model and see everything
      cardgen runs list --since 7d     the runs of a week
      cardgen render latest            the card of your newest run
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown by its escape, not by a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    if _COMPLETE in os.environ:
        from cardgen.cli import shells

        shells.install()
    try:
        result = cli.main(arguments, prog_name="cardgen", standalone_mode=False)
        _flush()
        return result if isinstance(result, int) else 0
    except Exception as error:
        code = report(error)
        if code is None:
            raise
        return code
    except KeyboardInterrupt as error:
        return report(error) or 1


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_stdout()
        raise FileProblem(f"the output cannot be written: {error.strerror}") from error
