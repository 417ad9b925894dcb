"""Looking at the Hub and committing to it, over real HTTP: the unmodified client in a process, the test Hub in ours."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.errors import (
    CardError,
    FileProblem,
    HeadMoved,
    HubAccessDenied,
    HubError,
    HubOffline,
    HubRefused,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
)
from cardgen.hub import commit as commits
from cardgen.hub import look, repos
from cardgen.hub.commit import Commit
from cardgen.hub.look import Account, RemoteFile
from cardgen.hub.retry import Policy, asked_wait, connection
from tests.hub_server import Client, HubServer
from tests.hub_server.http import Answer, Fault
from tests.hub_server.state import Repo

ROOT = Path(__file__).parent.parent.parent
CARD = b"---\nlicense: mit\n---\n# Card\n"
WEIGHTS = b"\0weights" * 1_400_000  # more than what is read at once
FILES = {"README.md": CARD, "config.json": b"{}", "model.safetensors": b"\0weights"}


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubServer]:
    with HubServer().running() as server:
        server.token("ada", organizations=("acme", "club"), readers=("club",))
        yield server


@pytest.fixture(name="client", scope="module")
def _client(server: HubServer) -> Iterator[Client]:
    with Client(server.endpoint, hasty=True) as client:
        yield client


@pytest.fixture(name="ada", scope="module")
def _ada(server: HubServer) -> str:
    return next(token for token, user in server.hub.users.items() if user.name == "ada")


@pytest.fixture(autouse=True)
def _fresh(server: HubServer) -> Iterator[None]:
    server.requests.clear()
    yield
    server.faults.clear()
    server.hub.repos.clear()
    server.hub.renamed.clear()


def within(options: dict[str, Any], function: Any, *arguments: Any, **named: Any) -> Any:
    """Call a function in a connection with such a policy."""
    with connection(Policy(**options)):
        return function(*arguments, **named)


def send(
    repo_id: str, add: dict[str, Any], parent: str, options: dict[str, Any] | None = None, policy: Any = None
) -> Commit:
    """Commit; over there, where arguments go by position."""
    named = {"message": "release", **(options or {})}
    return within(policy or {}, commits.commit, repo_id, parent=parent, add=add, **named)  # type: ignore[no-any-return]


def make(repo_id: str, private: bool) -> look.Repository:
    """Make a repository; over there."""
    return repos.create_repo(repo_id, private=private)


def name_commit(repo_id: str, kind: str, name: str, sha: str) -> None:
    """Make a branch or a tag; over there."""
    if kind == "branch":
        repos.create_branch(repo_id, name, sha=sha)
    else:
        repos.create_tag(repo_id, name, sha=sha)


def content(repo: Repo, name: str, revision: str = "main") -> bytes | None:
    """What a regular file holds."""
    commit = repo.at(revision)
    assert commit is not None
    return commit.files[name].data if name in commit.files else None


# --- looking


def test_a_repository_is_seen_at_a_commit(server: HubServer, client: Client, ada: str) -> None:
    """Its present name, head, visibility and files; what is not there, or not ours, is None."""
    repo = server.repo("ada/before", FILES, private=True)
    server.hub.rename("ada/before", "ada/model")
    old = repo.head
    repo.commit({"README.md": b"new"})
    seen = client.call(look.repository, "ada/before", token=ada)
    assert seen is not None
    assert (seen.id, seen.sha, seen.private, seen.gated) == ("ada/model", repo.head.oid, True, False)
    files = repo.head.files
    assert seen.files["README.md"] == RemoteFile(3, files["README.md"].oid, None)
    assert seen.files["model.safetensors"].sha256 == files["model.safetensors"].sha256
    before = client.call(look.repository, "ada/model", old.oid, token=ada)
    assert before is not None
    assert before.files["README.md"].size == len(CARD)
    assert client.call(look.repository, "ada/model") is None
    assert client.call(look.repository, "ada/none", token=ada) is None
    with pytest.raises(RevisionNotFound):
        client.call(look.repository, "ada/model", "v9", token=ada)
    with pytest.raises(HubError, match="no repository id"):
        client.call(look.repository, "a/b/c")


def test_an_account_knows_where_it_may_write(server: HubServer, client: Client, ada: str) -> None:
    """By its name, its organizations, and the role of the token."""
    who = client.call(look.whoami, token=ada)
    assert who == Account(name="ada", orgs=("acme",), role="write", scopes={})
    may = {name: who.may_write(name) for name in ("ada/m", "acme/m", "club/m", "bob/m", "m")}
    assert may == {"ada/m": True, "acme/m": True, "club/m": False, "bob/m": False, "m": True}
    assert not client.call(look.whoami, token=server.token("ada", "read")).may_write("ada/m")
    scopes = {"ada/m": {"repo.write"}, "acme": {"repo.content.read"}}
    narrow = client.call(look.whoami, token=server.token("ada", "fineGrained", scopes=scopes))
    assert [narrow.may_write(name) for name in ("ada/m", "ada/other", "acme/m")] == [True, False, False]
    with pytest.raises(HubAccessDenied, match="no token") as missing:
        client.call(look.whoami)
    assert "hf auth login" in (missing.value.hint or "")
    with pytest.raises(HubAccessDenied, match="answers 401"):
        client.call(look.whoami, token="hf_expired")


def test_a_text_is_read_as_it_stands(server: HubServer, client: Client) -> None:
    """At the commit that is named, character by character; what is no text is an error, what is missing None."""
    text = "\ufeff# Käse\r\n\u2028\n"
    repo = server.repo("ada/model", {"README.md": text.encode(), "latin.md": b"K\xe4se"})
    sha = repo.head.oid
    repo.commit({"README.md": b"later"})
    assert client.call(look.read_text, "ada/model", "README.md", sha) == text
    assert client.call(look.read_text, "ada/model", "NOTES.md", sha) is None
    with pytest.raises(CardError, match="not UTF-8"):
        client.call(look.read_text, "ada/model", "latin.md", sha)
    server.faults.append(Fault("HEAD GET", "/resolve/", times=99, answer=Answer(503)))
    with pytest.raises(HubUnreachable, match="answers 503"):
        client.call(look.read_text, "ada/model", "README.md", sha)


def test_only_rows_that_anybody_may_read_are_public(server: HubServer, client: Client, ada: str) -> None:
    """Asked without the token that there is; who cannot be asked says nothing."""
    server.hub.add("ada/open", kind="dataset")
    server.hub.add("ada/closed", kind="dataset", private=True)
    server.hub.add("ada/gated", kind="dataset", gated="auto")
    known = {"ada/open": True, "ada/closed": False, "ada/gated": False, "ada/none": False, "/home/ada/rows": False}
    assert {name: client.call(look.is_public_dataset, name, token=ada) for name in known} == known
    assert all(request.token is None for request in server.log("GET", "/api/datasets/"))
    server.faults.append(Fault("GET", "/api/datasets/", times=99, drop=True))
    assert client.call(look.is_public_dataset, "ada/open") is None


# --- making


def test_a_repository_is_made_once(server: HubServer, client: Client, ada: str) -> None:
    """Also when the answer gets lost or the Hub is busy; one that is there is told as it is."""
    server.faults += [
        Fault("POST", "/create", drop=True, after=True),
        Fault(
            "POST",
            "/create",
            skip=1,
            answer=Answer.error(409, None, "Cannot create repo: another conflicting operation is in progress"),
        ),
    ]
    made = client.call(make, "ada/first", True, token=ada)
    assert (made.id, made.private, set(made.files)) == ("ada/first", True, {".gitattributes"})
    assert not client.call(make, "ada/second", False, token=ada).private
    assert len(server.log("POST", "/create")) == 4
    assert client.call(make, "ada/first", False, token=ada).private
    for repo_id in ("bob/model", "club/model"):
        with pytest.raises(HubAccessDenied, match="answers 403"):
            client.call(make, repo_id, False, token=ada)
    with pytest.raises(HubAccessDenied):
        client.call(make, "ada/third", False)
    assert set(server.hub.repos) == {"ada/first", "ada/second"}


@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_branches_and_tags_are_made_once(server: HubServer, client: Client, ada: str, kind: str) -> None:
    """At the commit that is named; a tag never means another commit than it is said to."""
    repo = server.repo("ada/model", FILES)
    first = repo.head.oid
    server.faults.append(Fault("POST", f"/{kind}/", answer=Answer(502), after=True))
    client.call(name_commit, "ada/model", kind, "v1", first, token=ada)
    client.call(name_commit, "ada/model", kind, "v1", first, token=ada)
    assert (repo.refs if kind == "branch" else repo.tags)["v1"] == first
    repo.commit({"README.md": b"new"})
    if kind == "tag":
        with pytest.raises(HubError, match="on another commit"):
            client.call(name_commit, "ada/model", kind, "v1", repo.head.oid, token=ada)
    with pytest.raises(HubRefused, match="Invalid reference name"):
        client.call(name_commit, "ada/model", kind, "a..b", first, token=ada)


# --- committing


def test_a_release_is_one_commit(server: HubServer, client: Client, ada: str, tmp_path: Path) -> None:
    """Files from memory and from disk are put, others removed; the same again is recognised as nothing new."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    repo = server.repo("ada/model", {"old.txt": b"old", "theirs.txt": b"theirs"})
    add = {"README.md": CARD, path.name: path, "1_Pooling/config.json": b"{}", "empty.txt": b""}
    done = client.call(send, "ada/model", add, repo.head.oid, {"delete": ["old.txt"], "description": "why"}, token=ada)
    head = repo.head
    assert done == Commit(oid=head.oid, url=f"{server.endpoint}/ada/model/commit/{head.oid}")
    assert (head.title, head.message, head.author) == ("release", "why", "ada")
    assert set(head.files) == {".gitattributes", "theirs.txt", *add}
    assert (head.files[path.name].size, content(repo, "README.md")) == (len(WEIGHTS), CARD)
    again = client.call(send, "ada/model", add, head.oid, token=ada)
    assert (again.oid, again.changed, len(repo.commits)) == (head.oid, False, 3)


