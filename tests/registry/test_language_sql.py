"""Any query finds the same runs in the same order in SQL, on either engine, as in plain Python."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cardgen.identity import new_run_id
from cardgen.record import (
    Checkpoint,
    Column,
    Dataset,
    Displayed,
    Durations,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    Loss,
    Model,
    Opaque,
    Run,
)
from cardgen.registry import Registry
from cardgen.registry.language import compile as compile_
from cardgen.registry.language.binding import bind, bind_order
from cardgen.registry.language.evaluate import Record, Records, matches, ordered
from cardgen.registry.language.grammar import quote, written_key

EXAMPLES = int(os.environ.get("CARDGEN_TEST_EXAMPLES", "8"))
"""Registries per engine; each is asked `ASKED` queries."""

ASKED = 30

TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "Straße",
    "STRASSE",
    "ß",
    "10",
    "1.0",
    "nan",
    "True",
    "true",
    "é",
    "e\u0301",
    "😀",
    "\uffff",
]
LONG = "long " * 99 + "text"  # 499 characters: what is behind the 500th is cut
TEXTS += [
    LONG,
    f"{LONG}Aa",
    f"{LONG}Ab",
    f"{LONG}😀x",
    "x" * 20_000,
    "\u05d0\u05d1",
    "\u202eabc\u202c",
    "\u200f",
    "مرحبا",
]
TEXTS += [
    "\\",
    "\\%",
    "100%",
    "_%",
    "''",
    '""',
    "');--",
    "\x1b[0m",
    "\udc80",
    "\ud83d\ude00",
    "1e400",
    "0x10",
    "\u0661",
    "-0",
    "5e-324",
]
TEXTS += [
    "0.5 (+0.1)",
    "0.3 (-0.1)",
    "ǆ",
    "Ǆ",
    "ς",
    "Σ",
    "\u0345",
    "ŉ",
    "\u1e9e",
    "\t",
    "\x85",
    "\u2028",
    "~",
    "*",
    "[a-z]",
    "^a$",
]
TEXTS += ["%", "_", "a'b", 'a"b', "a\\b", "and", "x\0y", "\ud800", "İ", "i̇", "ﬁ", "fi", "-7d", "None", "\n", "a b"]
NUMBERS = [0, 1, 1.0, -1, 0.1, 0.30000000000000004, 0.3, 5e-05, -0.0, 1e308, 2**70, 2**1100, 10, 2**53 + 1]
NUMBERS += [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2**53, 2**63, -(2**63), 2**1024 - 1]
NUMBERS += [float("inf"), float("-inf"), float("nan")]
VERSIONS = [
    "2.9\0",
    "\ud800",
    "2.9 ",
    "v2.9",
    "2_9",
    "\u0662.\u0669",
    "2.9'",
    "1" * 30,
    "2.10.0.post1",
    "2.10.dev1",
    "2.10",
    "2.10.0",
    "2.10.0+cu121",
    "2.10rc1",
    "5.1.0.dev0",
    "nightly",
    "1!0",
    "",
]
KEYS = ["seed", "learning_rate", "odd key", "a.b", 'q"uote', "é", "\ud800", "x\0y", "%", "_", "\\", "'", "\n", "\u202e"]
KEYS += [
    "\u05d0",
    "😀",
    "k" * 600,
    "and",
    "in",
    "best(",
    "a,b",
    "a=b",
    "metrics.map",
    "[x]",
    "@",
    "\\x00",
    "\u0663",
    "~",
    "!=",
]
METRICS = [
    "dev_ndcg@10",
    "test_ndcg@10",
    "map",
    "dev_map",
    "eval_loss",
    "m\0p",
    "10",
    "gap",
    "%map",
    "dev_f1_threshold",
]
DAY = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
NOW = dt.datetime.now(dt.UTC)

number = st.sampled_from(NUMBERS)
text = st.sampled_from(TEXTS)
displayed = st.builds(Displayed, st.sampled_from(["0.3", "1", "-", "nan"]), st.sampled_from([0.3, 1, None]))
value = number | text | displayed | st.sampled_from([True, False, None, [1, "a"], (), Opaque("Opaque")])
moment = st.sampled_from(
    [None, DAY, DAY - dt.timedelta(microseconds=1), DAY + dt.timedelta(hours=30)]
) | st.sampled_from([NOW - dt.timedelta(days=3), NOW - dt.timedelta(hours=2)])
maybe = st.none() | text


def some(keys: Sequence[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Dictionaries with some of the keys."""
    return st.dictionaries(st.sampled_from(keys), values, max_size=4)


