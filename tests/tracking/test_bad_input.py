"""Data, losses, evaluators, logs and arguments as nobody planned them: training is unharmed and the record is right."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import TrainerCallback

import cardgen
from cardgen.record import Opaque, Run
from tests.tracking import tiny
from tests.tracking.library import (
    MultipleNegativesRankingLoss,
    SentenceTransformer,
    SentenceTransformerModelCardData,
)

pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")

ODD = [
    "",
    "emoji 🤗 👩‍👩‍👧",
    "שלום وأهلا",
    "carriage\rreturn and\r\nboth",
    "a NUL \x00 inside",
    "line\u2028separator\u2029and\x85more",
    "pipe | and `code` and <b>html</b> -:|",
    "new\nline\ttab",
    "\ufeffbom \u202eright to left\u202c",
    "x" * 100_000,
    "{{ jinja }} {% raw %} $tuple",
    " ",
]


def recorded(trainer: Any, tmp_path: Path) -> Run:
    """The record of a whole run, after the registry gave it back unchanged and a card was made of it."""
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.model.save_pretrained(str(tmp_path / "final"))
    assert trainer.state.global_step == 4
    with cardgen.Registry() as registry:
        assert repr(registry.run(run.id)) == repr(run.run)
        assert repr(registry.log(run.id)) == repr(run.log)
    assert cardgen.render_card(run).startswith("---\n")
    return run.run


def pairs_with(**columns: Any) -> Dataset:
    """Pairs with further columns; `MultipleNegativesRankingLoss` takes every text column as one more negative."""
    return Dataset.from_dict({"anchor": tiny.texts(12), "positive": tiny.texts(12, offset=17), **columns})


class Pairs(torch.nn.Module):  # type: ignore[misc,unused-ignore]
    """A loss over the first two columns, without configuration, citation or any usual attribute."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Any, labels: Any) -> Any:
        """The mean squared distance."""
        first, second = (self.model(part)["sentence_embedding"] for part in list(features)[:2])
        return (first - second).pow(2).mean()


def test_odd_texts_are_kept_as_they_are(tmp_path: Path) -> None:
    """Empty, huge, right-to-left, with NUL, CR and line separators: the same text comes back."""
    texts = [*ODD[:12]]
    found: dict[str, Any] = {}
    for start in range(0, 12, 3):
        turned = texts[start:] + texts[:start]
        trainer = tiny.st_trainer(
            tmp_path / str(start), train_dataset=Dataset.from_dict({"anchor": turned, "positive": tiny.texts(12)})
        )
        run = recorded(trainer, tmp_path / str(start))
        assert run.problems == ()
        assert run.datasets[0].samples is not None
        for index, row in enumerate(run.datasets[0].samples):
            found[turned[index]] = row[0]
    assert found == {text: text for text in texts}


def test_columns_of_every_kind_are_recorded(tmp_path: Path) -> None:
    """Numbers, truth values, lists, nested values, bytes, dates, None: values keep their type, the rest its text."""
    when = dt.datetime(2024, 5, 6, 7, 8, 9)
    rows = {
        "number": [1] * 6 + [2] * 6,
        "score": [0.5, math.nan, math.inf, *[0.25] * 9],
        "flag": [True, False] * 6,
        "words": [["a", "b"], ["c"], *[["d"]] * 10],
        "nested": [{"a": [1, 2], "b": {"c": None}}] * 12,
        "binary": [b"\x00\xff" * 10] * 12,
        "date": [when] * 12,
        "nothing": [None] * 12,
    }
    dataset = pairs_with(**rows)
    model = tiny.build_st(tmp_path)
    trainer = tiny.st_trainer(
        tmp_path, model=model, train_dataset=tiny.pairs(), loss=MultipleNegativesRankingLoss(model)
    )
    # the library computes statistics when the trainer is made, but could not train on such columns
    card = model.model_card_data
    card.train_datasets = [card.compute_dataset_metrics(dataset, {"name": "odd"}, trainer.loss)]
    run = recorded(trainer, tmp_path)
    assert run.problems == ()
    (odd,) = run.datasets
    assert odd.samples is not None
    nested = {"a": [1, 2], "b": {"c": None}}
    first = (1, 0.5, True, ["a", "b"], nested, b"\x00\xff" * 10, Opaque("2024-05-06 07:08:09"), None)
    assert repr(odd.samples[0][2:]) == repr(first)
    assert repr([row[3] for row in odd.samples]) == "[0.5, nan, inf]"
    columns = {column.name: column for column in odd.columns}
    flag = card.train_datasets[0]["stats"]["flag"]["dtype"]  # older versions say int
    statistics = {name: column.statistics for name, column in columns.items() if column.statistics}
    assert {name: column.dtype for name, column in columns.items()} == {
        "anchor": "string", "positive": "string", "number": "int", "score": "float", "flag": flag, "words": "list",
        "nested": "dict", "binary": "bytes", "date": "datetime.datetime", "nothing": "NoneType",
    }  # fmt: skip
    assert statistics["number"].shares == ((1, 50.0), (2, 50.0))
    assert statistics["flag"].shares == ((False, 50.0), (True, 50.0))
    assert statistics["score"].kind == "number"
    words = statistics["words"]
    assert (words.kind, words.minimum, words.maximum) == ("size", 1, 2)
    assert words.mean in (1.08, 1.5)  # older versions take the mean of the lengths that there are
    assert statistics["nested"].kind == "other"


