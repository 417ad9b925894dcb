"""What people know better than the record goes before it, on both engines, and can be taken back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.errors import DocumentError, RegistryReadOnly, RunNotFound, SettingsError
from cardgen.record import Dataset, Model, Run
from cardgen.registry import Registry, SpoolWriter, spool_folder
from cardgen.registry.codec import encode_value
from cardgen.registry.tables import audit, card_text, document, fact, human_fact, key

MakeRun = Callable[..., Run]

MODEL = Model(type="SentenceTransformer", base_model="me/base", license="mit", title="Old title")


@pytest.fixture
def given(registry: Registry, make_run: MakeRun) -> Run:
    """A stored run with a name, a project, tags and a data set."""
    data = (Dataset(role="train", name="nli"),)
    return registry.save(make_run(name="given", model=MODEL, project="p", tags=("a", "b"), datasets=data))


@pytest.fixture
def fetch(registry: Registry) -> Callable[[sa.Select[Any]], list[Any]]:
    """Look into the tables."""

    def run(select: sa.Select[Any]) -> list[Any]:
        with registry._database.read() as connection:
            return [tuple(row) for row in connection.execute(select)]

    return run


def test_every_read_has_the_facts(registry: Registry, url: str, given: Run) -> None:
    """Every reader gets the run with the facts over it; what was recorded is back when they are taken away."""
    registry.save(dataclasses.replace(given, status="finished"))
    stored = registry.set_facts("given", {"license": "apache-2.0", "language": ("en", "nl")})
    assert (stored.model.license, stored.model.language) == ("apache-2.0", ("en", "nl"))
    assert registry.run(given.id) == registry.run("latest") == registry.runs()[0] == stored
    with Registry(url, mode="read") as other:
        assert other.run("given") == stored
        assert other.human_facts("given") == {"language": ("en", "nl"), "license": "apache-2.0"}
    registry.set_facts("given", {"license": None})
    assert registry.run("given").model == dataclasses.replace(MODEL, language=("en", "nl"))
    registry.set_facts("given", {"language": None})
    assert registry.run("given").model == MODEL
    assert registry.human_facts("given") == {}


def test_listings_and_searches_follow(registry: Registry, given: Run, fetch: Any) -> None:
    """Columns, free words, filters and search rows say what a person says."""
    registry.set_facts(
        "given",
        {"title": "Fjord", "project": "q", "base_model": "me/other", "tags": ("+c",), "dataset.train.0.name": "snli"},
    )
    [row] = registry.listing("fjord", project="q")
    assert (row.title, row.project, row.base_model, row.tags) == ("Fjord", "q", "me/other", ("a", "b", "c"))
    assert registry.listing("old title") == registry.listing(project="p") == []
    assert registry.runs("me/base") == []
    select = sa.select(key.c.kind, key.c.name, fact.c.text).join(fact).where(fact.c.text.is_not(None))
    assert {*fetch(select)} >= {("run", "tags", "c"), ("dataset", "name", "snli")}
    registry.set_facts("given", dict.fromkeys(registry.human_facts("given")))
    assert registry.listing("fjord") == []
    [row] = registry.listing("old title", project="p")
    assert row.tags == ("a", "b")
    assert ("run", "tags", "c") not in fetch(select)


def test_facts_of_many_runs_are_their_own(registry: Registry, make_run: MakeRun) -> None:
    """In a list of runs each has its facts, and only its."""
    runs = [registry.save(make_run(name=f"run-{number}")) for number in range(5)]
    for run in runs[::2]:
        registry.set_facts(run.id, {"group": run.name})
    found = {run.name: run.group for run in registry.runs()}
    assert found == {"run-0": "run-0", "run-1": None, "run-2": "run-2", "run-3": None, "run-4": "run-4"}
    assert [run.group for run in registry.runs(order_by="name", limit=2)] == ["run-0", None]


def test_a_recorder_that_goes_on_does_not_undo_them(
    registry: Registry, url: str, make_run: MakeRun, fetch: Any
) -> None:
    """Later snapshots of a running run are folded below the facts: rows, documents and name stay a person's."""
    run = make_run(name="running", model=MODEL, status="running", tags=("a",))
    writer = SpoolWriter(spool_folder(url), run.id)
    writer.snapshot(run)
    registry.fold(writer.path)
    registry.set_facts("running", {"license": "apache-2.0", "tags": ("+mine",), "name": "chosen", "project": "mine"})
    later = dataclasses.replace(
        run,
        status="finished",
        project="theirs",
        tags=("a", "b"),
        model=dataclasses.replace(MODEL, license="gpl-3.0", title="New title"),
    )
    writer.snapshot(later)
    writer.close()
    assert registry.fold(writer.path) == 1
    stored = registry.run("chosen")
    assert (stored.id, stored.status, stored.project, stored.tags) == (run.id, "finished", "mine", ("a", "b", "mine"))
    assert (stored.model.license, stored.model.title) == ("apache-2.0", "New title")
    [row] = registry.listing()
    assert (row.name, row.project, row.tags) == ("chosen", "mine", ("a", "b", "mine"))
    assert [text for (text,) in fetch(sa.select(fact.c.text).order_by(fact.c.position))] == ["a", "b", "mine"]
    registry.set_facts("chosen", dict.fromkeys(registry.human_facts("chosen")))
    assert registry.run("running") == later


