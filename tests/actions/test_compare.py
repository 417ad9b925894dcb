"""Any number of runs side by side: what differs, what is best, and what cannot be ranked."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest

import cardgen
from cardgen.actions.compare import ComparedFact, Section, best_of, compare
from cardgen.actions.evaluated import same_form
from cardgen.actions.read import read_card
from cardgen.errors import QueryError, RunNotFound, SettingsError
from cardgen.record import (
    Checkpoint,
    Dataset,
    Displayed,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    Loss,
    Model,
    Opaque,
    Run,
    Segment,
)
from cardgen.registry import Registry
from tests.golden.facts import load

WHEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
GOLDEN = Path(__file__).parent.parent / "golden"


def made(name: str, **facts: Any) -> Run:
    """A run of a few facts."""
    return Run(**{"id": name, "name": name, "status": "finished", "model": Model(type="CrossEncoder"), **facts})


def scored(name: str, value: Any, **facts: Any) -> Run:
    """A run with one metric."""
    fields = {"evaluator": "x.E", "dataset_name": "dev", "metrics": {"dev_ndcg": value}, **facts}
    return made(name, evaluations=(Evaluation(**fields),))


def side_by_side(*runs: Run, logs: Any = None, everything: bool = False) -> dict[str, dict[str, ComparedFact]]:
    """The facts of a comparison by section and name."""
    sides = [(run, log, None) for run, log in zip(runs, logs or [()] * len(runs), strict=True)]
    return _by_name(compare(sides, everything=everything))


def _by_name(sections: tuple[Section, ...]) -> dict[str, dict[str, ComparedFact]]:
    return {section.name: {fact.fact: fact for fact in section.facts} for section in sections}


def test_runs_do_not_differ_from_themselves() -> None:
    """A whole run, three times under other names: nothing differs, and everything is there when it is asked for."""
    run, log = load(GOLDEN / "6.2.0" / "st_named_eval")
    runs = [dataclasses.replace(run, id=name) for name in "abc"]
    assert not any(side_by_side(*runs, logs=[log] * 3).values())
    every = side_by_side(*runs, logs=[log] * 3, everything=True)
    assert all(every[kind] for kind in ("arguments", "data", "metrics", "architecture", "versions"))
    assert not any(fact.differs for facts in every.values() for fact in facts.values())


def test_arguments_show_which_of_them_are_the_default() -> None:
    """None is a value, a missing argument is not there, and the default is told from what somebody set."""
    runs = [
        made("a", hyperparameters=Hyperparameters(values={"lr": 5e-05, "seed": 1, "x": None, "same": 1})),
        made(
            "b", hyperparameters=Hyperparameters(values={"lr": 2e-05, "seed": 1.0, "same": 1}, defaults={"lr": 5e-05})
        ),
        made(
            "c",
            hyperparameters=Hyperparameters(
                values={"lr": 2e-05, "seed": True, "same": 1}, defaults={"lr": 5e-05, "seed": 2}
            ),
        ),
    ]
    found = side_by_side(*runs)["arguments"]
    assert found.keys() == {"lr", "seed"}
    assert found["lr"].values == {"a": 5e-05, "b": 2e-05, "c": 2e-05}
    assert found["lr"].defaults == ("a",)
    assert found["seed"].defaults == ("a", "b")
    every = side_by_side(*runs, everything=True)["arguments"]
    assert every["x"].values == {"a": None}
    assert not every["x"].differs, "nobody set it, and the others' library does not have it"
    set_by_one = dataclasses.replace(runs[0], hyperparameters=Hyperparameters(values={"x": None}, defaults={"x": 1}))
    assert "x" in side_by_side(set_by_one, *runs[1:])["arguments"]


def test_a_run_without_arguments_lacks_them_as_a_whole() -> None:
    """A card that lists none is not told one by one what it lacks, and the others are compared."""
    some = [
        made(
            name,
            hyperparameters=Hyperparameters(values={"seed": seed, **dict.fromkeys("pqrs", 1)}, defaults={"seed": 0}),
        )
        for name, seed in (("a", 1), ("b", 2))
    ]
    found = side_by_side(*some, made("c"))["arguments"]
    assert {key: fact.values for key, fact in found.items()} == {
        "(all)": {"a": "5 known", "b": "5 known"},
        "seed": {"a": 1, "b": 2},
    }


def test_data_sets_meet_by_name_where_a_run_has_several() -> None:
    """A run on one set is laid beside the same set of a run on two; a set that only one run has is one fact."""
    loss = Loss(name="sentence_transformers.losses.CoSENTLoss")
    runs = [
        made("a", datasets=(Dataset(role="train", name="nli", size=10),)),
        made(
            "b",
            datasets=(Dataset(role="train", name="nli", size=12), Dataset(role="train", name="sts", size=5, loss=loss)),
        ),
        made("c", datasets=(Dataset(role="train", name="nli", size=10),)),
    ]
    found = side_by_side(*runs)["data"]
    assert {key: fact.values for key, fact in found.items()} == {
        "train[nli].size": {"a": 10, "b": 12, "c": 10},
        "train[sts]": {"b": "sts; 5 rows; CoSENTLoss"},
    }


@pytest.mark.parametrize(
    ("values", "direction", "best", "rounded"),
    [
        ([0.5, 0.75, 0.7], "max", "b", False),
        ([0.5, 0.75, 0.7], "min", "a", False),
        ([0.5, 0.75, 0.7], None, "", False),
        ([0.75, 0.75, 0.7], "max", "ab", False),
        ([1, 1.0, 0], "max", "ab", False),
        ([float("nan"), 0.5, 0.4], "max", "b", False),
        ([float("nan"), 0.5], "max", "", False),
        (["text", 0.5, 0.4], "min", "c", False),
        ([float("inf"), 0.5], "min", "b", False),
        ([2**1100, 0.5], "max", "a", False),
        ([True, 0.5, 0.4], "max", "b", False),
        # a displayed 0.88 is anything from 0.875 to 0.885
        ([Displayed("0.88", 0.88), 0.879, 0.5], "max", "ab", True),
        ([Displayed("0.88", 0.88), 0.881, 0.5], "max", "ab", True),
        ([Displayed("0.88", 0.88), 0.8851, 0.5], "max", "b", False),
        ([Displayed("0.88", 0.88), 0.8749], "max", "a", False),
        ([Displayed("0.88", 0.88), Displayed("0.88", 0.88)], "max", "ab", True),
        ([Displayed("0.88", 0.88), Displayed("0.89", 0.89)], "max", "b", False),
        ([Displayed("0.88", 0.88), Displayed("0.9", 0.9)], "max", "ab", True),
        ([Displayed("0.88", 0.88), 0.886], "min", "a", False),
        ([Displayed("0.88", 0.88), 0.884], "min", "ab", True),
        ([Displayed("-", None), 0.5, 0.4], "max", "b", False),
        ([Displayed("0.8812 (+0.1)", 0.8812), 0.88121, 0.4], "max", "ab", True),
    ],
)
def test_the_best_value(values: list[Any], direction: Any, best: str, rounded: bool) -> None:
    """By the metric's direction, ties all; what rounding hides is said, and no lone value is the best."""
    found, unsure = best_of(dict(zip("abcdef", values, strict=False)), direction)
    assert ("".join(found), unsure) == (best, rounded)