def test_many_files_are_one_commit(server: HubServer, client: Client, ada: str) -> None:
    """More than are asked about at once."""
    repo = server.repo("ada/model")
    client.call(send, "ada/model", {f"{n}.txt": b"%d" % n for n in range(300)}, repo.head.oid, token=ada)
    assert (len(repo.commits), len(repo.head.files)) == (2, 301)


def test_a_pull_request_leaves_the_branch_alone(server: HubServer, client: Client, ada: str) -> None:
    """Anybody may propose; the commit is in the request, and a lost answer does not make two."""
    repo = server.repo("ada/model", FILES)
    head, bob = repo.head.oid, server.token("bob")
    repo.commit({"b.txt": b"b"})
    server.faults.append(Fault("POST", "/commit/", drop=True, after=True))
    done = client.call(send, "ada/model", {"README.md": b"# Better"}, head, {"create_pr": True}, token=bob)
    url = f"{server.endpoint}/ada/model"
    assert done == Commit(
        oid=repo.refs["refs/pr/1"], url=f"{url}/commit/{repo.refs['refs/pr/1']}", pr_url=f"{url}/discussions/1"
    )
    assert len(repo.discussions) == 1
    assert content(repo, "README.md") == CARD
    second = client.call(send, "ada/model", {"README.md": b"# Best"}, head, {"create_pr": True}, token=bob)
    assert second.pr_url == f"{url}/discussions/2"


