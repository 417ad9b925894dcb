"""A registry as files of JSON lines, and back."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardgen.errors import CardgenError, FileConflict, FileProblem, NotAnExport, NotARegistry, RegistryNotFound
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry
from cardgen.registry.exporting.about import MANIFEST, README
from cardgen.registry.exporting.columns import Column, microseconds, time_text
from cardgen.registry.exporting.kinds import KINDS
from cardgen.registry.exporting.write import export_kind, export_registry
from tests.registry.conftest import Strategies
from tests.registry.states import AT, ONE, OTHER, fill

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def full(url: str) -> Registry:
    """A registry with something in every table, on either engine."""
    with Registry(url) as registry:
        fill(registry, ONE)
        return registry


def files(folder: Path) -> dict[str, bytes]:
    """What an export consists of."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The lines of a kind."""
    return [json.loads(line) for line in (folder / KINDS[kind].file).read_text("ascii").splitlines()]


# There and back -------------------------------------------------------------------------------------------------------


def test_an_export_is_read_back_whole(full: Registry, url: str, tmp_path: Path) -> None:
    """Merged into an empty registry it gives the same export, byte for byte, whatever engine it came from."""
    made = export_registry(url, tmp_path / "one")
    assert made.lines["runs"] == 4
    with Registry(tmp_path / "back.db") as back:
        report = back.merge(tmp_path / "one")
        assert (report.new, report.skipped) == (4, [])
        assert back.verify().findings == ()
        assert back.merge(tmp_path / "one").changes == 0
    export_registry(tmp_path / "back.db", tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_run_comes_back(tmp_path: Path, strategies: Strategies, data: st.DataObject) -> None:
    """Records and logs of any content: texts with NUL and lone surrogates, infinities, nested values."""
    folder = tmp_path / new_run_id()
    folder.mkdir()
    events = data.draw(st.lists(strategies.record(LogEvent), max_size=2))
    with Registry(folder / "a.db") as registry:
        runs = [registry.save(run) for run in data.draw(st.lists(strategies.runs, max_size=2))]
        for run in runs:
            log = [dataclasses.replace(event, seq=seq, step=seq, segment=0) for seq, event in enumerate(events)]
            registry.append(run.id, log)
            registry.save_card_text(run.id, "run", base=run.name, text=data.draw(st.text(st.characters())))
    export_registry(folder / "a.db", folder / "one")
    with Registry(folder / "b.db") as back:
        assert back.merge(folder / "one").skipped == []
    export_registry(folder / "b.db", folder / "two")
    assert files(folder / "one") == files(folder / "two")


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_times_are_text_and_back(at: int) -> None:
    """Any moment that there is, to the microsecond, in 27 characters."""
    text = time_text(at)
    assert text is not None
    assert len(text) == 27
    assert microseconds(text) == at


# For others -----------------------------------------------------------------------------------------------------------

TYPES = {"string": str, "time": str, "int64": int, "float64": float, "strings": list}


def test_every_key_has_one_type(full: Registry, url: str, tmp_path: Path) -> None:
    """All lines of a file have the keys that are promised, and JSON that every reader takes."""
    export_registry(url, tmp_path / "out")
    for kind in KINDS.values():
        for line in lines(tmp_path / "out", kind.name):
            assert list(line) == [column.name for column in kind.columns]
            for column in kind.columns:
                value = line[column.name]
                assert (value is None and column.null) or type(value) is TYPES[column.type], (kind.name, column)
        text = (tmp_path / "out" / kind.file).read_text("ascii")
        assert re.search(r"\bNaN\b|\bInfinity\b|\\u0000|\\ud8", text.replace("\\\\", "")) is None
    assert all(lines(tmp_path / "out", name) for name in KINDS)  # there was something to look at in each


def test_numbers_that_json_lacks(full: Registry, url: str, tmp_path: Path) -> None:
    """Infinities and NaN are text beside a number that is null, and exact in the tagged values."""
    export_registry(url, tmp_path / "out")
    events = [line for line in lines(tmp_path / "out", "log_events") if line["run_id"] != "young"]
    assert [line["values"] for line in events[:3]] == [
        '{"loss":1.0}',
        '{"loss":{"$float":"inf"}}',
        '{"loss":{"$float":"nan"}}',
    ]
    assert [line["epoch"] for line in events[:3]] == [0.0, 0.5, 1.0]
    facts = {(line["name"], line["number"], line["text"]) for line in lines(tmp_path / "out", "facts")}
    assert {
        ("ndcg", 0.0, None),
        ("learning_rate", 5e-05, None),
        ("limit", None, "inf"),
        ("path", None, "None"),
    } <= facts


def test_the_manifest_tells_of_the_files(full: Registry, url: str, tmp_path: Path) -> None:
    """Lines, sha256, types and the columns as Spark takes them; nothing of time and place."""
    made = export_registry(url, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["version"] == 1
    assert set(files(tmp_path / "out")) == {MANIFEST, README, *manifest["files"]}
    entry = manifest["files"]["pending.jsonl"]
    assert (entry["lines"], entry["sha256"]) == (2, made.sha256["pending"])
    assert entry["ddl"].startswith("`run_id` STRING, `repo_id` STRING")
    assert {entry["derived"] for name, entry in manifest["files"].items() if name != "facts.jsonl"} == {False}


def test_datasets_reads_it(full: Registry, url: str, tmp_path: Path) -> None:
    """Each file that has lines is a configuration with the types that are promised, also where null comes first."""
    import datasets

    export_registry(url, tmp_path / "out")
    types = {"time": "string"}
    for kind in KINDS.values():
        found = datasets.load_dataset(
            str(tmp_path / "out"), kind.name, split="train", cache_dir=str(tmp_path / "cache")
        )
        assert found.num_rows == len(lines(tmp_path / "out", kind.name))
        for column in kind.columns:
            feature = found.features[column.name]
            inner = feature.feature if column.type == "strings" else feature
            assert inner.dtype == types.get(column.type, "string" if column.type == "strings" else column.type)
        assert found[0] == lines(tmp_path / "out", kind.name)[0]


def test_one_kind_alone(full: Registry, url: str, tmp_path: Path) -> None:
    """The same lines as in the folder."""
    export_registry(url, tmp_path / "out")
    parts: list[bytes] = []
    count = export_kind(url, "audit", parts.append)
    assert b"".join(parts) == (tmp_path / "out" / "audit.jsonl").read_bytes()
    assert count == len(lines(tmp_path / "out", "audit"))


def test_an_empty_registry(tmp_path: Path) -> None:
    """Has an export, too, that is read back."""
    Registry(tmp_path / "a.db").close()
    export_registry(tmp_path / "a.db", tmp_path / "out")
    with Registry(tmp_path / "b.db") as registry:
        assert registry.merge(tmp_path / "out").changes == 0


# Written whole or not at all ------------------------------------------------------------------------------------------


def test_a_folder_with_something_in_it_is_left_alone(full: Registry, url: str, tmp_path: Path) -> None:
    """Neither a file nor a full folder is replaced; an empty one is."""
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(FileConflict):
        export_registry(url, target)
    assert [path.name for path in target.iterdir()] == ["mine"]
    (target / "mine").unlink()
    export_registry(url, target)
    assert (target / MANIFEST).exists()
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(FileConflict):
        export_registry(url, target / MANIFEST)
    with pytest.raises(FileProblem, match="cannot write"):
        export_registry(url, tmp_path / "missing" / "out")
    with pytest.raises(RegistryNotFound):
        export_registry(tmp_path / "none.db", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_registry_is_not_exported(tmp_path: Path) -> None:
    """What cannot be written as it is promised is an error that says what to do, and no folder."""
    with Registry(tmp_path / "a.db") as registry:
        fill(registry, ONE)
        with registry._database.write() as connection:
            connection.exec_driver_sql("UPDATE card_text SET text = 'nonsense'")
    with pytest.raises(CardgenError, match="card_texts cannot be exported") as caught:
        export_registry(tmp_path / "a.db", tmp_path / "out")
    assert "registry verify" in (caught.value.hint or "")
    with Registry(tmp_path / "a.db") as registry, registry._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM document")
    with pytest.raises(NotARegistry, match="has no document"):
        export_registry(tmp_path / "a.db", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_it_is_one_state(full: Registry, url: str, tmp_path: Path) -> None:
    """What is written meanwhile is in none of the files."""
    new = Run(id=new_run_id(), name="meanwhile", model=Model(type="CrossEncoder"))

    def save(name: str, done: int, total: int) -> None:
        if name == "runs" and done:
            with Registry(url) as other:
                other.save(new)
                other.append(new.id, [LogEvent(seq=0, kind="train", step=0)])

    export_registry(url, tmp_path / "out", progress=save)
    assert all(new.id.encode() not in content for content in files(tmp_path / "out").values())
    with Registry(url, mode="read") as registry:
        assert registry.run("meanwhile").id == new.id


EXPORT = """
import sys
from cardgen.registry.exporting.write import export_registry
print("ready", flush=True)
sys.stdin.readline()
export_registry(sys.argv[1], sys.argv[2])
"""


def test_killed_exports(tmp_path: Path, start: Start) -> None:
    """A killed export leaves no folder of its name, and the next one removes what is left and is whole."""
    registry = tmp_path / "a.db"
    with Registry(registry) as opened:
        fill(opened, ONE)
        opened.append("young", [LogEvent(seq=seq, kind="train", step=seq) for seq in range(1, 20_000)])
    export_registry(registry, tmp_path / "whole")
    chance = random.Random(1)
    for _ in range(5):
        process = start(EXPORT, registry, tmp_path / "out")
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(chance.uniform(0.0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if (tmp_path / "out").exists():  # it was done before
            assert files(tmp_path / "out") == files(tmp_path / "whole")
            for path in (tmp_path / "out").iterdir():
                path.unlink()
            (tmp_path / "out").rmdir()
    export_registry(registry, tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert not list(tmp_path.glob(".out*"))


# Of strangers ---------------------------------------------------------------------------------------------------------


def _rewritten(folder: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    """A file of an export changed as a stranger may, with sums that fit."""
    import hashlib

    path = folder / name
    text = "".join(change(path.read_text("ascii").splitlines(keepends=True)))
    path.write_text(text, "utf-8", errors="surrogatepass")
    manifest = json.loads((folder / MANIFEST).read_text())
    data = path.read_bytes()
    manifest["files"][name].update(lines=data.count(b"\n"), sha256=hashlib.sha256(data).hexdigest())
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _with(**values: Any) -> Callable[[list[str]], list[str]]:
    def change(found: list[str]) -> list[str]:
        return [json.dumps({**json.loads(found[0]), **values}) + "\n", *found[1:]]

    return change


CHANGES: dict[str, tuple[str, Callable[[list[str]], list[str]]]] = {
    "no JSON": ("runs.jsonl", lambda found: ["{\n", *found]),
    "no object": ("runs.jsonl", lambda found: ["[]\n", *found]),
    "deep": ("runs.jsonl", lambda found: ["[" * 100_000 + "\n", *found]),
    "no end": ("audit.jsonl", lambda found: [*found, "{}"]),
    "twice": ("runs.jsonl", lambda found: [found[0], *found]),
    "two numbers": ("log_events.jsonl", lambda found: [found[0], *found]),
    "one key more": ("pending.jsonl", _with(more=1)),
    "text for a number": ("runs.jsonl", _with(revision="1")),
    "truth for a number": ("runs.jsonl", _with(revision=True)),
    "a large number": ("runs.jsonl", _with(revision=1 << 63)),
    "null": ("runs.jsonl", _with(document=None)),
    "no time": ("card_texts.jsonl", _with(at="2026-13-01T00:00:00.000000Z")),
    "another time": ("card_texts.jsonl", _with(at="2026-01-01")),
    "NaN": ("log_events.jsonl", lambda found: [re.sub('"epoch":[^,]*', '"epoch":NaN', found[0]), *found[1:]]),
    "a lone surrogate": ("card_texts.jsonl", _with(text="\ud800")),
    "another run's": ("human_facts.jsonl", _with(run_id="nobody")),
    "exact, and none": ("card_texts.jsonl", _with(exact="[]")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_cannot_be_right_is_refused(name: str, tmp_path: Path) -> None:
    """The error names file and line; nothing at all is taken."""
    with Registry(tmp_path / "a.db") as registry:
        fill(registry, ONE)
    export_registry(tmp_path / "a.db", tmp_path / "out")
    _rewritten(tmp_path / "out", *CHANGES[name])
    with Registry(tmp_path / "b.db") as registry:
        with pytest.raises(NotAnExport, match=rf"{re.escape(CHANGES[name][0])}, line \d+"):
            registry.merge(tmp_path / "out")
        assert registry.listing() == []


def test_no_export(tmp_path: Path) -> None:
    """A changed or missing file, a link, a newer version, another folder."""
    with Registry(tmp_path / "a.db") as registry:
        fill(registry, ONE)
    out = tmp_path / "out"
    export_registry(tmp_path / "a.db", out)
    manifest = (out / MANIFEST).read_text()
    with Registry(tmp_path / "b.db") as registry:

        def refused(match: str, error: type[CardgenError] = NotAnExport) -> None:
            with pytest.raises(error, match=match):
                registry.merge(out)

        audit = (out / "audit.jsonl").read_bytes()
        (out / "audit.jsonl").write_bytes(audit + audit.splitlines(keepends=True)[0])
        refused("is not the file that was exported")
        (out / "audit.jsonl").unlink()
        refused("audit.jsonl cannot be read")
        (tmp_path / "elsewhere").write_bytes(audit)
        (out / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
        refused("audit.jsonl cannot be read")
        (out / "audit.jsonl").unlink()
        os.mkfifo(out / "audit.jsonl")
        refused("is no file")
        for text, match in (
            (manifest.replace('"version": 1', '"version": 2'), "has version 2"),
            ("{", "cannot be read"),
            ("[" * 100_000, "cannot be read"),
            ("{}", "no export"),
            ('{"format": "cardgen export", "version": 1, "files": {"runs.jsonl": 1}}', "lists no files"),
        ):
            (out / MANIFEST).write_text(text)
            refused(match)
        (out / MANIFEST).unlink()
        refused("is a folder, and no export", NotARegistry)
        assert registry.listing() == []


def test_columns_say_what_they_are() -> None:
    """Names of keys are told apart, and types are those that the page explains."""
    for kind in KINDS.values():
        assert len({column.name for column in kind.columns}) == len(kind.columns)
        assert {column.type for column in kind.columns} <= TYPES.keys()
        assert all(isinstance(column, Column) for column in kind.columns)
    assert microseconds("2026-01-01T00:00:00.000000Z") == AT
    assert OTHER != ONE
