"""`cardgen runs compare`: what a person, a script, a spreadsheet and a pull request get."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Displayed, Evaluation, Hyperparameters, Run
from cardgen.registry import Registry
from tests.cli.test_completion import complete
from tests.cli.test_output import COLOUR, on_terminal

GOLDEN = Path(__file__).parent.parent / "golden"
HOSTILE = "a|b`c`` \x1b[2J\n| x | <script> @you \u202e多语言"


@pytest.fixture
def compared(registry: Path, new_run: Any) -> Path:
    """The registry with two runs more that have something to compare."""
    with Registry(registry) as opened:
        for number, (name, rate, score) in enumerate((("dusky-hare", 5e-05, 0.75), ("early-wren", 2e-05, 0.875))):
            opened.save(
                new_run(
                    number + 3,
                    name,
                    hyperparameters=Hyperparameters(
                        values={"learning_rate": rate, "note": HOSTILE * (number + 1), "seed": 1, "fp16": None},
                        defaults={"note": None, **({"learning_rate": 5e-05} if number else {})},
                    ),
                    evaluations=(Evaluation(evaluator="x.E", metrics={"ndcg": score, "map": Displayed("0.51", 0.51)}),),
                )
            )
    return registry


def test_a_table_marks_the_best_and_the_defaults(call: Any, compared: Path) -> None:
    """Only what differs, in sections; a fact that a run lacks is shown as missing."""
    said = call("runs", "compare", "dusky", "early", "calm")
    assert said.code == 0
    sections = [block.splitlines() for block in said.text.split("\n\n")]
    assert [section[0].split()[0] for section in sections] == ["arguments", "metrics", "other"]
    cells = {line[0]: line[1:] for section in sections for text in section[1:] if (line := re.split(" {2,}", text))}
    assert cells["learning_rate"] == ["5e-05 (default)", "2e-05", "—"]
    assert cells["ndcg"] == ["0.75", "0.875 *", "—"]
    assert cells["map"] == ["≈ 0.51 *?", "≈ 0.51 *?", "—"]
    assert "seed" not in cells
    assert "may be the best" in said.err
    assert "\x1b" not in said.text
    every = call("runs", "compare", "dusky", "early", "--all", "--sections", "arguments").text
    assert re.search(r"^seed +1 \(default\) +1 \(default\)$", every, re.MULTILINE)
    assert re.search(r"^fp16 +None \(default\) +None \(default\)$", every, re.MULTILINE)


def test_json_is_stable(call: Any, compared: Path) -> None:
    """Values by the id of their run, what is missing left out; the best by id; a hostile text as it is."""
    found = json.loads(call("runs", "compare", "dusky", "early", "calm", "--json").out)
    ids = {run["name"]: run["id"] for run in found["runs"]}
    assert found["runs"][2] == {"id": ids["calm-lynx"], "name": "calm-lynx", "status": "failed", "origin": "captured"}
    assert [section["name"] for section in found["sections"]] == [
        *("arguments", "data", "metrics", "architecture", "versions", "other")
    ]
    facts = {fact["fact"]: fact for section in found["sections"] for fact in section["facts"]}
    assert facts["ndcg"] == {
        "fact": "ndcg",
        "values": {ids["dusky-hare"]: 0.75, ids["early-wren"]: 0.875},
        "approximate": [],
        "differs": True,
        "defaults": [],
        "direction": "max",
        "best": [ids["early-wren"]],
        "rounded": False,
        "comparable": True,
    }
    assert facts["map"]["approximate"] == facts["map"]["best"] == [ids["dusky-hare"], ids["early-wren"]]
    assert facts["note"]["values"][ids["dusky-hare"]] == HOSTILE


def test_csv_is_a_row_for_each_fact(call: Any, compared: Path) -> None:
    """One column for each run, by name the best and those whose value is rounded, and no formula."""
    rows = list(csv.DictReader(io.StringIO(call("runs", "compare", "dusky", "early", "--all", "--format", "csv").text)))
    found = {row["fact"]: row for row in rows}
    assert found["ndcg"] == {
        "section": "metrics",
        "fact": "ndcg",
        "dusky-hare": "0.75",
        "early-wren": "0.875",
        "best": "early-wren",
        "rounded": "False",
        "approximate": "",
    }
    assert found["map"]["approximate"] == "dusky-hare early-wren"


def test_a_run_may_be_called_like_a_column(call: Any, compared: Path, new_run: Any) -> None:
    """Its column has its id as well, and no fact is lost."""
    with Registry(compared) as opened:
        opened.save(new_run(8, "fact", project="x"))
    rows = list(csv.DictReader(io.StringIO(call("runs", "compare", "fact", "calm", "--format", "csv").text)))
    [project] = [row for row in rows if row["fact"] == "run.project"]
    assert project["fact 0193b5b0-0000-7000-8000-000000000008"] == "x"
    assert rows[0].keys() >= {"section", "fact", "calm-lynx", "best", "rounded"}


def test_markdown_is_a_table_that_no_value_breaks(call: Any, compared: Path) -> None:
    """Each row has as many cells as the heading, whatever the values hold; the best are bold."""
    text = call("runs", "compare", "dusky", "early", "calm", "--format", "md").text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {5}
    assert "| `ndcg` | `0.75` | **`0.875`** | — |" in tables
    assert "| `map` | **`≈ 0.51`** ? | **`≈ 0.51`** ? | — |" in tables
    assert "| `learning_rate` | `5e-05` (default) | `2e-05` | — |" in tables
    assert "\x1b" not in text
    assert "\u202e" not in text
    same = call("runs", "compare", "dusky", "early", "--sections", "versions", "--format", "md").text
    assert same == "No difference between `dusky-hare`, `early-wren`.\n"


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_it_fits_the_terminal(compared: Path, columns: int) -> None:
    """Runs stand side by side where that leaves each enough room, else each has a line; that is said."""
    names = ("dusky", "early", "calm", "amber", "brisk")
    code, screen = on_terminal("runs", "compare", *names, columns=columns, NO_COLOR="1")
    assert code == 0
    lines = COLOUR.sub(b"", screen).decode().splitlines()
    data = [line for line in lines if not line.startswith(("5 runs do not", "*?"))]
    assert max(len(line) + sum(char in "多语言" for char in line) for line in data) <= columns
    beside = columns >= 120
    assert any("dusky-hare" in line and "brisk-heron" in line for line in data) == beside
    assert any(line.startswith("5 runs do not fit side by side") for line in lines) != beside
    assert any("0.875 *" in line for line in data)


def test_runs_of_a_query_and_errors(call: Any, compared: Path) -> None:
    """--query brings runs in; fewer than two, an unknown section and an unknown run are told by exit codes."""
    said = call("runs", "compare", "--query", "hare or wren or lynx", "--limit", 2, "--sections", "metrics,arguments")
    assert (said.code, said.text.splitlines()[0].split()) == (0, ["arguments", "dusky-hare", "early-wren"])
    assert "finds more than 2 runs" in said.err
    for arguments, code, words in (
        (("dusky",), 2, "two runs or more"),
        ((), 2, "two runs or more"),
        (("dusky", "dusky-hare"), 2, "one run to compare"),
        (("--query", "zebra"), 2, "no run to compare"),
        (("--query", "a = ("), 2, "quote"),
        (("dusky", "early", "--sections", "metric"), 2, "no section 'metric'"),
        (("dusky", "early", "--sections", ","), 2, "names no section"),
        (("dusky", "zebra"), 3, "zebra"),
        (("dusky", "early", "--json", "--format", "csv"), 2, "exclude each other"),
    ):
        said = call("runs", "compare", *arguments)
        assert (said.code, said.out) == (code, b"")
        assert words in said.err
    assert "no difference" in call("runs", "compare", "dusky", "early", "--sections", "versions").err


def test_two_runs_of_one_name_are_told_apart() -> None:
    """Records that are not of one registry may have one name."""
    from cardgen.cli.runs_compare import _labels

    run = Run(id="1", name="x", model={})  # type: ignore[arg-type]
    assert _labels([run, dataclasses.replace(run, id="2")]) == ["x 1", "x 2"]  # type: ignore[list-item]


def test_real_cards_are_compared(call: Any, empty: Path) -> None:
    """Cards of several library versions, imported: what nobody set is left out, what cards round is marked."""
    folders = [GOLDEN / name for name in ("5.1.2/st_named_eval", "6.2.0/st_named_eval", "4.1.0/ce_rerank_best")]
    assert call("import", *folders).code == 0
    ids = call("runs", "list", "-q").text.split()
    found = json.loads(call("runs", "compare", *ids, "--json").out)
    facts = {fact["fact"]: fact for section in found["sections"] for fact in section["facts"]}
    assert "use_legacy_prediction_loop" not in facts
    assert facts["learning_rate"]["differs"]
    assert len(facts["sts-dev_spearman_cosine"]["best"]) == 1
    assert facts["last training loss"]["approximate"]
    assert facts["transformers"]["values"].keys() == set(ids)
    assert call("runs", "compare", *ids, "--format", "md").code == 0


def test_runs_and_sections_are_completed(compared: Path) -> None:
    """Each RUN completes to a name, and the last of several sections."""
    assert complete("runs", "compare", "dusky-hare", "ea") == ["early-wren"]
    assert complete("runs", "compare", "--sections", "arguments,m") == ["arguments,metrics"]
