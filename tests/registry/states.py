"""Small registries that know overlapping things: states as data, and registries filled with them row by row."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cardgen import corrections
from cardgen.record import Checkpoint, Evaluation, Hyperparameters, LogEvent, Model, Run, Segment
from cardgen.registry import Registry, history, rows, writing
from cardgen.registry.codec import encode_run, encode_value
from cardgen.registry.events import event_row, put
from cardgen.registry.exporting.write import export_registry
from cardgen.registry.merging.names import spelled
from cardgen.registry.tables import (
    audit,
    card_text,
    document,
    human_fact,
    model_event,
    model_version,
    pending,
    publication,
    run,
)

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AT = 1_767_225_600_000_000
"""The same moment in microseconds."""

IDS = ("01900000-0000-7000-8000-0000000a1111", "01900000-0000-7000-8000-0000000b1111", "c2222", "d-aa-333333")
NAMES = ("a", "b", "a-a1111", spelled(IDS[0], "a", 1), spelled(IDS[1], "a", 2))


@dataclass(frozen=True)
class State:
    """What one registry knows of one run; `present` says that it has a row."""

    run: Run
    present: bool = True
    name: str = "a"
    asked: str = "a"
    hidden: int | None = None
    revision: int = 1
    folded: int = -1
    heartbeat: int = 0
    human: dict[str, tuple[int, Any]] = field(default_factory=dict)
    cards: dict[str, tuple[int, str]] = field(default_factory=dict)
    log: tuple[LogEvent, ...] = ()
    audit: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Content:
    """What one registry knows: runs, and rows of the tables of models."""

    runs: tuple[State, ...] = ()
    versions: tuple[dict[str, Any], ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    publications: tuple[dict[str, Any], ...] = ()
    pending: tuple[dict[str, Any], ...] = ()


def fill(registry: Registry, content: Content) -> Registry:
    """Put content into an empty registry, with the rows that follow from it."""
    database = registry._database
    with database.write() as connection:
        for state in content.runs:
            for at, action in state.audit:
                entry = {"at": AT + at, "actor": "x", "action": action, "run_id": state.run.id, "name": state.name}
                connection.execute(audit.insert(), {**entry, "detail": None})
            if not state.present:
                continue
            human = {**state.human}
            if "name" in human and human["name"][1] is not None:
                human["name"] = (human["name"][0], state.name)
            recorded = dataclasses.replace(state.run, name=state.name)
            values = {name: value for name, (_, value) in human.items() if value is not None}
            shown = corrections.apply(recorded, values)
            columns = {
                **rows.run_columns(shown),
                "id": recorded.id,
                "name": state.name,
                "asked_name": state.asked,
                "deleted": None if state.hidden is None else AT + state.hidden,
                "revision": state.revision,
                "folded": state.folded,
                "heartbeat": AT + state.heartbeat,
            }
            number = connection.execute(run.insert().values(**columns).returning(run.c.number)).scalar_one()
            connection.execute(document.insert(), {"run": number, "text": encode_run(recorded)})
            for name, (at, value) in human.items():
                fact = {"run": number, "field": name, "value": encode_value(value), "at": AT + at}
                connection.execute(human_fact.insert(), fact)
            for target, (at, words) in state.cards.items():
                pair = {"base": encode_value("# T\n"), "text": encode_value(words), "deleted": "[]", "at": AT + at}
                connection.execute(card_text.insert(), {"run": number, "target": target, **pair})
            writing.put_rows(database, connection, number, shown, {})
            put(connection, number, [event_row(event) for event in state.log])
            history.rebuild(connection, number)
        for table, found in (
            (model_version, content.versions),
            (model_event, content.events),
            (publication, content.publications),
            (pending, content.pending),
        ):
            if found:
                connection.execute(table.insert(), list(found))
    return registry


def canonical(registry: Registry, folder: Path) -> dict[str, Any]:
    """What a registry holds, to be compared: every line of its export."""
    export_registry(registry._location.connect_url or registry._location.path, folder)
    return {path.name: path.read_text().splitlines() for path in sorted(folder.glob("*.json*"))}


# Two that know overlapping things ---------------------------------------------------------------------------------


_ARGUMENTS = Hyperparameters(values={"learning_rate": 5e-05, "limit": float("inf"), "seed": 2**70, "path": None})
_POINTS = (Checkpoint(path="/p", weights="w0", step=3),)


def _run(run_id: str, seconds: int, **given: Any) -> Run:
    created = START + dt.timedelta(seconds=seconds)
    model = Model(type="CrossEncoder", title="T")
    return Run(id=run_id, name="", model=model, created=created, hyperparameters=_ARGUMENTS, **given)


def _log(*values: float) -> tuple[LogEvent, ...]:
    return tuple(
        LogEvent(seq=seq, kind="train", step=seq, epoch=seq / 2, values={"loss": value})
        for seq, value in enumerate(values)
    )


_RESULTS = [Evaluation(evaluator="E", weights=f"w{n}", metrics={"ndcg": n / 3}, at=START) for n in range(2)]


def _version(version_id: str, version: int, at: int) -> dict[str, Any]:
    return {
        "model": "me/m",
        "version": version,
        "id": version_id,
        "run_id": IDS[0],
        "run_name": "a",
        "weights": "w0",
        "step": 3,
        "card": "c",
        "commit": f"commit-{version_id}",
        "at": AT + at,
    }


def _published(version_id: str, version: int, at: int) -> dict[str, Any]:
    return {
        "at": AT + at,
        "run_id": IDS[0],
        "run_name": "a",
        "repo_id": "me/m",
        "endpoint": "https://hub",
        "revision": "main",
        "commit": f"commit-{version_id}",
        "pull_request": None,
        "card": "c",
        "weights": "w0",
        "step": 3,
        "files": '{"config.json":"1"}',
        "user": "me",
        "version": version,
    }


def _waiting(run_id: str, at: int) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "run_name": "a",
        "repo_id": "me/m",
        "options": '{"private":true}',
        "reason": "offline",
        "tries": 1,
        "at": AT + at,
    }


ONE = Content(
    runs=(
        State(
            run=_run(IDS[0], 1, evaluations=(_RESULTS[0],), checkpoints=_POINTS, notes={"bias": "Mine."}),
            name="base",
            revision=2,
            folded=7,
            human={"license": (4, "mit"), "language": (2, ("en", "ar")), "name": (3, "base")},
            cards={"run": (5, "# Mine\n"), "file:/a": (1, "\u0645\ud800\0")},
            log=_log(1.0, float("inf"), float("nan")),
            audit=((0, "create"),),
        ),
        State(run=_run("gone", 2), present=False, name="gone", audit=((0, "create"), (9, "purge"))),
        State(run=_run("hidden", 3), name="hidden", hidden=8, audit=((0, "create"), (8, "delete"))),
        State(run=_run("young", 9), name="same", log=_log(2**70), audit=((0, "create"),)),
        State(run=_run("imported", 5, origin="imported"), name="imported", log=_log(0.5)),
    ),
    versions=(_version("v1", 1, 1), _version("v2", 2, 2)),
    events=tuple(
        {
            "id": f"e{n}",
            "at": AT + n,
            "actor": "x",
            "model": "me/m",
            "action": "register",
            "version_id": f"v{n}",
            "value": None,
        }
        for n in (1, 2)
    ),
    publications=(_published("v1", 1, 1), _published("v2", 2, 2)),
    pending=(_waiting(IDS[0], 3), _waiting("young", 0)),
)

OTHER = Content(
    runs=(
        State(
            run=_run(IDS[0], 1, evaluations=(_RESULTS[1],), notes={"use": "Rivers."}),
            name="base-2",
            revision=5,
            folded=7,
            heartbeat=6,
            human={"license": (6, None), "tags": (1, ("x", "y"))},
            cards={"run": (4, "# Theirs\n"), "hf://me/m": (2, "# Hub\n")},
            log=_log(1.0, 0.5, 0.25, 0.125),
            audit=((0, "create"),),
        ),
        State(run=_run("gone", 2), name="gone", audit=((0, "create"),)),
        State(run=_run("hidden", 3), name="hidden", audit=((0, "create"),)),
        State(run=_run("old", 4), name="same", audit=((0, "create"),)),
        State(run=_run("imported", 7, origin="imported"), name="imported", log=_log(0.5, 0.25)),
    ),
    versions=(_version("v3", 1, 3), _version("v1", 2, 1)),
    publications=(_published("v3", 1, 3), _published("v1", 2, 1)),
    pending=(_waiting(IDS[0], 2),),
)

# Generated ------------------------------------------------------------------------------------------------------

_TIMES = st.integers(0, 5)


@st.composite
def _records(draw: st.DrawFn, run_id: str) -> Run:
    imported = run_id == "c2222"
    later = [
        Evaluation(evaluator="E", weights=f"w{number}", metrics={"m": value}, at=START)
        for number, value in ((1, 0.5), (2, float("nan")))
    ]
    segments = [Segment(index=number, started=START + dt.timedelta(hours=number)) for number in range(2)]
    return Run(
        id=run_id,
        name="",
        model=Model(type="CrossEncoder", title=draw(st.sampled_from(["T", "U"]))),
        tags=draw(st.sampled_from([(), ("x",)])),
        origin="imported" if imported else "captured",
        status=draw(st.sampled_from(["running", "finished"])),
        created=START + dt.timedelta(seconds=draw(_TIMES)) if imported else START + dt.timedelta(seconds=len(run_id)),
        evaluations=() if imported else tuple(draw(st.lists(st.sampled_from(later), max_size=2, unique_by=id))),
        segments=() if imported else tuple(draw(st.lists(st.sampled_from(segments), max_size=2, unique_by=id))),
        notes=draw(st.dictionaries(st.sampled_from(["bias", "use"]), st.sampled_from(["m", "n"]))),
        checkpoints=tuple(Checkpoint(path=path, weights="w") for path in draw(st.sets(st.sampled_from("pq")))),
    )


_LIVES = ((), ("delete",), ("delete", "restore"), ("purge",), ("delete", "purge"), ("purge", "create", "restore"))


@st.composite
def _states(draw: st.DrawFn, run_id: str, name: str, *, calm: bool) -> State:
    life = draw(st.sampled_from([life for life in _LIVES if not calm or "purge" not in life]))
    times = sorted(draw(st.lists(_TIMES, min_size=len(life), max_size=len(life))))
    moments = [2 * time + place for place, time in enumerate(times)]
    decisions = list(zip(moments, life, strict=True))
    last = life[-1] if life else None
    events = draw(st.sets(st.integers(0, 4), max_size=4))
    if run_id != "c2222":
        events = set(range(len(events)))
    fields = ["license", "tags"] if calm else ["license", "name", "tags"]
    facts: dict[str, tuple[int, Any]] = draw(
        st.dictionaries(
            st.sampled_from(fields),
            st.tuples(_TIMES, st.sampled_from(["mit", "bsd", None])),
        )
    )
    if "tags" in facts:
        facts["tags"] = (facts["tags"][0], None if facts["tags"][1] is None else (facts["tags"][1],))
    return State(
        run=_run(run_id, len(run_id)) if calm else draw(_records(run_id)),
        present=last != "purge",
        name=name,
        asked=draw(st.sampled_from("ab")),
        hidden=decisions[-1][0] if last == "delete" else None,
        revision=draw(st.integers(1, 3)),
        folded=draw(st.integers(-1, 1)),
        heartbeat=draw(_TIMES),
        human=facts,
        cards=draw(st.dictionaries(st.sampled_from(["run", "file:/x"]), st.tuples(_TIMES, st.sampled_from("pq")))),
        log=tuple(
            LogEvent(seq=seq, kind="train", step=seq, values={"loss": draw(st.sampled_from([1, 1.0, float("inf")]))})
            for seq in sorted(events)
        ),
        audit=((-1, "create"), *decisions),
    )


@st.composite
def contents(draw: st.DrawFn, *, calm: bool = False) -> Content:
    """What one registry may know; `calm`: records and names are the same everywhere, nothing is purged, no versions."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    names = draw(st.permutations(NAMES))
    if calm:  # of two runs that claim one name a registry has one
        ids = [*{IDS.index(run_id) // 2: run_id for run_id in ids}.values()]
        names = ["ab"[IDS.index(run_id) // 2] for run_id in ids]
    runs = tuple(draw(_states(run_id, name, calm=calm)) for run_id, name in zip(ids, names, strict=False))
    return Content(runs=runs) if calm else Content(runs=runs, **draw(_models()))


_CREATED = {"v1": 1, "v2": 1, "v3": 0}
"""Versions and when they were made."""


@st.composite
def _models(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(st.sampled_from(sorted(_CREATED)), unique=True))
    numbers = draw(st.permutations([1, 2, 3]))
    versions = [
        {
            "model": "me/m",
            "version": number,
            "id": version_id,
            "run_id": IDS[0],
            "run_name": draw(st.sampled_from("ab")),
            "weights": None,
            "step": None,
            "card": draw(st.sampled_from(["x", None])),
            "commit": version_id,
            "at": AT + _CREATED[version_id],
        }
        for version_id, number in zip(ids, numbers, strict=False)
    ]
    events = [
        {
            "id": f"e{number}",
            "at": AT + number,
            "actor": "x",
            "model": "me/m",
            "action": "alias",
            "version_id": "v1",
            "value": "best",
        }
        for number in draw(st.sets(st.integers(0, 3)))
    ]
    publications = [
        {
            "at": AT + draw(_TIMES),
            "run_id": IDS[0],
            "run_name": draw(st.sampled_from("ab")),
            "repo_id": "me/m",
            "endpoint": "https://hub",
            "revision": "main",
            "commit": row["commit"],
            "pull_request": None,
            "card": "c",
            "weights": None,
            "step": None,
            "files": json.dumps({"f": "1"}),
            "user": None,
            "version": row["version"],
        }
        for row in versions
        if draw(st.booleans())
    ]
    waiting = [
        {
            "run_id": run_id,
            "run_name": "a",
            "repo_id": "me/m",
            "options": "{}",
            "reason": draw(st.sampled_from("ab")),
            "tries": draw(st.integers(1, 2)),
            "at": AT + draw(_TIMES),
        }
        for run_id in draw(st.sets(st.sampled_from(IDS[:2])))
    ]
    settled = [row for row in waiting if not _is_done(row, publications)]
    return {
        "versions": tuple(versions),
        "events": tuple(events),
        "publications": tuple(publications),
        "pending": tuple(settled),
    }


def _is_done(row: dict[str, Any], publications: Iterable[dict[str, Any]]) -> bool:
    return any(made["run_id"] == row["run_id"] and made["at"] >= row["at"] for made in publications)