def test_a_branch_is_committed_to(server: HubServer, client: Client, ada: str) -> None:
    """Also one with a slash in its name, and the main one stays."""
    repo = server.repo("ada/model", FILES)
    repo.refs["next/one"] = repo.head.oid
    done = client.call(send, "ada/model", {"a.txt": b"a"}, repo.head.oid, {"revision": "next/one"}, token=ada)
    assert repo.refs["next/one"] == done.oid != repo.refs["main"]


PASSING = {
    "503": {"answer": Answer.of({"error": "sorry"}, 503)},
    "502 html": {"answer": Answer(502, b"<html>sorry</html>")},
    "429": {"answer": Answer.error(429, None, "slow", **{"Retry-After": "1"})},
    "drop": {"drop": True},
    "drop after": {"drop": True, "after": True},
    "500 after": {"answer": Answer(500), "after": True},
    "nonsense after": {"answer": Answer(200, b"<html>hotel</html>"), "after": True},
}
REQUESTS = {
    "yaml": ("POST", "/validate-yaml"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/objects/batch"),
    "bytes": ("PUT", "^/lfs/"),
    "verify": ("POST", "/objects/verify"),
    "commit": ("POST", "/commit/"),
}


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_passing_faults_are_got_over(server: HubServer, client: Client, ada: str, request_name: str, kind: str) -> None:
    """Each fault once at each request: one commit, with everything; nonsense alone may end it, without any."""
    repo = server.repo("ada/model")
    method, path = REQUESTS[request_name]
    server.faults.append(Fault(method, path, **PASSING[kind]))  # type: ignore[arg-type]
    hopeless = kind == "nonsense after" and request_name not in ("commit", "bytes", "verify")
    if hopeless:
        with pytest.raises(HubError):
            client.call(send, "ada/model", FILES, repo.head.oid, token=ada)
        assert len(repo.commits) == 1
    done = client.call(send, "ada/model", FILES, repo.refs["main"], token=ada)
    assert (done.oid, done.changed, len(repo.commits)) == (repo.head.oid, True, 2)
    assert set(FILES) <= set(repo.head.files)


LASTING = {
    "503": ({"answer": Answer.of({"error": "sorry"}, 503)}, HubUnreachable, "answers 503"),
    "502 html": ({"answer": Answer(502, b"<html>sorry</html>")}, HubUnreachable, "answers 502"),
    "429": ({"answer": Answer(429)}, HubUnreachable, "too many requests"),
    "drop": ({"drop": True}, HubUnreachable, "no connection"),
    "403": ({"answer": Answer.error(403, None, "no")}, HubAccessDenied, "answers 403"),
}


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_lasting_faults_leave_nothing_behind(
    server: HubServer, client: Client, ada: str, request_name: str, kind: str
) -> None:
    """One clear error, no commit, and a second attempt that does not send again what is stored."""
    repo = server.repo("ada/model")
    method, path = REQUESTS[request_name]
    options, error, said = LASTING[kind]
    server.faults.append(Fault(method, path, times=99, **options))  # type: ignore[arg-type]
    with pytest.raises(error, match=said) as failed:
        client.call(send, "ada/model", FILES, repo.head.oid, token=ada)
    assert failed.value.hint
    assert "Traceback" not in str(failed.value)
    assert len(repo.commits) == 1
    asked = len(server.log(method, path))
    assert asked <= 6, "our tries are not those of the client times ours"
    server.faults.clear()
    stored = set(repo.stored)
    server.requests.clear()
    client.call(send, "ada/model", FILES, repo.head.oid, token=ada)
    assert len(repo.commits) == 2
    assert len(server.log("PUT")) == (0 if stored else 1)


def test_a_lost_answer_is_looked_up_below_later_commits(server: HubServer, client: Client, ada: str) -> None:
    """Our commit is found although somebody committed on top of it before we looked."""
    repo = server.repo("ada/model")
    parent = repo.head.oid
    server.faults.append(Fault("POST", "/commit/", after=True, drop=True, run=lambda: repo.commit({"b.txt": b"b"})))
    done = client.call(send, "ada/model", FILES, parent, token=ada)
    assert done.oid == repo.head.parent
    assert len(repo.commits) == 3
    assert [request.status for request in server.log("POST", "/commit/")] == [0]


def test_what_cannot_be_looked_up_is_said(server: HubServer, client: Client, ada: str) -> None:
    """The Hub goes down just after it made the commit: the error says that nobody knows, and where to look."""
    repo = server.repo("ada/model")
    parent = repo.head.oid
    server.faults += [
        Fault("POST", "/commit/", after=True, drop=True),
        Fault("GET", "/api/models/", times=99, answer=Answer(503)),
    ]
    with pytest.raises(HubUnreachable, match="whether ada/model was changed is not known") as unknown:
        client.call(send, "ada/model", FILES, parent, token=ada)
    assert f"{server.endpoint}/ada/model/commits/main" in (unknown.value.hint or "")
    server.faults.clear()
    assert client.call(send, "ada/model", FILES, parent, token=ada).oid == repo.head.oid
    assert len(repo.commits) == 2


def test_an_edit_in_the_meantime_is_told(server: HubServer, client: Client, ada: str) -> None:
    """Before and during: nothing of ours is there, and the edit is."""
    repo = server.repo("ada/model", FILES)
    parent = repo.head.oid
    server.faults.append(Fault("POST", "/commit/", run=lambda: repo.commit({"README.md": b"edited"})))
    for _ in range(2):
        with pytest.raises(HeadMoved, match="in the meantime"):
            client.call(send, "ada/model", {"README.md": b"# Ours"}, parent, token=ada)
    assert content(repo, "README.md") == b"edited"
    client.call(send, "ada/model", {"README.md": b"# Both"}, repo.head.oid, token=ada)
    assert content(repo, "README.md") == b"# Both"


def test_five_publishers_lose_nothing(server: HubServer, ada: str) -> None:
    """Who meets another one looks, merges and commits again; the history is a line."""
    repo = server.repo("ada/model", {"notes.txt": b""})
    subprocess.run([sys.executable, "-c", PUBLISH], cwd=ROOT, env=server.environment(ada), check=True, timeout=60)
    notes = content(repo, "notes.txt")
    assert notes is not None
    assert sorted(notes.split()) == [b"0", b"1", b"2", b"3", b"4"]
    assert len(repo.history(repo.head)) == len(repo.commits) == 7


PUBLISH = """
import os
from huggingface_hub import HfApi
from cardgen.errors import HeadMoved
from cardgen.hub.commit import commit
from cardgen.hub.look import read_text, repository

def publish(number):
    while True:
        there = repository("ada/model")
        text = read_text("ada/model", "notes.txt", there.sha)
        try:
            add = {"notes.txt": f"{text}{number}\\n".encode()}
            return commit("ada/model", parent=there.sha, message="note", add=add)
        except HeadMoved:
            pass

children = []
for number in range(5):
    children.append(os.fork())
    if children[-1] == 0:
        publish(number)
        os._exit(0)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
"""


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("README.md", b"---\nlicense: gpl-9\n---\n", "license"),
        ("config.json", b"hf_" + b"a" * 34, "secrets: config.json"),
        ("a\\b.txt", b"a", "Invalid path"),
    ],
)
def test_what_the_hub_refuses_is_quoted(
    server: HubServer, client: Client, ada: str, name: str, data: bytes, said: str
) -> None:
    """In one line, and nothing is there."""
    repo = server.repo("ada/model")
    with pytest.raises(HubRefused, match=said) as refused:
        client.call(send, "ada/model", {"a.txt": b"a", name: data}, repo.head.oid, token=ada)
    assert "\n" not in str(refused.value)
    assert len(repo.commits) == 1