def test_empty_sets_are_recorded(tmp_path: Path) -> None:
    """A set without rows, alone or beside others, has a role and perhaps a name, and no numbers."""
    empty = Dataset.from_dict({"anchor": [], "positive": []})
    trainer = tiny.st_trainer(tmp_path, eval_dataset=empty)
    assert recorded(trainer, tmp_path).datasets[1:] == ()
    trainer = tiny.st_trainer(tmp_path, eval_dataset={"full": tiny.pairs(4), "empty": empty})
    run = recorded(trainer, tmp_path)
    assert [(dataset.role, dataset.size) for dataset in run.datasets] == [("train", 16), ("eval", 4), ("eval", None)]


def test_a_loss_without_the_usual_attributes_is_recorded(tmp_path: Path) -> None:
    """Its class is all there is to say."""
    model = tiny.build_st(tmp_path)
    run = recorded(tiny.st_trainer(tmp_path, model=model, loss=Pairs(model)), tmp_path)
    loss = run.datasets[0].loss
    assert loss is not None
    assert (loss.name, loss.configuration, loss.configuration_text) == (f"{Pairs.__module__}.Pairs", None, None)
    assert run.problems == ()
    assert [citation.heading for citation in run.citations] == ["Sentence Transformers"]


def test_a_configuration_that_is_no_json_is_kept_as_text(tmp_path: Path) -> None:
    """As the library prints it; not-a-number and keys that are no texts included."""
    model = tiny.build_st(tmp_path)

    class Odd(Pairs):
        def get_config_dict(self) -> dict[Any, Any]:
            return {"set": {1}, "nan": math.nan, 3: "three"}

    class Strange(Pairs):
        def get_config_dict(self) -> dict[Any, Any]:
            return {"nan": math.nan, "inf": math.inf, "emoji": "🤗", "big": 2**70}

    run = recorded(tiny.st_trainer(tmp_path, model=model, loss=Odd(model)), tmp_path)
    assert run.datasets[0].loss is not None
    assert run.datasets[0].loss.configuration_text in (  # versions differ in the order
        "{'nan': nan, 'set': {1}, 3: 'three'}",
        "{3: 'three', 'nan': nan, 'set': {1}}",
        "{'set': {1}, 'nan': nan, 3: 'three'}",
    )
    model = tiny.build_st(tmp_path / "b")
    run = recorded(tiny.st_trainer(tmp_path / "b", model=model, loss=Strange(model)), tmp_path / "b")
    assert run.datasets[0].loss is not None
    assert repr(run.datasets[0].loss.configuration) == f"{{'nan': nan, 'inf': inf, 'emoji': '🤗', 'big': {2**70}}}"


class Bare:
    """An evaluator that is none: it has no name, description, primary metric or configuration."""

    def __init__(self, metrics: Any) -> None:
        self.metrics = metrics

    def __call__(self, model: Any, output_path: Any = None, epoch: Any = -1, steps: Any = -1) -> Any:
        """Tell the library these metrics."""
        model.model_card_data.set_evaluation_metrics(self, self.metrics, epoch, steps)
        return self.metrics


class Hostile(Bare):
    """One whose attributes raise."""

    @property
    def description(self) -> str:
        """Raises."""
        raise RuntimeError("no description")

    def get_config_dict(self) -> Any:
        """Raises."""
        raise RuntimeError("no configuration")


