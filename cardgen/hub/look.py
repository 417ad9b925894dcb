"""What the Hub has, and who we are there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cardgen.errors import (
    CardError,
    HubAccessDenied,
    HubError,
    HubOffline,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
)
from cardgen.files import CARD_LIMIT, card_too_large, read_limited
from cardgen.hub.fetch import COMMIT
from cardgen.hub.problems import host, hub_errors, status_of
from cardgen.hub.quiet import without_progress_bars
from cardgen.hub.retry import connection


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a commit: `size` in bytes, `blob` its id in git, `sha256` of its content if it is stored with LFS."""

    size: int
    blob: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A model repository at one commit, `sha`; `id` is its present name, `files` are by their path."""

    id: str
    sha: str
    private: bool
    gated: bool
    files: Mapping[str, RemoteFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the token is of: `name`, `orgs` in which that user may write, and the token's `role`.

    `role` is `read`, `write` or `fineGrained`; `scopes` are what a fine-grained token may do, by owner or repository.
    """

    name: str
    orgs: tuple[str, ...]
    role: str
    scopes: Mapping[str, frozenset[str]]

    def may_write(self, repo_id: str) -> bool:
        """Whether the token is good for changing this repository, as far as it tells by itself."""
        owner = repo_id.partition("/")[0] if "/" in repo_id else self.name
        if self.role == "fineGrained":
            granted = self.scopes.get(owner, frozenset()) | self.scopes.get(repo_id, frozenset())
            return "repo.write" in granted
        return self.role != "read" and (owner == self.name or owner in self.orgs)

    @property
    def may_write_somewhere(self) -> bool:
        """Whether the token is good for changing any repository."""
        if self.role == "fineGrained":
            return any("repo.write" in granted for granted in self.scopes.values())
        return self.role != "read"


def repository(repo_id: str, revision: str | None = None) -> Repository | None:
    """What is at a revision (branch, tag or commit; None is the main branch); None if there is no such repository.

    A private one that the token is not good for is none either: the Hub does not tell.

    Raises:
        RevisionNotFound: the repository has no such revision.
        HubError: see `cardgen.hub.problems`.
    """
    try:
        with connection(), hub_errors(repo_id, revision):
            info: Any = _api().model_info(repo_id, revision=revision, files_metadata=True)
            files = {each.rfilename: _file(each) for each in info.siblings or ()}
            sha, private, gated = info.sha or "", bool(info.private), bool(info.gated)
    except RepositoryNotFound:
        return None
    except RevisionNotFound:
        raise
    except HubError as error:
        if revision is None or status_of(error.__cause__) != 404:
            raise
        if repository(repo_id) is None:  # a 404 that does not say what is not there
            return None
        raise RevisionNotFound(
            f"{repo_id} has no revision {revision!r}", repo_id=repo_id, hint="give a branch, a tag or a commit"
        ) from error
    if not COMMIT.fullmatch(sha):
        raise HubError(f"{host()} names no commit of {repo_id}", repo_id=repo_id)
    return Repository(id=info.id, sha=sha, private=private, gated=gated, files=files)


def _file(sibling: Any) -> RemoteFile:
    return RemoteFile(sibling.size or 0, sibling.blob_id or "", sibling.lfs["sha256"] if sibling.lfs else None)


def whoami() -> Account:
    """Who the token is of; asked once in a connection.

    Raises:
        HubAccessDenied: there is no token, or it is none of the Hub's.
        HubError: see `cardgen.hub.problems`.
    """
    with connection() as link:
        if "account" not in link.asked:
            link.asked["account"] = _asked_whoami()
        account: Account = link.asked["account"]
        return account


def _asked_whoami() -> Account:
    with hub_errors(None):
        answer = _api().whoami()
        token = answer.get("auth", {}).get("accessToken", {})
        orgs = [org["name"] for org in answer.get("orgs", ()) if org.get("roleInOrg") != "read"]
        scopes: dict[str, frozenset[str]] = {}
        for scope in token.get("fineGrained", {}).get("scoped", ()):
            name = scope["entity"].get("name", "")
            scopes[name] = scopes.get(name, frozenset()) | frozenset(scope["permissions"])
        return Account(name=answer["name"], orgs=tuple(orgs), role=token.get("role") or "write", scopes=scopes)


def read_text(repo_id: str, path: str, sha: str) -> str | None:
    """A card, or another text, as a commit has it, character by character; None if the commit has none there.

    Raises:
        CardError: it is too large for a card, or no UTF-8.
        HubError: see `cardgen.hub.problems`.
    """
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    with (
        connection(),
        hub_errors(repo_id, sha),
        tempfile.TemporaryDirectory(prefix="cardgen-hub-") as folder,  # in the user's cache an older copy could be
        without_progress_bars("huggingface_hub.http_get"),
    ):
        try:
            local = _api().hf_hub_download(repo_id, path, revision=sha, cache_dir=folder)
        except LocalEntryNotFoundError:  # a subclass: it could not be had
            raise
        except EntryNotFoundError:
            return None
        data = read_limited(local, CARD_LIMIT)
    if data is None:
        raise card_too_large(f"{path} of {repo_id}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CardError(f"{path} of {repo_id} is not UTF-8", hint="mend it there") from error


def is_public_dataset(dataset_id: str) -> bool | None:
    """Whether anybody may read the rows of a data set, asked without a token; None if nobody could be asked."""
    try:
        with connection(), hub_errors(dataset_id):
            info = _api().dataset_info(dataset_id, token=False)
            return not info.private and not info.gated and not info.disabled
    except (RepositoryNotFound, HubAccessDenied):
        return False
    except (HubUnreachable, HubOffline):
        return None
    except HubError:  # no id, such as a path or "json", or no answer
        return False


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(library_name="cardgen")
