"""`cardgen diff`: for a person, a script, a pull request."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Dataset, Displayed, Durations, Evaluation, Hyperparameters, Model, Run
from cardgen.registry import Registry

EVIL = "a|b `c` ``d`` <b>@me</b> \x1b[31m\u202e\n# h"


@pytest.fixture(autouse=True)
def _two(empty: Path, new_run: Any) -> None:
    """Two runs that differ in each kind of fact."""
    run: Run = new_run(
        1,
        "otter",
        hyperparameters=Hyperparameters(values={"lr": 5e-05, "note": "x", "seed": 1}),
        evaluations=(Evaluation(evaluator="x.E", metrics={"ndcg": 0.5, "mrr": Displayed("0.25", 0.25)}),),
    )
    other = dataclasses.replace(
        run,
        id=run.id[:-1] + "2",
        name="heron",
        hyperparameters=Hyperparameters(values={"lr": 2e-05, "note": EVIL, "seed": 1}),
        evaluations=(Evaluation(evaluator="x.E", metrics={"ndcg": 0.75, "mrr": 0.5}),),
        datasets=(Dataset(role="train", name="nli", size=3),),
        model=Model(type="SentenceTransformer", title="Heron", architecture="A(\n  (0): B\n  (1): C\n)"),
    )
    run = dataclasses.replace(run, model=dataclasses.replace(run.model, architecture="A(\n  (0): B\n  (1): D\n)"))
    with Registry(empty) as opened:
        opened.save(run)
        opened.save(other)


def test_displayed_numbers_are_their_texts(call: Any, empty: Path, new_run: Any) -> None:
    """In tables and JSON of `diff` and `runs show`; where words were displayed, JSON has the number as well."""
    arguments = Hyperparameters(
        values={"lr": Displayed("1e-5", 1e-05), "by": {"a": Displayed("0.50", 0.5)}}, defaults={"lr": 1}
    )
    evaluation = Evaluation(evaluator="x.E", primary_metric="ndcg", metrics={"ndcg": Displayed("0.50", 0.5)})
    with Registry(empty) as opened:
        opened.save(
            new_run(
                3,
                "lynx",
                model=Model(type="SentenceTransformer", max_seq_length=Displayed("inf", math.inf)),
                hyperparameters=arguments,
                evaluations=(evaluation,),
                durations=Durations(total_seconds=Displayed("1.5 minutes", 90.0)),
            )
        )
    for words in (["diff", "otter", "lynx"], ["runs", "show", "lynx"]):
        for form in ([], ["--format", "json"] if words[0] == "diff" else ["--json"]):
            said = call(*words, *form)
            assert said.code == 0
            assert "Displayed(" not in said.text
    shown = json.loads(call("runs", "show", "lynx", "--json").text)
    run = shown.get("run", shown)
    assert run["durations"]["total_seconds"] == {"text": "1.5 minutes", "value": 90.0}
    assert run["evaluations"][0]["metrics"] == {"ndcg": 0.5}
    assert run["model"]["max_seq_length"] == "inf"
    table = call("runs", "show", "lynx").text
    assert "≈ 1e-5" in table
    assert "0.50" in table


def test_an_empty_list_is_no_missing_fact(call: Any, empty: Path, new_run: Any) -> None:
    """One is shown as such, the other as nothing."""
    with Registry(empty) as opened:
        opened.save(new_run(4, "ibis", hyperparameters=Hyperparameters(values={"report_to": [], "seed": 1})))
    lines = [" ".join(line.split()) for line in call("diff", "ibis", "otter", "--facts").text.splitlines()]
    assert "report_to []" in lines


def test_a_table_has_the_facts_by_kind_and_the_text(call: Any) -> None:
    """Each kind has its table with a delta for numbers; displayed numbers have their mark; then the unified diff."""
    said = call("diff", "otter", "heron")
    assert said.code == 0
    facts, _, text = said.text.partition("\n--- otter\n+++ heron\n")
    lines = [" ".join(line.split()) for line in facts.splitlines()]
    for kind in ("Arguments", "Data", "Metrics", "Architecture", "Other"):
        assert lines[lines.index(kind) + 1] == "FACT A B DELTA"
    assert "Versions" not in lines
    assert "lr 5e-05 2e-05 -3e-05" in lines
    assert "ndcg 0.5 0.75 +0.25" in lines
    assert "mrr ≈ 0.25 0.5 ≈ +0.25" in lines
    assert "architecture (1): D (1): C" in lines
    assert "train nli; 3 rows" in lines
    assert "seed" not in facts
    assert "\n-# SentenceTransformer otter\n+# Heron\n" in text


@pytest.mark.parametrize(("only", "other"), [("--facts", "@@"), ("--text", "DELTA")])
def test_one_of_both_can_be_chosen(call: Any, only: str, other: str) -> None:
    """`--facts` leaves out the text, `--text` the facts."""
    said = call("diff", "otter", "heron", only)
    assert said.out
    assert other not in said.text


def test_json_has_the_values(call: Any) -> None:
    """Numbers are numbers, and what one side lacks is null."""
    found = json.loads(call("diff", "otter", "heron", "--format", "json").out)
    assert (found["a"], found["b"]) == ("otter", "heron")
    assert found["facts"]["metrics"][0] == {"key": "ndcg", "a": 0.5, "b": 0.75, "delta": 0.25, "approximate": False}
    assert found["facts"]["data"][0]["a"] is None
    assert found["facts"]["arguments"][1]["b"] == EVIL
    assert found["text"][:2] == ["--- otter", "+++ heron"]
    assert "text" not in json.loads(call("diff", "otter", "heron", "--format", "json", "--facts").out)


def test_markdown_keeps_hostile_text_in_its_cell(call: Any) -> None:
    """Every row has four cells, whatever is in them; the text stands in a fence that it cannot close."""
    said = call("diff", "otter", "heron", "--format", "md").text
    tables, _, text = said.partition("\n### Text\n")
    rows = [line for line in tables.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5
    [row] = [row for row in rows if row.startswith("| `note`")]
    assert row == "| `note` | `x` | ```a\\|b `c` ``d`` <b>@me</b> \\x1b[31m\\u202e\\n# h``` |  |"
    fence = re.findall(r"^(`{3,})(?:diff)?$", text, re.MULTILINE)
    assert len(fence) == 2
    assert len(fence[0]) > max(len(run) for run in re.findall("`+", text.replace(fence[0], "")))


def test_nothing_harms_the_terminal(call: Any) -> None:
    """Escapes and bidirectional controls are shown, not obeyed, in names and values."""
    for form in ("table", "md", "json"):
        out = call("diff", "otter", "heron", "--format", form).out
        assert b"\x1b" not in out
        assert "\u202e" not in out.decode()


def test_the_exit_code_tells_only_when_asked(call: Any) -> None:
    """0 whether or not they differ; with `--exit-code` 1 if they do, as git has it."""
    assert call("diff", "otter", "heron").code == 0
    assert call("diff", "otter", "heron", "--exit-code").code == 1
    assert call("diff", "otter", "heron", "--exit-code", "--format", "json").code == 1
    same = call("diff", "otter", "otter", "--exit-code")
    assert (same.code, same.text, same.err) == (0, "", "no difference\n")
    assert call("diff", "otter", "otter", "--format", "md").text == "No difference between `otter` and `otter`.\n"


def test_a_card_of_a_run_is_compared_with_it(call: Any, tmp_path: Path) -> None:
    """A file is the other side; a text that is no card is said to have no facts."""
    (tmp_path / "x.md").write_bytes(call("render", "otter").out)
    assert call("diff", "otter", tmp_path / "x.md", "--text", "--exit-code").code == 0
    (tmp_path / "y.md").write_text("no card")
    said = call("diff", "otter", tmp_path / "y.md")
    assert "no generated card" in said.err
    assert "+no card" in said.text


@pytest.mark.parametrize(
    ("words", "code"),
    [(("otter", "zebra"), 3), (("otter", "./zebra"), 1), (("otter",), 2), (("otter", "heron", "--format", "csv"), 2)],
)
def test_wrong_arguments_are_clear_errors(call: Any, words: tuple[str, ...], code: int) -> None:
    """No traceback, and the code that fits."""
    said = call("diff", *words)
    assert said.code == code
    assert "Error:" in said.err
    assert "Traceback" not in said.err
