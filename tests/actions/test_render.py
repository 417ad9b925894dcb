"""Rendering from the registry, and into files."""

from __future__ import annotations

from pathlib import Path

import pytest

import cardgen
from cardgen.actions.render import render_card
from cardgen.errors import FileProblem, RegistryNotFound, RunNotFound
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry

RUN = Run(id="018f0000-0000-7000-8000-000000000001", name="amber-otter-1", model=Model(type="CrossEncoder"))
LOG = [LogEvent(seq=0, kind="train", step=1, epoch=0.5, values={"loss": 0.25})]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A registry with one run."""
    path = tmp_path / "cards.db"
    with Registry(path) as registry:
        registry.save(RUN)
        registry.append(RUN.id, LOG)
    return path


def test_a_run_is_rendered_by_name_record_or_live(path: Path) -> None:
    """A reference, a record and a run that is being recorded give the same card."""

    class Live:
        run = RUN
        log = LOG

    card = render_card("amber-otter-1", registry=path)
    assert "| 0.5   | 1    | 0.25          |" in card
    assert card == render_card(RUN, registry=path) == render_card(RUN, log=LOG) == render_card(Live())
    assert card == cardgen.render_card(RUN.id, registry=path)


def test_an_unknown_run_or_registry_is_a_clear_error(path: Path, tmp_path: Path) -> None:
    """Reading creates nothing."""
    with pytest.raises(RunNotFound):
        render_card("nobody", registry=path)
    with pytest.raises(RegistryNotFound):
        render_card("nobody", registry=tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()


def test_a_missing_template_folder_is_a_clear_error() -> None:
    """A mistyped --templates does not render the built-in card silently."""
    with pytest.raises(FileProblem, match="no folder"):
        render_card(RUN, log=LOG, templates="nowhere")
