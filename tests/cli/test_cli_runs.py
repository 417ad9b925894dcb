"""`cardgen runs`: listings in every format, a run shown, a run deleted."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Displayed, Emissions, Evaluation, Run
from cardgen.registry import Registry


def names(said: Any) -> list[str]:
    """The names in a JSON listing."""
    return [row["name"] for row in json.loads(said.out)]


@pytest.mark.usefixtures("registry")
class TestList:
    """`cardgen runs list`."""

    def test_the_table_has_a_line_for_each_run_newest_first(self, call: Any) -> None:
        """A table has headings and one line for each run."""
        said = call("runs", "list")
        assert said.code == 0
        lines = said.text.splitlines()
        assert lines[0].split() == ["NAME", "STATUS", "PROJECT", "MODEL", "TYPE", "METRIC", "NAME", "METRIC", "CREATED"]
        assert [line.split()[0] for line in lines[1:]] == ["amber-otter", "brisk-heron", "calm-lynx"]
        assert "nano_cosine_ndcg@10" in lines[1]
        assert "0.875" in lines[1]
        assert said.err == ""

    def test_json_has_every_column_with_its_type(self, call: Any) -> None:
        """JSON keeps numbers, lists and times in ISO 8601."""
        rows = json.loads(call("runs", "list", "--json").out)
        assert rows[0]["metric"] == 0.875
        assert rows[0]["tags"] == ["nli", "v1"]
        assert rows[0]["created"].endswith("+00:00")
        assert rows[1]["metric"] is None

    def test_csv_reads_back(self, call: Any) -> None:
        """CSV has a heading line and reads back with the csv module."""
        rows = list(csv.DictReader(io.StringIO(call("runs", "list", "--format", "csv").text)))
        assert [row["name"] for row in rows] == ["amber-otter", "brisk-heron", "calm-lynx"]
        assert rows[0]["tags"] == "nli v1"
        assert rows[1]["metric"] == ""

    @pytest.mark.parametrize("option", [("-q",), ("--format", "ids")])
    def test_ids_are_one_a_line(self, call: Any, option: tuple[str, ...]) -> None:
        """`-q` prints ids and nothing else."""
        said = call("runs", "list", *option)
        assert said.text.split() == [f"0193b5b0-0000-7000-8000-00000000000{n}" for n in (1, 2, 9)]

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (("OTTER",), ["amber-otter"]),
            (("--project", "rerankers"), ["brisk-heron"]),
            (("--group", "sweep-1"), ["brisk-heron"]),
            (("--status", "failed"), ["calm-lynx"]),
            (("--since", "3d"), ["amber-otter", "brisk-heron"]),
            (("--since", "36h"), ["amber-otter"]),
            (("--since", "2020-01-31"), ["amber-otter", "brisk-heron", "calm-lynx"]),
            (("--sort", "created"), ["calm-lynx", "brisk-heron", "amber-otter"]),
            (("--sort", "-name", "--limit", "1"), ["calm-lynx"]),
            (("--limit", "0"), ["amber-otter", "brisk-heron", "calm-lynx"]),
            (("nothing-like-it",), []),
        ],
    )
    def test_filters_and_order(self, call: Any, options: tuple[str, ...], expected: list[str]) -> None:
        """Each filter keeps what matches, and the order is the one asked for."""
        assert names(call("runs", "list", "--json", *options)) == expected

    def test_columns_are_chosen_by_name(self, call: Any) -> None:
        """`--columns` says which, in which order."""
        assert call("runs", "list", "--format", "csv", "--columns", "metric,Name", "--limit", "1").text == (
            "metric,name\n0.875,amber-otter\n"
        )

    def test_an_unknown_column_is_a_usage_error_that_names_the_nearest(self, call: Any) -> None:
        """A misspelt column exits with 2 and says what was meant."""
        said = call("runs", "list", "--columns", "created,nmae")
        assert said.code == 2
        assert "nmae" in said.err
        assert "did you mean name" in said.err

    def test_any_key_is_a_column(self, call: Any) -> None:
        """Facts stand beside columns, under the key as it was written; commas in brackets and quotes are no borders."""
        said = call(
            "runs",
            "list",
            "otter",
            "--json",
            "--columns",
            "Name, metrics.ndcg@10,params.seed,loss,best(metrics.loss, max)",
        )
        assert json.loads(said.out) == [
            {
                "name": "amber-otter",
                "metrics.ndcg@10": 0.875,
                "params.seed": 42,
                "loss": ["sentence_transformers.losses.MultipleNegativesRankingLoss"],
                "best(metrics.loss, max)": None,
            }
        ]

    def test_a_table_that_was_cut_says_so_on_stderr(self, call: Any) -> None:
        """Somebody who sees two of three runs is told."""
        said = call("runs", "list", "--limit", "2")
        assert len(said.text.splitlines()) == 3
        assert "--limit 0" in said.err

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("metrics.ndcg@10 > 0.8 and params.seed in (1, 42)",), ["amber-otter"]),
            (("status", "=", "failed"), ["calm-lynx"]),
            (("status=failed", "or", "rerankers"), ["brisk-heron", "calm-lynx"]),
            (("created", ">", "-60h"), ["amber-otter", "brisk-heron"]),
            (("not", "created", ">", "-36h", "--sort", "created"), ["calm-lynx", "brisk-heron"]),
            (("title", "=", "SentenceTransformer amber-otter"), ["amber-otter"]),
            (("title", "=", "'SentenceTransformer amber-otter'"), ["amber-otter"]),
            (("params.learning_rate", ">", "-0.5"), ["amber-otter"]),
            (("params.learning_rate", ">", "-inf"), ["amber-otter"]),
            (("versions.python", ">=", "3.9", "nli"), ["amber-otter"]),
        ],
    )
    def test_words_are_a_query(self, call: Any, words: tuple[str, ...], expected: list[str]) -> None:
        """All words are one query, in quotes or not; what begins with a minus and a digit is no option."""
        said = call("runs", "list", "--json", *words)
        assert said.err == ""
        assert names(said) == expected

    def test_an_error_points_at_the_character(self, call: Any) -> None:
        """The query is shown with a caret under what is wrong, and the nearest that there is."""
        said = call("runs", "list", "nli", "params.sed", "=", "42")
        assert said.code == 2
        error, line, caret, hint = said.err.splitlines()
        assert "params.sed" in error
        assert line == "  nli params.sed = 42"
        assert caret == "      ^"
        assert hint == "Hint: did you mean params.seed?"

    @pytest.mark.parametrize("format", ["table", "json", "csv", "ids"])
    def test_pages_follow_each_other(self, call: Any, format: str) -> None:
        """A page that is not the last names on stderr what follows it, and so the next begins there."""
        whole = call("runs", "list", "--format", format).text
        found: list[str] = []
        after: list[str] = []
        for _ in range(3):
            said = call("runs", "list", "--format", format, "--limit", "1", *after)
            found.append(said.text)
            after = said.err.split()[-2:]
        assert said.err == ""
        assert all(name in "".join(found) for name in whole.split() if "otter" in name or "lynx" in name)

    def test_a_displayed_number_is_marked(self, call: Any, registry: Path, new_run: Any) -> None:
        """A number that is known only from a card has a sign before it in a table, and is a number in JSON."""
        evaluation = Evaluation(evaluator="E", primary_metric="map", metrics={"map": Displayed("0.70", 0.7)})
        with Registry(registry) as opened:
            opened.save(new_run(3, "dusky-eel", evaluations=(evaluation,)))
        said = call("runs", "list", "eel", "--columns", "metric,metrics.map")
        assert said.text.splitlines()[1].split() == ["≈", "0.70", "≈", "0.70"]
        assert json.loads(call("runs", "list", "eel", "--json", "--columns", "metric").out) == [{"metric": 0.7}]

    def test_keys_are_listed(self, call: Any) -> None:
        """What can be asked, with kinds and counts; a prefix that nothing has says so."""
        assert [line.split() for line in call("runs", "keys", "params.").text.splitlines()] == [
            ["KEY", "KIND", "RUNS"],
            ["params.learning_rate", "number", "1"],
            ["params.seed", "number", "1"],
        ]
        assert json.loads(call("runs", "keys", "versions.p", "--json").out) == [
            {"key": "versions.python", "kind": "version", "runs": 3}
        ]
        assert call("runs", "keys", "created", "-q").text == "created\n"
        assert "no run has a key" in call("runs", "keys", "zebra").err

    @pytest.mark.parametrize(
        "options", [("--since", "tomorrow"), ("--status", "done"), ("--limit", "-1"), ("--sort", "x")]
    )
    def test_wrong_values_exit_with_2(self, call: Any, options: tuple[str, str]) -> None:
        """A value that cannot be right is a usage error without a traceback."""
        said = call("runs", "list", *options)
        assert said.code == 2
        assert options[1] in said.err
        assert "Traceback" not in said.err

    def test_no_match_is_no_error(self, call: Any) -> None:
        """Nothing found prints nothing, says so on stderr and exits with 0."""
        said = call("runs", "list", "zebra")
        assert (said.code, said.out, said.err) == (0, b"", "no run matches\n")
        assert call("runs", "list", "zebra", "-q").err == ""


def test_an_empty_registry_lists_nothing(call: Any, empty: Path) -> None:
    """Without runs a table is empty, JSON is `[]`, CSV has its headings."""
    said = call("runs", "list")
    assert (said.code, said.out) == (0, b"")
    assert "no runs yet" in said.err
    assert json.loads(call("runs", "list", "--json").out) == []
    assert call("runs", "list", "--format", "csv").text.startswith("id,name,")


def test_a_missing_registry_is_not_made_by_looking(call: Any, tmp_path: Path) -> None:
    """A mistyped path exits with 3, says what to do, and leaves no file."""
    path = tmp_path / "typo" / "cards.db"
    said = call("--registry", path, "runs", "list")
    assert said.code == 3
    assert str(path) in said.err
    assert not path.parent.exists()


def test_the_registry_of_the_command_goes_before_that_of_the_group(call: Any, registry: Path, tmp_path: Path) -> None:
    """`--registry` may stand at either place; the later one counts."""
    assert names(call("--registry", tmp_path / "none.db", "runs", "list", "--registry", registry, "--json"))


class TestShow:
    """`cardgen runs show`."""

    def test_a_person_sees_the_facts(self, call: Any, registry: Path) -> None:
        """Facts, data, evaluations, changed arguments, redactions and problems are on screen."""
        said = call("runs", "show", "amber")
        assert said.code == 0
        for expected in (
            "amber-otter",
            "557,850 rows",
            "MultipleNegativesRankingLoss",
            "nano_cosine_ndcg@10 0.875",
            "2e-05",
            "1 min 23 s",
            "hyperparameters.hub_token",
            "the widget could not be recorded",
            "output/final",
        ):
            assert expected in said.text
        assert "seed" not in said.text
        assert "cardgen render amber-otter" in said.err

    def test_what_was_said_and_emitted_is_shown(self, call: Any, registry: Path, new_run: Any) -> None:
        """Notes of the training script, one line each whatever they hold, and the emissions of all parts."""
        emissions = Emissions(emissions_kg=0.0123, energy_kwh=1.0, on_cloud=False)
        with Registry(registry) as opened:
            opened.save(dataclasses.replace(new_run(6, "noted"), notes={"bias": "A\nB\x1b[1m"}, emissions=emissions))
        said = call("runs", "show", "noted").text
        assert re.search(r"^Notes\nbias +A\\nB\\x1b", said, re.MULTILINE)
        assert re.search(r"^emitted +0.0123 kg CO2eq", said, re.MULTILINE)

    def test_json_has_the_whole_record_and_its_log(self, call: Any, registry: Path) -> None:
        """`--json` is valid JSON with every fact; NaN, which JSON lacks, is a word."""
        found = json.loads(call("runs", "show", "latest", "--json").out)
        assert found["status"] == "finished"
        assert found["run"]["hyperparameters"]["values"] == {"learning_rate": 2e-05, "seed": 42}
        assert found["log"][0]["values"] == {"loss": "nan"}

    def test_an_unknown_run_exits_with_3(self, call: Any, registry: Path) -> None:
        """The message names what was asked for."""
        said = call("runs", "show", "zebra")
        assert said.code == 3
        assert "zebra" in said.err
        assert said.out == b""

    def test_an_ambiguous_reference_shows_the_candidates(self, call: Any, registry: Path) -> None:
        """Several runs answer: exit 2 and their names."""
        said = call("runs", "show", "0193b5b0")
        assert said.code == 2
        assert "amber-otter" in said.err
        assert "brisk-heron" in said.err


class TestDelete:
    """`cardgen runs delete`."""

    def test_without_a_terminal_it_does_not_guess(self, call: Any, registry: Path) -> None:
        """Nobody can be asked: a usage error that names `--yes`, and nothing is deleted."""
        said = call("runs", "delete", "amber-otter")
        assert said.code == 2
        assert "--yes" in said.err
        assert names(call("runs", "list", "otter", "--json"))

    def test_a_deleted_run_is_hidden_and_can_be_purged(self, call: Any, registry: Path) -> None:
        """Hidden runs are in no listing; `--purge` still finds and removes them."""
        assert call("runs", "delete", "amber-otter", "--yes").code == 0
        assert names(call("runs", "list", "--json")) == ["brisk-heron", "calm-lynx"]
        assert call("runs", "delete", "amber-otter", "--yes").code == 3
        assert call("runs", "delete", "amber-otter", "--purge", "--yes").code == 0
        with Registry(registry) as opened:
            assert opened.status().deleted == 0

    def test_json_says_what_was_deleted(self, call: Any, registry: Path) -> None:
        """A script learns the id."""
        found = json.loads(call("runs", "delete", "latest", "-y", "--json").out)
        assert found == {"id": "0193b5b0-0000-7000-8000-000000000001", "name": "amber-otter", "purged": False}


def test_hostile_text_reaches_no_terminal(call: Any, empty: Path, new_run: Any) -> None:
    """Escape sequences, bidirectional controls and rich markup of a stranger's record are shown, not obeyed."""
    evil = "\x1b]0;title\x07\u202e[bold]x[/bold]\n=1+1"
    run: Run = new_run(1, "evil", project=evil, problems=(evil,), group="=cmd()")
    with Registry(empty) as opened:
        opened.save(run)
    for said in (call("runs", "list"), call("runs", "show", "evil"), call("runs", "list", "--format", "csv")):
        assert said.code == 0
        assert b"\x1b" not in said.out
        assert "\u202e" not in said.text
        assert "\\x1b]0;title\\x07\\u202e[bold]x[/bold]" in said.text
    rows = list(csv.DictReader(io.StringIO(call("runs", "list", "--format", "csv").text)))
    assert rows[0]["group"] == "'=cmd()"
    assert json.loads(call("runs", "show", "evil", "--json").out)["run"]["project"] == evil
