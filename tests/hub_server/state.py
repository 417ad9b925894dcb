"""What a Hub has: repositories of commits, pull requests, tokens, old names."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.hub_server.content import GITATTRIBUTES, File, Store, is_large

FIRST_DATE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Commit:
    """A whole state of a repository; `date` in seconds after the first day."""

    oid: str
    parent: str | None
    title: str
    files: Mapping[str, File]
    message: str = ""
    author: str = "system"
    date: int = 0

    @property
    def time(self) -> str:
        """When it was made, as the Hub writes it; a second after the one before."""
        return (FIRST_DATE + timedelta(seconds=self.date)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Discussion:
    """A discussion or pull request; `base` is the commit that a pull request began from."""

    num: int
    title: str
    description: str
    author: str
    pull_request: bool
    status: str = "open"
    target: str = "main"
    base: str | None = None
    merged: str | None = None
    events: list[dict[str, object]] = field(default_factory=list)

    @property
    def ref(self) -> str:
        """The branch of a pull request."""
        return f"refs/pr/{self.num}"


@dataclass
class Repo:
    """A model repository. `refs` are the commits of its branches and pull requests, by name."""

    id: str
    store: Store
    private: bool = False
    gated: bool | str = False
    granted: set[str] = field(default_factory=set)
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    """Large files that were sent for this repository, in a commit or not yet."""
    discussions: dict[int, Discussion] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The user or organization that it belongs to."""
        return self.id.partition("/")[0]

    @property
    def head(self) -> Commit:
        """The newest commit of the main branch."""
        return self.commits[self.refs["main"]]

    def commit(
        self,
        files: Mapping[str, bytes],
        *,
        ref: str = "main",
        title: str = "change",
        delete: Collection[str] = (),
        author: str = "system",
    ) -> Commit:
        """Add a commit that puts these files over those of the branch, as somebody in a browser would."""
        there = self.commits.get(self.refs.get(ref, ""))
        attributes = there.files.get(".gitattributes") if there else None
        changes: dict[str, File | None] = dict.fromkeys(delete)
        for name, data in files.items():
            if is_large(name, len(data), data[:512], (attributes and attributes.data) or b""):
                sha256 = self.store.add(data)
                self.stored.add(sha256)
                changes[name] = File.large(sha256, len(data))
            else:
                changes[name] = File.regular(data)
        return self.record(changes, ref=ref, title=title, author=author)

    def record(
        self,
        changes: Mapping[str, File | None],
        *,
        ref: str,
        title: str,
        message: str = "",
        author: str = "system",
        parent: str | None = None,
    ) -> Commit:
        """Add a commit on `parent` (else on the branch's newest), with files changed, or removed where None."""
        parent = parent or self.refs.get(ref)
        files = dict(self.commits[parent].files) if parent else {}
        for name, file in changes.items():
            if file is None:
                files.pop(name, None)
            else:
                files[name] = file
        tree = "".join(f"{name} {file.oid}\n" for name, file in sorted(files.items()))
        date = len(self.commits)
        oid = hashlib.sha1(f"{self.id}\n{parent}\n{date}\n{title}\n{tree}".encode()).hexdigest()
        self.commits[oid] = commit = Commit(oid, parent, title, files, message, author, date)
        self.refs[ref] = oid
        return commit

    def at(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag or a commit's own id names."""
        return self.commits.get(self.refs.get(revision, self.tags.get(revision, revision)))

    def history(self, commit: Commit) -> list[Commit]:
        """A commit and those before it, newest first."""
        found = [commit]
        while found[-1].parent is not None:
            found.append(self.commits[found[-1].parent])
        return found


@dataclass(frozen=True)
class User:
    """Who a token stands for, and what it may do.

    `role` is the token's: `read`, `write` or `fineGrained`. `organizations` are those that the user is a member of,
    `readers` those of them where that means reading only. `scopes` are what a fine-grained token may do, by owner or
    repository (`{"ada/model": {"repo.write"}}`).
    """

    name: str
    role: str = "write"
    organizations: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    scopes: Mapping[str, Collection[str]] = field(default_factory=dict)

    def is_of(self, owner: str) -> bool:
        """Whether repositories of this owner are the user's."""
        return owner == self.name or owner in self.organizations

    def may(self, permission: str, owner: str, repo_id: str | None = None) -> bool:
        """Whether the token has a permission (`repo.content.read`, `repo.write`, `discussion.write`) there."""
        if self.role == "fineGrained":
            granted = {*self.scopes.get(owner, ()), *(self.scopes.get(repo_id, ()) if repo_id else ())}
            return permission in granted or (permission != "repo.write" and "repo.write" in granted)
        return permission == "repo.content.read" or self.role == "write"


@dataclass
class Hub:
    """The whole Hub; change it under its lock while it serves."""

    repos: dict[str, Repo] = field(default_factory=dict)
    datasets: dict[str, Repo] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    organizations: set[str] = field(default_factory=set)
    store: Store = field(default_factory=Store)
    lock: threading.RLock = field(default_factory=threading.RLock)
    page: int = 50
    """Entries of one page of commits, discussions or a tree."""
    part: int = 1 << 30
    """Bytes from which a large file is sent in parts, and the size of one."""

    def add(
        self,
        repo_id: str,
        files: Mapping[str, bytes] | None = None,
        *,
        private: bool = False,
        gated: bool | str = False,
        kind: str = "model",
    ) -> Repo:
        """Add a repository; as on the real Hub its first commit is the Hub's own and has `.gitattributes` only."""
        with self.lock:
            repos = self.repos if kind == "model" else self.datasets
            repo = repos[repo_id] = Repo(repo_id, self.store, private=private, gated=gated)
            repo.record({".gitattributes": File.regular(GITATTRIBUTES)}, ref="main", title="initial commit")
            if files is not None:
                repo.commit(files, title="upload", author=repo.owner)
            return repo

    def rename(self, old: str, new: str) -> None:
        """Give a repository another id; the old one goes on leading there."""
        with self.lock:
            repo = self.repos[new] = self.repos.pop(old)
            repo.id = new
            self.renamed = {name: new if there == old else there for name, there in self.renamed.items()} | {old: new}
