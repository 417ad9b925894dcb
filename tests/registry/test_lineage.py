"""A lineage has parents, children, data and publications; it ends, whatever stands in the records."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.errors import AmbiguousRun, ModelNotFound, RunNotFound
from cardgen.record import Dataset, Model, Run
from cardgen.registry import Registry, lineage, parts
from cardgen.registry.lineage import Lineage, LineageData
from cardgen.registry.publications import Publication
from cardgen.registry.tables import document
from tests.registry.plans import multiply, plans

MakeRun = Callable[..., Run]
Put = Callable[..., Run]

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
BASE = "org/base"
FIRST, SECOND = "1" * 40, "2" * 40


@pytest.fixture
def put(registry: Registry, make_run: MakeRun) -> Put:
    """Store a finished run, a day after the one before."""
    days = iter(range(1000))

    def save(name: str, parent: str | None = None, base: str | None = None, **given: Any) -> Run:
        revision = given.pop("revision", None)
        model = Model(
            type="CrossEncoder", title=f"{name}!", base_model=base, base_model_revision=revision, parent_run=parent
        )
        facts = {"id": f"id-{name}", "created": DAY + dt.timedelta(days=next(days)), "status": "finished", **given}
        return registry.save(make_run(name=name, model=model, **facts))

    return save


def publish(registry: Registry, run: str, commit: str, repo_id: str = "me/model", **given: Any) -> Publication:
    """Keep that a run was published."""
    facts = {"card": "c", "weights": "w", "endpoint": "hub", "revision": "main", **given}
    made = Publication(run_id=f"id-{run}", run_name=run, repo_id=repo_id, commit=commit, **facts)
    return registry.publications.add(made)


def shape(found: Lineage) -> list[tuple[int, str]]:
    """Names by depth, as a tree shows them."""
    return [(depth, one.name or one.id) for depth, one in found.walk()]


def test_parents_and_children_of_a_run(registry: Registry, put: Put) -> None:
    """All parents and all that came of the run, its brothers left out; each once, parents first."""
    put("first", base=BASE, revision=FIRST)
    put("second", "id-first")
    put("brother", "id-first")
    put("third", "id-second")
    put("fourth", "id-third")
    put("other", "id-second")
    put("alone")
    found = registry.lineage("third")
    assert shape(found) == [(0, "first"), (1, "second"), (2, "third"), (3, "fourth")]
    assert [one.id for one in found.runs] == ["id-first", "id-second", "id-third", "id-fourth"]
    assert (found.asked, found.cut) == (("id-third",), False)
    [root] = found.runs[:1]
    assert (root.base_model, root.base_revision, root.title, root.status) == (BASE, FIRST, "first!", "finished")
    assert shape(registry.lineage("first"))[2:5] == [(2, "third"), (3, "fourth"), (2, "other")]
    assert shape(registry.lineage("alone")) == [(0, "alone")]


def test_data_and_publications(registry: Registry, put: Put) -> None:
    """Data sets with their revision; what a run became: versions with aliases, cards alone, what is proposed."""
    data = (Dataset(role="train", name="nli", hub_id="org/nli", revision="abc"), Dataset(role="eval", name="local"))
    put("first", datasets=data)
    publish(registry, "first", FIRST)
    publish(registry, "first", SECOND, weights=None)
    publish(registry, "first", "3" * 40, pull_request="https://hub/pr/1")
    registry.models.register("first", "my model", aliases=["champion", "eu"])
    [one] = registry.lineage("first").runs
    assert one.datasets == (
        LineageData(role="train", name="nli", hub_id="org/nli", revision="abc"),
        LineageData(role="eval", name="local", hub_id=None, revision=None),
    )
    assert [(release.model, release.way, release.version, release.aliases) for release in one.releases] == [
        ("me/model", "published", 1, ()),
        ("me/model", "card", None, ()),
        ("me/model", "proposed", None, ()),
        ("my model", "registered", 1, ("champion", "eu")),
    ]


def test_a_base_model_that_was_published_here_has_a_run(registry: Registry, put: Put) -> None:
    """A run that begins from a commit of ours is a child of the run that made it, else of the newest then."""
    put("early", base="me/model")
    put("one", base=BASE)
    put("two", base=BASE)
    publish(registry, "one", FIRST)
    publish(registry, "two", SECOND)
    now = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    put("exact", base="me/model", revision=FIRST)
    put("newest", base="me/model", created=now)
    put("foreign", base="me/model", revision="9" * 40)
    put("branch", base="me/model", revision="main", created=now)
    put("said", "id-one", base="me/model", revision=SECOND)
    assert shape(registry.lineage("exact")) == [(0, "one"), (1, "exact")]
    assert registry.lineage("exact").runs[1].through == f"me/model@{FIRST}"
    assert shape(registry.lineage("two")) == [(0, "two"), (1, "branch"), (1, "newest")]
    assert shape(registry.lineage("one")) == [(0, "one"), (1, "exact"), (1, "said")]
    for name in ("early", "foreign"):
        assert shape(registry.lineage(name)) == [(0, name)]
    assert registry.lineage("said").runs[-1].through is None


def test_a_repository_means_all_its_runs(registry: Registry, put: Put) -> None:
    """Those published or registered there and those that begin from it; a run of that very name goes first."""
    put("one", base=BASE)
    put("two", base=BASE)
    put("user", base="me/model", revision=FIRST)
    put("apart")
    publish(registry, "one", FIRST)
    registry.models.register("two", "me/model", aliases=["champion"])
    found = registry.lineage("me/model")
    assert sorted(found.asked) == ["id-one", "id-two", "id-user"]
    assert shape(found) == [(0, "one"), (1, "user"), (0, "two")]
    assert sorted(registry.lineage(BASE).asked) == ["id-one", "id-two"]
    assert shape(registry.lineage(BASE)) == shape(found)
    assert registry.lineage("me/model@champion").asked == ("id-two",)
    with pytest.raises(ModelNotFound):
        registry.lineage("me/model@nothing")
    named = put(BASE, id="named")
    assert registry.lineage(BASE).asked == (named.id,)
    with pytest.raises(RunNotFound, match="no run 'nobody/nothing'"):
        registry.lineage("nobody/nothing")
    with pytest.raises(AmbiguousRun):
        registry.lineage("id-")


def test_parents_that_are_gone(registry: Registry, put: Put) -> None:
    """A hidden parent is shown as deleted, of a purged one the id is left; hidden children are not shown."""
    put("first")
    put("second", "id-first")
    put("third", "id-second")
    put("fourth", "id-third")
    registry.delete("second")
    registry.delete("fourth")
    found = registry.lineage("third")
    assert [(one.name, one.status) for one in found.runs] == [
        ("first", "finished"),
        ("second", "deleted"),
        ("third", "finished"),
    ]
    registry.delete("id-second", purge=True)
    [gone, third] = registry.lineage("third").runs
    assert (gone.id, gone.name, gone.status, third.parent) == ("id-second", None, "gone", "id-second")
    publish(registry, "second", FIRST)
    assert [one.id for one in registry.lineage("me/model").runs] == ["id-second", "id-third"]


def test_circles_end(registry: Registry, put: Put) -> None:
    """A circle of parents is cut where it is oldest, and each run is there once."""
    put("self", "id-self")
    assert shape(registry.lineage("self")) == [(0, "self")]
    put("a", "id-c")
    put("b", "id-a")
    put("c", "id-b")
    put("tail", "id-c")
    for name in ("a", "b", "c", "tail"):
        assert shape(registry.lineage(name)) == [(0, "a"), (1, "b"), (2, "c"), (3, "tail")]
    publish(registry, "x", FIRST, "me/x")
    publish(registry, "y", FIRST, "me/y")
    put("x", base="me/y", revision=FIRST)
    put("y", base="me/x", revision=FIRST)
    assert shape(registry.lineage("y")) == [(0, "x"), (1, "y")]


@pytest.mark.parametrize("parent", ["", "a\0b", "\ud800", "x" * 10_000, "' or 1=1", "latest", "me/model@champion"])
def test_any_parent_is_only_an_id(registry: Registry, put: Put, parent: str) -> None:
    """What no run is called is a parent that is gone."""
    put("child", parent)
    found = registry.lineage("child")
    assert [one.status for one in found.runs] == ["gone", "finished"][0 if parent else 1 :]


def test_a_damaged_record_is_passed(registry: Registry, put: Put) -> None:
    """Of a run whose document cannot be read its row is shown, and the others all the same."""
    put("first")
    put("second", "id-first")
    put("third", "id-second")
    with registry._database.write() as connection:
        number = sa.text("SELECT number FROM run WHERE id = 'id-second'")
        run = connection.execute(number).scalar_one()
        connection.execute(document.update().where(document.c.run == run).values(text="{}"))
    assert [(one.name, one.status) for one in registry.lineage("third").runs] == [
        ("second", "damaged"),
        ("third", "finished"),
    ]


def test_what_people_say_counts(registry: Registry, put: Put) -> None:
    """A base model that a person set is the base, in the tree and to ask by."""
    put("first", base="/home/ada/folder")
    registry.set_facts("first", {"base_model": BASE})
    assert registry.lineage("first").runs[0].base_model == BASE
    assert registry.lineage(BASE).asked == ("id-first",)


def test_it_is_cut_where_it_is_too_long(registry: Registry, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """More runs than a person could read are cut, and that is said."""
    monkeypatch.setattr(lineage, "MOST", 5)
    monkeypatch.setattr(parts, "STATEMENT_LIMIT", 2)
    for number in range(12):
        put(f"n{number}", f"id-n{number - 1}" if number else None)
    middle = registry.lineage("n4")
    assert (len(middle.runs), middle.cut) == (5, True)
    assert registry.lineage("n3").cut
    for number in range(8):
        put(f"wide{number}", "id-wide", base="org/wide")
    for reference in ("id-wide0", "org/wide"):
        assert len(registry.lineage(reference).runs) <= 5
    assert registry.lineage("org/wide").cut
    assert not registry.lineage("wide0").cut


def test_no_table_is_gone_through(registry: Registry, put: Put) -> None:
    """Lineages, models and their histories are looked up by index on both engines."""
    put("first", "parent", base="org/base", status="finished")
    for number in range(30):
        registry.models.register("first", f"model-{number}", aliases=["champion"], tags=["t"])
        publish(registry, "first", f"{number:040}", f"me/repo-{number}")
    with registry._database.write() as connection:
        for table, column in (("run", "number"), ("fact", "run")):
            multiply(connection, table, column, 400)
        connection.execute(sa.text("UPDATE run SET base_model = 'org/base' || number"))
        if not registry._database.is_sqlite:
            connection.execute(sa.text("ANALYZE"))
    tables = "run|fact|document|publication|model_version|model_event|audit|human_fact|key"
    whole = rf"SCAN ({tables})\b(?!.*INDEX)" if registry._database.is_sqlite else rf"Seq Scan on ({tables})\b"
    for ask in (
        lambda: registry.lineage("first"),
        lambda: registry.lineage("org/base7"),
        lambda: registry.lineage("me/repo-3"),
        lambda: registry.run("model-3@champion"),
        lambda: registry.models.version("model-3@champion", as_of="2030"),
        lambda: registry.models.aliases("model-3"),
        lambda: registry.models.versions("model-3"),
        lambda: registry.models.history("me/repo-3"),
        lambda: registry.models.names("model-1"),
        lambda: registry.publications.of_repository("me/repo-3"),
    ):
        with plans(registry, small=True) as found:
            assert ask()
        assert found
        assert not [line for line in found if re.search(whole, line)], "\n".join(found)
