"""What the caller of `track` or `CardCallback` may say, checked before training starts."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import RecordingError, SettingsError
from cardgen.identity import is_run_id, new_run_id
from cardgen.registry.location import Location, parse_location
from cardgen.settings import Settings, load_settings, user_config_path, user_facts
from cardgen.tracking.publishing import check_wish

MAX_LENGTH = 200
"""Characters of a name, project, group or tag."""

_ids = threading.Lock()
_used_ids: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Names and settings of the runs that one hook records."""

    name: str | None
    group: str | None
    tags: tuple[str, ...]
    settings: Settings
    location: Location
    registry_given: bool
    automatic: bool = False
    """Whether `autolog` made the hook: it records trainings and, unlike the others, nothing without one."""
    publish: tuple[str, dict[str, Any]] | None = None
    """Where the run is published when it has ended, and how."""
    facts: Mapping[str, Value | None] = field(default_factory=dict)
    """What the user's configuration says of each run; what a person says of the run goes before it."""

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded at all."""
        return self.settings.mode != "disabled"

    def how_to_see(self, name: str) -> str:
        """The commands that show a run and its card."""
        where = ["--registry", self.location.url] if self.registry_given else []
        show = shlex.join(["cardgen", "runs", "show", name, *where])
        publish = shlex.join(["cardgen", "publish", name, "REPO_ID", *where])
        return f"see it: {show}; publish it: {publish}"


def make_options(
    *,
    name: str | None,
    project: str | None,
    group: str | None,
    tags: Iterable[str],
    registry: str | os.PathLike[str] | None,
    automatic: bool = False,
    publish: str | None = None,
    publish_options: Mapping[str, Any] | None = None,
) -> Options:
    """Check and complete what the caller said.

    Raises:
        RecordingError: a name, project, group or tag is not a line of text.
        SettingsError: the registry or an environment variable cannot be right.
    """
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise RecordingError(f"tags is {tags!r:.80}", hint='give a list: tags=["baseline"]')
    if registry is not None and not isinstance(registry, str | os.PathLike):
        raise SettingsError(f"registry is {registry!r:.80}", hint="give a path or a URL")
    settings = load_settings(registry=registry, project=_line("project", project))
    if settings.run_id is not None and not is_run_id(settings.run_id):
        raise SettingsError(f"CARDGEN_RUN_ID is {settings.run_id!r:.100}", hint="use letters, digits and ._-")
    return Options(
        name=_line("name", name),
        group=_line("group", group),
        tags=tuple(_line("a tag", tag) or "" for tag in tags),
        settings=settings,
        location=parse_location(settings.registry),
        registry_given=registry is not None,
        automatic=automatic,
        publish=check_wish(publish, publish_options),
        facts=_configured(),
    )


def _configured() -> dict[str, Value | None]:
    facts = user_facts()
    if not isinstance(facts, dict) or "name" in facts:
        raise SettingsError(f"facts in {user_config_path()} cannot be right", hint='write [facts] and license = "mit"')
    return corrections.check(facts)


def next_run_id(options: Options) -> tuple[str, bool]:
    """The id of the next run, and whether somebody chose it: `CARDGEN_RUN_ID` counts for one run of a process."""
    chosen = options.settings.run_id
    with _ids:
        if chosen is not None and chosen not in _used_ids:
            _used_ids.add(chosen)
            return chosen, True
        made = new_run_id()
        _used_ids.add(made)
    return made, False


def keep_id(run_id: str) -> None:
    """This process records the run of this id."""
    with _ids:
        _used_ids.add(run_id)


def ids_of_this_process() -> frozenset[str]:
    """The ids of all runs that this process recorded."""
    with _ids:
        return frozenset(_used_ids)


def give_back(run_id: str) -> None:
    """A recording with this id came to nothing: the id may be given again."""
    with _ids:
        _used_ids.discard(run_id)


def _line(what: str, text: str | None) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise RecordingError(f"{what} is {text!r:.80}", hint="give a text")
    if not text.strip() or not text.isprintable() or len(text) > MAX_LENGTH:
        raise RecordingError(f"{what} is {text!r:.80}", hint=f"give one line of at most {MAX_LENGTH} characters")
    return text
