"""Models have versions, aliases that move, and tags; the state follows from events, on both engines."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.errors import ModelNotFound, RegistryReadOnly, RunNotFound, SettingsError
from cardgen.record import Checkpoint, Run
from cardgen.registry import Registry
from cardgen.registry.publications import Publication
from cardgen.registry.tables import audit, model_event, model_version, publication

MakeRun = Callable[..., Run]

NAME = "me/model"
SAVED = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)


def day(number: int) -> int:
    """Noon of a day of October 2026, in microseconds."""
    return int(dt.datetime(2026, 10, number, 12, tzinfo=dt.UTC).timestamp() * 1e6)


def points(*weights: str) -> tuple[Checkpoint, ...]:
    """Checkpoints in the order in which they were saved."""
    return tuple(
        Checkpoint(path=f"out/checkpoint-{step}", step=step, weights=text, saved=SAVED + dt.timedelta(hours=step))
        for step, text in enumerate(weights, 1)
    )


@pytest.fixture
def runs(registry: Registry, make_run: MakeRun) -> list[Run]:
    """Three runs with two checkpoints each."""
    return [
        registry.save(make_run(name=name, status="finished", checkpoints=points(f"{name}1", f"{name}2")))
        for name in ("one", "two", "three")
    ]


@pytest.fixture
def move(registry: Registry) -> Callable[[int], None]:
    """Put the newest event, and the version that it made, at noon of a day of October 2026."""

    def put(number: int) -> None:
        with registry._database.write() as connection:
            newest = sa.select(sa.func.max(model_event.c.number)).scalar_subquery()
            [event] = connection.execute(sa.select(model_event).where(model_event.c.number == newest)).all()
            connection.execute(model_event.update().where(model_event.c.id == event.id).values(at=day(number)))
            if event.action == "register":
                made = model_version.c.id == event.version_id
                connection.execute(model_version.update().where(made).values(at=day(number)))

    return put


def published(run: Run, commit: str, **given: Any) -> Publication:
    """A commit that put a run's model into the repository."""
    facts = {"revision": "main", "commit": commit, "card": "c", "weights": "w", "user": "ada", **given}
    return Publication(run_id=run.id, run_name=run.name, repo_id=NAME, endpoint="hub", **facts)


def test_versions_are_numbered_and_know_their_weights(registry: Registry, runs: list[Run]) -> None:
    """A version is a run and its last checkpoint, or the one that was named; numbers count per model."""
    first = registry.models.register("one", NAME)
    assert (first.version, first.run_id, first.weights, first.step) == (1, runs[0].id, "one2", 2)
    for wanted in (1, "1", "out/checkpoint-1", "checkpoint-1"):
        assert registry.models.register("two", f"x {wanted}", checkpoint=wanted).weights == "two1"
    second = registry.models.register("two", NAME, checkpoint=1, card="c" * 64)
    assert (second.version, second.weights, second.step, second.card) == (2, "two1", 1, "c" * 64)
    assert registry.models.versions(NAME) == [second, first]
    assert [row.name for row in registry.models.iterate("ME/")] == [NAME]
    [row] = registry.models.all("me/")
    assert (row.versions, row.newest, row.aliases) == (2, second, {})
    with pytest.raises(SettingsError, match="no checkpoint 'best'") as caught:
        registry.models.register("one", NAME, checkpoint="best")
    assert "out/checkpoint-2 (step 2)" in (caught.value.hint or "")


def test_the_best_checkpoint(registry: Registry, make_run: MakeRun) -> None:
    """`best` is what the library called the best; a run without checkpoints is a version without weights."""
    best = Checkpoint(path="out/best", step=1, weights="b", best=True, saved=SAVED)
    registry.save(make_run(name="four", checkpoints=(best, *points("x", "y"))))
    assert registry.models.register("four", NAME, checkpoint="best").weights == "b"
    registry.save(make_run(name="five"))
    assert registry.models.register("five", NAME).weights is None


