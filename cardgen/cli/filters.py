"""The filters that choose runs, the same for every command that takes many."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, cast

import click

from cardgen.cli.options import moment

Command = TypeVar("Command", bound=Callable[..., Any])

STATUSES = ("running", "finished", "failed", "interrupted", "lost")


class Arguments(TypedDict):
    """Filters as `Registry.runs` and `Registry.listing` take them."""

    project: str | None
    group: str | None
    status: str | None
    since: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the options chose; each that is None keeps all runs."""

    project: str | None
    group: str | None
    status: str | None
    since: dt.datetime | None

    def __bool__(self) -> bool:
        return any(value is not None for value in self.arguments.values())

    @property
    def arguments(self) -> Arguments:
        """The filters as arguments of the registry."""
        return {"project": self.project, "group": self.group, "status": self.status, "since": self.since}


def filter_options(command: Command) -> Command:
    """`--project`, `--group`, `--status` and `--since`; the command gets `filters`."""

    @click.option("--project", metavar="NAME", help="Only runs of this project.")
    @click.option("--group", metavar="NAME", help="Only runs of this group.")
    @click.option("--status", type=click.Choice(STATUSES), help="Only runs in this state.")
    @click.option("--since", type=moment, metavar="WHEN", help="Only runs made since: 7d, 24h, 2026-01-31.")
    @functools.wraps(command)
    def wrapper(
        *args: Any,
        project: str | None,
        group: str | None,
        status: str | None,
        since: dt.datetime | None,
        **options: Any,
    ) -> Any:
        filters = Filters(project=project, group=group, status=status, since=since)
        return command(*args, filters=filters, **options)

    return cast(Command, wrapper)