def test_evaluators_without_the_usual_attributes_are_recorded(tmp_path: Path) -> None:
    """Class and metrics are enough; what raises is noted and costs nothing else."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        run.evaluate(Bare({"a": 1.0, "text": "0.5 (est.)", "list": [1], 7: torch.tensor(2.5), "nan": math.nan}))
        run.evaluate(Hostile({"b": 2}))
    bare, hostile = run.run.evaluations
    assert repr(bare.metrics) == "{'a': 1.0, 'text': '0.5 (est.)', 'list': [1], '7': 2.5, 'nan': nan}"
    assert (bare.description, bare.dataset_name, bare.primary_metric, bare.configuration) == ("Bare", None, None, None)
    assert (hostile.metrics, hostile.description) == ({"b": 2}, "Hostile")
    assert len([problem for problem in run.run.problems if "Hostile" in problem]) == 2
    assert not any(event.kind == "evaluator" for event in run.log)


def test_logs_with_any_value_are_recorded(tmp_path: Path) -> None:
    """Not-a-number, infinity, texts, tensors, nested values and keys that are no texts."""

    class Log(TrainerCallback):  # type: ignore[misc,unused-ignore]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if state.global_step == 2:
                logs.update(
                    nan=math.nan, inf=-math.inf, text="🤗\x00", tensor=torch.tensor([1.0, 2.0]), deep={"a": [()]}
                )
                logs[3] = torch.tensor(1.5, dtype=torch.float64)

    trainer = tiny.st_trainer(tmp_path, callbacks=[Log()])
    with cardgen.track(trainer) as run:
        trainer.train()
    first = {name: repr(value) for name, value in run.log[0].values.items()}
    assert first["nan"] == "nan"
    assert first["inf"] == "-inf"
    assert first["text"] == repr("🤗\x00")
    assert first["tensor"] == "tensor([1., 2.])"
    assert first["deep"] == "{'a': [()]}"
    assert "tensor(1.5000" in first["3"]
    with cardgen.Registry() as registry:
        assert repr(registry.log(run.id)) == repr(run.log)


def test_ten_thousand_arguments_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, of every type, in order."""
    trainer = tiny.st_trainer(tmp_path)
    extra: dict[str, Any] = {
        f"argument_{n}": [n, n / 7, f"text {n} 🤗", None, (n,), {"n": {n: b"x"}}][n % 6] for n in range(10_000)
    }
    own = type(trainer.args).to_dict
    monkeypatch.setattr(type(trainer.args), "to_dict", lambda self: {**own(self), **extra})
    run = recorded(trainer, tmp_path)
    assert run.hyperparameters is not None
    values = run.hyperparameters.values
    assert list(values)[-10_000:] == list(extra)
    assert repr({name: values[name] for name in extra}) == repr(extra)


def test_values_that_are_no_data_are_kept_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions, classes, tensors and what cannot even be printed."""

    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    cycle: list[Any] = []
    cycle.append(cycle)
    extra = {
        "function": len,
        "dtype": torch.float16,
        "bad": Unprintable(),
        "nested": [torch.float16, {1: Unprintable()}],
        "cycle": cycle,
    }
    trainer = tiny.st_trainer(tmp_path)
    own = type(trainer.args).to_dict
    monkeypatch.setattr(type(trainer.args), "to_dict", lambda self: {**own(self), **extra})
    run = recorded(trainer, tmp_path)
    assert run.hyperparameters is not None
    values = run.hyperparameters.values
    assert values["function"] == Opaque("<built-in function len>")
    assert values["dtype"] == Opaque("torch.float16")
    assert values["bad"] == Opaque("<Unprintable>")
    assert repr(values["nested"]) == "[torch.float16, {1: <Unprintable>}]"
    assert isinstance(values["cycle"], list)


def test_card_data_of_the_user_is_used(tmp_path: Path) -> None:
    """Language, licence, names and ids given by hand; a path is no id; card data replaced after the model was made."""
    model = tiny.build_st(tmp_path)
    model.model_card_data = SentenceTransformerModelCardData(
        language="nl", license="mit", model_name="My model", model_id="me/mine", tags=["mine"]
    )
    model.model_card_data.register_model(model)
    model.model_card_data.base_model = str(tmp_path / "bert")
    trainer = tiny.st_trainer(tmp_path, model=model)
    run = recorded(trainer, tmp_path)
    facts = run.model
    assert (facts.language, facts.license, facts.title, facts.hub_id) == (("nl",), "mit", "My model", "me/mine")
    assert facts.tags[0] == "mine"
    assert (facts.base_model, facts.base_model_revision) == (None, None)


@pytest.mark.parametrize("form", ["{0}/org/name", "org/name", "./org/name"])
def test_a_local_folder_is_no_base_model(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was loaded from a folder has no base model, however the folder was named."""
    tiny.build_st(tmp_path).save_pretrained(str(tmp_path / "org" / "name"))
    monkeypatch.chdir(tmp_path)
    model = SentenceTransformer(form.format(tmp_path), device="cpu")
    run = recorded(tiny.st_trainer(tmp_path, model=model), tmp_path)
    assert (run.model.base_model, run.model.base_model_revision, run.model.title) == (None, None, "SentenceTransformer")
    assert "org/name" not in (tmp_path / "final" / "cardgen.json").read_text()
    assert "base_model:" not in cardgen.render_card(run)


def test_card_data_without_a_model_still_belongs_to_its_run(tmp_path: Path) -> None:
    """Somebody may put new card data on a model without telling it the model."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.model.model_card_data = SentenceTransformerModelCardData()
        tiny.similarity_evaluator("x")(trainer.model)
        assert [event.kind for event in run.log] == ["evaluator"]
