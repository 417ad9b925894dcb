"""Pages, chosen columns and keys of a registry, on either engine."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from cardgen.errors import QueryError
from cardgen.record import (
    Dataset,
    Displayed,
    Durations,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    Loss,
    Model,
    Run,
)
from cardgen.registry import Registry
from cardgen.registry.keys import KeyUse

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MakeRun = Callable[..., Run]


def scored(value: Any, **values: Any) -> dict[str, Any]:
    """A run's evaluation and arguments."""
    return {
        "evaluations": (Evaluation(evaluator="IR", primary_metric="ndcg@10", metrics={"dev_ndcg@10": value}),),
        "hyperparameters": Hyperparameters(values=values),
    }


@pytest.fixture
def library(registry: Registry, make_run: MakeRun) -> Registry:
    """Five runs, `0` to `4`, saved in this order: two are equal, one has a text, one is displayed, one has nothing."""
    for index, value in enumerate((0.5, 0.9, "high", 0.5, None)):
        facts = {} if value is None else scored(Displayed("0.90", 0.9) if index == 1 else value, seed=index, odd="a b")
        registry.save(
            make_run(
                name=str(index),
                created=DAY + dt.timedelta(days=index),
                tags=("a", "b")[:index],
                environment=Environment(versions={"torch": ("2.9", "2.10", "2.10.0", "x", "")[index]}),
                durations=Durations(total_seconds=Displayed("1.5 minutes", 90.0)) if index == 1 else None,
                **facts,
            )
        )
    return registry


def pages(registry: Registry, limit: int, **asked: Any) -> list[list[str]]:
    """The names of every page."""
    found, after = [], None
    while True:
        page = registry.listing(limit=limit, after=after, **asked)
        assert [run.name for run in registry.runs(limit=limit, after=after, **asked)] == [row.name for row in page]
        found.append([row.name for row in page])
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("-created", "43210"),
        ("metrics.ndcg@10", "03124"),
        ("-metrics.ndcg@10", "13024"),
        ("versions.torch", "01234"),
        ("-versions.torch", "21043"),
        ("tags", "12340"),
        ("params.odd", "01234"),
        ("-seconds", "14320"),
    ],
)
def test_pages_follow_each_other(library: Registry, order_by: str, names: str) -> None:
    """Pages of any size, one after the other, are the listing: equals, texts and missing values are no exception."""
    assert pages(library, 10, order_by=order_by) == [list(names)]
    assert pages(library, 2, order_by=order_by) == [list(names[:2]), list(names[2:4]), list(names[4:])]
    assert [name for page in pages(library, 1, order_by=order_by) for name in page] == list(names)


def test_nan_stands_with_what_is_missing(registry: Registry, make_run: MakeRun) -> None:
    """NaN comes last like a missing value, once, whichever way the order is turned; infinity is a number."""
    for name, value in zip("abcde", (float("nan"), "high", None, float("-inf"), 0.5), strict=True):
        registry.save(make_run(name=name, **({} if value is None else scored(value))))
    assert pages(registry, 1, order_by="metrics.ndcg@10") == [["d"], ["e"], ["b"], ["a"], ["c"]]
    assert pages(registry, 9, order_by="-metrics.ndcg@10") == [["e", "d", "b", "c", "a"]]


def test_a_page_goes_on_where_the_last_one_ended(library: Registry, make_run: MakeRun) -> None:
    """What is saved or deleted meanwhile moves no page: a cursor is a place, not a count."""
    first = library.listing(order_by="-metrics.ndcg@10", limit=2)
    library.save(make_run(name="new", **scored(0.95)))
    library.delete(first[1].name)
    rest = library.listing(order_by="-metrics.ndcg@10", after=first.next)
    assert [row.name for row in rest] == ["0", "2", "4"]


def test_a_version_that_is_gone_is_still_a_place(library: Registry, make_run: MakeRun) -> None:
    """A page goes on after a version that no run has any more."""
    library.save(make_run(name="gone", environment=Environment(versions={"torch": "2.8"})))
    first = library.listing(order_by="versions.torch", limit=1)
    assert library.delete("gone", purge=True).name == first[0].name
    assert [row.name for row in library.listing(order_by="versions.torch", after=first.next)] == list("01234")