def test_what_is_the_newest_already_is_no_new_version(registry: Registry, runs: list[Run]) -> None:
    """Registering the same again makes no version, but aliases and tags; another card or going back makes one."""
    first = registry.models.register("one", NAME, card="c")
    again = registry.models.register("one", NAME, aliases=["champion"], tags=["ok"])
    assert (again.id, again.aliases, again.tags) == (first.id, ("champion",), ("ok",))
    assert registry.models.register("one", NAME, card="d").version == 2
    assert registry.models.register("two", NAME).version == 3
    assert registry.models.register("one", NAME, card="d").version == 4
    assert registry.publications.add(published(runs[1], "abc", weights="two2", step=2)).version == 5
    assert registry.models.register("two", NAME, card="of the file").version == 5


def test_aliases_move_and_tags_stay(registry: Registry, runs: list[Run]) -> None:
    """An alias is at one version of a model at a time; tags belong to their version."""
    registry.models.register("one", NAME, aliases=["champion", "old"], tags=["eu"])
    registry.models.register("two", NAME)
    registry.models.register("two", "other", aliases=["champion"])
    assert registry.models.alias(f"{NAME}@latest", "champion").aliases == ("champion",)
    assert registry.models.tag(f"{NAME}@champion", "fast", "eu").tags == ("eu", "fast")
    assert registry.models.aliases(NAME) == {"champion": 2, "old": 1}
    assert registry.models.untag(f"{NAME}@2", "eu").tags == ("fast",)
    registry.models.unalias(NAME, "old")
    assert [(one.version, one.aliases, one.tags) for one in registry.models.versions(NAME)] == [
        (2, ("champion",), ("fast",)),
        (1, (), ("eu",)),
    ]
    assert {row.name: row.aliases for row in registry.models.all()} == {NAME: {"champion": 2}, "other": {"champion": 1}}


def test_saying_the_same_again_is_no_event(registry: Registry, runs: list[Run]) -> None:
    """Only what changes something is an event, and a refused word leaves none."""
    registry.models.register("one", NAME, aliases=["champion"], tags=["ok"])
    before = registry.models.history(NAME)
    registry.models.alias(NAME, "champion")
    registry.models.tag(NAME, "ok")
    for refused in (
        lambda: registry.models.unalias(NAME, "champion", "champoin"),
        lambda: registry.models.untag(NAME, "ok", "no"),
        lambda: registry.models.alias(NAME, "fine", "3"),
        lambda: registry.models.register("one", NAME, aliases=["fine", "a@b"]),
        lambda: registry.models.register("two", NAME, tags=["fine", " x"]),
    ):
        with pytest.raises((ModelNotFound, SettingsError)):
            refused()
    assert registry.models.history(NAME) == before


def test_the_state_of_any_time(registry: Registry, runs: list[Run], move: Callable[[int], None]) -> None:
    """`as_of` a day is the end of that day; a state is what had been said by then, whatever was said later."""
    registry.models.register("one", NAME)
    move(1)
    registry.models.alias(NAME, "champion")
    move(2)
    registry.models.register("two", NAME)
    move(3)
    registry.models.tag(f"{NAME}@2", "ok")
    move(3)
    registry.models.alias(f"{NAME}@2", "champion")
    move(4)
    registry.models.unalias(NAME, "champion")
    move(6)
    registry.models.untag(f"{NAME}@2", "ok")
    move(6)

    def state(as_of: Any) -> list[Any]:
        return [(one.version, one.aliases, one.tags) for one in registry.models.versions(NAME, as_of=as_of)]

    assert state("2026-10-01") == [(1, (), ())]
    assert state("2026-10-02") == [(1, ("champion",), ())]
    assert state("2026-10-02T11:59") == [(1, (), ())]
    assert state(dt.datetime(2026, 10, 2, 12, tzinfo=dt.UTC)) == [(1, ("champion",), ())]
    assert state("2026-10-03") == [(2, (), ("ok",)), (1, ("champion",), ())]
    assert state("2026-10-05") == [(2, ("champion",), ("ok",)), (1, (), ())]
    assert state("2026-10") == state(None) == [(2, (), ()), (1, (), ())]
    assert registry.models.version(f"{NAME}@champion", as_of="2026-10-03").version == 1
    assert registry.models.version(NAME, as_of="2026-10-02").version == 1
    with pytest.raises(ModelNotFound, match="had no version then") as early:
        registry.models.versions(NAME, as_of="2026-09-30")
    assert str(early.value.hint) == "its first was registered at 2026-10-01 12:00:00 UTC"
    with pytest.raises(ModelNotFound, match="no model"):
        registry.models.versions("me/other", as_of="2026-09-30")
    with pytest.raises(SettingsError, match="2026-10-01 comes before 2026-10-02"):
        registry.models.history(NAME, since="2026-10-02", until="2026-10-01")
    with pytest.raises(SettingsError, match="'yesterday' is no time"):
        registry.models.versions(NAME, as_of="yesterday")


