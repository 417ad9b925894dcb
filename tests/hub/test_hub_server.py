"""The test Hub keeps to what the real one is known to do: the unmodified client is its witness.

Both clients of `pyproject.toml`'s range (0.36 and 2.x) run these tests; nothing here is of one of them only.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.hub_server import Client, HubServer
from tests.hub_server.client import ApiError
from tests.hub_server.http import Answer, Fault

XET = importlib.util.find_spec("hf_xet") is not None
ROOT = Path(__file__).parent.parent.parent
CARD = b"---\nlicense: mit\ntags:\n- a\n---\n# Card\n"
WEIGHTS = b"\0weights" * 1000


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
    server.hub.page, server.hub.part = 50, 1 << 30


def test_a_token_has_a_name_a_role_and_organizations(server: HubServer, client: Client, ada: str) -> None:
    """`whoami` tells them; with a token that is none of the Hub's, or without one, it is refused."""
    who = client.api("whoami", token=ada)
    assert (who["name"], [org["name"] for org in who["orgs"]]) == ("ada", ["acme", "club"])
    assert who["auth"]["accessToken"]["role"] == "write"
    with pytest.raises(ApiError) as refused:
        client.api("whoami", token="hf_nobody")
    assert refused.value.status == 401
    with pytest.raises(ApiError):
        client.api("whoami")


def test_a_new_repository_has_one_commit_of_the_hub(server: HubServer, client: Client, ada: str) -> None:
    """It is private if that is asked for, exists once, and its first commit is not its owner's."""
    url = client.api("create_repo", "ada/new", private=True, token=ada)
    assert url.repo_id == "ada/new"
    info = client.api("model_info", "ada/new", token=ada)
    assert (info.private, [file.rfilename for file in info.siblings]) == (True, [".gitattributes"])
    (first,) = client.api("list_repo_commits", "ada/new", token=ada)
    assert (first.title, first.authors) == ("initial commit", ["system"])
    with pytest.raises(ApiError) as taken:
        client.api("create_repo", "ada/new", token=ada)
    assert taken.value.status == 409
    client.api("create_repo", "ada/new", token=ada, exist_ok=True)  # needs the address in the answer
    client.api("create_repo", "acme/new", private=False, token=ada)
    assert not client.api("model_info", "acme/new").private


@pytest.mark.parametrize("repo_id", ["bob/new", "club/new", "nobody/new"])
def test_others_namespaces_are_closed(server: HubServer, client: Client, ada: str, repo_id: str) -> None:
    """A repository is made below one's own name or an organization where one may write."""
    with pytest.raises(ApiError) as refused:
        client.api("create_repo", repo_id, token=ada)
    assert refused.value.status == 403


def test_who_may_not_write_may_not_write(server: HubServer, client: Client, ada: str) -> None:
    """Strangers, tokens for reading, for another repository or of a reading member get 403; without a token 401."""
    repo = server.repo("ada/model", {"README.md": CARD})
    server.repo("club/model")
    tokens = {
        server.token("bob"): "ada/model",
        server.token("ada", "read"): "ada/model",
        server.token("ada", "fineGrained", scopes={"ada/other": {"repo.write"}}): "ada/model",
        ada: "club/model",
    }
    for token, repo_id in tokens.items():
        with pytest.raises(ApiError) as refused:
            client.commit(repo_id, {"a.txt": b"a"}, token=token)
        assert refused.value.status == 403, server.hub.users[token]
    with pytest.raises(ApiError) as unknown:
        client.commit("ada/model", {"a.txt": b"a"})
    assert unknown.value.status == 401
    assert len(repo.commits) == 2
    narrow = server.token("ada", "fineGrained", scopes={"ada/model": {"repo.write"}})
    client.commit("ada/model", {"a.txt": b"a"}, token=narrow)
    assert repo.head.files["a.txt"].data == b"a"


