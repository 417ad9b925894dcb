"""Two runs or cards side by side: which facts differ, by how much, and where no rounding explains it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardgen.actions.diff import Comparison, Difference, Side, compare, diff
from cardgen.actions.edit import fill_section
from cardgen.actions.fact_list import same_fact
from cardgen.actions.read import read_card
from cardgen.errors import FileProblem, RunNotFound
from cardgen.record import Dataset, Displayed, Evaluation, Hyperparameters, LogEvent, Model, Opaque, Run
from cardgen.registry import Registry
from tests.golden.facts import folders, load

GOLDEN = Path(__file__).parent.parent / "golden"
CARD = GOLDEN / "5.1.0" / "st_ir_eval" / "README.md"

RUN = Run(
    id="a",
    name="otter",
    model=Model(type="SentenceTransformer", license="mit"),
    project="p",
    hyperparameters=Hyperparameters(values={"lr": 5e-05, "seed": 1, "fp16": False, "dtype": None}),
    evaluations=(Evaluation(evaluator="x.E", dataset_name="dev", metrics={"dev_ndcg": 0.5}),),
    datasets=(Dataset(role="train", name="nli", size=10),),
)


def differences(a: Run, b: Run, *logs: list[LogEvent]) -> dict[str, dict[str, Difference]]:
    """The differences of two runs by kind and key."""
    both = [Side(name=run.name, text="", run=run, log=log) for run, log in zip((a, b), logs or ([], []), strict=True)]
    return {group.name: {d.key: d for d in group.differences} for group in compare(both[0], both[1]).groups}


def test_a_run_does_not_differ_from_itself() -> None:
    """No fact and no line of text differs."""
    card = read_card(CARD.read_bytes(), "card")
    side = Side(name="card", text=card.text, run=card.run, log=card.log)
    assert compare(side, side) == Comparison(a="card", b="card", groups=(), text=())


def test_arguments_differ_by_value_and_presence() -> None:
    """A changed number has a delta; an argument that only one has is told from one that is None."""
    values = {"lr": 2e-05, "seed": 1.0, "fp16": 0, "new": None}
    found = differences(RUN, dataclasses.replace(RUN, hyperparameters=Hyperparameters(values=values)))["arguments"]
    assert found.keys() == {"lr", "fp16", "dtype", "new"}
    assert found["lr"].delta == pytest.approx(-3e-05)
    assert (found["fp16"].a, found["fp16"].b, found["fp16"].delta) == (False, 0, None)
    assert (found["dtype"].a, found["dtype"].b) == ("None", None)
    assert (found["new"].a, found["new"].b) == (None, "None")


def test_what_one_does_not_know_at_all_is_one_difference() -> None:
    """A card without arguments is not told one by one what it lacks."""
    [found] = differences(RUN, dataclasses.replace(RUN, hyperparameters=None))["arguments"].values()
    assert (found.a, found.b) == ("4 known", None)


def test_data_sets_meet_by_role_and_name() -> None:
    """The only set of a role meets the other's only one; of several each meets its namesake, the rest is one line."""
    one = dataclasses.replace(RUN, datasets=(Dataset(role="train", name="snli", size=12),))
    found = differences(RUN, one)["data"]
    assert {key: (d.a, d.b, d.delta) for key, d in found.items()} == {
        "train.name": ("nli", "snli", None),
        "train.size": (10, 12, 2),
    }
    many = [
        dataclasses.replace(RUN, datasets=tuple(Dataset(role="train", name=name, size=size) for name, size in sets))
        for sets in ((("a", 1), ("b", 2)), (("b", 3), ("c", 4)))
    ]
    found = differences(many[0], many[1])["data"]
    assert {key: (d.a, d.b) for key, d in found.items()} == {
        "train[a]": ("a; 1 rows", None),
        "train[b].size": (2, 3),
        "train[c]": (None, "c; 4 rows"),
    }


def test_metrics_have_the_last_losses() -> None:
    """Metrics of evaluators, and the last training and validation losses of the log."""
    logs = [
        [
            LogEvent(seq=0, kind="train", step=1, values={"loss": 9.0}),
            LogEvent(seq=1, kind="train", step=2, values={"loss": loss, "grad_norm": loss}),
            LogEvent(seq=2, kind="eval", step=2, values={"eval_loss": loss, "eval_runtime": 1.0}),
        ]
        for loss in (2.0, Displayed("1.5", 1.5))
    ]
    better = dataclasses.replace(
        RUN, evaluations=(dataclasses.replace(RUN.evaluations[0], metrics={"dev_ndcg": 0.75}),)
    )
    found = differences(RUN, better, *logs)["metrics"]
    assert {key: d.delta for key, d in found.items()} == {
        "dev_ndcg": 0.25,
        "last training loss": -0.5,
        "last eval_loss": -0.5,
    }
    assert {key: d.approximate for key, d in found.items()} == {
        "dev_ndcg": False,
        "last training loss": True,
        "last eval_loss": True,
    }