def test_each_metric_has_its_own_direction() -> None:
    """By its evaluator, else by its name; the log's losses count, and a reranker's text is the number it displays."""
    metrics = [
        {"dev_ndcg": 0.5, "dev_gap": 1.0, "dev_active_dims": 3, "dev_f1_threshold": 0.5, "dev_map": "0.5012 (+0.1)"},
        {"dev_ndcg": 0.75, "dev_gap": 2.0, "dev_active_dims": 4, "dev_f1_threshold": 0.6, "dev_map": "0.5013 (+0.1)"},
    ]
    runs = [
        scored(name, 0, metrics=some, primary_metric="dev_gap", greater_is_better=False)
        for name, some in zip("ab", metrics, strict=True)
    ]
    logs = [[LogEvent(seq=0, kind="train", step=1, values={"loss": loss})] for loss in (2.0, 1.0)]
    found = side_by_side(*runs, logs=logs)["metrics"]
    assert {key: (fact.direction, "".join(fact.best)) for key, fact in found.items()} == {
        "dev_ndcg": ("max", "b"),
        "dev_gap": ("min", "a"),
        "dev_active_dims": ("min", "a"),
        "dev_f1_threshold": (None, ""),
        "dev_map": ("max", "b"),
        "last training loss": ("min", "b"),
    }
    assert found["dev_map"].values["a"] == Displayed("0.5012 (+0.1)", 0.5012)
    assert found["dev_map"].approximate == ("a", "b")