def test_who_may_not_is_told_before_anything_is_sent(server: HubServer, client: Client, ada: str) -> None:
    """Without a token, with one for reading, and in a repository that is not there."""
    repo = server.repo("ada/model")
    for token, error in ((None, HubAccessDenied), (server.token("ada", "read"), HubAccessDenied)):
        with pytest.raises(error):
            client.call(send, "ada/model", FILES, repo.head.oid, token=token)
    with pytest.raises(RepositoryNotFound):
        client.call(send, "ada/none", FILES, "0" * 40, token=ada)
    assert not server.log("PUT")
    assert not server.log("POST", "/commit/")


def test_a_file_that_would_be_left_out_stops_it(server: HubServer, client: Client, ada: str) -> None:
    """The repository's `.gitignore` would have the client leave it out silently."""
    repo = server.repo("ada/model", {".gitignore": b"*.safetensors\n"})
    with pytest.raises(HubRefused, match=r"\.gitignore of ada/model leaves out model\.safetensors"):
        client.call(send, "ada/model", FILES, repo.head.oid, token=ada)
    assert len(repo.commits) == 2
    assert not server.log("PUT")


@pytest.mark.parametrize("where", ["/objects/batch", "/objects/verify"])
def test_a_file_that_changes_is_not_published(
    server: HubServer, client: Client, ada: str, tmp_path: Path, where: str
) -> None:
    """Before its bytes are sent the Hub would refuse them, after that nobody but us sees it."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    repo = server.repo("ada/model")
    server.faults.append(Fault("POST", where, run=lambda: path.write_bytes(WEIGHTS[::-1] + b"\0")))
    with pytest.raises((FileProblem, HubRefused)):
        client.call(send, "ada/model", {"README.md": CARD, path.name: path}, repo.head.oid, token=ada)
    with pytest.raises(FileProblem, match="cannot read"):
        client.call(send, "ada/model", {"none.bin": tmp_path / "none.bin"}, repo.head.oid, token=ada)
    assert len(repo.commits) == 1


# --- patience


@pytest.mark.parametrize("where", [("POST", "/preupload/"), ("PUT", "/lfs/"), ("POST", "/commit/")])
def test_a_deadline_ends_a_silence(server: HubServer, client: Client, ada: str, where: tuple[str, str]) -> None:
    """Wherever the Hub falls silent; nobody waits for what would come too late."""
    repo = server.repo("ada/model")
    server.faults.append(Fault(*where, times=99, stall=True))
    began = time.monotonic()
    with pytest.raises(HubUnreachable):
        client.call(send, "ada/model", FILES, repo.head.oid, None, {"deadline": 0.5}, token=ada)
    assert time.monotonic() - began < 5
    assert len(repo.commits) == 1


def test_a_deadline_ends_an_upload(server: HubServer, client: Client, ada: str, tmp_path: Path) -> None:
    """In the middle of a large file; where there is time, it goes up as well."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    repo = server.repo("ada/model")
    server.faults.append(Fault("PUT", "/lfs/", pace=1.0))
    with pytest.raises(HubUnreachable, match="gave up after 1 s"):
        client.call(send, "ada/model", {path.name: path}, repo.head.oid, None, {"deadline": 1.0}, token=ada)
    server.faults.clear()
    client.call(send, "ada/model", {path.name: path}, repo.head.oid, None, {"deadline": 60.0}, token=ada)
    assert repo.head.files[path.name].size == len(WEIGHTS)