def test_events_of_another_registry_take_their_place(registry: Registry, runs: list[Run]) -> None:
    """The state is that of the events by time, whatever order they came in; what points at nothing is passed over."""
    first = registry.models.register("one", NAME)
    second = registry.models.register("two", NAME)
    [event] = [e for e in registry.models.history(NAME) if e.version == 2 and e.action == "register"]
    later = int(event.at.timestamp() * 1e6) + 10**12

    def insert(at: int, action: str, version_id: str, value: str) -> None:
        with registry._database.write() as connection:
            number = connection.execute(sa.select(sa.func.count()).select_from(model_event)).scalar_one()
            values = {"id": f"id-{999 - number}", "at": at, "actor": "x", "model": NAME}
            connection.execute(model_event.insert().values(action=action, version_id=version_id, value=value, **values))

    insert(later, "alias", second.id, "a")
    insert(later - 1, "alias", first.id, "a")
    insert(later, "alias", "nowhere", "b")
    insert(later, "unalias", first.id, "c")  # of two events of one moment the greater id is the later one
    insert(later, "alias", first.id, "c")
    assert registry.models.aliases(NAME) == {"a": 2}
    with pytest.raises(ModelNotFound):
        registry.models.version(f"{NAME}@b")
    registry.models.alias(f"{NAME}@1", "a")  # said now, and so the last word, whatever the clocks say
    assert registry.models.aliases(NAME) == {"a": 1}


def test_runs_are_found_by_model(registry: Registry, runs: list[Run], make_run: MakeRun) -> None:
    """NAME@ALIAS, NAME@NUMBER, NAME@latest are references to runs; an exact name or id of a run goes first."""
    registry.models.register("one", NAME, aliases=["champion"])
    registry.models.register("two", NAME)
    assert registry.run(f"{NAME}@champion") == runs[0]
    assert registry.run(f"{NAME}@1") == runs[0]
    assert registry.run(f"{NAME}@latest") == registry.run(f"{NAME}@2") == registry.run(f"{NAME}@two") == runs[1]
    assert registry.run(f"{NAME}@{runs[0].id}") == runs[0]
    registry.append(f"{runs[1].id}", [])
    assert registry.state(f"{NAME}@champion").name == "one"
    odd = registry.save(make_run(name=f"{NAME}@champion"))
    assert registry.run(f"{NAME}@champion") == odd


def test_a_reference_that_means_nothing_says_what_is_near(registry: Registry, runs: list[Run]) -> None:
    """A wrong alias, number or model is not found, with the nearest that there is; a deleted run is named."""
    registry.models.register("one", NAME, aliases=["champion", "staging"])
    for reference, said, hint in (
        (f"{NAME}@champoin", "has no alias", "did you mean champion?"),
        (f"{NAME}@7", "has no version 7", "it has 1 version"),
        (f"{NAME}@", "has no alias", "champion, staging"),
        (f"{NAME}@{'9' * 30}", "has no alias", "champion, staging"),
    ):
        with pytest.raises(ModelNotFound, match=said) as caught:
            registry.run(reference)
        assert hint in (caught.value.hint or "")
        assert caught.value.exit_code == 3
    with pytest.raises(ModelNotFound) as caught:
        registry.models.version("me/modell@champion")
    assert f"did you mean {NAME}?" in (caught.value.hint or "")
    with pytest.raises(RunNotFound):
        registry.run("nobody@champion")
    registry.delete("one")
    with pytest.raises(RunNotFound) as gone:
        registry.run(f"{NAME}@champion")
    assert "version 1" in (gone.value.hint or "")
    assert registry.delete(f"{NAME}@champion", purge=True).id == runs[0].id
    assert registry.models.version(NAME).run_name == "one"


