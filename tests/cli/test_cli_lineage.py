"""`cardgen lineage` as a person calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Model, Run
from cardgen.registry import Registry


@pytest.fixture
def family(registry: Path, new_run: Callable[..., Run]) -> Path:
    """A child of the otter, with a title from somewhere else."""
    parent = "0193b5b0-0000-7000-8000-000000000001"
    model = Model(type="CrossEncoder", title="\x1b[2J\nx", parent_run=parent)
    with Registry(registry) as opened:
        opened.save(new_run(3, "brave-bear", model=model))
        opened.models.register("brave-bear", "me/model", aliases=["champion"])
    return registry


def test_a_tree_for_people(family: Path, call: Any) -> None:
    """Parent, child, data and versions, with what is of others escaped."""
    said = call("lineage", "brave-bear")
    assert said.code == 0
    lines = said.text.splitlines()
    assert lines[0].startswith("amber-otter  SentenceTransformer amber-otter, ")
    assert lines[1].endswith("train data: all-nli")
    assert r"brave-bear  \x1b[2J\nx, CrossEncoder, finished ←" in lines[2]
    assert "me/model@1  champion, registered" in lines[3]
    assert len(lines) == 4
    assert call("lineage", "me/model@champion").out == call("lineage", "me/model").out == said.out


def test_json_and_mermaid(family: Path, call: Any) -> None:
    """Forms for scripts and for Markdown."""
    found = json.loads(call("lineage", "amber-otter", "--json").out)
    assert [one["name"] for one in found["runs"]] == ["amber-otter", "brave-bear"]
    assert found["runs"][1]["parent"] == found["runs"][0]["id"] == found["asked"][0]
    assert found["runs"][1]["releases"][0]["aliases"] == ["champion"]
    chart = call("lineage", "amber-otter", "--format", "mermaid").text
    assert chart.startswith("flowchart LR\n")
    assert "\x1b" not in chart


def test_what_is_wrong_is_said(family: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the name is exit code 3, two forms at once 2, and what is cut is said."""
    said = call("lineage", "nobody/nothing")
    assert (said.code, said.out) == (3, b"")
    assert "give a run, or a repository" in said.err
    assert call("lineage", "latest", "--json", "--format", "mermaid").code == 2
    monkeypatch.setattr("cardgen.registry.lineage.MOST", 1)
    assert "only 1 runs are shown" in call("lineage", "amber-otter").err