runs = st.builds(
    Run,
    id=st.builds(new_run_id),
    name=st.sampled_from(["otter", "Otter", "straße", "10", "heron 2", "%", "\ud800", "x\0y", "\u202e", "n" * 300]),
    project=maybe,
    group=maybe,
    tags=st.lists(text, max_size=3).map(tuple),
    status=st.sampled_from(["finished", "failed", "interrupted"]),
    origin=st.sampled_from(["captured", "imported"]),
    created=moment,
    started=moment,
    model=st.builds(
        Model, type=st.sampled_from(["CrossEncoder", "SparseEncoder"]), title=maybe, base_model=maybe, parent_run=maybe
    ),
    datasets=st.lists(
        st.builds(
            Dataset,
            role=st.sampled_from(["train", "eval"]),
            name=maybe,
            hub_id=maybe,
            revision=maybe,
            split=maybe,
            size=st.sampled_from([None, 10, 557850]),
            columns=st.lists(st.builds(Column, name=text), max_size=2).map(tuple),
            loss=st.none() | st.builds(Loss, name=st.sampled_from(["losses.CoSENTLoss", "CachedLoss"]) | text),
        ),
        max_size=2,
    ).map(tuple),
    hyperparameters=st.none() | st.builds(Hyperparameters, values=some(KEYS, value)),
    evaluations=st.lists(
        st.builds(
            Evaluation,
            evaluator=st.sampled_from(["IR", "Triplet"]) | text,
            primary_metric=st.sampled_from([None, "ndcg@10", "map", "gap"]),
            greater_is_better=st.sampled_from([None, True, False]),
            metrics=some(METRICS, number | displayed | text),
        ),
        max_size=2,
    ).map(tuple),
    environment=st.builds(
        Environment,
        versions=some(["torch", "transformers", "odd '\0"], st.sampled_from(VERSIONS)),
        scheduler=st.sampled_from([{}, {"SLURM_JOB_ID": "7"}, {"SLURM_JOB_ID": "\ud800'%"}]),
    ),
    durations=st.none() | st.builds(Durations, total_seconds=st.sampled_from([1.5, 5e-324, Displayed("0.3", 0.3)])),
    checkpoints=st.lists(st.builds(Checkpoint, path=text, weights=maybe), max_size=2).map(tuple),
)
logs = st.lists(
    st.tuples(st.integers(0, 6), some(METRICS, number | displayed | text)), max_size=4, unique_by=lambda pair: pair[0]
).map(lambda pairs: [LogEvent(seq=seq, kind="eval", step=seq, values=values) for seq, values in pairs])

# Has every key, so that nearly every query is one.
FULL = (
    Run(
        id=new_run_id(),
        name="full",
        created=DAY,
        model=Model(type="SparseEncoder", title="Straße", base_model="a"),
        hyperparameters=Hyperparameters(values=dict.fromkeys(KEYS, 1)),
        evaluations=(Evaluation(evaluator="IR", metrics=dict.fromkeys(METRICS, 0.3)),),
        environment=Environment(versions={"torch": "2.10.0", "transformers": "5.1.0"}),
    ),
    [LogEvent(seq=0, kind="eval", step=1, values=dict.fromkeys(METRICS, 0.3))],
)


# Queries --------------------------------------------------------------------------------------------------------

COLUMN_KEYS = ["name", "project", "group", "status", "origin", "model_type", "title", "base_model", "metric_name", "id"]
FACT_KEYS = [
    "parent",
    "tags",
    "loss",
    "evaluator",
    "job",
    "weights",
    "dataset.hub_id",
    "dataset.revision",
    "dataset.split",
    "dataset.name",
    "dataset.size",
    "dataset.role",
    "dataset.column",
]
FACT_KEYS += [written_key(f"params.{name}") for name in KEYS] + [written_key(f"metrics.{name}") for name in METRICS]
FACT_KEYS += ["metrics.ndcg@10", "metrics.loss"]
LOG_KEYS = [
    f"{function}({written_key(f'metrics.{name}')})" for function in ("best", "last", "min", "max") for name in METRICS
]
LOG_KEYS += ["best(metrics.map, min)", "best(metrics.f1_threshold, max)"]
VERSION_KEYS = ["versions.torch", "versions.transformers", written_key("versions.odd '\0")]
TIME_KEYS = ["created", "started", "ended"]
ORDER = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
word = st.sampled_from([one for one in TEXTS if one]).map(quote) | st.sampled_from(
    ["a", "TRUE", "none", "1", "0.30", "1e308", "-1", "inf", "nan", "10"]
)
time = st.sampled_from(["2026", "2026-10", "2026-10-01", "2026-10-01T00:00", "2026-10-02T06:00+00:00", "-7d", "-24h"])
version = st.sampled_from(["2.10", "2.10.0+cu121", "2.9.1", "5.1", "2.10rc1"])


