"""The front matter."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cardgen.card.eras import Version, layout_at
from cardgen.card.layout import render
from cardgen.card.metadata import front_matter, metadata
from cardgen.card.parse.read import parse
from cardgen.record import Displayed, Environment, Evaluation, Model, Run, Usage


def run(**facts: Any) -> Run:
    """A run with an evaluator's metrics."""
    evaluations = facts.pop("evaluations", ())
    usage = facts.pop("usage", Usage())
    return Run(id="1", name="n", model=Model(type="SentenceTransformer", **facts), evaluations=evaluations, usage=usage)


def results(metrics: dict[str, Any], version: Version, name: str | None = "sts") -> list[Any]:
    """The metrics of the model-index."""
    evaluation = Evaluation(evaluator="x.Y", description="My Task", dataset_name=name, metrics=metrics)
    data = metadata(run(evaluations=(evaluation,)), layout_at("SentenceTransformer", version))
    return [metric["value"] for metric in data["model-index"][0]["results"][0]["metrics"]]


def test_keys_stand_in_the_cards_order() -> None:
    """What is missing is left out, the rest keeps the order of the format."""
    text = front_matter(
        run(license="mit", language=("en",), tags=("a", "b", "a"), base_model="x/y"),
        layout_at("SentenceTransformer", (6, 2, 0)),
    )
    assert text == "language:\n- en\nlicense: mit\ntags:\n- a\n- b\nbase_model: x/y"


def test_the_first_layout_dumps_empty_lists() -> None:
    """Language, widget and data sets are there, empty."""
    data = metadata(run(), layout_at("SentenceTransformer", (3, 0, 1)))
    assert data == {"language": [], "widget": [], "datasets": []} | data
    assert "tags" not in data


@pytest.mark.parametrize(
    ("version", "values"),
    [((3, 4, 1), [1, 0.5, 2.5]), ((4, 0, 0), [1.0, 0.5, 3.0, 2.5])],
)
def test_values_of_the_model_index(version: Version, values: list[float]) -> None:
    """From 4.0 all are floats and a text counts with its leading number; a displayed number counts with its value."""
    metrics = {"a": 1, "b": 0.5, "c": "3 of 4", "d": "none", "e": Displayed("2.50", 2.5)}
    found = results(metrics, version)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_results_of_one_task_and_set_are_one_entry() -> None:
    """Two unnamed evaluators of one task share a result."""
    evaluations = tuple(
        Evaluation(evaluator=f"x.{key}", description="My Task", metrics={key: 1.0}) for key in ("a", "b")
    )
    data = metadata(run(evaluations=evaluations), layout_at("SentenceTransformer", (6, 2, 0)))
    (result,) = data["model-index"][0]["results"]
    assert result["task"] == {"type": "my-task", "name": "My Task"}
    assert result["dataset"] == {"name": "Unknown", "type": "unknown"}
    assert [metric["type"] for metric in result["metrics"]] == ["a", "b"]


def test_a_record_that_says_nothing_has_an_empty_front_matter() -> None:
    """No `{}`, behind which no key could be put; the card comes back."""
    record = Run(
        id="1",
        name="n",
        model=Model(type="SentenceTransformer", title="T", task="x"),
        environment=Environment(versions={"sentence_transformers": "6.2.0"}),
    )
    assert front_matter(record, layout_at("SentenceTransformer", (6, 2, 0))) == ""
    card = render(record)
    assert card.startswith("---\n---\n\n# T\n")
    parsed = parse(card)
    assert parsed.run is not None
    assert render(parsed.run, parsed.log) == card


@pytest.mark.parametrize("text", ["no", "123", "null", "- a: b", "emoji 👍", "a\x00b", "\ud800", "x" * 500, "a\u2028b"])
def test_texts_come_back_from_the_yaml(text: str) -> None:
    """Quoting and folding lose nothing."""
    usage = Usage(widget=({"text": text},))
    yaml_text = front_matter(run(usage=usage), layout_at("SentenceTransformer", (6, 2, 0)))
    if text != "\ud800":  # the emitter escapes it, the loader rightly refuses half a character
        assert yaml.safe_load(yaml_text)["widget"] == [{"text": text}]
    assert yaml_text.encode()