def test_a_silence_is_not_waited_out(server: HubServer, client: Client, ada: str) -> None:
    """Each request has a limit of its own; a commit that is made during it is found."""
    repo = server.repo("ada/model")
    server.faults.append(Fault("POST", "/commit/", after=True, stall=True))
    done = client.call(send, "ada/model", FILES, repo.head.oid, None, {"silence": 0.3}, token=ada)
    assert (done.oid, len(repo.commits)) == (repo.head.oid, 2)


def test_a_wait_that_the_hub_asks_for_has_a_ceiling(server: HubServer, client: Client, ada: str) -> None:
    """Too long a wait is an error with the number, also where the client itself would have waited."""
    repo = server.repo("ada/model")
    slow = Answer.error(429, None, "slow", RateLimit='"api";r=0;t=299')
    for method, path in (("POST", "/preupload/"), ("PUT", "/lfs/"), ("POST", "/commit/")):
        server.faults[:] = [Fault(method, path, times=99, answer=slow)]
        with pytest.raises(HubUnreachable, match="asks to wait 300 s"):
            client.call(send, "ada/model", FILES, repo.head.oid, token=ada)
        assert len(server.log(method, path)) <= 2
    assert len(repo.commits) == 1


def test_waits_are_read_in_each_form() -> None:
    """Whole seconds, a date, the Hub's own header; what cannot be read asks for nothing."""
    assert asked_wait({"Retry-After": "7"}) == 7
    assert asked_wait({"RateLimit": '"api";r=0;t=55', "Retry-After": "7"}) == 56
    assert asked_wait({"RateLimit": '"api";r=3;t=55'}) is None
    assert asked_wait({"RateLimit": '"burst";r=7;t=2, "api"; t=55; r=0'}) == 56
    assert asked_wait({"Retry-After": "soon"}) is None
    assert asked_wait({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert (asked_wait({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}) or 0) > 1e9


def test_waits_are_told_and_grow(server: HubServer, client: Client) -> None:
    """Twice as long each time, or as long as the Hub asks; and whoever listens is told why."""
    server.repo("ada/model")
    server.faults += [
        Fault("GET", "/api/models/", times=2, answer=Answer(503)),
        Fault("GET", "/api/models/", answer=Answer(503, headers={"Retry-After": "30"})),
        Fault("GET", "/api/models/", drop=True),
    ]
    slept, told = client.call(_listen)
    assert slept == [1, 2, 30, 8]
    assert told[2].endswith("answers 503: it is down or overloaded; trying again in 30 s")
    assert "no connection" in told[3]


def _listen() -> tuple[list[float], list[str]]:
    slept: list[float] = []
    told: list[str] = []
    with connection(Policy(sleep=slept.append, notice=told.append)):
        look.repository("ada/model")
    return slept, told


def test_the_clients_own_sessions_come_back(server: HubServer, client: Client) -> None:
    """Afterwards they are the user's again, time-outs and headers; within, a user's own are kept."""
    server.repo("ada/model")
    assert client.call(_use_own_session) == (True, True)
    assert server.log("GET", "/api/models/")[-1].headers["x-proxy"] == "mine"


def _use_own_session() -> tuple[bool, bool]:
    import huggingface_hub
    from huggingface_hub.utils import _http

    library: Any = huggingface_hub
    internal: Any = _http
    name = "_GLOBAL_CLIENT_FACTORY" if hasattr(library, "set_client_factory") else "_GLOBAL_BACKEND_FACTORY"
    configure = getattr(library, "set_client_factory", None) or library.configure_http_backend
    default = getattr(internal, name)

    def own() -> Any:
        session = default()
        session.headers["X-Proxy"] = "mine"
        return session

    configure(own)
    try:
        with connection(Policy()) as outer, connection(Policy()) as inner:
            look.repository("ada/model")
            same = outer is inner
        return same, getattr(internal, name) is own
    finally:
        configure(default)


def test_offline_is_not_tried(server: HubServer) -> None:
    """The settings forbid it: no request, no wait."""
    with Client(server.endpoint, HF_HUB_OFFLINE="1") as client:
        with pytest.raises(HubOffline):
            client.call(look.repository, "ada/model")
        assert client.call(look.is_public_dataset, "ada/open") is None
    assert not server.requests


INTERRUPTED = """
from pathlib import Path
from cardgen.hub.commit import commit
files = {f"{n}.safetensors": Path(f"{n}.safetensors") for n in range(SHARDS)}
commit("ada/model", parent="PARENT", message="release", add=files)
"""


@pytest.mark.parametrize(
    ("shards", "fault"), [(1, Fault("PUT", "/lfs/", stall=True)), (3, Fault("PUT", "/lfs/", times=99, pace=5.0))]
)
def test_ctrl_c_ends_an_upload(server: HubServer, ada: str, tmp_path: Path, shards: int, fault: Fault) -> None:
    """Soon, also while the client sends several files in threads; without a commit."""
    repo = server.repo("ada/model")
    for number in range(shards):
        (tmp_path / f"{number}.safetensors").write_bytes(WEIGHTS + b"%d" % number)
    server.faults.append(fault)
    code = INTERRUPTED.replace("SHARDS", str(shards)).replace("PARENT", repo.head.oid)
    variables = server.environment(ada, tmp_path / "home", PYTHONPATH=str(ROOT))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=variables, stderr=subprocess.PIPE)
    until = time.monotonic() + 30
    while len(server.log("PUT")) < shards and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=40)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in errors
    assert len(repo.commits) == 1


