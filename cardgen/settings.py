"""One frozen `Settings`: argument > environment > user configuration > default.

The user's configuration is `config.toml` in the user's configuration folder (`cardgen` below it), with the keys
`registry`, `project`, `mode`, `samples`, and the tables `check` and `facts`. Configuration in a project folder comes
with code of strangers and may not choose a registry: only `cardgen check` reads it, and only to be stricter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from cardgen.errors import SettingsError

Mode: TypeAlias = Literal["normal", "offline", "disabled"]

ENVIRONMENT: dict[str, str] = {
    "CARDGEN_REGISTRY": "where the registry is: a path, sqlite:///PATH or postgresql+psycopg://…",
    "CARDGEN_MODE": "`disabled` records nothing, `offline` only spools; default `normal`",
    "CARDGEN_PROJECT": "the project of runs that name none",
    "CARDGEN_RUN_ID": "the id that the next run gets; a run of this id that did not finish goes on",
    "CARDGEN_SAMPLES": "`off` stores no rows of any data set",
    "CARDGEN_HOSTS": "`off` stores no names of hosts",
}
"""Every environment variable of cardgen and what it does; the documentation is checked against it."""

_ON = {"1", "true", "yes", "on"}
_OFF = {"0", "false", "no", "off"}
_KEYS = {"registry", "project", "mode", "samples", "check", "facts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What cardgen was told. `registry` is a URL or a path, as given."""

    registry: str
    mode: Mode = "normal"
    project: str | None = None
    run_id: str | None = None
    samples: bool = True
    hosts: bool = True


def user_config_path() -> Path:
    """The user's configuration file, which need not exist."""
    import platformdirs

    return platformdirs.user_config_path("cardgen") / "config.toml"


def default_registry() -> str:
    """The registry of a user who chose none: `registry.db` in the user's data folder."""
    import platformdirs

    return str(platformdirs.user_data_path("cardgen") / "registry.db")


def user_data_folder() -> Path:
    """Where the spools of server registries live."""
    import platformdirs

    return platformdirs.user_data_path("cardgen")


def load_settings(
    *,
    registry: str | os.PathLike[str] | None = None,
    mode: str | None = None,
    project: str | None = None,
    run_id: str | None = None,
    samples: bool | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Bring arguments, environment, user configuration and defaults together, in this order of precedence.

    Raises:
        SettingsError: a value that cannot be right, or a configuration file that cannot be read.
    """
    env = os.environ if environ is None else environ
    config = _user_config()

    def pick(argument: Any, variable: str, key: str | None) -> tuple[Any, str]:
        if argument is not None:
            return argument, key or variable
        if env.get(variable):
            return env[variable], variable
        if key is not None and key in config:
            return config[key], f"{key} in {user_config_path()}"
        return None, variable

    where, _ = pick(None if registry is None else os.fspath(registry), "CARDGEN_REGISTRY", "registry")
    chosen_mode, mode_source = pick(mode, "CARDGEN_MODE", "mode")
    chosen_samples, samples_source = pick(samples, "CARDGEN_SAMPLES", "samples")
    chosen_project, _ = pick(project, "CARDGEN_PROJECT", "project")
    chosen_hosts, hosts_source = pick(None, "CARDGEN_HOSTS", None)
    chosen_run, _ = pick(run_id, "CARDGEN_RUN_ID", None)
    if chosen_mode is None:
        chosen_mode = "normal"
    if chosen_mode not in ("normal", "offline", "disabled"):
        raise SettingsError(f"{mode_source} is {chosen_mode!r}", hint="use one of: normal, offline, disabled")
    return Settings(
        registry=str(where) if where else default_registry(),
        mode=cast(Mode, chosen_mode),
        project=None if chosen_project is None else str(chosen_project),
        run_id=None if chosen_run is None else str(chosen_run),
        samples=True if chosen_samples is None else _boolean(chosen_samples, samples_source),
        hosts=True if chosen_hosts is None else _boolean(chosen_hosts, hosts_source),
    )


def user_facts() -> Any:
    """The table `facts` of the user's configuration: what is so of each new run, such as its licence.

    Raises:
        SettingsError: the configuration cannot be read.
    """
    return _user_config().get("facts", {})


def user_check() -> Any:
    """The table `check` of the user's configuration; empty if there is none.

    Raises:
        SettingsError: the configuration cannot be read.
    """
    return _user_config().get("check", {})


def setting_sources(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Where each field of `Settings` comes from if no argument says it: a variable, the configuration or `default`.

    Raises:
        SettingsError: the configuration file cannot be read.
    """
    env = os.environ if environ is None else environ
    config = _user_config()
    sources = {}
    for field in fields(Settings):
        variable = f"CARDGEN_{field.name.upper()}"
        configured = str(user_config_path()) if field.name in config else "default"
        sources[field.name] = variable if env.get(variable) else configured
    return sources


def _boolean(value: Any, source: str) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _ON or word in _OFF:
        return word in _ON
    raise SettingsError(f"{source} is {value!r}", hint="use one of: 1, true, yes, on, 0, false, no, off")


def _user_config() -> dict[str, Any]:
    path = user_config_path()
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    import tomllib  # most users have no such file

    try:
        config = tomllib.loads(text.decode())
    except ValueError as error:  # no TOML, or no UTF-8
        raise SettingsError(f"{path} cannot be read: {error}") from error
    unknown = sorted(set(config) - _KEYS)
    if unknown:
        raise SettingsError(f"{path} has unknown keys: {', '.join(unknown)}", hint=f"known: {', '.join(sorted(_KEYS))}")
    return config