@pytest.mark.parametrize(
    ("change", "comparable"),
    [
        ({}, True),
        ({"evaluator": "sentence_transformers.sentence_transformer.evaluation.E"}, True),
        ({"evaluator": "mine.E"}, False),
        ({"configuration": {"at_k": 10, "truncate_dim": 64}}, True),
        ({"configuration": {"at_k": 10.0, "truncate_dim": 64}}, True),
        ({"configuration": {"at_k": 10, "truncate_dim": 32}}, False),
        ({"configuration": {"at_k": 10}}, False),
        ({"configuration": {}}, False),
        ({"configuration": None, "configuration_text": "x"}, False),
        ({"dataset_name": "test"}, False),
    ],
)
def test_values_that_were_made_differently_are_not_ranked(change: dict[str, Any], comparable: bool) -> None:
    """Class, name and configuration must agree, the configuration by value; the module of a library class may move."""
    fields = {"evaluator": "sentence_transformers.evaluation.E", "configuration": {"truncate_dim": 64, "at_k": 10}}
    found = side_by_side(scored("a", 0.5, **fields), scored("b", 0.75, **{**fields, **change}))["metrics"]["dev_ndcg"]
    assert (found.comparable, found.best) == (comparable, ("b",) if comparable else ())


def test_forms_are_equal_for_equal_values() -> None:
    """Dictionaries in any order, lists and tuples, 1 and 1.0 say the same; True, "1", NaN, None and bytes do not."""
    values: list[Any] = [1, True, "1", float("nan"), None, "None", b"1", [1], [[1]], {"a": 1}, {"a": [1]}, {}, [], 0.1]
    forms = [same_form(value) for value in values]
    assert all(first != second for first, second in itertools.combinations(forms, 2))
    assert len(set(forms)) == len(values)
    for one, other in [
        (1, 1.0),
        ([1], (1.0,)),
        ({"a": 1, "b": [True]}, {"b": (True,), "a": 1.0}),
        (-0.0, 0),
        (0.1, Displayed("0.1", 0.1)),
    ]:
        assert same_form(one) == same_form(other)
    assert same_form(float("nan")) == same_form(float("nan"))


def test_only_results_that_stand_are_compared() -> None:
    """A result made later on other weights is no metric of the run; a resumed log is that of its last part."""
    points = (Checkpoint(path="a", weights="w1", saved=WHEN), Checkpoint(path="old", weights="w0"))
    later = Evaluation(evaluator="x.E", dataset_name="dev", metrics={"dev_ndcg": 0.9}, weights="w0", at=WHEN)
    own = Evaluation(evaluator="x.E", dataset_name="dev", metrics={"dev_ndcg": 0.5}, epoch=1.0, step=1)
    runs = [made("a", evaluations=(own, later), checkpoints=points), scored("b", 0.6)]
    assert side_by_side(*runs)["metrics"]["dev_ndcg"].values == {"a": 0.5, "b": 0.6}
    segments = (Segment(index=0, started=WHEN), Segment(index=1, started=WHEN, start_step=1))
    resumed = dataclasses.replace(runs[0], segments=segments)
    log = [
        LogEvent(seq=0, kind="eval", step=1, values={"eval_loss": 3.0}),
        LogEvent(seq=1, kind="eval", step=2, values={"eval_loss": 1.0, "eval_x_loss": 1.0}),
        LogEvent(seq=2, kind="eval", step=2, segment=1, values={"eval_loss": 2.0}),
    ]
    found = side_by_side(resumed, runs[1], logs=[log, []])["metrics"]
    assert found["last eval_loss"].values == {"a": 2.0}
    assert "last eval_x_loss" not in found