def test_a_card_is_not_blamed_for_what_no_card_tells() -> None:
    """The project of a recorded run differs from another recorded run's, but not from a card's silence."""
    other = dataclasses.replace(RUN, project=None)
    assert differences(RUN, other)["other"].keys() == {"run.project"}
    assert differences(RUN, dataclasses.replace(other, origin="imported")) == {}


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (0.123456, Displayed("0.1235", 0.1235), True),
        (0.123, Displayed("0.1235", 0.1235), False),
        (0.5, Displayed("0.5", 0.5), True),
        (Displayed("1e-05", 1e-05), 1.04e-05, True),
        (Displayed("1e-05", 1e-05), 2e-05, False),
        (Displayed("0.50", 0.5), Displayed("0.5", 0.5), True),
        (Displayed("12 h", None), Displayed("12 h", None), True),
        (Displayed("12 h", None), Displayed("13 h", None), False),
        (Displayed("nan", math.nan), math.nan, True),
        (math.nan, math.nan, True),
        (math.inf, Displayed("0.5", 0.5), False),
        (2**2000, Displayed("0.5", 0.5), False),
        (2**2000, 0.5, False),
        (1, 1.0, True),
        (1, True, False),
        (True, True, True),
        ((1, 2), [1, 2.0], True),
        ((1,), [1, 2], False),
        ({"a": (1,)}, {"a": [1]}, True),
        ({"a": 1}, {"b": 1}, False),
        (Opaque("X()"), "X()", True),
        (Opaque("X()"), Opaque("Y()"), False),
        ("a", None, False),
    ],
)
def test_when_two_values_say_the_same(a: Any, b: Any, same: bool) -> None:
    """A displayed number agrees with what rounds to it; types count only where they change the meaning."""
    assert same_fact(a, b) is same
    assert same_fact(b, a) is same


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Path:
    path = tmp_path / "cards.db"
    card = read_card(CARD.read_bytes())
    assert card.run is not None
    with Registry(path) as opened:
        opened.save(dataclasses.replace(card.run, name="otter"))
        opened.append(card.run.id, card.log)
    return path


def test_a_run_is_its_card(registry: Path, tmp_path: Path) -> None:
    """A run, its card as a file and the file's folder do not differ; a person's words and facts do."""
    for other in (str(CARD), str(CARD.parent)):
        assert not diff("otter", other, registry=registry).differs
    with Registry(registry) as opened:
        fill_section(opened, "otter", "bias", "Some.")
        opened.set_facts("otter", {"license": "mit"})
        found = diff(CARD, "otter", registry=opened)
    assert [(group.name, [d.key for d in group.differences]) for group in found.groups] == [("other", ["license"])]
    assert "+Some." in found.text
    assert "+license: mit" in found.text


def test_files_need_no_registry(tmp_path: Path) -> None:
    """Two files are compared without opening any registry; line ends and the final newline are no difference."""
    dressed = tmp_path / "other.md"
    dressed.write_bytes(CARD.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert not diff(CARD, dressed, registry=tmp_path / "none.db").differs


def test_a_text_that_is_no_card_has_no_facts(tmp_path: Path) -> None:
    """It is compared as text, and said to be opaque."""
    (tmp_path / "README.md").write_text("# Hello\n")
    found = diff(CARD, tmp_path)
    assert found.opaque == (str(tmp_path),)
    assert found.groups == ()
    assert "+# Hello" in found.text


def test_a_run_goes_before_a_file_of_its_name(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`otter` is the run, `./otter` the folder; a name that no run has is a file; else the run is not found."""
    monkeypatch.chdir(tmp_path)
    for name in ("otter", "only-a-file"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text("# Hello\n")
    opaque: Callable[[str], bool] = lambda name: bool(diff(name, CARD, registry=registry).opaque)  # noqa: E731
    assert [opaque(name) for name in ("otter", "./otter", "only-a-file")] == [False, True, True]
    with pytest.raises(RunNotFound):
        diff("nothing", CARD, registry=registry)
    with pytest.raises(FileProblem):
        diff("./nothing", CARD, registry=registry)


@pytest.mark.parametrize("folder", folders(GOLDEN)[::9], ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_record_does_not_differ_from_its_own_card(folder: Path) -> None:
    """What no card shows is no difference, on either side; what a card shows and another has not is one."""
    run, log = load(folder)
    card = read_card((folder / "README.md").read_bytes(), "card")
    assert card.run is not None
    record = Side(name="run", text=card.text, run=run, log=log)
    shown = Side(name="card", text=card.text, run=card.run, log=card.log)
    assert compare(record, shown).groups == compare(shown, record).groups == ()
    other = dataclasses.replace(card.run, hyperparameters=None)
    lacking = compare(record, dataclasses.replace(shown, run=other)).groups
    assert [group.name for group in lacking] == (["arguments"] if card.run.hyperparameters is not None else [])
