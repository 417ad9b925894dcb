"""What is saved comes back, on both engines, whatever it is and whoever else writes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardgen.errors import AmbiguousRun, DocumentError, RegistryReadOnly, RunNotFound, SettingsError
from cardgen.identity import speakable
from cardgen.record import Evaluation, Hyperparameters, LogEvent, Model, Run
from cardgen.registry import Registry, loading, query
from cardgen.registry.language import quote
from cardgen.registry.schema import REVISION
from cardgen.registry.tables import audit, document, fact, key, run

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Exact = Callable[[Any], Any]
Start = Callable[..., "subprocess.Popen[str]"]
Outputs = Callable[[list["subprocess.Popen[str]"]], list[str]]

HOSTILE = [
    "'; DROP TABLE run; --",
    '"',
    "%",
    "_",
    "\\",
    "a\0b",
    "\ud800",
    "\ud83d\ude00",
    "\U0001f600 emoji",
    "\u202eright to left",
    "line\nbreak\r\u2028",
    "x" * 1_000_000,
    "ä" * 300,
    "$tuple",
]

SAVE_MANY = """
import sys
from cardgen.identity import new_run_id
from cardgen.record import Hyperparameters, LogEvent, Model, Run
from cardgen.registry import Registry
with Registry(sys.argv[1], busy_seconds=60) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        values = Hyperparameters(values={f"key {number} {n}": n for n in range(20)})
        run = Run(id=new_run_id(), name="same", model=Model(type="CrossEncoder"), hyperparameters=values)
        print(registry.save(run).name)
        registry.append(run.id, [LogEvent(seq=n, kind="train", step=n) for n in range(20)])
        registry.append(sys.argv[2], [LogEvent(seq=number, kind="train", step=number)])
"""


@pytest.fixture
def rows(registry: Registry) -> Callable[[sa.Select[Any]], list[Any]]:
    """Look into the tables."""

    def fetch(select: sa.Select[Any]) -> list[Any]:
        with registry._database.read() as connection:
            return [tuple(row) for row in connection.execute(select)]

    return fetch


def test_many_runs_are_saved_at_once_as_one_by_one(registry: Registry, make_run: MakeRun) -> None:
    """Names are made unique, a known run is replaced, a hidden one is shown again, and the order is that of saving."""
    known, hidden = registry.save(make_run(name="known")), registry.save(make_run(name="hidden"))
    registry.delete("hidden")
    new = [make_run(name="same", created=known.created) for _ in range(150)]
    runs = [*new, dataclasses.replace(known, project="mine"), hidden]
    assert registry.save_all(iter(runs)) == 152
    assert registry.run("known").project == "mine"
    assert registry.run("hidden") == hidden
    assert [row.name for row in registry.listing("same", order_by="project")] == [
        "same", *(f"same-{number}" for number in range(2, 151))
    ]  # fmt: skip
    assert registry.run("same-150") == dataclasses.replace(new[-1], name="same-150")


def test_many_runs_get_the_names_that_they_get_one_by_one(
    url: str, tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever names and ids meet, within a transaction and across them, on purged, hidden and known runs."""
    monkeypatch.setattr(loading, "AT_ONCE", 5)
    monkeypatch.setattr(loading, "AT_ONCE_ON_SERVER", 5)
    chance = random.Random(3)
    known = [make_run(name=name) for name in ("a", "a-3", "b", "gone", "hidden")]
    names = ["a", "a", "a-2", "a-3", "b", "latest", " b ", "", "c\0", "c", "hidden", "gone"]
    runs = [make_run(name=chance.choice([*names, f"new-{number}"])) for number in range(60)]
    runs += [dataclasses.replace(run, project="again") for run in chance.sample(runs, 15)]
    runs += [dataclasses.replace(run, name=chance.choice(names)) for run in known]
    chance.shuffle(runs)
    told = []
    for place, save in ((url, Registry.save_all), (str(tmp_path / "one by one.db"), _save_each)):
        with Registry(place) as registry:
            registry.save_all(known)
            registry.delete("hidden")
            registry.delete("gone", purge=True)
            save(registry, runs)
            rows = {row.id: (row.name, row.project, row.revision) for row in registry.listing()}
            with registry._database.read() as connection:
                entries = connection.execute(sa.select(audit.c.action, audit.c.run_id, audit.c.name, audit.c.detail))
                told.append((rows, sorted(map(tuple, entries), key=repr), [registry.run(run.id) for run in runs]))
                assert not registry.verify().findings
    assert told[0] == told[1]