def test_a_card_is_not_blamed_for_what_no_card_tells() -> None:
    """A recorded run and its own imported card do not differ; two records do, by status, project and hardware."""
    folder = GOLDEN / "6.2.0" / "st_named_eval"
    run, log = load(folder)
    imported = read_card((folder / "README.md").read_bytes(), "card")
    assert imported.run is not None
    sides = [(run, log, None), (imported.run, imported.log, None)]
    assert not any(section.facts for section in compare(sides))
    other = dataclasses.replace(run, id="b", project="p", environment=dataclasses.replace(run.environment, cpu="x"))
    found = _by_name(compare([(run, log, "lost"), (other, log, None)]))["other"]
    assert {key: fact.values for key, fact in found.items()} == {
        "run.project": {"b": "p"},
        "run.status": {run.id: "lost", "b": "finished"},
        "cpu": {"b": "x"},
    }


def test_runs_come_from_a_registry_and_a_query(tmp_path: Path) -> None:
    """References of any kind, each run once, those of the query newest first; what is too much is said."""
    with Registry(tmp_path / "cards.db") as registry:
        for number, name in enumerate(("amber-otter", "brisk-heron", "calm-lynx")):
            registry.save(scored(name, number / 4))
            registry.append(name, [LogEvent(seq=0, kind="train", step=1, values={"loss": 1.0 + number})])
        found = cardgen.compare_runs("calm", "amber-otter", "lynx", registry=registry)
        assert [run.name for run in found.runs] == ["calm-lynx", "amber-otter"]
        assert _by_name(found.sections)["metrics"]["last training loss"].best == ("amber-otter",)
        found = cardgen.compare_runs("calm", query="otter or heron or lynx", registry=registry, sections=("metrics",))
        assert [run.name for run in found.runs] == ["calm-lynx", "brisk-heron", "amber-otter"]
        assert [section.name for section in found.sections] == ["metrics"]
        assert not found.left_out
        assert cardgen.compare_runs(query="", limit=2, registry=registry).left_out
        for same in (("calm", "lynx"), ()):
            with pytest.raises(SettingsError, match="to compare"):
                cardgen.compare_runs(*same, registry=registry)
        with pytest.raises(RunNotFound):
            cardgen.compare_runs("calm", "zebra", registry=registry)
        with pytest.raises(QueryError):
            cardgen.compare_runs(query="a = (", registry=registry)
        with pytest.raises(SettingsError, match="no section 'metric'"):
            cardgen.compare_runs("calm", "amber", sections=("metric",), registry=registry)
        records = registry.runs()
    assert cardgen.compare_runs(*records).sections


def test_versions_and_odd_values_are_compared() -> None:
    """Whatever a record may hold: opaque values, nested ones, NaN, lone surrogates, numbers that no float holds."""
    odd: list[Any] = [
        Opaque("<x>"),
        {"a": [1, (2,)]},
        float("nan"),
        "\ud800",
        2**1100,
        b"\0",
        None,
        -0.0,
        Displayed("1", 1),
    ]
    runs = [
        made(
            str(number),
            hyperparameters=Hyperparameters(values={"odd": value}, defaults={"odd": 0}),
            environment=Environment(versions={"torch": f"2.{number}"}),
            evaluations=(Evaluation(evaluator="x.E", metrics={"m": value, "\ud800": value}),),
        )
        for number, value in enumerate(odd)
    ]
    found = side_by_side(*runs)
    assert len(found["arguments"]["odd"].values) == len(odd)
    assert found["versions"]["torch"].differs
    assert found["metrics"]["m"].best == ("4",)
