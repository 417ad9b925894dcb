"""The query language by itself: what is read, what it means, and where an error points."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardgen.errors import QueryError
from cardgen.identity import new_run_id
from cardgen.record import Dataset, Displayed, Environment, Evaluation, Hyperparameters, LogEvent, Loss, Model, Run
from cardgen.registry.language.binding import bind, bind_order
from cardgen.registry.language.evaluate import Record, Records, matches, ordered
from cardgen.registry.language.grammar import parse, parse_key, quote, written_key
from cardgen.registry.language.keys import History, written
from cardgen.registry.language.tree import And, Comparison, Key, Node, Not, Or, Text
from cardgen.registry.language.versions import version

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)

OTTER = Record(
    Run(
        id=new_run_id(),
        name="amber-otter",
        project="Rerankers",
        tags=("best 100%", "nli"),
        status="finished",
        created=dt.datetime(2026, 10, 1, 18, 30, 15, tzinfo=dt.UTC),
        model=Model(type="CrossEncoder", title="Straße", base_model="org/bert"),
        datasets=(Dataset(role="train", name="all-nli", size=557850, loss=Loss(name="losses.CoSENTLoss")),),
        hyperparameters=Hyperparameters(
            values={"seed": 1, "rate": 5e-05, "fp16": True, "text": "true", "odd key": "x", "none": None, "big": 2**70}
        ),
        evaluations=(
            Evaluation(
                evaluator="IR",
                metrics={"dev_ndcg@10": 0.9, "test_ndcg@10": 0.8, "shown": Displayed("0.70", 0.7), "nan": float("nan")},
            ),
        ),
        environment=Environment(versions={"torch": "2.10.0+cu121", "transformers": "5.1.0rc1"}),
    ),
    [
        LogEvent(seq=seq, kind="eval", step=seq, values={"dev_ndcg@10": score, "eval_loss": loss})
        for seq, (score, loss) in enumerate([(0.5, 3.0), (0.95, 1.0), (0.9, float("nan"))])
    ],
    revision=3,
)
HERON = Record(Run(id=new_run_id(), name="brisk-heron", model=Model(type="SentenceTransformer")), status="lost")
ALL = Records([OTTER, HERON])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # words
        ("", True),
        ("otter", True),
        ("OTTER rerank", True),
        ("STRASSE", True),
        ('"best 100%"', True),
        ("heron", False),
        ("not heron", True),
        ("heron or org/bert", True),
        ("heron or otter zebra", False),
        ("(heron or otter) nli", True),
        ("not heron otter", True),
        ("not (heron or otter)", False),
        ("not not otter", True),
        # numbers and texts
        ("params.seed = 1", True),
        ("params.seed = 1.0", True),
        ('params.seed = "1"', False),
        ("params.seed != 1", False),
        ("params.seed in (3, 1)", True),
        ("params.seed in 3, 2", False),
        ("params.rate <= 0.00005", True),
        ("params.rate>1e-5", True),
        ("params.big = 1180591620717411303424", True),
        ("params.fp16 = true", True),
        ("params.fp16 = 1", False),
        ("params.text = true", True),
        ('params.fp16 = "true"', False),
        ("params.none = NONE", True),
        ('params."odd key" = x', True),
        ("params.\"odd key\" = 'x'", True),
        ("params.seed ~ 1", False),
        ("params.text > tru", True),
        ("params.text > 1", False),
        ("metrics.shown = 0.7", True),
        ('metrics.shown = "0.70"', True),
        ("metrics.shown ~ .7", True),
        ("metrics.nan = nan", True),
        ("metrics.nan > 0 or metrics.nan <= 0", False),
        # several values
        ("tags = nli", True),
        ("tags != nli", False),
        ("tags != other", True),
        ("tags ~ BEST", True),
        ("loss ~ cosent", True),
        ("dataset.name = all-nli and dataset.size > 500000", True),
        # columns
        ("project = Rerankers", True),
        ("project = rerankers", False),
        ("project ~ RERANK", True),
        ("model_type in (CrossEncoder, SparseEncoder)", True),
        ("status = finished", True),
        ("status ~ FIN", True),
        ("group = x", False),
        ("group != x", False),
        ("not group = x", True),
        ("revision = 3", True),
        # times
        ("created = 2026", True),
        ("created = 2026-10", True),
        ("created = 2026-10-01", True),
        ("created > 2026-10-01", False),
        ("created >= 2026-10-01", True),
        ("created <= 2026-10-01", True),
        ("created < 2026-10-01", False),
        ("created < 2026-10-02", True),
        ("created = 2026-10-01T18:30", True),
        ("created = 2026-10-01T20:30+02:00", True),
        ("created = '2026-10-01 18:30:15'", True),
        ("created = 2026-10-01T18:30:15.5", False),
        ("created > -60d", True),
        ("created > -7w", False),
        ("ended > -7d", False),
        # versions
        ("versions.torch >= 2.9", True),
        ("versions.torch = 2.10", True),
        ("versions.torch = 2.10.0+cu118", False),
        ("versions.torch ~ CU121", True),
        ("versions.transformers < 5.1", True),
        ("versions.transformers > 5.0", True),
        # histories
        ("best(metrics.dev_ndcg@10) = 0.95", True),
        ("last(metrics.dev_ndcg@10) = 0.9", True),
        ("min(metrics.ndcg@10) = 0.5", True),
        ("max(metrics.ndcg@10) = 0.95", True),
        ("best(metrics.loss) = 1", True),
        ("best(metrics.loss, max) = 3", True),
        ("last(metrics.loss) > 0 or last(metrics.loss) <= 0", False),
    ],
)
def test_what_a_query_finds(query: str, found: bool) -> None:
    """Each rule of the language, on one run that has something to ask for."""
    assert matches(bind(query, ALL, NOW), OTTER) is found


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">=", "~", "in"])
@pytest.mark.parametrize("key", ["params.text", "tags", "loss", "project", "versions.torch"])
def test_a_missing_key_fails_every_comparison(key: str, operator: str) -> None:
    """Without a value no comparison holds, and `not` finds the run."""
    assert not matches(bind(f"{key} {operator} 2.0", ALL, NOW), HERON)
    assert matches(bind(f"not {key} {operator} 2.0", ALL, NOW), HERON)


def ordered_names(order_by: str, *numbers: Any) -> list[str]:
    """The names of runs with these values, in order."""
    records = [
        Record(
            Run(
                id=new_run_id(),
                name=str(index),
                model=Model(type="CrossEncoder"),
                hyperparameters=Hyperparameters(values={} if value is ... else {"x": value}),
            )
        )
        for index, value in enumerate(numbers)
    ]
    order = bind_order(order_by, Records(records))
    return [record.columns["name"] for record in ordered(records, order)]


def test_numbers_come_before_texts_and_both_before_what_is_missing() -> None:
    """The order by value turns round with `-`; that of the kinds does not. Equals keep, or turn, their order."""
    values = (2, "b", ..., 1.0, float("nan"), "a", 1, float("inf"))
    assert ordered_names("params.x", *values) == ["3", "6", "0", "7", "5", "1", "2", "4"]
    assert ordered_names("-params.x", *values) == ["7", "0", "6", "3", "1", "5", "4", "2"]


@pytest.mark.parametrize(
    ("query", "position", "hint"),
    [
        ("metrics.ndcg@10 >", 17, "docs/queries.md"),
        ("a == b", 3, "once"),
        ("name == b", 6, "once"),
        ("nli 'abc", 4, "close it"),
        ("tags not in (a)", 9, "not KEY in"),
        ("title = a,b", 9, "in (A, B)"),
        ("= 3", 0, "KEY OPERATOR VALUE"),
        ('"x y" = 3', 6, "behind the dot"),
        ("a) b", 1, "quote"),
        ("(a or b", 7, "write )"),
        ("a or or b", 5, "quote it"),
        ("and", 0, "quote it"),
        ("nli prams.seed = 1", 4, "params.seed"),
        ("seed = 1", 0, "params.seed"),
        ("projct = x", 0, "project"),
        ("dataset.nam = x", 0, "dataset.name"),
        ("metrics.ndcg@10 > 1", 0, "metrics.dev_ndcg@10, metrics.test_ndcg@10"),
        ("metrics.zzzzzz > 1", 0, "runs keys"),
        ("best(metrics.dev_ndgc@10) > 1", 5, "metrics.dev_ndcg@10"),
        ("best(params.seed) > 1", 5, "best(metrics.NAME)"),
        ("max(metrics.dev_ndcg@10, min) > 1", 4, "max(metrics.dev_ndcg@10)"),
        ("status = finishd", 9, "finished"),
        ("created > yesterday", 10, "-7d"),
        ("created > 2026-13-01", 10, "-7d"),
        ("created ~ 2026", 10, "= < >"),
        ("created < 9999", 10, "-7d"),
        ("revision > many", 11, "without quotes"),
        ('revision > "3"', 11, "without quotes"),
        ("versions.torch > nightly", 17, "version"),
        ("tags in ()", 9, "quote"),
        ("x in [a]", 5, "quote"),
        ("best(metrics.dev_ndcg@10 > 1", 25, "write )"),
    ],
)
def test_an_error_points_at_the_character(query: str, position: int, hint: str) -> None:
    """The position, a caret under it, and what would be right."""
    with pytest.raises(QueryError) as caught:
        bind(query, ALL, NOW)
    assert caught.value.position == position
    assert caught.value.query == query
    assert hint in (caught.value.hint or "")
    message, line, caret = str(caught.value).split("\n")
    assert message
    assert line == f"  {query}"
    assert caret == " " * (position + 2) + "^"


@pytest.mark.parametrize(
    ("text", "cells"), [("多语言\x1b[2J ", 11), ("e\u0301a\u20e3", 2), ("plain ", 6), ("😀", 2), ("\u202e", 1)]
)
def test_the_caret_stands_below_the_character(text: str, cells: int) -> None:
    """Wide, combining and unprintable characters count as a terminal shows them, and the line fits an ordinary one."""
    with pytest.raises(QueryError) as caught:
        parse(text * 100 + "'x" + text * 100)
    line, caret = str(caught.value).split("\n")[1:]
    assert "\x1b" not in line
    assert "\u202e" not in line
    sizes = [0 if unicodedata.combining(c) or c == "\u20e3" else 2 if c in "多语言😀" else 1 for c in line]
    shown = sum(sizes[: line.index("'x")])
    assert len(caret) - 1 == shown <= 38
    assert shown > 36 - cells
    assert sum(sizes) <= 74


@pytest.mark.parametrize(
    "query",
    [
        "(" * 5000,
        "not " * 2400 + "a",
        "a " * 5000,
        "(" * 3000 + "a" + ")" * 3000,
        "x" * 10_001,
        '"' * 9999,
        "not (a or " * 30,
    ],
)
def test_a_query_of_any_size_ends(query: str) -> None:
    """What is too long, too deep or unfinished is an error or a query, and never a crash."""
    with contextlib.suppress(QueryError):
        bind(query, ALL, NOW)


def _simple(node: Node) -> Any:
    if isinstance(node, Text):
        return node.text
    if isinstance(node, Comparison):
        return (node.key.name, node.operator, *(value.text for value in node.values))
    if isinstance(node, Not):
        return "not", _simple(node.item)
    return "or" if isinstance(node, Or) else "and", [_simple(item) for item in node.items]


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("a b or c", ("or", [("and", ["a", "b"]), "c"])),
        ("a AND not b", ("and", ["a", ("not", "b")])),
        ("a or b c or d", ("or", ["a", ("and", ["b", "c"]), "d"])),
        ("x in a, b c", ("and", [("x", "in", "a", "b"), "c"])),
        (
            "it's wow! 100% [x] a,b android notable",
            ("and", ["it's", "wow!", "100%", "[x]", "a,b", "android", "notable"]),
        ),
        ('"and" \'it"s\' "q\\"uote\\\\"', ("and", ["and", 'it"s', 'q"uote\\'])),
        ("a!=b", ("a", "!=", "b")),
        ("a=-0.5", ("a", "=", "-0.5")),
    ],
)
def test_how_a_query_is_read(query: str, tree: Any) -> None:
    """`or` binds least, words side by side and `and` more, `not` most; what looks like a word is one."""
    assert _simple(parse(query)) == tree


@given(st.text(st.characters(), max_size=30))
def test_a_quoted_text_and_a_written_key_are_themselves(text: str) -> None:
    """Whatever is in a text, quoted it is that text, and behind a dot that key."""
    assert parse(quote(text)) == Text(text, True, 0)
    assert parse_key(written_key(f"params.{text}")).name == f"params.{text}"


@given(st.text(st.sampled_from("ab .'\"\\()<>=!~,andorti\n\0\ud800多-7@%"), max_size=40))
def test_any_text_is_a_query_or_an_error(text: str) -> None:
    """Nothing that is typed can do anything else."""
    with contextlib.suppress(QueryError):
        bind(text, ALL, NOW)


def test_the_key_of_a_function_knows_its_direction() -> None:
    """`best( )` is read with its key and direction, whatever the blanks and the case."""
    assert parse_key("BEST ( metrics.x , min )") == Key("metrics.x", 7, "best", "min")


@pytest.mark.parametrize(
    ("key", "moment"),
    [
        ("best(metrics.dev_ndcg@10)", "highest"),
        ("best(metrics.eval_loss)", "lowest"),
        ("best(metrics.gap)", "lowest"),
        ("best(metrics.eval_dev_gap)", "lowest"),
        ("best(metrics.eval_dev_gap, max)", "highest"),
        ("best(metrics.other_gap)", "highest"),
        ("best(metrics.f1_threshold, min)", "lowest"),
    ],
)
def test_best_knows_its_direction(key: str, moment: str) -> None:
    """From what is written, from an evaluator that says that lower is better, or from the name; a log has `eval_`."""
    evaluation = Evaluation(evaluator="E", primary_metric="gap", metrics={"dev_gap": 1.0}, greater_is_better=False)
    named = Evaluation(
        evaluator="E", primary_metric="gap", metrics={"gap": 1.0, "other_gap": 1.0}, greater_is_better=False
    )
    run = Run(id=new_run_id(), name="x", model=Model(type="CrossEncoder"), evaluations=(evaluation, named))
    names = ("dev_ndcg@10", "eval_loss", "gap", "eval_dev_gap", "other_gap", "f1_threshold")
    catalog = Records([Record(run, [LogEvent(seq=0, kind="eval", step=1, values=dict.fromkeys(names, 1.0))])])
    operand = bind_order(key, catalog).operand
    assert isinstance(operand, History)
    assert operand.moment == moment


def test_best_of_what_has_no_better_end_must_be_said() -> None:
    """The best threshold is neither the greatest nor the least."""
    run = Run(id=new_run_id(), name="x", model=Model(type="CrossEncoder"))
    catalog = Records([Record(run, [LogEvent(seq=0, kind="eval", step=1, values={"dev_f1_threshold": 1.0})])])
    with pytest.raises(QueryError, match=r"neither end of metrics\.dev_f1_threshold is the better one") as caught:
        bind("nli best(metrics.f1_threshold) > 1", catalog, NOW)
    assert caught.value.position == 9
    assert caught.value.hint == "say which: best(metrics.dev_f1_threshold, max)"


def test_versions_are_in_the_order_of_releases() -> None:
    """Developer versions, candidates, releases, posts and local builds, as PEP 440 has it."""
    rising = (
        "1.0.dev1 1.0a1.dev1 1.0a1 1.0b2 1.0rc1 1.0 1.0+cu118 1.0+cu121 1.0.post1.dev0 1.0.post1 1.0.1 1.2 1.10 1!0.1"
    )
    keys: Sequence[Any] = [version(text) for text in rising.split()]
    assert None not in keys
    assert all(first < second for first, second in itertools.pairwise(keys))
    assert version("v1.0.0") == version("1.0") == version("1")
    assert version("2.0-rc.1") == version("2.0RC1")
    assert [version(text) for text in ("", "nightly", "1.0 beta x", "\u0967.\u0966", "1" * 20)] == [None] * 5


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("dev_map@10", "dev_map@10"),
        ("map@10", "dev_map@10"),
        ("cmap@10", "dev_arcmap@10"),
        ("ev_x", "dev_x"),
        ("x", "x"),
    ],
)
def test_a_metric_is_known_by_its_end(end: str, found: str) -> None:
    """The full name goes first, then whole words at the end of a name, then any end; several are an error."""
    metrics = dict.fromkeys(["dev_map@10", "dev_arcmap@10", "dev_x", "x"], 1.0)
    evaluation = Evaluation(evaluator="IR", metrics=metrics)
    record = Record(Run(id=new_run_id(), name="x", model=Model(type="CrossEncoder"), evaluations=(evaluation,)))
    order = bind_order(f"metrics.{end}", Records([record]))
    assert written(order.operand) == f"metrics.{found}"
    with pytest.raises(QueryError, match="could be one of 2"):
        bind_order("metrics.ap@10", Records([record]))


def test_an_empty_query_is_everything() -> None:
    """Blanks ask for nothing in particular."""
    assert parse(" \n ") == And(())