def forged(*content: Any) -> str:
    """A cursor with this content."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "",
        "é",
        "AAAA",
        forged("-created"),
        forged("-created", 0, "x", 1),
        forged("-created", 7, None, 1),
        forged("-created", 0, 1, 2**70),
        forged("-created", 0, 2**70, 1),
        forged("-created", 0, 1, True),
        forged("-created", 1, "a\0", 1),
        forged("-created", 1, "a" * 1000, 1),
        forged("created", 0, 1, 1),
        forged("-created", 0, [[[]]], {}),
        "[" * 1000,
    ],
)
def test_a_cursor_of_somebody_else_is_refused(library: Registry, after: str) -> None:
    """A text that is no cursor of this order is an error, whatever is in it."""
    with pytest.raises(QueryError):
        library.listing(after=after)


def test_columns_are_any_keys(library: Registry) -> None:
    """A row has what was asked for: numbers, texts, lists, times, and None for what is missing."""
    columns = ["name", "created", "metrics.ndcg@10", "params.seed", "params.odd", "tags", "versions.torch", "metric"]
    rows = library.listing("not name = 3", columns=columns, order_by="name")
    assert rows[0] == {
        "id": rows[0]["id"],
        "name": "0",
        "created": DAY,
        "metrics.ndcg@10": 0.5,
        "params.seed": 0,
        "params.odd": "a b",
        "tags": (),
        "versions.torch": "2.9",
        "metric": 0.5,
    }
    assert type(rows[0]["params.seed"]) is int
    assert rows[2]["tags"] == ("a", "b")
    assert rows[2]["metrics.ndcg@10"] == "high"
    assert rows[3]["params.seed"] is None
    assert rows.next is None


def test_a_displayed_number_stays_one(library: Registry) -> None:
    """What is known only as a card showed it is told apart, in each of the columns that may hold it."""
    [row] = library.listing("1", columns=["metric", "seconds", "metrics.ndcg@10"])
    assert row["metric"] == row["metrics.ndcg@10"] == Displayed("0.90", 0.9)
    assert row["seconds"] == Displayed("1.5 minutes", 90)
    assert library.listing("0", columns=["metric"])[0]["metric"] == 0.5


def test_everything_can_be_read_page_by_page(
    library: Registry, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`iterate` gives each row once, in order, however many pages that takes."""
    monkeypatch.setattr("cardgen.registry.listing.STREAMED", 2)
    rows = list(library.iterate("not name = 2", columns=["name"], order_by="-metrics.ndcg@10"))
    assert [row["name"] for row in rows] == ["1", "3", "0", "4"]
    after = library.listing(order_by="-metrics.ndcg@10", limit=2).next
    assert len(list(library.iterate(columns=["name"], order_by="-metrics.ndcg@10", after=after))) == 3


# Histories ------------------------------------------------------------------------------------------------------


def events(*values: dict[str, Any], start: int = 0) -> list[LogEvent]:
    """Log events with these values."""
    return [LogEvent(seq=start + index, kind="eval", step=index, values=one) for index, one in enumerate(values)]


def asked(registry: Registry, name: str) -> list[Any]:
    """Least, greatest and last value of a metric, of the only run."""
    [row] = registry.listing(columns=[f"min(metrics.{name})", f"max(metrics.{name})", f"last(metrics.{name})"])
    return list(row.values())[1:]