def comparison(keys: Sequence[str], operators: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> Any:
    """Comparisons as texts."""
    one = st.tuples(st.sampled_from(keys), operators, values).map(" ".join)
    several = st.tuples(st.sampled_from(keys), st.lists(values, min_size=1, max_size=3)).map(
        lambda pair: f"{pair[0]} in ({', '.join(pair[1])})"
    )
    return one | one | several


FIGURES = ["0.3", "1", "0", "-0", "-1e5", "inf", "-inf", "5e-05", "5e-324", "1e-400", "1e400", "0.5", ".5", "5.", "+1"]
FIGURES += [
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "1180591620717411303424",
    "1.7976931348623157e308",
]
figures = st.sampled_from(FIGURES)
leaves = (
    comparison(FACT_KEYS, ORDER | st.just("~"), word | figures)
    | comparison(FACT_KEYS, ORDER, figures)
    | comparison([key for key in COLUMN_KEYS if key != "status"], ORDER, word)
    | st.tuples(st.sampled_from(COLUMN_KEYS), st.just("~"), word).map(" ".join)
    | comparison(["status"], ORDER, st.sampled_from(["finished", "failed", "lost"]))
    | comparison(LOG_KEYS, ORDER, figures)
    | comparison(["metric", "seconds", "revision"], ORDER, figures)
    | comparison(VERSION_KEYS, ORDER, version)
    | st.tuples(st.sampled_from(VERSION_KEYS), st.just("~"), st.sampled_from(["CU", "2.1"])).map(" ".join)
    | comparison(TIME_KEYS, ORDER, time)
    | word
)
queries = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(inner, inner).map(" ".join)
        | st.tuples(inner, inner).map(" or ".join)
        | inner.map(lambda one: f"not ({one})")
        | st.tuples(inner, inner).map(lambda pair: f"({pair[0]} or {pair[1]}) and {pair[0]}")
    ),
    max_leaves=4,
)
sorts = st.tuples(
    st.sampled_from(["", "-"]),
    st.sampled_from([*COLUMN_KEYS, *FACT_KEYS, *LOG_KEYS, *VERSION_KEYS, *TIME_KEYS, "metric"]),
).map("".join)


# Comparing ------------------------------------------------------------------------------------------------------


def answer(records: Sequence[Record], query: str, order_by: str) -> list[str] | str:
    """The names that plain Python finds, or the error that it raises."""
    catalog = Records(records)
    try:
        bound, order = bind(query, catalog, dt.datetime.now(dt.UTC)), bind_order(order_by, catalog)
    except ValueError as error:
        return str(error)
    return [record.columns["name"] for record in ordered([one for one in records if matches(bound, one)], order)]


def asked(registry: Registry, query: str, order_by: str, limit: int) -> list[str] | str:
    """The names that the registry finds, page by page, or the error that it raises."""
    found: list[str] = []
    after = None
    while True:
        try:
            page = registry.listing(query, order_by=order_by, limit=limit, after=after)
        except ValueError as error:
            return str(error)
        found.extend(row.name for row in page)
        if page.next is None:
            return found
        assert len(page) == limit
        after = page.next


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],  # what fails is a text to read, and finding a shorter one takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), made=st.lists(st.tuples(runs, logs), min_size=3, max_size=8))
def test_sql_means_what_python_means(
    registry: Registry, data: st.DataObject, made: list[tuple[Run, list[LogEvent]]]
) -> None:
    """Random runs, random queries, random orders, pages of any size: the same runs in the same order, or one error."""
    for row in registry.listing():
        registry.delete(row.id, purge=True)
    records = []
    for given_run, log in [*made, FULL]:
        stored = registry.save(given_run)
        half = len(log) // 2
        registry.append(stored.id, log[half:])
        registry.append(stored.id, log[:half])
        records.append(Record(stored, log))
    for _ in range(ASKED):
        query, order_by = data.draw(queries), data.draw(sorts)
        expected = answer(records, query, order_by)
        with pytest.MonkeyPatch.context() as patch:  # SQLite asks in one of three ways, by how many runs pass a check
            few, many = data.draw(st.sampled_from([(250, 10_000), (0, 10_000), (-1, -1)]))
            patch.setattr(compile_, "FEW", few)
            patch.setattr(compile_, "MANY", many)
            found = asked(registry, query, order_by, data.draw(st.sampled_from([1, 2, 100])))
        assert found == expected, f"{query!r} by {order_by!r}"
