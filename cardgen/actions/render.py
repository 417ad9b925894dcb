"""Render a run's card, as text or into a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cardgen.card.layout import render
from cardgen.errors import FileConflict, FileProblem
from cardgen.files import write_whole
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry


class Recording(Protocol):
    """A run that is being recorded: an `ActiveRun`."""

    @property
    def run(self) -> Run:
        """The record as it is now."""
        ...

    @property
    def log(self) -> Sequence[LogEvent]:
        """The log as it is now."""
        ...


def render_card(
    run: Run | Recording | str,
    *,
    log: Sequence[LogEvent] | None = None,
    registry: Registry | str | os.PathLike[str] | None = None,
    layout: str | None = None,
    templates: str | os.PathLike[str] | None = None,
) -> str:
    """The text of a run's card.

    Args:
        run: a record, a run that is being recorded, or a reference to one in the registry (id, name, prefix, `latest`).
        log: the run's events; None reads them from the registry (or from the run that is being recorded).
        registry: where the run is, if not in the registry of the settings.
        layout: a library version such as `6.2`; None is the version that the run was made with.
        templates: a folder whose templates stand in front of the built-in ones.

    Raises:
        RunNotFound, AmbiguousRun: the reference names no run, or several.
        UnknownLayout, LayoutTooOld, TemplateFailed: see `cardgen.card.layout.render`.
        RegistryError: the registry cannot be read.
    """
    record, events = _facts(run, log, registry)
    folder = None if templates is None else Path(templates).absolute()
    if folder is not None and not folder.is_dir():
        raise FileProblem(f"no folder {templates}", hint="--templates takes a folder of Jinja templates")
    return render(record, events, layout=layout, templates=folder)


def write_card(text: str, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a card whole or not at all, as UTF-8 without a newline added.

    A file that says something else is not overwritten unless `force`: it may hold somebody's words.

    Raises:
        FileConflict: the file is there and differs.
        FileProblem: it cannot be read or written.
    """
    data = text.encode()
    try:
        there = Path(path).read_bytes()
    except FileNotFoundError:
        there = None
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror or error}") from error
    if there == data:
        return Path(path)
    if there is not None and not force:
        raise FileConflict(
            f"{path} is there and differs from this card",
            hint="it may have been edited; write to another file, or overwrite it with --force",
        )
    return write_whole(path, data)


def _facts(
    run: Run | Recording | str,
    log: Sequence[LogEvent] | None,
    registry: Registry | str | os.PathLike[str] | None,
) -> tuple[Run, Sequence[LogEvent]]:
    if not isinstance(run, Run | str):
        return run.run, run.log if log is None else log
    if isinstance(run, Run) and log is not None:
        return run, log
    from cardgen.registry.store import Registry

    if isinstance(registry, Registry):
        record = registry.run(run) if isinstance(run, str) else run
        return record, registry.log(record.id) if log is None else log
    with Registry(registry, mode="read") as opened:
        return _facts(run, log, opened)