HOSTILE = [
    "a'b\"; DROP TABLE run; --",
    "%_\\",
    "$(x) `y`",
    "модель/模型",
    "a" * 100,
    '{"$x": 1}',
    "-x",
    "e\u0301",
    "😀",
]
IMPOSSIBLE = ["", " a", "a ", "a\0b", "a\nb", "\x1b[2J", "a@b", "\u202ea", "\ud800", "a" * 201]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_only_text(registry: Registry, runs: list[Run], text: str) -> None:
    """Names, aliases and tags are what they are, whatever stands in them."""
    made = registry.models.register("one", text, aliases=[text], tags=[text])
    assert registry.models.version(f"{text}@{text}") == made
    assert (made.model, made.aliases, made.tags) == (text, (text,), (text,))
    assert registry.run(f"{text}@{text}") == runs[0]
    assert [row.name for row in registry.models.all(text)] == registry.models.names(text[:1]) == [text]
    assert registry.models.history(text)[-1].value == text
    registry.models.unalias(text, text)
    assert registry.models.untag(text, text).tags == ()
    with pytest.raises(ModelNotFound):
        registry.models.versions(text + "x")


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_what_can_be_no_name_is_refused(registry: Registry, runs: list[Run], text: str) -> None:
    """It is a clear error, to write and to read, and nothing is registered."""
    with pytest.raises(SettingsError, match="cannot be the name"):
        registry.models.register("one", text)
    with pytest.raises(SettingsError, match="cannot be an alias"):
        registry.models.register("one", NAME, aliases=[text])
    if "@" not in text:
        with pytest.raises(SettingsError, match="cannot be a tag"):
            registry.models.register("one", NAME, tags=[text])
    for alias in ("latest", "12"):
        with pytest.raises(SettingsError):
            registry.models.register("one", NAME, aliases=[alias])
    assert registry.models.all() == []
    with pytest.raises(ModelNotFound):
        registry.models.version(f"{text}@{text}")
    with pytest.raises(ModelNotFound):
        registry.models.alias(f"{text}", "a")


def test_a_reader_registers_nothing(registry: Registry, url: str, runs: list[Run]) -> None:
    """A registry that was opened for reading can be asked, and says that it is not written."""
    registry.models.register("one", NAME)
    with Registry(url, mode="read") as reader:
        assert reader.models.version(NAME).version == 1
        with pytest.raises(RegistryReadOnly):
            reader.models.alias(NAME, "champion")


def test_history_tells_it_all_in_order(registry: Registry, runs: list[Run], move: Callable[[int], None]) -> None:
    """Versions, aliases, publications, and what was done to the runs: once each, by time."""
    made = registry.publications.add(published(runs[0], "abc"))
    with registry._database.write() as connection:
        connection.execute(publication.update().values(at=day(1)))
    move(1)
    registry.publications.add(published(runs[0], "def", weights=None))
    registry.models.register("two", NAME, aliases=["champion"])
    move(5)
    registry.set_facts("two", {"license": "mit"})
    registry.delete("three")  # of no version
    with registry._database.read() as connection:
        by = connection.execute(sa.select(audit.c.actor)).scalars().first()
    found = registry.models.history(NAME)
    assert made.version == 1
    assert [(e.action, e.version, e.value, e.run, e.commit) for e in found if e.action != "create"] == [
        ("publish", 1, None, "one", "abc"),
        ("alias", 2, "champion", None, None),
        ("publish", None, None, "one", "def"),
        ("register", 2, None, "two", None),
        ("set", None, None, "two", None),
    ]
    assert {e.actor for e in found} == {by, "ada"}
    registry.publications.add(published(runs[2], "0123", user=None))
    assert [(e.actor, e.run) for e in registry.models.history(NAME) if e.commit == "0123"] == [(by, "three")]
    assert found == sorted(found, key=lambda e: e.at)
    within = registry.models.history(NAME, since="2026-10-01", until="2026-10-05")
    assert [e.action for e in within] == ["publish", "alias"]
    assert [e.action for e in registry.models.history(NAME, since="2026-10-02", until="2026-10")] == ["alias"]


