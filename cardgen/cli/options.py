"""Options and arguments that several commands share."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from cardgen.cli.escape import is_shell_word, visible
from cardgen.cli.output import FORMATS, Format, Output
from cardgen.errors import CardgenError

if TYPE_CHECKING:
    from cardgen.registry import Registry

Command = TypeVar("Command", bound=Callable[..., Any])

_AGE = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass
class Choice:
    """What the options of the group and the command chose, the command's last."""

    registry: str | None = None


def registry_option(command: Command) -> Command:
    """`--registry URL`, on the group and on every command that needs one."""

    def keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            if not value.strip():
                raise click.BadParameter("it is empty", context, parameter)
            context.ensure_object(Choice).registry = value

    return click.option(
        "--registry",
        metavar="URL",
        expose_value=False,
        callback=keep,
        help="The registry: a path, sqlite:///PATH or postgresql+psycopg://… [env: CARDGEN_REGISTRY]",
    )(command)


def chosen_registry() -> str | None:
    """The registry that an option named; None leaves it to environment, configuration and default."""
    return click.get_current_context().ensure_object(Choice).registry


def open_registry(mode: Literal["read", "write"] = "read", *, create: bool = False) -> Registry:
    """Open the chosen registry; a command that does not make one never does so by accident."""
    from cardgen.registry import Registry

    return Registry(chosen_registry(), mode=mode, create=create)


def listing_options(command: Command) -> Command:
    """`--format`, `--json` and `-q` of a listing; the command gets `out`."""

    @click.option("--format", "format_", type=click.Choice(FORMATS), help="How to print.  [default: table]")
    @click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
    @click.option("-q", "--quiet", is_flag=True, help="Print ids only, and no hints.")
    @functools.wraps(command)
    def wrapper(*args: Any, format_: Format | None, as_json: bool, quiet: bool, **options: Any) -> Any:
        chosen: Format = _one_of(as_json, format_) or ("ids" if quiet else "table")
        return command(*args, out=Output(chosen, quiet=quiet), **options)

    return cast(Command, wrapper)


def view_options(command: Command) -> Command:
    """`--format`, `--json` and `-q` of a command that shows one thing; the command gets `out`."""

    @click.option("--format", "format_", type=click.Choice(("table", "json")), help="How to print.  [default: table]")
    @click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
    @click.option("-q", "--quiet", is_flag=True, help="Print no hints.")
    @functools.wraps(command)
    def wrapper(*args: Any, format_: Format | None, as_json: bool, quiet: bool, **options: Any) -> Any:
        return command(*args, out=Output(_one_of(as_json, format_) or "table", quiet=quiet), **options)

    return cast(Command, wrapper)


def report_options(command: Command) -> Command:
    """`--format`, with `md` among them, `--json` and `-q` of a report; the command gets `format_` and `out`."""

    @click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json", "csv", "md"]),
        help="How to print; md is for a pull request.  [default: table]",
    )
    @click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
    @click.option("-q", "--quiet", is_flag=True, help="Print no hints.")
    @functools.wraps(command)
    def wrapper(*args: Any, format_: str | None, as_json: bool, quiet: bool, **options: Any) -> Any:
        chosen = _one_of(as_json, format_) or "table"
        out = Output("csv" if chosen == "csv" else "table", quiet=quiet)
        return command(*args, format_=chosen, out=out, **options)

    return cast(Command, wrapper)


def _one_of(as_json: bool, format_: Any) -> Any:
    """The format that `--json` or `--format` chose; None if neither did."""
    if as_json and format_ not in (None, "json"):
        raise click.UsageError(f"--json and --format {format_} exclude each other")
    return "json" if as_json else format_


def moment(text: str) -> dt.datetime:
    """An age (`7d`, `24h`, `30m`, `2w`) or a local date or time in ISO 8601, as a moment in UTC."""
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return dt.datetime.now(dt.UTC) - dt.timedelta(**{_UNITS[age[2]]: int(age[1])})
        return dt.datetime.fromisoformat(text.strip()).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r} is no age (7d, 24h) and no date (2026-01-31, 2026-01-31T18:00)") from error


def run_argument(command: Command) -> Command:
    """The argument RUN, completed to the names in the registry."""
    return click.argument("run", metavar="RUN", shell_complete=complete_run)(command)


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of runs that begin like this, and versions of models; nothing when the registry cannot be read."""
    from cardgen.cli.complete_model import complete_reference
    from cardgen.registry import Registry

    try:
        with Registry(context.ensure_object(Choice).registry, mode="read") as registry:
            rows = registry.listing(limit=1000)
    except CardgenError:
        return []
    names = [(row.name, row.title or "") for row in rows] + [("latest", "your newest finished run")]
    found = [
        CompletionItem(name, help=visible(title))
        for name, title in names
        if name.startswith(incomplete) and is_shell_word(name)
    ]
    return [*found, *(complete_reference(context, incomplete) if incomplete else [])]
