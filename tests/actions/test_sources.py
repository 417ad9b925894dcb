"""Sources of cards: files, folders, repositories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.sources import Source, read_source
from cardgen.errors import CardError, FileProblem, HubError, SettingsError
from tests.hub_server import Client, HubServer

CARD = "---\ntags: []\n---\n# Café\r\n".encode()
STATE = b'{"global_step": 12, "best_model_checkpoint": "out/checkpoint-12", "log_history": [{"loss": 0.5, "step": 12}]}'


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A checkpoint with a card."""
    folder = tmp_path / "checkpoint-12"
    folder.mkdir()
    (folder / "README.md").write_bytes(CARD)
    (folder / "trainer_state.json").write_bytes(STATE)
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.mark.parametrize("name", ["README.md", "card.txt", "ohne Endung"])
def test_a_file_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    """Under any name, byte for byte; the files around it are nobody's."""
    path = tmp_path / name
    path.write_bytes(CARD)
    (tmp_path / "trainer_state.json").write_bytes(STATE)
    assert read_source(path) == read_source(str(path)) == Source(str(path), CARD, None, f"file:{path}")


def test_a_relative_path_has_an_absolute_target(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is as it was given, the target holds from anywhere."""
    monkeypatch.chdir(folder)
    found = read_source("README.md")
    assert (found.name, found.target) == ("README.md", f"file:{folder}/README.md")
    assert read_source(".").target == found.target


def test_a_folder_is_its_readme_and_the_facts_beside_it(folder: Path) -> None:
    """The state of the trainer is read, the weights are left for later."""
    found = read_source(folder)
    assert (found.name, found.data, found.target) == (str(folder), CARD, f"file:{folder}/README.md")
    assert found.facts is not None
    assert found.facts.folder == folder
    assert found.facts.state is not None
    assert (found.facts.state.step, found.facts.state.best_checkpoint) == (12, "checkpoint-12")
    assert found.facts.notes == ()


def test_what_is_not_there_is_said(folder: Path) -> None:
    """A missing file and a folder without a card are named, with what to do."""
    with pytest.raises(FileProblem, match=r"cannot read .*/nothing: No such file") as missing:
        read_source(folder / "nothing")
    assert missing.value.hint
    (folder / "README.md").unlink()
    with pytest.raises(FileProblem, match=r"no README\.md in the folder .*checkpoint-12"):
        read_source(folder)
    (folder / "README.md").mkdir()
    with pytest.raises(FileProblem, match=r"no README\.md in the folder"):
        read_source(folder)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, ""])
def test_names_that_no_file_can_have_are_errors(name: str) -> None:
    """A line of a list that is no path gives an error of ours."""
    with pytest.raises(FileProblem):
        read_source(name)


def test_a_card_may_have_20_megabytes(folder: Path) -> None:
    """One byte more is no card, and is not read; a device without an end is given up as well."""
    path = folder / "README.md"
    with open(path, "wb") as file:
        file.truncate(20_000_000)
    assert len(read_source(path).data) == 20_000_000
    with open(path, "ab") as file:
        file.truncate(20_000_001)
    for source in (path, folder, Path("/dev/zero")):
        with pytest.raises(CardError, match="larger than 20 MB") as large:
            read_source(source)
        assert large.value.hint


def test_a_card_outside_its_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """A folder from elsewhere does not choose which of our files is read; a person who names the file does."""
    secret = tmp_path / "secret"
    secret.write_bytes(CARD)
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(secret)
    with pytest.raises(FileProblem, match="leads out of the folder") as refused:
        read_source(folder)
    assert refused.value.hint
    assert read_source(folder / "README.md").data == CARD
    (folder / "card.md").write_bytes(b"inside")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("card.md")
    assert read_source(folder).data == b"inside"


def test_a_folder_that_is_a_link_is_a_folder(folder: Path, tmp_path: Path) -> None:
    """What a person names may be a link."""
    (tmp_path / "latest").symlink_to(folder)
    found = read_source(tmp_path / "latest")
    assert found.data == CARD
    assert found.facts is not None
    assert found.facts.state is not None


def test_pipes_in_a_folder_are_not_waited_for(folder: Path) -> None:
    """A pipe that nobody writes to, under the name of a card or of a JSON file, hangs nothing."""
    (folder / "trainer_state.json").unlink()
    os.mkfifo(folder / "trainer_state.json")
    found = read_source(folder)
    assert found.facts is not None
    assert found.facts.state is None
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    with pytest.raises(FileProblem, match=r"no README\.md"):
        read_source(folder)


@pytest.mark.parametrize(
    "source",
    ["hf://", "hf://a/b/c", "hf://../../etc", "hf://a b", "hf://a/b@", "https://huggingface.co/a/b", "s3://x/y"],
)
def test_places_that_are_none_are_refused(source: str) -> None:
    """Before anything is asked for, with the forms that there are."""
    with pytest.raises(SettingsError, match="no source") as refused:
        read_source(source)
    assert refused.value.hint
    assert "hf://REPO" in refused.value.hint


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubServer]:
    with HubServer().running() as server:
        repo = server.hub.add("ada/model", {"README.md": CARD, "trainer_state.json": STATE, "model.safetensors": b"w"})
        repo.commit({"README.md": b"other"}, ref="v1")
        server.hub.rename("ada/model", "ada/better")
        yield server


def test_a_repository_is_its_card_and_small_files(server: HubServer) -> None:
    """With its present name as the target; another revision's text stands elsewhere."""
    with Client(server.endpoint) as client:
        found = client.call(read_source, "hf://ada/better")
        assert (found.name, found.data, found.target) == ("hf://ada/better", CARD, "hf://ada/better")
        assert found.facts is not None
        assert found.facts.state is not None
        assert (found.facts.folder, found.facts.state.step, found.facts.notes) == (None, 12, ())
        old = client.call(read_source, "hf://ada/model@v1")
        assert (old.data, old.target) == (b"other", "hf://ada/better@v1")
        assert old.facts is not None
        assert old.facts.notes == ("ada/model is now ada/better",)
        main = client.call(read_source, "hf://ada/better@main")
        assert (main.data, main.target) == (CARD, "hf://ada/better")
        with pytest.raises(HubError) as missing:
            client.call(read_source, "hf://ada/none")
        assert missing.value.exit_code == 3
    assert not [request.path for request in server.requests if "safetensors" in request.path]
