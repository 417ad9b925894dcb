"""One commit of all files, or none: made once, on the commit that was looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardgen.errors import CardgenError, HeadMoved, HubError, HubRefused, HubUnreachable
from cardgen.hub.content import Frozen, Seen, frozen, is_same, operation
from cardgen.hub.fetch import README
from cardgen.hub.look import Repository, repository
from cardgen.hub.problems import hub_errors, is_unavailable, status_of
from cardgen.hub.quiet import without_progress_bars, without_warnings
from cardgen.hub.retry import COMMIT, Connection, connection
from cardgen.hub.transfer import lacks_xet, plain_transfer

MAIN = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that holds what was sent: `pr_url` of the pull request that it is in, None for a branch.

    `changed` is False if all of it was there before: no commit was made then, and `oid` is the head.
    """

    oid: str
    url: str
    pr_url: str | None = None
    changed: bool = True


def commit(
    repo_id: str,
    *,
    parent: str,
    message: str,
    add: Mapping[str, Path | bytes],
    seen: Mapping[str, Seen] | None = None,
    there: Repository | None = None,
    delete: Collection[str] = (),
    revision: str | None = None,
    description: str = "",
    create_pr: bool = False,
    progress: bool = False,
) -> Commit:
    """Put files into a repository and remove others, as one commit on `parent`.

    Whatever fails, there is no part of it; and it is not made twice: after a failure that does not tell whether it
    was made, the repository is looked at before another try.

    Args:
        repo_id: the repository.
        parent: the commit that was looked at, in 40 hexadecimal digits; the branch must still be there.
        message: the first line of the commit's message.
        add: contents by their path in the repository.
        seen: files as they were when they were looked at: they are sent as that, or not at all.
        there: the repository at `parent`: if it has all of it already, nothing is asked or sent.
        delete: paths that are removed.
        revision: the branch; None is the main one.
        description: the rest of the message.
        create_pr: open a pull request with the commit instead, which begins at `parent`.
        progress: let the client draw its bars.

    Raises:
        HeadMoved: the branch has another commit by now.
        HubRefused: the Hub does not take a file, or the repository's `.gitignore` leaves one out.
        FileProblem: a file cannot be read, or was changed while it was sent.
        HubUnreachable: the Hub is down or too slow; if the commit may have been made, the text says so.
        HubError: see `cardgen.hub.problems`.
    """
    with connection() as link, without_warnings(), nullcontext() if progress else without_progress_bars():
        sending = _Sending(repo_id, revision or MAIN, parent, frozen(add, seen or {}), tuple(delete), create_pr)
        if there is not None and sending.is_in(there):
            return Commit(oid=parent, url=_page(repo_id, f"commit/{parent}"), changed=False)
        plain = any(path != README for path in add) and lacks_xet(repo_id, sending.revision, create_pr=create_pr)
        outer, link.watcher = link.watcher, sending
        try:
            with plain_transfer(plain):
                return _tried(link, sending, message, description)
        finally:
            link.watcher = outer


def _tried(link: Connection, sending: _Sending, message: str, description: str) -> Commit:
    tried = 0
    while True:
        tried += 1
        try:
            with hub_errors(sending.repo_id, sending.revision):
                return _sent(sending, message, description)
        except HubError as error:
            if not sending.unsure and not isinstance(error, HeadMoved):
                raise
            made = _made(sending, error)
            if made is not None:
                return made
            if isinstance(error, HeadMoved) or tried >= link.policy.tries:
                raise
            link.pause(link.backoff(tried), str(error))


def _sent(sending: _Sending, message: str, description: str) -> Commit:
    from huggingface_hub import CommitOperationDelete, HfApi

    # made for each try: the client does not take them twice
    operations = [operation(path, content) for path, content in sending.add.items()]
    operations += [CommitOperationDelete(path, is_folder=False) for path in sending.delete]
    sending.unsure = False
    try:
        info: Any = HfApi(library_name="cardgen").create_commit(
            sending.repo_id,
            operations,
            commit_message=message,
            commit_description=description,
            revision=sending.revision,
            parent_commit=sending.parent,
            create_pr=sending.create_pr,
        )
    except Exception as error:
        status = status_of(error)
        if status == 412:
            raise HeadMoved(
                f"somebody committed to {sending.repo_id} in the meantime",
                repo_id=sending.repo_id,
                hint="look at it and publish again",
            ) from error
        no_answer = status is None and not isinstance(error, CardgenError)
        sending.unsure = sending.posted and (no_answer or is_unavailable(status or 0))
        raise
    return Commit(oid=info.oid, url=info.commit_url, pr_url=info.pr_url, changed=sending.posted)


