"""What a Hub has: repositories of commits, tokens, old names."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

LFS_FROM = 10_000_000
"""Bytes from which a file is stored with LFS, whatever its name."""
LFS_NAMES = (".safetensors", ".bin", ".pt", ".pth", ".onnx")


@dataclass(frozen=True)
class File:
    """A file of a commit; `lfs` is how the Hub stores it."""

    data: bytes
    lfs: bool = False

    @property
    def oid(self) -> str:
        """The id of the blob in git: of a pointer for LFS."""
        content = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def sha256(self) -> str:
        """The id of the content in LFS."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git has of an LFS file."""
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return text.encode()

    @property
    def etag(self) -> str:
        """What a download calls this content."""
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    """A whole state of a repository."""

    oid: str
    parent: str | None
    title: str
    files: Mapping[str, File]


@dataclass
class Repo:
    """A model repository. `refs` are the commits of its branches and tags, by name."""

    id: str
    private: bool = False
    gated: bool = False
    granted: set[str] = field(default_factory=set)
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The user or organization that it belongs to."""
        return self.id.partition("/")[0]

    def commit(self, files: Mapping[str, bytes], *, ref: str = "main", title: str = "change") -> Commit:
        """Add a commit that puts these files over those of the branch."""
        parent = self.refs.get(ref)
        there = dict(self.commits[parent].files) if parent else {}
        there |= {
            name: File(data, lfs=name.endswith(LFS_NAMES) or len(data) >= LFS_FROM) for name, data in files.items()
        }
        tree = "".join(f"{name} {file.oid}\n" for name, file in sorted(there.items()))
        oid = hashlib.sha1(f"{self.id}\n{parent}\n{len(self.commits)}\n{title}\n{tree}".encode()).hexdigest()
        self.commits[oid] = commit = Commit(oid, parent, title, there)
        self.refs[ref] = oid
        return commit

    def at(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag or a commit's own id names."""
        return self.commits.get(self.refs.get(revision, revision))


@dataclass(frozen=True)
class User:
    """Who a token stands for, and what it may do."""

    name: str
    role: str = "write"
    organizations: tuple[str, ...] = ()

    def is_of(self, owner: str) -> bool:
        """Whether repositories of this owner are the user's."""
        return owner == self.name or owner in self.organizations


@dataclass
class Hub:
    """The whole Hub; change it under its lock while it serves."""

    repos: dict[str, Repo] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(
        self, repo_id: str, files: Mapping[str, bytes] | None = None, *, private: bool = False, gated: bool = False
    ) -> Repo:
        """Add a repository; as on the real Hub its first commit has `.gitattributes` only."""
        with self.lock:
            repo = self.repos[repo_id] = Repo(repo_id, private=private, gated=gated)
            repo.commit({".gitattributes": b"*.bin filter=lfs\n"}, title="initial commit")
            if files is not None:
                repo.commit(files, title="upload")
            return repo

    def rename(self, old: str, new: str) -> None:
        """Give a repository another id; the old one goes on leading there."""
        with self.lock:
            repo = self.repos[new] = self.repos.pop(old)
            repo.id = new
            self.renamed[old] = new

    def blob(self, sha256: str) -> bytes | None:
        """The content of an LFS file."""
        for repo in self.repos.values():
            for commit in repo.commits.values():
                for file in commit.files.values():
                    if file.lfs and file.sha256 == sha256:
                        return file.data
        return None
