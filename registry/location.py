"""Where a registry is: a file, or a database on a PostgreSQL server.

Accepted are a path, `sqlite:///PATH` and `postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`. The password is kept apart
from the text that is shown, and any message can be cleaned of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from cardgen.errors import SettingsError
from cardgen.settings import user_data_folder

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LOGIN = re.compile(r"([^:/]*)(?::([^@]*))?@")  # as SQLAlchemy has it: a password may hold anything but @
_QUERY_SECRET = re.compile(r"(?<=[?&])((?:ssl)?password)=([^&]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A registry's place. `url` is fit to be shown; `path` is absolute, and None for a server."""

    dialect: Literal["sqlite", "postgresql"]
    url: str
    path: Path | None = None
    connect_url: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def clean(self, text: str) -> str:
        """`text` without any secret of this location."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    @property
    def spool_folder(self) -> Path:
        """Beside a file; for a server in the user's data folder, named after the URL without its password."""
        if self.path is not None:
            return self.path.with_name(self.path.name + ".spool")
        name = hashlib.sha256(self.url.replace(":***@", "@").encode()).hexdigest()[:16]
        return user_data_folder() / "spools" / name


def parse_location(url: str | os.PathLike[str]) -> Location:
    """The place that a path or URL names.

    Raises:
        SettingsError: an unknown scheme, an empty path, or a URL of a form that is not accepted.
    """
    text = os.fspath(url)
    if not text.strip() or "\0" in text:
        raise SettingsError("the registry has no name" if not text.strip() else "the registry's name has a NUL")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _file(text)
    if scheme[1] == "sqlite":
        path = text[scheme.end() :]
        if not path.startswith("/") or path == "/" or "?" in path:
            raise SettingsError(f"{text!r} names no file", hint="write sqlite:///PATH, or only the path")
        return _file(path[1:])
    if scheme[1] == "postgresql+psycopg":
        return _server(text, scheme.end())
    known = "use a path, sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"
    raise SettingsError(f"a registry cannot be at {scheme[1]}://", hint=known)


def _file(text: str) -> Location:
    path = Path(os.path.realpath(os.path.expanduser(text)))
    return Location(dialect="sqlite", url=f"sqlite:///{path}", path=path)


def _server(text: str, start: int) -> Location:
    login = _LOGIN.match(text, start)
    password = login[2] if login else None
    if login and "@" in re.split("[/?]", text[login.end() :])[0]:
        raise SettingsError("the registry's URL has several @", hint="write %40 for one in the password")
    secrets = {password, *(found[2] for found in _QUERY_SECRET.finditer(text))}
    both = {form for secret in secrets if secret for form in (secret, unquote(secret))}
    shown = text
    if login and password is not None:
        shown = f"{text[:start]}{login[1]}:***@{text[login.end() :]}"
    return Location(
        dialect="postgresql",
        url=_QUERY_SECRET.sub(r"\1=***", shown),
        connect_url=text,
        secrets=tuple(sorted(both, key=len, reverse=True)),
    )