def _save_each(registry: Registry, runs: Sequence[Run]) -> None:
    for one in runs:
        registry.save(one)


def test_of_many_runs_those_before_a_bad_one_stay(
    registry: Registry, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a transaction has stored stays; the transaction of a run that cannot be stored stores nothing."""
    monkeypatch.setattr(loading, "AT_ONCE", 100)
    monkeypatch.setattr(loading, "AT_ONCE_ON_SERVER", 100)
    runs = [make_run(name=f"run-{number}") for number in range(250)]
    runs[220] = dataclasses.replace(runs[220], id="no id")
    with pytest.raises(SettingsError):
        registry.save_all(runs)
    assert registry.status().runs == 200


@given(data=st.data())
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_run_and_log_survive(data: st.DataObject, registry: Registry, strategies: Any, exact: Exact) -> None:
    """Any run and any event come back with types and `repr` intact, but for the name, which is made fit and unique."""
    given_run = data.draw(strategies.runs)
    stored = registry.save(given_run)
    assert exact(registry.run(given_run.id)) == exact(stored)
    assert exact(stored) == exact(dataclasses.replace(given_run, name=stored.name))
    event = dataclasses.replace(data.draw(strategies.record(LogEvent)), seq=0, step=1, segment=0)
    registry.append(given_run.id, [event])
    assert exact(registry.log(given_run.id)) == exact([event])
    assert given_run.id in [row.id for row in registry.listing()]


def test_saving_again_replaces(registry: Registry, make_run: MakeRun, rows: Any) -> None:
    """A run saved again is the same run: document, row and facts are the new ones."""
    first = make_run(name="run", hyperparameters=Hyperparameters(values={"old": 1, "both": 2}), tags=("a",))
    registry.save(first)
    second = dataclasses.replace(
        first, hyperparameters=Hyperparameters(values={"both": 3.5, "new": "x"}), status="finished", tags=("b", "c")
    )
    registry.save(second)
    assert registry.runs() == [second]
    [row] = registry.listing()
    assert (row.status, row.tags, row.revision) == ("finished", ("b", "c"), 2)
    select = sa.select(key.c.kind, key.c.name, fact.c.position, fact.c.number, fact.c.text).join(fact)
    assert sorted(rows(select), key=repr) == sorted(
        [
            ("params", "both", 0, 3.5, None),
            ("params", "new", 0, None, "x"),
            ("run", "tags", 0, None, "b"),
            ("run", "tags", 1, None, "c"),
        ],
        key=repr,
    )


def test_a_taken_name_is_counted_up(registry: Registry, make_run: MakeRun) -> None:
    """A name is given once; what follows from an id has its own number counted up."""
    names = [registry.save(make_run(name="epochs-10")).name for _ in range(3)]
    assert names == ["epochs-10", "epochs-10-2", "epochs-10-3"]
    spoken = make_run()
    name = speakable(spoken.id)
    registry.save(make_run(name=name))
    stem, number = name.rsplit("-", 1)
    assert registry.save(dataclasses.replace(spoken, name=name)).name == f"{stem}-{int(number) + 1}"
    assert registry.save(make_run(name="latest")).name == "latest-2"


def test_a_run_keeps_its_name(registry: Registry, make_run: MakeRun) -> None:
    """A recorder may go on to use the name it asked for; another name renames."""
    registry.save(make_run(name="taken"))
    second = make_run(name="taken")
    assert registry.save(second).name == "taken-2"
    assert registry.save(second).name == "taken-2"
    assert registry.save(dataclasses.replace(second, name="taken-2")).name == "taken-2"
    assert registry.save(dataclasses.replace(second, name="other")).name == "other"
    assert registry.save(dataclasses.replace(second, name="taken")).name == "taken-2"
    assert registry.run("taken-2").id == second.id


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_data(registry: Registry, make_run: MakeRun, make_events: MakeEvents, text: str) -> None:
    """Any text may be a name, project, group, tag, title or key: it is stored, found, filtered and counted up."""
    values = Hyperparameters(values={text: text, "other": [text]})
    model = Model(type="CrossEncoder", title=text, base_model=text)
    evaluation = Evaluation(evaluator=text, primary_metric=text, metrics={text: 0.5})
    given_run = make_run(
        name=text,
        project=text,
        group=text,
        tags=(text,),
        model=model,
        hyperparameters=values,
        evaluations=(evaluation,),
    )
    stored = registry.save(given_run)
    assert dataclasses.replace(stored, name=text) == given_run
    assert 0 < len(stored.name) <= 200
    assert registry.run(stored.name) == stored
    assert [row.id for row in registry.listing(project=text, group=text)] == [stored.id]
    assert [row.id for row in registry.listing(quote(text))] == [stored.id]
    assert registry.listing(project="other") == registry.listing("nothing") == []
    assert registry.listing()[0].metric == 0.5
    assert registry.save(dataclasses.replace(given_run, id=make_run().id)).name != stored.name
    event = LogEvent(seq=0, kind="eval", step=0, values={text: text})
    assert registry.append(stored.id, [event]) == 1
    assert registry.log(stored.id) == [event]
    for method in (registry.append, lambda reference, _: registry.delete(reference)):
        with pytest.raises(RunNotFound):
            method(text + "?", make_events(1))
    assert registry.status().runs == 2


def test_an_empty_name_becomes_a_spoken_one(registry: Registry, make_run: MakeRun) -> None:
    """A run without a name gets the one that follows from its id."""
    unnamed = make_run(name="  ")
    assert registry.save(unnamed).name == speakable(unnamed.id)


@pytest.mark.parametrize("run_id", ["", "../../etc", "a\0", "\ud800", "x" * 1000])
def test_an_id_must_be_one(registry: Registry, make_run: MakeRun, run_id: str) -> None:
    """What cannot be a file name is no id, and nothing is stored."""
    with pytest.raises(SettingsError):
        registry.save(make_run(id=run_id))
    for call in (registry.heartbeat, registry.state, registry.log, registry.run):
        with pytest.raises(RunNotFound):
            call(run_id)
    assert registry.status().runs == 0


def test_a_run_that_cannot_be_stored_leaves_nothing(registry: Registry, make_run: MakeRun) -> None:
    """A wrong field is an error before anything is written, and the name stays free."""
    with pytest.raises(DocumentError, match=r"Run\.tags"):
        registry.save(make_run(tags=(1,)))
    assert registry.listing() == []
    with pytest.raises(RunNotFound):
        registry.run("test")


def test_ten_thousand_parameters(registry: Registry, make_run: MakeRun) -> None:
    """A run with very many and very odd values is stored whole."""
    values: dict[str, Any] = {f"parameter {number}": number / 7 for number in range(10_000)}
    values |= {"nan": float("nan"), "huge": 10**5000, "list of huge": [10**5000], "inf": float("-inf"), "none": None}
    stored = registry.save(make_run(hyperparameters=Hyperparameters(values=values)))
    back = registry.run(stored.id).hyperparameters
    assert back is not None
    assert list(back.values) == list(values)
    assert back.values["huge"] == 10**5000


def test_appending_is_idempotent(registry: Registry, make_run: MakeRun, make_events: MakeEvents) -> None:
    """An event is there once, however often it is appended, and the first stands."""
    stored, events = registry.save(make_run()), make_events(10)
    assert registry.append(stored.id, events[3:6]) == 3
    assert registry.append(stored.id, [*reversed(events), *events]) == 7
    assert registry.append(stored.id, [dataclasses.replace(events[0], step=99)]) == 0
    assert registry.append(stored.id, []) == 0
    assert registry.log(stored.id) == events
    assert registry.state(stored.id).events == 10


def test_an_event_keeps_its_types(registry: Registry, make_run: MakeRun, exact: Exact) -> None:
    """An epoch of 1 is not one of 1.0, and keys keep their order."""
    stored = registry.save(make_run())
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
    epochs = [1, 1.0, None, -1, 0.1 + 0.2, float("nan"), float("inf")]
    events = [
        LogEvent(
            seq=number, kind="evaluator", step=-1, epoch=epoch, values={"z": 1, "a": 1.0, "nan": float("nan")}, at=at
        )
        for number, epoch in enumerate(epochs)
    ]
    registry.append(stored.id, events)
    assert exact(registry.log(stored.id)) == exact(events)


def test_an_event_out_of_range_is_refused(registry: Registry, make_run: MakeRun, make_events: MakeEvents) -> None:
    """A step beyond 64 bits is an error, and no event of the batch is stored."""
    stored = registry.save(make_run())
    with pytest.raises(DocumentError, match=r"LogEvent\.step"):
        registry.append(stored.id, [*make_events(3), LogEvent(seq=4, kind="train", step=2**63)])
    assert registry.log(stored.id) == []


def test_a_save_with_an_entry_number_happens_once(registry: Registry, make_run: MakeRun) -> None:
    """A save with the number of a spool entry does nothing if this entry or a later one is in."""
    first = make_run(tags=("first",))
    registry.save(first, seq=5)
    assert registry.save(dataclasses.replace(first, tags=("old",)), seq=5).tags == ("first",)
    assert registry.save(dataclasses.replace(first, tags=("new",)), seq=6).tags == ("new",)
    assert registry.state(first.id).folded == 6
    registry.delete(first.id, purge=True)
    with pytest.raises(RunNotFound):
        registry.save(first, seq=7)


def test_deleting_hides(registry: Registry, make_run: MakeRun, make_events: MakeEvents) -> None:
    """A deleted run is found by nothing, its name stays taken, and saving it shows it again."""
    stored = registry.save(make_run(name="mine", status="finished"))
    registry.append(stored.id, make_events(3))
    assert registry.delete("mine") == stored
    for reference in (stored.id, stored.id[:8], "mine", "min", "latest"):
        with pytest.raises(RunNotFound):
            registry.run(reference)
        with pytest.raises(RunNotFound):
            registry.delete(reference)
    assert registry.runs() == []
    assert registry.status().deleted == 1
    assert registry.save(make_run(name="mine")).name == "mine-2"
    assert registry.save(stored).name == "mine"
    assert len(registry.log("mine")) == 3


def test_purging_removes(registry: Registry, make_run: MakeRun, make_events: MakeEvents, rows: Any) -> None:
    """A purged run leaves its audit and nothing else, hidden or not; its name is free."""
    stored = registry.save(make_run(name="mine", hyperparameters=Hyperparameters(values={"a": 1})))
    registry.append(stored.id, make_events(3))
    registry.delete("mine")
    assert registry.delete("mine", purge=True) == stored
    assert registry.status().events == 0
    for table in (run, document, fact):
        assert rows(sa.select(sa.func.count()).select_from(table)) == [(0,)]
    assert registry.save(make_run(name="mine")).name == "mine"
    actions = rows(sa.select(audit.c.action, audit.c.run_id, audit.c.name).order_by(audit.c.number))
    assert [action for action, run_id, _ in actions if run_id == stored.id] == ["create", "delete", "purge"]
    registry.save(stored)
    actions = rows(sa.select(audit.c.action).where(audit.c.run_id == stored.id).order_by(audit.c.number))
    assert [action for (action,) in actions][3:] == ["create", "restore"]
    assert rows(sa.select(audit.c.actor).limit(1))[0][0].count("@") == 1


def test_a_damaged_document_can_be_deleted(registry: Registry, make_run: MakeRun, make_events: MakeEvents) -> None:
    """A run whose document cannot be decoded is named by the error, listed, and can be removed."""
    stored = registry.save(make_run(name="damaged"))
    registry.save(make_run(name="whole"))
    with registry._database.write() as connection:
        connection.execute(document.update().where(document.c.run == 1).values(text="{"))
    with pytest.raises(DocumentError, match="run damaged") as caught:
        registry.run(stored.id)
    assert "cardgen runs delete damaged --purge" in (caught.value.hint or "")
    with pytest.raises(DocumentError):
        registry.runs()
    assert len(registry.listing()) == 2
    assert registry.delete("damaged", purge=True).id == stored.id
    assert len(registry.runs()) == 1


def test_a_silent_run_is_lost(registry: Registry, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lost` is derived when a run is read, and a heartbeat brings it back."""
    stored = registry.save(make_run(status="running"))
    assert registry.state(stored.id).status == "running"
    monkeypatch.setattr(query, "LOST_AFTER_SECONDS", -1)
    assert registry.state(stored.id).status == registry.listing()[0].status == "lost"
    assert registry.runs(status="lost") == [stored]
    assert registry.runs(status="running") == []
    assert registry.run(stored.id).status == "running"
    monkeypatch.undo()
    before = registry.state(stored.id).heartbeat
    registry.heartbeat(stored.id)
    after = registry.state(stored.id).heartbeat
    assert before is not None
    assert after is not None
    assert after > before
    assert registry.save(dataclasses.replace(stored, status="finished")).status == "finished"
    assert registry.state(stored.id).status == "finished"


def test_references(registry: Registry, make_run: MakeRun) -> None:
    """A run answers to id, name, and any unique start or end of them."""
    first = registry.save(make_run(id="0190-aaaa", name="amber-otter-3"))
    second = registry.save(make_run(id="0190-bbbb", name="amber-owl-4"))
    third = registry.save(make_run(id="0191-cccc", name="0190-aaaa"))
    for reference in ("0190-aaaa", "amber-otter-3", "amber-ot", "otter-3", "-3"):
        assert registry.run(reference) == first
    for reference in ("0190-b", "bbbb", "owl-4"):
        assert registry.run(reference) == second
    assert registry.run("0191") == third
    with pytest.raises(AmbiguousRun) as caught:
        registry.run("amber")
    assert caught.value.names == ("amber-otter-3", "amber-owl-4")
    for reference in ("", "AMBER-OTTER-3", "%", "amber_otter_3", "otter", "nothing", "amber-otter-3" * 50):
        with pytest.raises(RunNotFound):
            registry.run(reference)


def test_latest(registry: Registry, make_run: MakeRun) -> None:
    """`latest` is the newest run that finished and was recorded here."""
    with pytest.raises(RunNotFound):
        registry.run("latest")
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    newest = registry.save(make_run(status="finished", created=day + dt.timedelta(days=1)))
    registry.save(make_run(status="finished", created=day))
    registry.save(make_run(status="finished", created=None))
    registry.save(make_run(status="running", created=day + dt.timedelta(days=2)))
    registry.save(make_run(status="finished", created=day + dt.timedelta(days=3), origin="imported"))
    assert registry.run("latest") == newest


def test_a_reader_cannot_write(url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """What was opened for reading is not written, and says so."""
    with Registry(url) as registry:
        stored = registry.save(make_run())
    with Registry(url, mode="read") as reader:
        assert reader.run(stored.id) == stored
        for write in (
            lambda: reader.save(stored),
            lambda: reader.append(stored.id, make_events(1)),
            lambda: reader.delete(stored.id),
            lambda: reader.heartbeat(stored.id),
        ):
            with pytest.raises(RegistryReadOnly, match="opened for reading"):
                write()


def test_the_status_of_a_registry(registry: Registry, url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """The status counts what there is."""
    stored = registry.save(make_run())
    registry.append(stored.id, make_events(7))
    status = registry.status()
    assert status.engine == ("sqlite" if url.endswith(".db") else "postgresql")
    assert (status.schema, status.runs, status.deleted, status.events) == (REVISION, 1, 0, 7)
    assert (status.pending_spools, status.damaged_spools, status.writable) == (0, 0, True)
    assert status.size > 10_000


def test_four_processes_write_at_once(
    url: str, make_run: MakeRun, start: Start, outputs: Outputs, exact: Exact
) -> None:
    """Nothing is lost, and every name is given once, when four processes save under one name at once."""
    with Registry(url) as registry:
        shared = registry.save(make_run(name="shared"))
    names = "".join(outputs([start(SAVE_MANY, url, shared.id) for _ in range(4)])).split()
    assert sorted(names) == sorted(["same", *(f"same-{number}" for number in range(2, 41))])
    with Registry(url, mode="read") as registry:
        assert {row.name for row in registry.listing()} == {*names, "shared"}
        assert registry.status().events == 4 * 10 * 20 + 10
        assert [event.seq for event in registry.log("shared")] == list(range(10))
