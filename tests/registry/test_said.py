"""What a person said in a training script gets from the spool into the registry, once and in order."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from cardgen.errors import DocumentError
from cardgen.record import Run
from cardgen.registry import Registry, SpoolWriter
from cardgen.registry.said import Said, decode_said, encode_said

MakeRun = Callable[..., Run]


def spool(folder: Path, run: Run, *said: Said) -> SpoolWriter:
    """A spool that has this said around its document."""
    writer = SpoolWriter(folder, run.id)
    for number, one in enumerate(said):
        writer.said(one)
        if number == 0:
            writer.snapshot(run)
    return writer


def test_what_was_said_counts_once(registry: Registry, tmp_path: Path, make_run: MakeRun) -> None:
    """Said before or behind the first document, it is read over it; folding again changes nothing, nor the audit."""
    run = make_run(tags=("own",))
    facts = Said(facts={"license": "mit", "tags": ("+a",)}), Said(facts={"tags": ("+b",), "task": "x"})
    with contextlib.closing(spool(tmp_path / "s", run, *facts, Said(notes={"bias": "Né.", "contact": "me"}))) as writer:
        registry.fold(writer.path)
        found = registry.run(run.id)
        revision = registry.state(run.id)
        assert (found.model.license, found.model.task, found.tags) == ("mit", "x", ("own", "a", "b"))
        assert found.notes == {"bias": "Né.", "contact": "me"}
        registry.set_facts(run.id, {"license": "apache-2.0"})
        registry.fold(writer.path)
        writer.snapshot(dataclasses.replace(run, status="finished"))
        registry.fold(writer.path)
    found = registry.run(run.id)
    assert (found.model.license, found.status, found.notes["bias"]) == ("apache-2.0", "finished", "Né.")
    assert registry.recorded(run.id).model.license is None
    assert registry.state(run.id).folded > revision.folded
    assert registry.verify().findings == ()


def test_the_configuration_gives_way_to_persons(registry: Registry, tmp_path: Path, make_run: MakeRun) -> None:
    """Configured facts are taken where nobody has said anything, now and when the run goes on; None is none."""
    run = make_run()
    configured = Said(facts={"license": "mit", "language": ("nl",), "task": None}, configured=True)
    for number in range(2):
        with contextlib.closing(spool(tmp_path / f"s{number}", run, configured)) as writer:
            registry.fold(writer.path)
        registry.set_facts(run.id, {"license": "apache-2.0", "task": "searching"})
    model = registry.run(run.id).model
    assert (model.license, model.language, model.task) == ("apache-2.0", ("nl",), "searching")


def test_what_has_no_place_is_passed_over_and_kept(
    registry: Registry, tmp_path: Path, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    """A fact of a data set that is not there leaves the others of its entry, and its line is kept."""
    said = Said(facts={"dataset.train.3.name": "x", "license": "mit"})
    with contextlib.closing(spool(tmp_path / "s", make_run(name="placed"), said)) as writer:
        registry.fold(writer.path)
    assert registry.run("placed").model.license == "mit"
    assert f'"said":{encode_said(said)}}}\n' in writer.path.with_suffix(".damaged").read_text()
    assert "1 damaged" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "{}",
        '{"facts":{"licence":"x"},"notes":{},"configured":false}',
        '{"facts":[1],"notes":{},"configured":false}',
        '{"facts":{},"notes":{"bias":1},"configured":false}',
        '{"facts":{},"notes":7,"configured":false}',
    ],
)
def test_what_was_never_said_is_refused(
    text: str, registry: Registry, tmp_path: Path, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    """An entry that cannot be read is damaged, and the rest of its spool counts."""
    with pytest.raises(DocumentError):
        decode_said(text)
    run = make_run(name="whole")
    with contextlib.closing(spool(tmp_path / "s", run, Said(notes={"bias": "x"}))) as writer:
        writer.path.write_text(writer.path.read_text().replace(encode_said(Said(notes={"bias": "x"})), text))
        registry.fold(writer.path)
    assert registry.run("whole").notes == {}
    assert text in writer.path.with_suffix(".damaged").read_text()