def test_a_run_that_was_read_and_saved_again_keeps_what_was_recorded(registry: Registry, given: Run) -> None:
    """Who reads a run, changes it and saves it does not make a person's facts the recorded ones."""
    registry.set_facts("given", {"license": "apache-2.0", "base_model": "me/other", "tags": ("-a",)})
    read = registry.run("given")
    assert registry.save(dataclasses.replace(read, group="g")) == dataclasses.replace(read, group="g")
    registry.set_facts("given", dict.fromkeys(registry.human_facts("given")))
    assert registry.run("given") == dataclasses.replace(given, group="g")


def test_a_name_is_made_unique_and_stays(registry: Registry, make_run: MakeRun, given: Run, fetch: Any) -> None:
    """A person's name gets a number if it is taken, goes before a later one of the recorder, and can be taken back."""
    registry.save(make_run(name="taken"))
    assert registry.set_facts("given", {"name": "taken"}).name == "taken-2"
    assert registry.human_facts("taken-2") == {"name": "taken-2"}
    assert registry.save(dataclasses.replace(given, name="another")).name == "taken-2"
    assert registry.run(given.id).name == "taken-2"
    with pytest.raises(RunNotFound):
        registry.run("given")
    assert registry.set_facts("taken-2", {"name": None}).name == "another"
    assert registry.listing("another")[0].id == given.id
    renames = sa.select(audit.c.name, audit.c.detail).where(audit.c.action == "rename").order_by(audit.c.number)
    assert fetch(renames) == [("taken-2", "was given"), ("another", "was taken-2")]


def test_each_change_is_in_the_audit(registry: Registry, given: Run, fetch: Any) -> None:
    """Who said what is kept; saying the same again is no change."""
    revision = registry.state("given").revision
    for facts in (
        {"license": "apache-2.0"},
        {"license": "apache-2.0"},
        {"license": None, "group": "g"},
        {"task": None},
    ):
        registry.set_facts("given", facts)
    select = sa.select(audit.c.run_id, audit.c.detail).where(audit.c.action == "set").order_by(audit.c.number)
    assert fetch(select) == [(given.id, "license=apache-2.0"), (given.id, "license= group=g")]
    assert registry.state("given").revision == revision + 2


@pytest.mark.parametrize(
    "facts", [{"licence": "mit"}, {"license": "a b"}, {"base_model": "/home/me"}, {"dataset.train.1.name": "x"}]
)
def test_what_is_refused_changes_nothing(registry: Registry, given: Run, facts: dict[str, Any]) -> None:
    """One wrong fact keeps the others from being set."""
    with pytest.raises(SettingsError):
        registry.set_facts("given", {"group": "g", **facts})
    assert registry.run("given") == given
    assert registry.human_facts("given") == {}


def test_a_reader_sets_nothing(registry: Registry, url: str, given: Run) -> None:
    """A registry that was opened for reading says so; an unknown run is not found."""
    with Registry(url, mode="read") as reader, pytest.raises(RegistryReadOnly):
        reader.set_facts("given", {"group": "g"})
    with pytest.raises(RunNotFound):
        registry.set_facts("nobody", {"group": "g"})


def test_what_was_taken_back_is_remembered(registry: Registry, given: Run, fetch: Any) -> None:
    """When a fact was taken back stays known, later than when it was set, and nobody who reads the run sees it."""
    registry.set_facts("given", {"license": "apache-2.0", "group": "g"})
    with registry._database.write() as connection:
        connection.execute(human_fact.update().values(at=human_fact.c.at + 10**9))  # a clock that went wrong
    [(set_at,)] = fetch(sa.select(human_fact.c.at).where(human_fact.c.field == "license"))
    registry.set_facts("given", {"license": None})
    rows = sa.select(human_fact.c.field, human_fact.c.value, human_fact.c.at)
    assert fetch(rows.where(human_fact.c.field == "license")) == [("license", encode_value(None), set_at + 1)]
    assert registry.human_facts("given") == {"group": "g"}
    assert [run.group for run in registry.runs()] == ["g"]
    assert registry.run("given").model.license == given.model.license
    assert registry.verify().whole
    registry.set_facts("given", {"group": None, "license": "mit"})
    assert registry.human_facts("given") == {"license": "mit"}
    [(again,)] = fetch(sa.select(human_fact.c.at).where(human_fact.c.field == "license"))
    assert again > set_at + 1


def test_purging_removes_them(registry: Registry, given: Run, fetch: Any) -> None:
    """After a purge nothing of a person's words is left, and the run saved anew has none."""
    registry.set_facts("given", {"license": "apache-2.0"})
    registry.save_card_text(given.id, "run", base="a", text="b")
    registry.delete("given", purge=True)
    assert fetch(sa.select(human_fact)) == fetch(sa.select(card_text)) == []
    assert registry.save(given) == given


def test_a_hidden_run_keeps_them(registry: Registry, given: Run) -> None:
    """Hiding is no purge: saved again, the run is shown with its facts."""
    registry.set_facts("given", {"group": "g"})
    registry.delete("given")
    registry.save(given)
    assert registry.run("given").group == "g"


def test_damage_is_said_and_can_be_mended(registry: Registry, given: Run) -> None:
    """A fact of a newer version or a damaged one is an error that names it; a damaged document is mended by a save."""
    registry.set_facts("given", {"group": "g"})
    with registry._database.write() as connection:
        connection.execute(document.update().values(text="{}"))
    with pytest.raises(DocumentError):
        registry.run("given")
    assert registry.save(given).group == "g"
    with registry._database.write() as connection:
        connection.execute(human_fact.update().values(field="newer_field"))
    with pytest.raises(DocumentError, match="newer_field"):
        registry.run("given")
    assert [row.name for row in registry.listing()] == ["given"]
    assert registry.delete("given", purge=True).name == "given"
