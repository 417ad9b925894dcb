"""Which files of a model folder are published, and which stay home."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cardgen.actions.release import find_folder, release_of
from cardgen.checkpoint import hash_files, list_files, with_hashes
from cardgen.errors import FileProblem, PublishRefused
from cardgen.record import Checkpoint, Model, Run

RUN = Run(id="0", name="amber-otter-3", model=Model(type="SentenceTransformer"))
HEADER = b'{"__metadata__":{"format":"pt"}}'


def safetensors(header: bytes = HEADER, data: bytes = b"") -> bytes:
    """A file of weights: the length of its header, the header, the data."""
    return len(header).to_bytes(8, "little") + header + data


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "final"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(safetensors())
    for name in ("config.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        (folder / name).write_text("{}")
    (folder / "README.md").write_text("# x")
    return folder


def saved(folder: Path) -> Run:
    """The run, as it has recorded the folder."""
    import dataclasses
    import datetime as dt

    point = Checkpoint(path=str(folder), step=7, saved=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    point = with_hashes(point, hash_files(folder, list_files(folder)))
    return dataclasses.replace(RUN, checkpoints=(*RUN.checkpoints, point))


def test_a_saved_model_is_published_whole(folder: Path) -> None:
    """Weights, configuration and modules go; the card is another matter."""
    found = release_of(saved(folder), folder)
    assert sorted(found.files) == [
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
    ]
    assert (found.stays_home, found.findings, found.note) == ([], [], None)
    assert found.sizes["model.safetensors"] == 8 + len(HEADER)
    assert set(found.seen) == set(found.files)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("optimizer.pt", "the state of a training"),
        ("trainer_state.json", "the state of a training"),
        ("training_args.bin", "the state of a training"),
        ("rng_state_0.pth", "the state of a training"),
        ("pytorch_model.bin", "a pickle"),
        ("data.pkl", "a pickle"),
        (".env", "a secret"),
        (".env.local", "a secret"),
        ("server.pem", "a secret"),
        ("id_rsa", "a secret"),
        ("my_credentials.json", "a secret"),
        ("__pycache__/x.json", "a cache"),
        (".git/config.json", "hidden"),
        (".gitattributes", "hidden"),
        ("checkpoint-5/model.safetensors", "a checkpoint"),
        ("notes.txt", "not on the list"),
        ("modeling.py", "not on the list"),
        ("train.csv", "not on the list"),
    ],
)
def test_what_is_not_on_the_list_stays_home_and_is_said(folder: Path, name: str, reason: str) -> None:
    """Training state, pickles, secrets, caches and unknown files are named with the reason."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    found = release_of(RUN, folder)
    assert name not in found.files
    said = [why for where, why in found.stays_home if name == where or (where.endswith("/") and name.startswith(where))]
    assert len(said) == 1
    assert reason in said[0]


def test_an_unknown_file_may_be_included_but_no_pickle_and_no_secret(folder: Path) -> None:
    """`--include` is for code and the like."""
    for name in ("modeling.py", "x.pkl", ".env"):
        (folder / name).write_text("x")
    found = release_of(RUN, folder, include=["*.py", "*.pkl", ".*"])
    assert "modeling.py" in found.files
    assert {name for name, _ in found.stays_home} == {"x.pkl", ".env"}


def test_links_stay_home(folder: Path, tmp_path: Path) -> None:
    """A link may lead anywhere, a linked folder as well."""
    (tmp_path / "config.json").write_text("{}")
    (folder / "tokenizer.json").symlink_to(tmp_path / "config.json")
    (folder / "2_Dense").symlink_to(tmp_path)
    os.mkfifo(folder / "vocab.txt")
    found = release_of(RUN, folder)
    assert dict(found.stays_home) == {"tokenizer.json": "a link", "2_Dense/": "a link", "vocab.txt": "no file"}


def test_secrets_and_homes_are_found_in_configuration_and_headers(folder: Path) -> None:
    """A token is an error whatever is redacted, a user's path can be hidden in a text, not in weights."""
    (folder / "config.json").write_text(json.dumps({"_name_or_path": "/home/ada/out/model"}))
    (folder / "modules.json").write_text(json.dumps({"token": "hf_" + "a1" * 17}))
    (folder / "model.safetensors").write_bytes(safetensors(b'{"__metadata__":{"from":"C:\\\\Users\\\\ada\\\\x"}}'))
    found = release_of(RUN, folder)
    assert {(finding.path, finding.kind) for finding in found.findings} == {
        ("config.json", "path"),
        ("modules.json", "secret"),
        ("model.safetensors", "path"),
    }
    hidden = release_of(RUN, folder, redact_paths=True)
    assert {finding.path for finding in hidden.findings} == {"modules.json", "model.safetensors"}
    assert hidden.replaced == {"config.json": b'{"_name_or_path": "~/out/model"}'}
    assert hidden.sizes["config.json"] == len(hidden.replaced["config.json"])


def test_weights_that_were_changed_are_refused(folder: Path) -> None:
    """The record is about other weights; whoever publishes them says so."""
    run = saved(folder)
    (folder / "model.safetensors").write_bytes(safetensors(data=b"\0" * 8))
    with pytest.raises(PublishRefused, match="changed since run amber-otter-3"):
        release_of(run, folder)
    found = release_of(run, folder, allow_changed=True)
    assert found.note is not None
    assert "changed" in found.note


def test_a_tied_folder_whose_weights_no_run_made_is_refused(folder: Path) -> None:
    """`cardgen.json` says whose folder it is, also where it was moved."""
    (folder / "cardgen.json").write_text(json.dumps({"run_id": "0"}))
    with pytest.raises(PublishRefused, match="changed"):
        release_of(RUN, folder)


def test_weights_that_were_never_recorded_are_warned_of(folder: Path) -> None:
    """They may be right: nobody knows."""
    note = release_of(RUN, folder).note
    assert note is not None
    assert "never recorded" in note


def test_a_copy_of_a_checkpoint_is_known_by_its_weights(folder: Path, tmp_path: Path) -> None:
    """A folder that was saved or copied separately needs no flag."""
    run = saved(folder)
    copy = tmp_path / "copy"
    folder.rename(copy)
    (copy / "openvino").mkdir()
    assert release_of(run, copy).note is None


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    """And one with pickled weights only says how to save them otherwise."""
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(PublishRefused) as caught:
        release_of(RUN, folder)
    assert "safetensors" in (caught.value.hint or "")


def test_the_last_saved_folder_is_taken(folder: Path, tmp_path: Path) -> None:
    """The one that is there; a folder that is named goes before it."""
    import dataclasses
    import datetime as dt

    (point,) = saved(folder).checkpoints
    gone = dataclasses.replace(point, path=str(tmp_path / "gone"), saved=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    early = dataclasses.replace(point, path=str(tmp_path), saved=dt.datetime(2025, 1, 2, tzinfo=dt.UTC))
    run = dataclasses.replace(RUN, checkpoints=(gone, point, early))
    assert find_folder(run) == folder
    assert find_folder(run, tmp_path) == tmp_path
    with pytest.raises(FileProblem, match="no folder"):
        find_folder(run, tmp_path / "nowhere")
    with pytest.raises(PublishRefused, match="none of the folders is here"):
        find_folder(dataclasses.replace(RUN, checkpoints=(gone,)))
    with pytest.raises(PublishRefused, match="has saved no model"):
        find_folder(RUN)