class _Sending:
    """What is sent, and how far it got; watches the requests of the client."""

    def __init__(
        self,
        repo_id: str,
        revision: str,
        parent: str,
        add: Mapping[str, Frozen | bytes],
        delete: tuple[str, ...],
        create_pr: bool,
    ) -> None:
        self.repo_id = repo_id
        self.revision = revision
        self.parent = parent
        self.add = add
        self.delete = delete
        self.create_pr = create_pr
        self.posted = False
        """The request that makes the commit was sent."""
        self.unsure = False
        """It was, and nobody knows what became of it."""

    def sending(self, method: str, url: str) -> None:
        """Let no commit be made of what is not any more what it was."""
        if method == "POST" and COMMIT.search(url):
            for content in self.add.values():
                if isinstance(content, Frozen):
                    content.check()
            self.posted = True

    def answered(self, method: str, url: str, response: Any) -> None:
        """Stop where the client would leave a file out and go on."""
        if method == "POST" and re.search(r"/preupload/[^/?]+(?:\?.*)?$", url) and response.status_code == 200:
            files = response.json().get("files", ())
            ignored = [str(file.get("path")) for file in files if file.get("shouldIgnore")]
            if ignored:
                raise HubRefused(
                    f"the .gitignore of {self.repo_id} leaves out {', '.join(ignored[:5])}",
                    repo_id=self.repo_id,
                    hint="change or remove .gitignore there",
                )

    def is_in(self, there: Repository) -> bool:
        """Whether a commit has exactly what was sent."""
        return not any(path in there.files for path in self.delete) and all(
            path in there.files and is_same(content, there.files[path]) for path, content in self.add.items()
        )


def _made(sending: _Sending, error: Exception) -> Commit | None:
    """The commit, if it was made after all: the first one after `parent`, with all that was sent.

    Raises:
        HubUnreachable: the repository cannot be looked at.
    """
    try:
        return _found_pull(sending) if sending.create_pr else _found(sending)
    except HubUnreachable as later:
        if not sending.unsure:
            raise
        where = "discussions" if sending.create_pr else f"commits/{sending.revision}"
        raise HubUnreachable(
            f"{error}; whether {sending.repo_id} was changed is not known",
            repo_id=sending.repo_id,
            hint=f"look at {_page(sending.repo_id, where)}; publishing again does nothing twice",
        ) from later


def _found(sending: _Sending) -> Commit | None:
    oid = _child(sending, sending.revision)
    return None if oid is None else Commit(oid=oid, url=_page(sending.repo_id, f"commit/{oid}"))


def _found_pull(sending: _Sending) -> Commit | None:
    """A pull request is no child of a branch: the newest ones are looked through."""
    from huggingface_hub import HfApi

    with hub_errors(sending.repo_id):
        refs = HfApi(library_name="cardgen").list_repo_refs(sending.repo_id, include_pull_requests=True)
    pulls = sorted((int(each.name) for each in refs.pull_requests or () if each.name.isdecimal()), reverse=True)
    for number in pulls[:5]:
        oid = _child(sending, f"refs/pr/{number}")
        if oid is not None:
            page = _page(sending.repo_id, f"discussions/{number}")
            return Commit(oid=oid, url=_page(sending.repo_id, f"commit/{oid}"), pr_url=page)
    return None


def _child(sending: _Sending, revision: str) -> str | None:
    """The commit after `parent` in the history of a revision, if it has all that was sent."""
    from huggingface_hub import HfApi

    with hub_errors(sending.repo_id, revision):
        listed = HfApi(library_name="cardgen").list_repo_commits(sending.repo_id, revision=revision)
    ids = [each.commit_id for each in listed]  # newest first
    if sending.parent not in ids or ids[0] == sending.parent:
        return None
    oid = ids[ids.index(sending.parent) - 1]
    there = repository(sending.repo_id, oid)
    return oid if there is not None and sending.is_in(there) else None


def _page(repo_id: str, path: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repo_id}/{path}"
