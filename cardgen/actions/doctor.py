"""Whether everything cardgen needs is there, and what would stop a publish. Looks only, and makes nothing."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cardgen.errors import CardgenError, RegistryNotFound, SettingsError
from cardgen.settings import Settings, load_settings, setting_sources, user_data_folder

Area: TypeAlias = Literal["versions", "settings", "registry", "disk", "hub"]

PACKAGES = (
    *("cardgen", "sentence-transformers", "transformers", "torch", "datasets", "accelerate"),
    *("huggingface_hub", "sqlalchemy", "alembic", "jinja2", "click", "rich", "psycopg"),
)
OLDEST_LIBRARY = (4, 1)
"""The first sentence-transformers whose trainings can be recorded."""

ENOUGH_BYTES = 100_000_000
"""With less free space than this, something goes wrong soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `problem` says what is wrong with it, `stops_publish` why it keeps from publishing,
    `hint` what to do about either."""

    area: Area
    name: str
    value: Any
    problem: str | None = None
    stops_publish: str | None = None
    hint: str | None = None


def examine(registry: str | None = None, *, online: bool = False) -> list[Check]:
    """Look at versions, settings, the registry, its disk and the token.

    Args:
        registry: the one to look at, instead of the one that the settings name.
        online: ask the Hub whose token it is.
    """
    checks = list(_versions())
    settings = None
    try:
        settings = load_settings(registry=registry)
        checks += _settings(settings, given=registry is not None)
        checks += _registry(settings.registry)
        checks += _disk(settings.registry)
    except SettingsError as error:
        area: Area = "settings" if settings is None else "registry"
        name = "settings" if settings is None else "place"
        checks.append(Check(area=area, name=name, value=None, problem=str(error), hint=error.hint))
    checks += _hub(online)
    return checks


def _versions() -> Iterator[Check]:
    yield Check(area="versions", name="python", value=f"{platform.python_version()} on {sys.platform}")
    yield Check(area="versions", name="sqlite", value=sqlite3.sqlite_version)
    for name in PACKAGES:
        try:
            version: str | None = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None
        problem = None
        if name == "sentence-transformers" and version is not None and _numbers(version) < OLDEST_LIBRARY:
            problem = f"trainings of sentence-transformers {version} cannot be recorded"
        yield Check(
            area="versions",
            name=name,
            value=version,
            problem=problem,
            hint=None if problem is None else "pip install --upgrade sentence-transformers",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _settings(settings: Settings, *, given: bool) -> Iterator[Check]:
    from cardgen.registry.location import parse_location

    for name, source in setting_sources().items():
        value = getattr(settings, name)
        if name == "registry":
            value, source = parse_location(value).url, "--registry" if given else source
        yield Check(area="settings", name=name, value=f"{'' if value is None else value} ({source})".strip())


def _registry(url: str) -> Iterator[Check]:
    from cardgen.registry import Registry, spool_folder

    try:
        with Registry(url, mode="read") as registry:
            status = registry.status()
            finished = bool(registry.listing(status="finished", limit=1))
    except RegistryNotFound:
        waiting = len(list(spool_folder(url).glob("*.jsonl")))
        yield Check(
            area="registry",
            name="place",
            value="none yet",
            stops_publish="no run is recorded yet",
            hint="it is made when a run is recorded, or by: cardgen registry init",
        )
        yield Check(area="registry", name="pending spools", value=waiting, hint=_ingest(waiting))
        return
    except CardgenError as error:
        yield Check(
            area="registry",
            name="place",
            value=None,
            problem=str(error),
            stops_publish="the registry cannot be read",
            hint=error.hint,
        )
        return
    yield Check(area="registry", name="place", value=status.url)
    yield Check(area="registry", name="engine", value=status.engine)
    yield Check(area="registry", name="schema", value=status.schema)
    nothing = None if finished else "no recorded run has finished yet"
    yield Check(area="registry", name="runs", value=status.runs, stops_publish=nothing)
    yield Check(area="registry", name="size", value=status.size)
    yield Check(
        area="registry",
        name="writable",
        value=status.writable,
        problem=None if status.writable else "the registry may not be written: recordings stay in their spools",
        stops_publish=None if status.writable else "what is published cannot be noted",
        hint=None if status.writable else "check the permissions of the file and its folder",
    )
    yield Check(
        area="registry",
        name="network file system",
        value=status.network or "no",
        hint=status.network and "recordings are folded when they end, and by: cardgen registry ingest",
    )
    yield Check(area="registry", name="pending spools", value=status.pending_spools)
    orphans, damaged = status.orphan_spools, status.damaged_spools
    yield Check(area="registry", name="orphan spools", value=orphans, hint=_ingest(orphans))
    see = "see what is lost: cardgen registry verify" if damaged else None
    yield Check(area="registry", name="damaged spools", value=damaged, hint=see)


def _ingest(count: int) -> str | None:
    return "fold them: cardgen registry ingest" if count else None


def _disk(url: str) -> Iterator[Check]:
    from cardgen.registry.location import parse_location

    place = parse_location(url).path or user_data_folder() / "spools"
    folder = next((folder for folder in place.parents if folder.is_dir()), Path("/"))
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Check(area="disk", name=str(folder), value=None, problem=f"it cannot be asked: {error.strerror}")
        return
    full = free < ENOUGH_BYTES
    yield Check(
        area="disk",
        name="free bytes",
        value=free,
        problem=f"little space is left in {folder}" if full else None,
        hint="free some space" if full else None,
    )


def _hub(online: bool) -> Iterator[Check]:
    from cardgen.hub.account import ask_account, has_token, is_offline
    from cardgen.hub.problems import TOKEN_HINT, host

    offline, token = is_offline(), has_token()
    yield Check(area="hub", name="host", value=host())
    yield Check(
        area="hub",
        name="reachable",
        value="not asked" if not offline else "not allowed",
        stops_publish="HF_HUB_OFFLINE is set" if offline else None,
        hint="unset it to publish" if offline else None,
    )
    yield Check(
        area="hub",
        name="token",
        value="found" if token else "none",
        stops_publish=None if token else "there is no token",
        hint=None if token else TOKEN_HINT,
    )
    if not online or offline or not token:
        return
    try:
        account = ask_account()
    except CardgenError as error:
        yield Check(area="hub", name="account", value=None, stops_publish=str(error), hint=error.hint)
        return
    yield Check(area="hub", name="account", value=account.name)
    reads = not account.may_write_somewhere
    yield Check(
        area="hub",
        name="role of the token",
        value=account.role,
        stops_publish="the token may not write to any repository" if reads else None,
        hint="make one that may write: https://huggingface.co/settings/tokens" if reads else None,
    )
