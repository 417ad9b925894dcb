"""A card and the small files beside it, as one commit of a repository has them. Weights are never fetched."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen.errors import CardNotFound, HubAccessDenied, HubError
from cardgen.files import CARD_LIMIT, JSON_LIMIT, card_too_large, read_limited
from cardgen.hub.problems import host, hub_errors
from cardgen.hub.quiet import without_progress_bars

if TYPE_CHECKING:
    from huggingface_hub import HfApi

README = "README.md"
METADATA = re.compile(
    r"trainer_state\.json|modules\.json|config\.json|config_sentence_transformers\.json|sentence_bert_config\.json"
    r"|cardgen\.json|[0-9]{1,3}_[A-Za-z0-9_]{1,60}/config\.json",
    re.ASCII,
)
"""The small files that tell of a training or a model, those of its modules (`1_Pooling/config.json`) included."""
MOST_FILES = 50
COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FetchedCard:
    """What was fetched of a repository.

    `repo_id` is the repository's present id, `revision_sha` the commit of every file, `files` are the JSON files by
    their path, `notes` say in words for a person what is not as asked for (a new name, a file left out).
    """

    repo_id: str
    revision_sha: str
    readme: bytes
    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def fetch_card(repo_id: str, revision: str | None = None) -> FetchedCard:
    """Fetch README.md and the small JSON files of a model repository.

    All are of the commit that `revision` (a branch, tag or commit; None is the main branch) was when asked. The
    endpoint, the token and the time-outs are those of the client's own variables (`HF_ENDPOINT`, `HF_TOKEN` …).

    Raises:
        RepositoryNotFound, RevisionNotFound, CardNotFound: there is no such thing.
        HubAccessDenied: the repository is gated or disabled, or the token is not good for it.
        HubOffline, HubUnreachable: the Hub may not, or cannot, be reached.
        HubError: it answers what cannot be understood.
        CardError: the card is too large to be one.
    """
    with hub_errors(repo_id, revision):
        from huggingface_hub import HfApi, constants

        api = HfApi(library_name="cardgen")
        info = api.model_info(repo_id, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT, files_metadata=True)
        sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    sha = info.sha or ""
    if not COMMIT.fullmatch(sha):
        raise HubError(f"{host()} names no commit of {repo_id}", repo_id=repo_id)
    if README not in sizes:
        raise CardNotFound(f"{info.id} has no {README}", repo_id=info.id, hint="is it the right repository?")
    if sizes[README] > CARD_LIMIT:
        raise card_too_large(info.id)
    notes = [f"{repo_id} is now {info.id}"] if info.id != repo_id else []
    with (
        hub_errors(info.id, revision),
        tempfile.TemporaryDirectory(prefix="cardgen-hub-") as folder,
        without_progress_bars("huggingface_hub.http_get"),
    ):
        commit = _Commit(api, info.id, sha, folder)
        readme = commit.read(README, CARD_LIMIT)
        if readme is None:
            raise card_too_large(info.id)
        files = _companions(commit, sizes, notes)
    return FetchedCard(info.id, sha, readme, files, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Commit:
    """A commit of a repository, and a cache of our own for it: in the user's an older copy could stand in for it."""

    api: HfApi
    repo_id: str
    sha: str
    cache: str

    def read(self, name: str, limit: int) -> bytes | None:
        """A file; None if it has more than `limit` bytes."""
        with hub_errors(self.repo_id, self.sha):
            path = self.api.hf_hub_download(self.repo_id, name, revision=self.sha, cache_dir=self.cache)
        return read_limited(path, limit)


def _companions(commit: _Commit, sizes: Mapping[str, int], notes: list[str]) -> dict[str, bytes]:
    """The JSON files, together within the limit of one; what is left out is added to `notes`."""
    files: dict[str, bytes] = {}
    left = JSON_LIMIT
    for name in sorted((name for name in sizes if METADATA.fullmatch(name)), key=lambda name: sizes[name])[:MOST_FILES]:
        data = None
        if sizes[name] <= left:
            try:
                data = commit.read(name, left)
            except HubAccessDenied as error:  # the card is open, the files are not
                notes.append(f"{error}: only its card was read")
                break
        if data is None:
            notes.append(f"{name} is too large and was not read")
        else:
            files[name] = data
            left -= len(data)
    return files