def test_private_and_gated_repositories_are_told_apart(server: HubServer, client: Client, ada: str) -> None:
    """A private one is not there for others, whoever they are; a gated one is, but not its files."""
    server.repo("ada/secret", {"README.md": CARD}, private=True)
    server.repo("ada/gated", {"README.md": CARD}, gated="auto").granted.add("bob")
    bob, eve = server.token("bob"), server.token("eve")
    for token in (None, bob):
        assert client.api("repo_exists", "ada/secret", token=token) is False
    assert client.api("repo_exists", "ada/secret", token=ada)
    assert client.api("model_info", "ada/gated", token=eve).gated == "auto"
    client.api("auth_check", "ada/gated", token=bob)
    with pytest.raises(ApiError) as gated:
        client.api("auth_check", "ada/gated", token=eve)
    assert (gated.value.kind, gated.value.status) == ("GatedRepoError", 403)
    with pytest.raises(ApiError) as missing:
        client.api("auth_check", "ada/secret", token=eve)
    assert (missing.value.kind, missing.value.status) == ("RepositoryNotFoundError", 404)


def test_settings_rename_and_delete(server: HubServer, client: Client, ada: str) -> None:
    """The owner changes who may see a repository, its name, and whether it is there; readers follow to a new name."""
    repo = server.repo("ada/old", {"README.md": CARD}, private=True)
    client.api("update_repo_settings", "ada/old", private=False, gated="manual", token=ada)
    assert (repo.private, repo.gated) == (False, "manual")
    client.api("move_repo", "ada/old", "acme/new", token=ada)
    assert client.api("model_info", "ada/old").id == "acme/new"
    assert client.api("list_repo_refs", "ada/old").branches[0].name == "main"
    with pytest.raises(ApiError) as moved:
        client.commit("ada/old", {"a.txt": b"a"}, token=ada)
    assert moved.value.status == 404
    with pytest.raises(ApiError) as taken:
        client.api("create_repo", "ada/old", token=ada)
    assert taken.value.status == 409
    client.api("delete_repo", "acme/new", token=ada)
    assert not client.api("repo_exists", "acme/new")


