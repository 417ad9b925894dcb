"""The library's words about a data set, read back into values."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from cardgen.capture.dataset import capture_datasets, capture_loss, capture_statistics, inside_fence
from cardgen.capture.library import library_version
from cardgen.capture.problems import Problems
from cardgen.record import Dataset, Loss, Opaque, Statistics


@pytest.mark.parametrize(
    ("dtype", "data", "expected"),
    [
        (
            "string",
            {"min": "9 tokens", "mean": "13.97 tokens", "max": "22 tokens"},
            Statistics(kind="length", unit="tokens", minimum=9, mean=13.97, maximum=22),
        ),
        (
            "string",
            {"min": "9 characters", "mean": "15.0 characters", "max": "22 characters"},
            Statistics(kind="length", unit="characters", minimum=9, mean=15.0, maximum=22),
        ),
        ("int", {0: "~31.25%", 2: "~68.75%"}, Statistics(kind="share", shares=((0, 31.25), (2, 68.75)))),
        ("bool", {True: "100.00%"}, Statistics(kind="share", shares=((True, 100.0),))),
        (
            "float",
            {"min": -0.5, "mean": 0.25, "max": 1.0},
            Statistics(kind="number", minimum=-0.5, mean=0.25, maximum=1.0),
        ),
        ("list", {"size": "8 elements"}, Statistics(kind="size", minimum=8, maximum=8)),
        (
            "list",
            {"min": "3 elements", "mean": "4.50 elements", "max": "6 elements"},
            Statistics(kind="size", minimum=3, mean=4.5, maximum=6),
        ),
        ("NoneType", {}, Statistics(kind="other")),
        (
            "image",
            {"min": "1x2 px", "mean": "3x4 px", "max": "5x6 px"},
            Statistics(kind="other", details=(("min", "1x2 px"), ("mean", "3x4 px"), ("max", "5x6 px"))),
        ),
        ("int", {0: "some"}, Statistics(kind="other", details=(("0", "some"),))),
        ("string", None, Statistics(kind="other")),
        ("string", {"min": "a", "mean": 1}, Statistics(kind="other", details=(("min", "a"), ("mean", "1")))),
    ],
)
def test_statistics_are_values(dtype: str, data: Any, expected: Statistics) -> None:
    """Numbers keep whether they are whole; words that are not understood are kept as words."""
    found = capture_statistics(dtype, data)
    assert found == expected
    assert repr(found) == repr(expected)


def test_a_loss_with_a_configuration_in_json() -> None:
    """The fence and its indentation are the card's, the object within is the fact."""
    code = '  ```json\n  {\n      "scale": 20.0,\n      "names": [\n          "a"\n      ]\n  }\n  ```'
    assert capture_loss({"fullname": "a.B", "config_code": code}) == Loss(
        name="a.B", configuration={"scale": 20.0, "names": ["a"]}
    )


def test_a_loss_with_a_configuration_in_python() -> None:
    """What is no JSON stays text, without the fence."""
    code = "  ```json\n  {   'a': 1,\n      'b': {2}}\n  ```"
    assert capture_loss({"fullname": "a.B", "config_code": code}) == Loss(
        name="a.B", configuration_text="{   'a': 1,\n    'b': {2}}"
    )
    assert inside_fence("plain") == "plain"
    assert capture_loss({}) is None
    assert capture_loss(None) is None


def test_one_broken_set_costs_no_other() -> None:
    """A set that cannot be understood keeps its place; why is noted."""
    card = SimpleNamespace(train_datasets=[{"size": "many"}, {"name": "b", "size": 3}], eval_datasets=None)
    problems = Problems()
    broken, good = capture_datasets(card, samples=True, problems=problems)
    assert broken == Dataset(role="train")
    assert (good.name, good.size) == ("b", 3)
    assert len(problems.texts) == 1


def test_given_and_computed_facts_are_kept_apart() -> None:
    """Columns come in order without their tags, samples as rows; a path is no id; without samples there are no rows."""
    entry = {
        "name": "n",
        "id": "/data/n",
        "revision": "abc",
        "split": "None",
        "size": 2000,
        "columns": ["<code>a</code>", "<code><code></code>"],
        "stats": {
            "a": {"dtype": "string", "modality": "", "data": {}},
            "<code>": {"dtype": "int", "data": {1: "100.00%"}},
        },
        "examples": {"a": ["x", "y"], "<code>": [1, {"array": [0], "sampling_rate": 1}]},
    }
    card = SimpleNamespace(train_datasets=[entry], eval_datasets=[])
    (dataset,) = capture_datasets(card, samples=True, problems=Problems())
    assert [(column.name, column.modality) for column in dataset.columns] == [("a", ""), ("<code>", None)]
    audio = {"array": [0], "sampling_rate": 1}
    # versions without words for media print them as they are
    words = Opaque("&lt;audio 1.00s @ 1 Hz&gt;") if find_spec("sentence_transformers.base") else audio
    assert dataset.samples == (("x", 1), ("y", words))
    assert (dataset.hub_id, dataset.revision, dataset.split) == (None, "abc", None)
    assert dataset.sampled_rows == (100 if library_version() >= (5, 5) else 1000)
    assert not dataset.streaming
    (dataset,) = capture_datasets(card, samples=False, problems=Problems())
    assert dataset.samples is None
