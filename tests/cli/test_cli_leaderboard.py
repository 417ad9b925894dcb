"""`cardgen runs leaderboard`: what a person, a script, a spreadsheet and a pull request get."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Displayed, Evaluation
from cardgen.registry import Registry
from tests.cli.test_completion import complete
from tests.cli.test_output import COLOUR, on_terminal

GOLDEN = Path(__file__).parent.parent / "golden"
HOSTILE = "a|b`c`` \x1b[2J\n| x | <script> @you \u202e多语言"


@pytest.fixture
def board(registry: Path, new_run: Any) -> Path:
    """The registry with runs that have results of one evaluator in two configurations."""
    results: list[tuple[str, Any, Any]] = [
        ("dusky-hare", 0.75, {"truncate_dim": 64}),
        ("early-wren", 0.875, {"truncate_dim": 64}),
        ("frosty-yak", Displayed("0.8750", 0.875), {"truncate_dim": 64}),
        ("grey-newt", 0.99, {"truncate_dim": 32}),
        ("happy-bee", float("nan"), {"truncate_dim": 64}),
    ]
    with Registry(registry) as opened:
        for number, (name, value, configuration) in enumerate(results):
            evaluation = Evaluation(
                evaluator="sentence_transformers.evaluation.InformationRetrievalEvaluator",
                dataset_name="dev",
                configuration=configuration,
                metrics={"dev_ndcg@10": value, "dev_gap": number, "dev_f1_threshold": 1.0},
                step=number,
                epoch=1.0,
            )
            opened.save(new_run(number + 3, name, project="p" if number else HOSTILE, evaluations=(evaluation,)))
    return registry


def test_a_table_for_each_ranking(call: Any, board: Path) -> None:
    """Each heading says what the results were made with; best first, ranks that rounding leaves open marked."""
    said = call("runs", "leaderboard", "ndcg@10", "hare or wren or yak or newt or bee")
    assert said.code == 0
    first, second = (block.splitlines() for block in said.text.split("\n\n"))
    assert first[0] == "dev_ndcg@10  InformationRetrievalEvaluator  dev  truncate_dim=32"
    assert second[0] == "dev_ndcg@10  InformationRetrievalEvaluator  dev  truncate_dim=64"
    assert second[1].split() == ["RANK", "RUN", "VALUE", "STEP", "STATUS", "CREATED"]
    assert [re.split(" {2,}", line)[:4] for line in second[2:]] == [
        ["1?", "early-wren", "0.875", "1"],
        ["1?", "frosty-yak", "≈ 0.8750", "2"],
        ["3", "dusky-hare", "0.75", "0"],
        ["—", "happy-bee", "nan", "4"],
    ]
    assert "the rank may be another" in said.err


def test_a_limit_a_direction_and_what_is_said(call: Any, board: Path) -> None:
    """--limit holds for each ranking and says what it hides; a direction may be asked for, and must be for some."""
    said = call("runs", "leaderboard", "dev_ndcg@10", "--limit", 1, "--ascending")
    assert [line.split()[1] for line in said.text.splitlines() if line.startswith("1")] == ["grey-newt", "dusky-hare"]
    assert "3 more are not shown" in said.err
    assert call("runs", "leaderboard", "threshold").code == 2
    said = call("runs", "leaderboard", "f1_threshold")
    assert (said.code, said.out) == (2, b"")
    assert "--ascending or --descending" in said.err
    assert call("runs", "leaderboard", "f1_threshold", "--descending").code == 0
    said = call("runs", "leaderboard", "dev_ndgc@10")
    assert (said.code, said.out) == (2, b"")
    assert "did you mean metrics.dev_ndcg@10?" in said.err
    assert "no run matches" in call("runs", "leaderboard", "gap", "zebra").err
    assert call("runs", "leaderboard", "gap", "zebra", "--format", "md").text == "No run has such a result.\n"
    assert call("runs", "leaderboard", "gap", "a", "=", "(").code == 2
    assert call("runs", "leaderboard", "gap", "--json", "--format", "md").code == 2
    assert call("runs", "leaderboard").code == 2
    assert b"no metric is named" in call("runs", "leaderboard", " ").err.encode()


def test_json_is_stable(call: Any, board: Path) -> None:
    """Every ranking with what it was made with, every result with its value, and whether that is approximate."""
    found = json.loads(call("runs", "leaderboard", "metrics.dev_ndcg@10", "--json").out)
    assert (found["metrics"], found["others"]) == (["dev_ndcg@10"], [])
    ranking = found["rankings"][1]
    results = ranking.pop("results")
    assert ranking == {
        "metric": "dev_ndcg@10",
        "evaluator": "InformationRetrievalEvaluator",
        "dataset": "dev",
        "configuration": {"truncate_dim": 64},
        "configuration_known": True,
        "direction": "max",
        "total": 4,
    }
    [*_, last] = results
    assert last["rank"] is None
    assert last["value"] == "nan"
    shown = {key: value for key, value in results[1].items() if key not in ("created", "run_id", "value")}
    assert shown == {
        "rank": 1,
        "uncertain": True,
        "run": "frosty-yak",
        "approximate": True,
        "step": 2,
        "epoch": 1.0,
        "checkpoint": None,
        "weights": None,
        "at": None,
        "status": "finished",
        "project": "p",
    }


def test_csv_has_a_row_for_each_result(call: Any, board: Path) -> None:
    """What a result was made with stands in each row; nothing is a formula or moves a cursor."""
    text = call("runs", "leaderboard", "dev_ndcg@10", "--format", "csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 5
    assert rows[1]["configuration"] == '{ "truncate_dim": 64 }'
    assert [row["rank"] for row in rows] == ["1", "1", "1", "3", ""]
    assert "\x1b" not in text


def test_markdown_is_a_table_that_no_value_breaks(call: Any, board: Path, new_run: Any) -> None:
    """Each row has as many cells as its heading, whatever a name, a data set or a configuration holds."""
    evaluation = Evaluation(
        evaluator=f"x.{HOSTILE}",
        dataset_name=HOSTILE,
        configuration={HOSTILE: HOSTILE},
        metrics={"dev_ndcg@10": HOSTILE},
    )
    with Registry(board) as opened:
        opened.save(new_run(9, "hostile", id="hostile", evaluations=(evaluation,)))
    text = call("runs", "leaderboard", "ndcg@10", "--format", "md").text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}
    assert any(line.startswith("| 1? | `early-wren` | **`0.875`** | `1` |") for line in lines)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert b"\x1b[2J" not in on_terminal("runs", "leaderboard", "ndcg@10")[1]


@pytest.mark.parametrize("columns", [40, 80])
def test_it_fits_the_terminal(board: Path, columns: int) -> None:
    """Rank, name and value stay whole where anything else can give way."""
    code, screen = on_terminal("runs", "leaderboard", "ndcg@10", columns=columns, NO_COLOR="1")
    assert code == 0
    lines = COLOUR.sub(b"", screen).decode().splitlines()
    assert max(len(line) for line in lines if not line.startswith("?")) <= columns
    assert any(re.match(r"1\? +frosty-yak +≈ 0\.8750", line) for line in lines)


def test_real_cards_are_ranked(call: Any, empty: Path) -> None:
    """The same evaluator in three library versions is one ranking, each truncated dimension its own."""
    names = ("5.1.2/st_named_eval", "6.2.0/st_named_eval", "5.7.0/st_matryoshka_seq", "5.1.2/st_matryoshka_seq")
    assert call("import", *(GOLDEN / name for name in names), GOLDEN / "3.4.1/st_named_eval").code == 0
    found = json.loads(call("runs", "leaderboard", "spearman_cosine", "--json").out)["rankings"]
    made = [(one["dataset"], one["configuration"], one["configuration_known"], one["total"]) for one in found]
    assert made == [
        ("sts-dev-16", {"truncate_dim": 16}, True, 2),
        ("sts-dev-32", {"truncate_dim": 32}, True, 2),
        ("sts-dev-8", {"truncate_dim": 8}, True, 2),
        ("sts-dev", None, True, 2),
        ("sts-dev", None, False, 1),
    ]
    assert all(one["results"][0]["value"] >= one["results"][-1]["value"] for one in found)


def test_metrics_and_queries_are_completed(board: Path) -> None:
    """METRIC by its beginning or by a part of it, then the query."""
    assert complete("runs", "leaderboard", "dev_nd") == ["dev_ndcg@10"]
    assert complete("runs", "leaderboard", "ndc") == ["dev_ndcg@10", "nano_cosine_ndcg@10"]
    assert complete("runs", "leaderboard", "metrics.dev_g") == ["metrics.dev_gap"]
    assert complete("runs", "leaderboard", "dev_gap", "status", "=", "fi") == ["finished"]
