"""Where a card comes from: a file, a model or checkpoint folder, or a repository of the Hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cardgen.actions.folder import FolderFacts, facts_of_files, facts_of_folder
from cardgen.actions.write import file_target
from cardgen.errors import FileProblem, SettingsError
from cardgen.files import CARD_LIMIT, card_too_large, read_limited
from cardgen.hub.fetch import README, fetch_card

HUB = "hf://"
_REPO = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """A card's bytes and what stands around them.

    `name` is what a person calls the source, `file` the card in it if that has another name. `facts` are those of the
    files beside the card; a file given by its name has none. `target` is where the text stands:
    `file:/abs/path/README.md`, `hf://REPO`, or `hf://REPO@REV` for a text that is not the repository's main one.
    """

    name: str
    data: bytes
    facts: FolderFacts | None = None
    target: str | None = None
    file: str | None = None


def read_source(source: str | os.PathLike[str]) -> Source:
    """Read a card from a file (of any name), from a folder's README.md, or from `hf://REPO[@REV]`.

    Of a folder or repository the small JSON files are read as well; weights and pickles are not even opened.

    Raises:
        FileProblem: there is no such file or folder, no README.md in the folder, or it cannot be read.
        CardError: it is larger than a card can be.
        SettingsError: it names a place that is none.
        HubError: see `cardgen.hub.fetch.fetch_card`.
    """
    name = os.fspath(source)
    if isinstance(source, str) and "://" in source:
        return _read_repository(source)
    if not name:
        raise FileProblem("no file is named", hint="give a file, a folder, or hf://REPO")
    path = Path(source)
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        is_folder = False
    if is_folder:
        return _read_folder(name, path)
    return Source(name, _card(path, name), None, file_target(path))


def _read_folder(name: str, folder: Path) -> Source:
    path = folder / README
    if not path.is_file():
        raise FileProblem(f"no {README} in the folder {name}", hint="name a model or checkpoint folder, or a file")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FileProblem(
            f"{path} is a link that leads out of the folder", hint="to read what it leads to, name the file itself"
        )
    return Source(name, _card(path, name), facts_of_folder(folder), file_target(path), str(path))


def _read_repository(name: str) -> Source:
    repo_id, at, revision = name.removeprefix(HUB).partition("@")
    if not name.startswith(HUB) or not _REPO.fullmatch(repo_id) or (at and not revision):
        raise SettingsError(f"{name!r} is no source", hint="give a file, a folder, or hf://REPO or hf://REPO@REVISION")
    fetched = fetch_card(repo_id, revision or None)
    target = f"{HUB}{fetched.repo_id}" + (f"@{revision}" if revision not in ("", "main") else "")
    return Source(name, fetched.readme, facts_of_files(fetched.files, fetched.notes, name), target, f"{name}/{README}")


def _card(path: Path, name: str) -> bytes:
    data = read_limited(path, CARD_LIMIT)
    if data is None:
        raise card_too_large(name)
    return data