def test_the_history_grows_with_the_log(registry: Registry, make_run: MakeRun) -> None:
    """Events count once, in the order of their numbers, whenever they come; a run saved again keeps its history."""
    run = registry.save(make_run())
    registry.append(run.id, events({"loss": 2.0, "text": "x"}, {"loss": float("nan")}, start=5))
    assert asked(registry, "loss") == [2, 2, None]
    registry.append(run.id, events({"loss": 3.0}, {"loss": Displayed("1.0", 1.0)}, start=1))
    assert asked(registry, "loss") == [1, 3, None]
    registry.append(run.id, events({"loss": 0.5}, start=9) + events({"loss": -7.0}, start=5))
    assert asked(registry, "loss") == [0.5, 3, 0.5]
    registry.save(dataclasses.replace(run, status="finished"))
    assert asked(registry, "loss") == [0.5, 3, 0.5]
    assert [row.name for row in registry.listing("best(metrics.loss) < 1")] == [run.name]
    assert [row.name for row in registry.listing("best(metrics.loss, max) = 3")] == [run.name]


def test_a_purged_run_leaves_no_history(registry: Registry, make_run: MakeRun) -> None:
    """What only a purged or hidden run had cannot be asked for any more."""
    run = registry.save(make_run(name="gone", **scored(1.0)))
    registry.append(run.id, events({"loss": 1.0}))
    registry.delete("gone")
    for query in ("best(metrics.loss) > 0", "metrics.ndcg@10 > 0"):
        with pytest.raises(QueryError, match=r"^no (run|log) has"):
            registry.listing(query)
    registry.delete("gone", purge=True)
    other = registry.save(make_run(name="other"))
    registry.append(other.id, events({"loss": 2.0}))
    assert asked(registry, "loss") == [2, 2, 2]


# Keys -----------------------------------------------------------------------------------------------------------


def test_keys_say_their_kind_and_how_many_runs_have_them(library: Registry, make_run: MakeRun) -> None:
    """What can be asked is listed with counts of runs, hidden ones left out."""
    hidden = library.save(make_run(name="hidden", **scored(1.0, other=1)))
    library.delete(hidden.name)
    found = {use.key: use for use in library.key_uses()}
    assert found["name"] == KeyUse(key="name", kind="text", runs=5)
    assert found["created"].kind == "time"
    assert found["metric"] == KeyUse(key="metric", kind="number", runs=3)
    assert found["tags"] == KeyUse(key="tags", kind="text", runs=4)
    assert found["params.seed"] == KeyUse(key="params.seed", kind="number", runs=4)
    assert found["metrics.dev_ndcg@10"] == KeyUse(key="metrics.dev_ndcg@10", kind="number or text", runs=4)
    assert found["versions.torch"] == KeyUse(key="versions.torch", kind="version", runs=5)
    assert "params.other" not in found
    assert "project" not in found
    assert [use.key for use in library.key_uses("params.")] == ["params.odd", "params.seed"]


def test_each_listed_key_can_be_asked(registry: Registry, make_run: MakeRun) -> None:
    """Keys and values are listed as a query takes them, whatever is in them."""
    odd = "a \"b\\ c'\n(),=.é\ud800"
    run = registry.save(
        make_run(
            tags=(odd,),
            datasets=(Dataset(role="train", name=odd, loss=Loss(name=odd)),),
            model=Model(type="CrossEncoder", title=odd),
            **scored(1.0, **{odd: odd}),
        )
    )
    registry.append(run.id, events({odd: 1.0}))
    for use in registry.key_uses():
        if use.kind == "log":
            assert registry.listing(f"last({use.key}) = 1")
        else:
            assert registry.listing(columns=[use.key])[0][use.key] is not None
            assert registry.listing(order_by=use.key)
        if use.kind == "text":
            for value in registry.key_values(use.key):
                assert registry.listing(f"{use.key} = {value}") or use.key == "status"
    assert registry.key_values("title") == registry.key_values("tags") != []


def test_values_begin_as_asked(library: Registry) -> None:
    """The texts of a key, sorted and few; a number has none, and an unknown key is an error."""
    assert library.key_values("name", limit=2) == ["0", "1"]
    assert library.key_values("tags", "b") == ["b"]
    assert library.key_values("status", "f") == ["failed", "finished"]
    assert library.key_values("params.seed") == []
    assert library.key_values("params.odd") == ['"a b"']
    with pytest.raises(QueryError, match="no run has"):
        library.key_values("params.none")
    assert library.key_names("params.") == ["params.odd", "params.seed"]
    assert "created" in library.key_names()