def test_the_other_transfer_is_as_good(hub: HubServer, tmp_path: Path) -> None:
    """Xet: up, the same again, a lost answer."""
    pytest.importorskip("hf_xet")
    token, repo = hub.token("ada"), hub.repo("ada/model")
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    with Client(hub.endpoint, hasty=True, HF_HUB_DISABLE_XET="0", HF_HOME=str(tmp_path / "home")) as client:
        hub.faults.append(Fault("POST", "/commit/", drop=True, after=True))
        add = {**FILES, path.name: path, "onnx/model.onnx": b"\0onnx"}
        done = client.call(send, "ada/model", add, repo.head.oid, token=token)
        assert (done.oid, len(repo.commits)) == (repo.head.oid, 2)
        assert hub.log("GET", "/xet-write-token/")
        assert not hub.log("PUT")
        assert not client.call(send, "ada/model", add, repo.head.oid, token=token).changed


@pytest.mark.parametrize(
    "answer",
    [Answer.error(404, None, "no"), Answer.error(403, None, "no"), Answer(503), Answer(200, b"<html>"), Answer.of([])],
)
def test_a_hub_without_the_other_transfer_gets_plain_lfs(hub: HubServer, tmp_path: Path, answer: Answer) -> None:
    """Where it gives no token for Xet; the client would fail, or ask for one for ever."""
    pytest.importorskip("hf_xet")
    token, repo = hub.token("ada"), hub.repo("ada/model")
    hub.faults.append(Fault("GET", "/xet-write-token/", times=99, answer=answer))
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    with Client(hub.endpoint, hasty=True, HF_HUB_DISABLE_XET="0", HF_HOME=str(tmp_path / "home")) as client:
        done = client.call(send, "ada/model", {**FILES, path.name: path}, repo.head.oid, token=token)
    assert (done.oid, len(repo.commits)) == (repo.head.oid, 2)
    assert len(hub.log("PUT")) == 1


def test_threads_take_turns(server: HubServer, client: Client) -> None:
    """Two publishes of one process do not undo each other's sessions; who may not wait is told."""
    assert client.call(_take_turns) == "another publish of this process has not ended yet"


def _take_turns() -> str:
    entered, done = threading.Event(), threading.Event()

    def hold() -> None:
        with connection():
            entered.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    try:
        with connection(Policy(deadline=0.05)):
            return "entered"
    except HubUnreachable as error:
        return str(error)
    finally:
        done.set()
        thread.join()
