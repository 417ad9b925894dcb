"""Where the policy of a check comes from: the user's configuration, tightened by that of the folder it runs in."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from cardgen.check.engine import SEVERITY
from cardgen.check.policy import Policy, tightened, user_policy
from cardgen.errors import SettingsError
from cardgen.settings import user_check, user_config_path


def load_policy(folder: Path | None = None) -> Policy:
    """The policy of the user, and of the project that works in a folder (the current one): the first of `cardgen.toml`
    (table `check`) and `pyproject.toml` (table `tool.cardgen.check`) that has one.

    Raises:
        SettingsError: a configuration cannot be read or be right, or a project's would loosen a rule.
    """
    policy = user_policy(user_check(), str(user_config_path()), SEVERITY)
    folder = folder or Path.cwd()
    for name, keys in (("cardgen.toml", ("check",)), ("pyproject.toml", ("tool", "cardgen", "check"))):
        table = _table(folder / name, keys)
        if table is not None:
            return tightened(policy, table, name, SEVERITY)
    return policy


def _table(path: Path, keys: tuple[str, ...]) -> Any:
    """The table of a file, or None."""
    try:
        with open(path, "rb") as file:
            found: Any = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}") from error
    for key in keys:
        if not isinstance(found, dict):
            raise SettingsError(f"{path.name} has no table {'.'.join(keys)}, but something else")
        if key not in found:
            return None
        found = found[key]
    return found
