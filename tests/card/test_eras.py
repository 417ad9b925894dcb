"""The table of switches and the choice of a layout."""

from __future__ import annotations

from dataclasses import fields

import pytest

from cardgen.card.eras import (
    FIRST,
    NEWEST,
    RELEASES,
    SWITCHES,
    Layout,
    layout_at,
    recorded_layout,
    requested_layout,
)
from cardgen.errors import LayoutTooOld, UnknownLayout
from cardgen.record import ModelType

NAMES = {field.name for field in fields(Layout)} - {"type", "version"}


def test_every_switch_is_a_field_and_every_field_a_switch() -> None:
    """The table and the layout name the same switches."""
    assert {switch.name for switch in SWITCHES} == NAMES


@pytest.mark.parametrize(
    ("text", "version"),
    [("5.1", (5, 1, 2)), ("5.1.0", (5, 1, 0)), ("5", (5, 7, 0)), ("6.2", (6, 2, 0)), ("3.0", (3, 0, 1))],
)
def test_a_short_version_means_its_last_patch(text: str, version: tuple[int, int, int]) -> None:
    """`5.1` is 5.1.2, `5` is the last 5."""
    assert requested_layout("SentenceTransformer", text).version == version


@pytest.mark.parametrize(
    "text", ["", "7", "2.7", "5.9", "6.2.1", "5.1.2.3", "latest", "\u0663.\u0660", "5.x", "99999999999999999999"]
)
def test_a_version_without_known_layout_is_refused(text: str) -> None:
    """What is no known version is an error that names the known ones."""
    with pytest.raises(UnknownLayout) as caught:
        requested_layout("SentenceTransformer", text)
    assert "3.0 to 6.2" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("model_type", "text", "first"),
    [("CrossEncoder", "3.4", "4.0.0"), ("SparseEncoder", "4.1", "5.0.0"), ("MultiVectorEncoder", "5.7", "6.0.0")],
)
def test_a_type_in_a_layout_older_than_it_is_an_error(model_type: ModelType, text: str, first: str) -> None:
    """The error says which layout was the first."""
    with pytest.raises(LayoutTooOld) as caught:
        requested_layout(model_type, text)
    assert first in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("version", "chosen"),
    [("6.3.0", NEWEST), ("7.0.0.dev0", NEWEST), (None, NEWEST), ("garbage", NEWEST), ("5.2.3", (5, 2, 3))],
)
def test_a_run_of_an_unknown_version_gets_the_newest_layout(version: str | None, chosen: tuple[int, int, int]) -> None:
    """A library newer than all known layouts is rendered in the newest one."""
    assert recorded_layout("SentenceTransformer", version).version == chosen


def test_a_run_older_than_its_type_gets_the_first_layout() -> None:
    """A cross-encoder trained before there were cards for it gets the first cards'."""
    assert recorded_layout("CrossEncoder", "3.4.1").version == FIRST["CrossEncoder"]


@pytest.mark.parametrize(
    ("name", "model_type", "off", "on"),
    [
        ("escaped_pipes", "SentenceTransformer", (5, 0, 0), (5, 1, 0)),
        ("new_repository", "CrossEncoder", (5, 1, 1), (5, 1, 2)),
        ("hidden_eval_strategy", "SparseEncoder", (5, 4, 0), (5, 4, 1)),
        ("resources", "SentenceTransformer", (5, 6, 1), (5, 7, 0)),
        ("resources", "CrossEncoder", (5, 4, 1), (5, 5, 0)),
        ("retrieval_snippet", "SparseEncoder", (5, 4, 0), (5, 3, 0)),
        ("named_validation_loss", "SentenceTransformer", (3, 1, 1), (3, 2, 0)),
    ],
)
def test_a_switch_turns_at_its_version(
    name: str, model_type: ModelType, off: tuple[int, int, int], on: tuple[int, int, int]
) -> None:
    """The versions on both sides of a border differ in the switch."""
    assert not getattr(layout_at(model_type, off), name)
    assert getattr(layout_at(model_type, on), name)


def test_multi_vector_cards_have_no_resources() -> None:
    """No version lists resources for them."""
    assert not any(
        layout_at("MultiVectorEncoder", (*key, patch)).resources for key, patch in RELEASES.items() if key >= (6, 0)
    )