def test_a_commit_has_regular_and_large_files(server: HubServer, client: Client, ada: str, tmp_path: Path) -> None:
    """Both are in one commit; what is sent is what is had, and what a listing tells of it is right."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    repo = server.repo("ada/model")
    done = client.commit("ada/model", {"README.md": CARD, "a/b.json": b"{}", path.name: path}, token=ada)
    assert (repo.head.oid, repo.head.author, repo.head.title) == (done.oid, "ada", "release")
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    (put,) = server.log("PUT")
    assert (put.size, put.token, put.status) == (len(WEIGHTS), None, 200)
    readme, weights = client.api("get_paths_info", "ada/model", ["README.md", path.name, "none"])
    assert (readme.size, readme.blob_id, readme.lfs) == (len(CARD), repo.head.files["README.md"].oid, None)
    assert (weights.size, weights.lfs["sha256"]) == (len(WEIGHTS), sha256)
    top = [entry.path for entry in client.api("list_repo_tree", "ada/model")]
    assert top == [".gitattributes", "README.md", "a", path.name]
    server.hub.page = 2
    paths = [entry.path for entry in client.api("list_repo_tree", "ada/model", recursive=True)]
    assert paths == [".gitattributes", "README.md", "a", "a/b.json", path.name]
    for name, data in {"README.md": CARD, path.name: WEIGHTS}.items():
        assert Path(client.api("hf_hub_download", "ada/model", name, local_dir=tmp_path / "got")).read_bytes() == data


def test_the_same_again_is_no_commit(server: HubServer, client: Client, ada: str) -> None:
    """The client learns what is there already; and a large file of an earlier attempt is not sent twice."""
    repo = server.repo("ada/model")
    files = {"README.md": CARD, "model.safetensors": WEIGHTS}
    first = client.commit("ada/model", files, token=ada)
    again = client.commit("ada/model", files, token=ada)
    assert (again.oid, len(repo.commits)) == (first.oid, 2)
    server.requests.clear()
    other = server.repo("ada/other")
    server.faults.append(Fault("POST", "/commit/", answer=Answer.error(500, None, "sorry")))
    with pytest.raises(ApiError):
        client.commit("ada/other", files, token=ada)
    assert len(other.commits) == 1
    client.commit("ada/other", files, token=ada)
    assert len(server.log("PUT")) == 1
    assert other.head.files["model.safetensors"].size == len(WEIGHTS)


def test_large_files_may_come_in_parts(server: HubServer, client: Client, ada: str) -> None:
    """Each part has its own address; the whole is checked."""
    server.hub.part = 3000
    repo = server.repo("ada/model")
    client.commit("ada/model", {"model.safetensors": WEIGHTS}, token=ada)
    assert sorted(put.size for put in server.log("PUT")) == [2000, 3000, 3000]
    assert repo.head.files["model.safetensors"].sha256 == hashlib.sha256(WEIGHTS).hexdigest()


def test_files_are_deleted_and_moved(server: HubServer, client: Client, ada: str) -> None:
    """A file, a folder; what is not there cannot be deleted, and then nothing is."""
    repo = server.repo("ada/model", {"README.md": CARD, "a.txt": b"a", "old/b.txt": b"b", "old/c.txt": b"c"})
    client.commit("ada/model", {"new/a.txt": b"a"}, delete=["a.txt", "old/"], token=ada)
    assert sorted(repo.head.files) == [".gitattributes", "README.md", "new/a.txt"]
    with pytest.raises(ApiError) as missing:
        client.commit("ada/model", {"d.txt": b"d"}, delete=["none.txt"], token=ada)
    assert missing.value.status == 404
    assert "d.txt" not in repo.head.files


def test_gitignore_is_applied_by_the_hub(server: HubServer, client: Client, ada: str) -> None:
    """Whether it is there already or comes along."""
    repo = server.repo("ada/model", {".gitignore": b"*.log\n!keep.log\ncache/\n"})
    files = {"a.log": b"a", "keep.log": b"b", "cache/c.txt": b"c", "d.txt": b"d"}
    client.commit("ada/model", files, token=ada)
    assert {"keep.log", "d.txt"} == set(files) & set(repo.head.files)
    client.commit("ada/model", {".gitignore": b"d.*", "d.txt": b"new", "a.log": b"a"}, token=ada)
    assert repo.head.files["d.txt"].data == b"d"
    assert "a.log" in repo.head.files


def test_a_stale_parent_is_refused(server: HubServer, client: Client, ada: str) -> None:
    """412, whatever happened in the meantime; a parent that is no commit of the repository as well."""
    repo = server.repo("ada/model", {"README.md": CARD})
    parent = repo.head.oid
    repo.commit({"README.md": b"edited"}, author="bob")
    for stale in (parent, "0" * 40):
        with pytest.raises(ApiError) as refused:
            client.commit("ada/model", {"a.txt": b"a"}, parent_commit=stale, token=ada)
        assert refused.value.status == 412
    client.commit("ada/model", {"a.txt": b"a"}, parent_commit=repo.head.oid, token=ada)
    assert (repo.head.files["README.md"].data, repo.head.files["a.txt"].data) == (b"edited", b"a")


def test_five_writers_lose_nothing(server: HubServer, client: Client, ada: str) -> None:
    """Who is refused for a stale parent reads again; every line of all is there in the end, in a line of commits."""
    repo = server.repo("ada/model", {"notes.txt": b""})
    client.call(_write_concurrently, ada)
    notes = repo.head.files["notes.txt"].data
    assert notes is not None
    assert sorted(notes.split()) == sorted(b"%d-%d" % (writer, turn) for writer in range(5) for turn in range(2))
    assert len(repo.history(repo.head)) == len(repo.commits) == 12
    assert 412 in {request.status for request in server.log("POST", "/commit/")}


def _write_concurrently(token: str) -> None:
    from huggingface_hub import CommitOperationAdd, HfApi, get_session
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=token)
    together = threading.Barrier(5)

    def add(line: str) -> None:
        for _ in range(50):
            sha = api.model_info("ada/model").sha
            text = get_session().get(f"{api.endpoint}/ada/model/resolve/{sha}/notes.txt").text
            operation = CommitOperationAdd("notes.txt", f"{text}{line}\n".encode())
            try:
                api.create_commit("ada/model", [operation], commit_message=line, parent_commit=sha)
                return
            except HfHubHTTPError as error:
                if error.response.status_code != 412:
                    raise
        raise AssertionError("never got through")

    def write(number: int) -> None:
        together.wait()
        for turn in range(2):
            add(f"{number}-{turn}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "metadata",
    [
        "license: gpl-9",
        "license: other",
        "language: English",
        "tags: a",
        "tags: [1]",
        "license:",
        "a: 1\na: 2",
        "a: [",
        "- list",
        "base_model: ./out/final model",
        "model-index: {}",
        "model-index: [{name: m, results: [{task: {type: t}, dataset: {type: d, name: n}, metrics: [{type: x}]}]}]",
    ],
)
def test_metadata_is_checked_twice(server: HubServer, client: Client, ada: str, metadata: str) -> None:
    """The client asks before anything is sent; who does not ask is refused at the commit."""
    repo = server.repo("ada/model")
    readme = f"---\n{metadata}\n---\n".encode()
    with pytest.raises(ApiError, match="metadata"):
        client.commit("ada/model", {"README.md": readme, "model.safetensors": WEIGHTS}, token=ada)
    assert [request.path for request in server.log("POST PUT")] == ["/api/validate-yaml"]
    server.faults.append(Fault("POST", "validate-yaml", answer=Answer.of({"errors": [], "warnings": []})))
    with pytest.raises(ApiError) as refused:
        client.commit("ada/model", {"README.md": readme}, token=ada)
    assert refused.value.status == 400
    assert len(repo.commits) == 1


@pytest.mark.parametrize("text", ["# none\n", "---\n---\n"])
def test_missing_metadata_are_a_warning(server: HubServer, client: Client, ada: str, text: str) -> None:
    """Such a card is taken."""
    repo = server.repo("ada/model")
    client.commit("ada/model", {"README.md": text.encode()}, token=ada)
    assert repo.head.files["README.md"].data == text.encode()


def test_secrets_and_large_cards_are_refused(server: HubServer, client: Client, ada: str) -> None:
    """A token in a file, regular or large, and a card of more than 10 MiB; each time nothing is taken."""
    repo = server.repo("ada/model")
    for name, data in {
        "config.json": ada.encode(),
        "model.safetensors": WEIGHTS + ada.encode(),
        "README.md": b"#" * (10 * 1024 * 1024 + 1),
    }.items():
        with pytest.raises(ApiError) as refused:
            client.commit("ada/model", {"a.txt": b"a", name: data}, token=ada)
        assert refused.value.status == 400
        assert name in refused.value.text
    assert len(repo.commits) == 1
    assert server.received(ada)
    assert not server.received("hf_somebody_else")


def test_300_files_are_one_commit(server: HubServer, client: Client, ada: str) -> None:
    """The client asks in portions of 256, which is all that the Hub takes."""
    repo = server.repo("ada/model")
    client.commit("ada/model", {f"{number}.txt": b"%d" % number for number in range(300)}, token=ada)
    assert len(repo.commits) == 2
    assert len(server.log("POST", "/preupload/")) == 2


def test_a_pull_request_begins_at_its_parent_and_is_merged(server: HubServer, client: Client, ada: str) -> None:
    """Anybody may open one with regular files; the owner merges it; edits of others stay."""
    repo = server.repo("ada/model", {"README.md": CARD, "a.txt": b"a"})
    parent = repo.head.oid
    repo.commit({"b.txt": b"b"})
    bob = server.token("bob")
    done = client.commit("ada/model", {"a.txt": b"new"}, create_pr=True, parent_commit=parent, token=bob)
    assert (done.pr_url, done.oid) == (f"{server.endpoint}/ada/model/discussions/1", repo.refs["refs/pr/1"])
    assert "b.txt" not in repo.commits[done.oid].files
    details = client.api("get_discussion_details", "ada/model", 1)
    assert (details.status, details.author, details.conflicting_files) == ("open", "bob", [])
    for token, wanted in ((bob, 403), (server.token("ada", "read"), 403)):
        with pytest.raises(ApiError) as refused:
            client.api("merge_pull_request", "ada/model", 1, token=token)
        assert refused.value.status == wanted
    client.api("merge_pull_request", "ada/model", 1, token=ada)
    assert {name: repo.head.files[name].data for name in ("a.txt", "b.txt")} == {"a.txt": b"new", "b.txt": b"b"}
    assert [each.status for each in client.api("get_repo_discussions", "ada/model")] == ["merged"]
    with pytest.raises(ApiError) as large:
        client.commit("ada/model", {"model.safetensors": WEIGHTS}, create_pr=True, token=bob)
    assert large.value.status == 403


def test_a_draft_is_opened_before_it_is_merged(server: HubServer, client: Client, ada: str) -> None:
    """The long way: a pull request without changes, a commit on its branch, its status."""
    repo = server.repo("ada/model", {"a.txt": b"a"})
    pull = client.api("create_pull_request", "ada/model", title="Better", token=ada)
    assert (pull.num, pull.status) == (1, "draft")
    client.commit("ada/model", {"a.txt": b"new"}, revision="refs/pr/1", token=ada)
    assert repo.head.files["a.txt"].data == b"a"
    with pytest.raises(ApiError):
        client.api("merge_pull_request", "ada/model", 1, token=ada)
    client.api("change_discussion_status", "ada/model", 1, "open", token=ada)
    client.api("comment_discussion", "ada/model", 1, "good", token=ada)
    client.api("merge_pull_request", "ada/model", 1, token=ada)
    assert repo.head.files["a.txt"].data == b"new"


def test_branches_and_tags(server: HubServer, client: Client, ada: str) -> None:
    """They are made once, at a commit, and a commit on a branch leaves the others alone."""
    repo = server.repo("ada/model", {"a.txt": b"a"})
    client.api("create_branch", "ada/model", branch="next", token=ada)
    client.commit("ada/model", {"a.txt": b"next"}, revision="next", token=ada)
    client.api("create_tag", "ada/model", tag="v1", revision="next", token=ada)
    refs = client.api("list_repo_refs", "ada/model", include_pull_requests=True)
    assert {ref.name: ref.target_commit for ref in refs.branches} == repo.refs
    assert [(ref.name, ref.ref) for ref in refs.tags] == [("v1", "refs/tags/v1")]
    assert repo.head.files["a.txt"].data == b"a"
    assert client.api("model_info", "ada/model", revision="v1").sha == repo.refs["next"]
    for method, options in (("create_branch", {"branch": "next"}), ("create_tag", {"tag": "v1"})):
        with pytest.raises(ApiError) as taken:
            client.api(method, "ada/model", token=ada, **options)
        assert taken.value.status == 409
        client.api(method, "ada/model", token=ada, exist_ok=True, **options)
    for options in ({"branch": "refs/heads/x"}, {"branch": "a..b"}):
        with pytest.raises(ApiError) as bad:
            client.api("create_branch", "ada/model", token=ada, **options)
        assert bad.value.status == 400
    client.api("delete_tag", "ada/model", tag="v1", token=ada)
    client.api("delete_branch", "ada/model", branch="next", token=ada)
    with pytest.raises(ApiError) as gone:
        client.api("model_info", "ada/model", revision="next")
    assert gone.value.kind == "RevisionNotFoundError"


def test_commits_come_in_pages(server: HubServer, client: Client) -> None:
    """Newest first, all of them, also those of a branch with a slash in its name."""
    repo = server.repo("ada/model")
    for number in range(6):
        repo.commit({"a.txt": b"%d" % number}, title=f"edit {number}")
    repo.refs["my/branch"] = repo.head.oid
    server.hub.page = 3
    for revision in ("main", "my/branch"):
        listed = client.api("list_repo_commits", "ada/model", revision=revision)
        assert [commit.commit_id for commit in listed] == [commit.oid for commit in repo.history(repo.head)]
    assert len(server.log("GET", "/commits/")) == 6


def test_a_dataset_is_seen_by_those_who_may(server: HubServer, client: Client, ada: str) -> None:
    """As a model is."""
    server.hub.add("ada/rows", private=True, kind="dataset")
    assert client.api("dataset_info", "ada/rows", token=ada).private
    with pytest.raises(ApiError) as missing:
        client.api("dataset_info", "ada/rows")
    assert (missing.value.kind, missing.value.status) == ("RepositoryNotFoundError", 401)


def test_bytes_that_are_not_what_was_announced_are_refused(
    server: HubServer, client: Client, ada: str, tmp_path: Path
) -> None:
    """A file that changes between its hash and its upload: no commit, nothing stored."""
    repo = server.repo("ada/model")
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    server.faults.append(Fault("POST", "objects/batch", run=lambda: path.write_bytes(WEIGHTS[::-1])))
    with pytest.raises(ApiError) as refused:
        client.commit("ada/model", {path.name: path}, token=ada)
    assert refused.value.status == 400
    assert not repo.stored
    assert len(repo.commits) == 1


def test_a_pointer_without_its_content_is_refused(server: HubServer, client: Client, ada: str) -> None:
    """The batch is answered as if the content were there: the commit is not fooled."""
    repo = server.repo("ada/model")
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    there = Answer.of({"objects": [{"oid": digest, "size": len(WEIGHTS)}]})
    server.faults.append(Fault("POST", "objects/batch", answer=there))
    with pytest.raises(ApiError, match="never sent") as refused:
        client.commit("ada/model", {"model.safetensors": WEIGHTS}, token=ada)
    assert refused.value.status == 400
    assert len(repo.commits) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "commits"),
    [
        (Fault("POST", "/commit/", answer=Answer(503, b"<html>")), "HfHubHTTPError", 1),
        (Fault("POST", "/commit/", drop=True), "Error", 1),
        (Fault("POST", "/commit/", drop=True, after=True), "Error", 2),
        (Fault("POST", "/commit/", answer=Answer.error(500, None, "oops"), after=True), "HfHubHTTPError", 2),
        (Fault("POST", "/preupload/", answer=Answer.error(403, None, "no")), "HfHubHTTPError", 1),
        (Fault("POST", "/objects/batch", answer=Answer.of([])), "Error", 1),
        (Fault("PUT", "/lfs/", answer=Answer(500)), "", 2),
        (Fault("PUT", "/lfs/", skip=1, answer=Answer(500)), "", 2),
        (Fault("PUT", "/lfs/", answer=Answer(403)), "RuntimeError", 1),
        (Fault("POST", "/validate-yaml", answer=Answer(502, b"<html>")), "JSONDecodeError", 1),
    ],
)
def test_faults_do_what_they_say(
    server: HubServer, client: Client, ada: str, fault: Fault, kind: str, commits: int
) -> None:
    """Some the client gets over, some it does not; whether the commit was made all the same is another question."""
    repo = server.repo("ada/model")
    server.faults.append(fault)
    files = {"README.md": CARD, "model.safetensors": WEIGHTS}
    if kind:
        with pytest.raises(ApiError) as failed:
            client.commit("ada/model", files, token=ada)
        assert kind in failed.value.kind
    else:
        client.commit("ada/model", files, token=ada)
    assert len(repo.commits) == commits


def test_broken_downloads_are_taken_up(server: HubServer, client: Client, tmp_path: Path) -> None:
    """A transfer that breaks off is noticed; parts of a file can be had."""
    repo = server.repo("ada/model", {"model.safetensors": WEIGHTS, "a.txt": b"0123456789"})
    server.faults.append(Fault("GET", "/blobs/", cut=5000))
    with contextlib.suppress(ApiError):  # 0.36 gives up where 2.x tries again
        client.api("hf_hub_download", "ada/model", "model.safetensors", local_dir=tmp_path)
    path = client.api("hf_hub_download", "ada/model", "model.safetensors", local_dir=tmp_path)
    assert Path(path).read_bytes() == WEIGHTS
    assert [get.token for get in server.log("GET", "/blobs/")] == [None, None]
    blob = f"{server.blob_endpoint}/blobs/{repo.head.files['model.safetensors'].sha256}"
    small = f"{server.endpoint}/ada/model/resolve/main/a.txt"
    for url, wanted, data in (
        (blob, "bytes=7990-", WEIGHTS[7990:]),
        (small, "bytes=2-4", b"234"),
        (small, "bytes=8-99", b"89"),
    ):
        with urlopen(Request(url, headers={"Range": wanted})) as answer:
            assert (answer.status, answer.read()) == (206, data)
    with pytest.raises(HTTPError, match="416"):
        urlopen(Request(small, headers={"Range": "bytes=10-"})).close()


def test_a_stalled_server_ends_with_its_test(hub: HubServer) -> None:
    """Nothing is answered while it runs, and it can be stopped."""
    hub.repo("ada/model")
    hub.faults.append(Fault("GET", "/api/", stall=True))
    with Client(hub.endpoint) as client, pytest.raises(ApiError, match=r"(?i)time"):
        client.api("model_info", "ada/model", timeout=0.2)
    assert hub.log("GET", "/api/models/ada/model")[0].status == 0


def test_the_clients_own_transfer_works(hub: HubServer, tmp_path: Path) -> None:
    """Xet, by way of the store that hf_xet has for its tests: up, seen in the commit, down; a pointer alone is none."""
    if not XET:
        pytest.skip("hf_xet is not installed")
    token, repo = hub.token("ada"), hub.repo("ada/model")
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    with Client(hub.endpoint, HF_HUB_DISABLE_XET="0", HF_HOME=str(tmp_path / "home")) as client:
        client.commit("ada/model", {path.name: path, "other.bin": b"\0other"}, token=token)
        if hub.log("PUT"):
            pytest.skip("this client does not use the installed hf_xet")
        assert hub.log("GET", "/xet-write-token/")
        file = repo.head.files[path.name]
        assert (file.size, file.sha256) == (len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest())
        got = client.api("hf_hub_download", "ada/model", path.name, local_dir=tmp_path / "got")
        assert Path(got).read_bytes() == WEIGHTS
        assert hub.log("GET", "/xet-read-token/")
        assert not hub.log(path="^/(blobs|lfs)/")
        hub.faults.append(Fault("GET", "/xet-write-token/", answer=Answer.error(403, None, "no"), times=9))
        with pytest.raises(ApiError):
            client.commit("ada/model", {"third.bin": b"\0third"}, token=token)
        assert "third.bin" not in repo.head.files


ROUND_TRIP = """
import sys
from pathlib import Path
try:
    from sentence_transformers import SentenceTransformer
except ImportError:
    sys.exit(77)
from tests.tracking.tiny import build_st
local = build_st(Path(sys.argv[1]))
local.push_to_hub("ada/tiny")
again = SentenceTransformer("ada/tiny", device="cpu")
assert (again.encode("a cat") == local.encode("a cat")).all()
"""


@pytest.mark.skipif("CARDGEN_TEST_LONG" not in os.environ, reason="takes ten seconds; CARDGEN_TEST_LONG=1 runs it")
def test_sentence_transformers_finds_its_hub(hub: HubServer, tmp_path: Path) -> None:
    """The library's own push and load work, and what is loaded is what was pushed."""
    command = [sys.executable, "-c", ROUND_TRIP, str(tmp_path / "model")]
    variables = hub.environment(hub.token("ada"), tmp_path / "home")
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("sentence-transformers needs a newer client")
    assert done.returncode == 0, done.stderr
    head = hub.hub.repos["ada/tiny"].head
    assert head.author == "ada"
    assert {"README.md", "modules.json", "model.safetensors"} <= set(head.files)