def test_a_clock_that_went_back_changes_no_order(registry: Registry, runs: list[Run]) -> None:
    """What is said last is the last event, also if an event before it is of the future."""
    registry.models.register("one", NAME, aliases=["champion"])
    with registry._database.write() as connection:
        connection.execute(model_event.update().values(at=model_event.c.at + 10**12))
    second = registry.models.register("two", NAME)
    assert registry.models.alias(f"{NAME}@2", "champion").aliases == ("champion",)
    [_, first] = registry.models.versions(NAME, as_of=second.at)
    assert first.aliases == ("champion",)


REGISTER = """
import sys
from cardgen.registry import Registry
with Registry(sys.argv[1], busy_seconds=60) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        made = registry.models.register(sys.argv[2], "me/model", checkpoint=1 + number % 2)
        registry.models.alias(f"me/model@{made.version}", "champion")
        print(made.version, registry.models.tag(f"me/model@{made.version}", sys.argv[2]).id)
"""


def test_processes_at_once(
    registry: Registry,
    url: str,
    runs: list[Run],
    start: Callable[..., subprocess.Popen[str]],
    outputs: Callable[..., list[str]],
) -> None:
    """Numbers are given once and without gaps, and an alias points at what was said of it last."""
    printed = outputs([start(REGISTER, url, run.name) for run in runs], 120)
    made = [tuple(line.split()) for text in printed for line in text.splitlines()]
    found = registry.models.versions(NAME)
    assert [one.version for one in found] == list(range(len({number for number, _ in made}), 0, -1))
    assert {(str(one.version), one.id) for one in found} == set(made)
    entries = registry.models.history(NAME)
    assert len({e.at for e in entries if e.action in ("register", "alias", "tag")}) == sum(
        e.action in ("register", "alias", "tag") for e in entries
    )
    [*_, last] = [e for e in entries if e.action == "alias"]
    assert registry.models.aliases(NAME) == {"champion": last.version}


def test_a_publication_of_one_commit_by_two_is_one(
    registry: Registry,
    url: str,
    runs: list[Run],
    start: Callable[..., subprocess.Popen[str]],
    outputs: Callable[..., list[str]],
) -> None:
    """Two processes that remember one commit make one version."""
    code = """
import sys
from cardgen.registry import Registry
from cardgen.registry.publications import Publication
with Registry(sys.argv[1], busy_seconds=60) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        made = Publication(run_id="r", run_name="r", repo_id="me/model", endpoint="hub", revision="main",
                           commit=str(number), card="c", weights="w")
        print(registry.publications.add(made).version)
"""
    first, second = outputs([start(code, url) for _ in range(2)], 120)
    assert first == second
    assert [one.version for one in registry.models.versions(NAME)] == list(range(10, 0, -1))


def test_many_models_are_listed_page_by_page(
    registry: Registry, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing reads on over pages, each model once, by name."""
    monkeypatch.setattr("cardgen.registry.models._PAGE", 2)
    names = [f"m{number}" for number in range(5)]
    for name in reversed(names):
        registry.models.register("one", name, aliases=["a"])
    assert [(row.name, row.aliases) for row in registry.models.iterate()] == [(name, {"a": 1}) for name in names]
    assert [row.name for row in registry.models.iterate("M3")] == ["m3"]
    assert registry.models.names("m", limit=2) == ["m0", "m1"]
