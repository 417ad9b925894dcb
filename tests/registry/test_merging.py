"""Two registries become one, the same in either order."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cardgen.registry import Registry, rows
from cardgen.registry.exporting.write import export_registry
from cardgen.registry.merging.names import Asking, Settlement, claim, spelled
from cardgen.registry.merging.report import MergeReport
from cardgen.registry.tables import audit, run
from tests.registry import states
from tests.registry.states import NAMES, ONE, OTHER, Content, canonical, fill

EXAMPLES = int(os.environ.get("CARDGEN_TEST_EXAMPLES", "25"))


class Desk:
    """Makes registries in a folder, and tells what they hold."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, itertools.count()
        self.stack = ExitStack()
        self.empty = folder / "empty.db"
        Registry(self.empty).close()

    def make(self, content: Content) -> Registry:
        """A registry of its own with this content."""
        path = self.folder / f"{next(self.numbers)}.db"
        shutil.copyfile(self.empty, path)
        return fill(self.stack.enter_context(Registry(path)), content)

    def told(self, registry: Registry) -> dict[str, Any]:
        """All that a registry holds."""
        folder = self.folder / f"export-{next(self.numbers)}"
        try:
            return canonical(registry, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A place for registries."""
    desk = Desk(tmp_path)
    with desk.stack:
        yield desk


def path(registry: Registry) -> Path:
    """Its file."""
    assert registry._location.path is not None
    return registry._location.path


def exported(registry: Registry, folder: Path) -> dict[str, bytes]:
    """The files of its export, byte for byte."""
    shutil.rmtree(folder, ignore_errors=True)
    export_registry(registry._location.connect_url or path(registry), folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # each example merges eight times: shrinking one takes longer than reading it
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(one=states.contents(), other=states.contents())
def test_the_order_does_not_matter(desk: Desk, one: Content, other: Content) -> None:
    """A with B is B with A, whole, and merging again changes nothing."""
    a, b = desk.make(one), desk.make(other)
    ab, ba = desk.make(one), desk.make(other)
    report = ab.merge(path(b))
    assert report.skipped == []
    ba.merge(path(a))
    told = desk.told(ab)
    assert desk.told(ba) == told
    for registry in (ab, ba):
        assert registry.verify().findings == ()
        for again in (a, b, ab, ba):
            if again is not registry:
                assert registry.merge(path(again)).changes == 0
    assert desk.told(ab) == told


@settings(
    max_examples=max(5, EXAMPLES // 3),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(one=states.contents(calm=True), two=states.contents(calm=True), three=states.contents(calm=True))
def test_nor_does_the_order_of_three(desk: Desk, one: Content, two: Content, three: Content) -> None:
    """A with B, and then with C, is A with what B with C is, where no record or name has changed, none is purged."""
    left, right = desk.make(one), desk.make(one)
    b, c, bc = desk.make(two), desk.make(three), desk.make(two)
    left.merge(path(b))
    left.merge(path(c))
    bc.merge(path(c))
    right.merge(path(bc))
    assert desk.told(left) == desk.told(right)


@pytest.mark.parametrize("engines", [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")])
def test_engines_merge_with_each_other(
    engines: tuple[str, str], desk: Desk, places: Callable[[str], str], tmp_path: Path
) -> None:
    """What comes of a merge is the same on both engines, and across them."""

    def make(engine: str, content: Content) -> Registry:
        if engine == "sqlite":
            return desk.make(content)
        return fill(desk.stack.enter_context(Registry(places(engine))), content)

    here, there = desk.make(ONE), desk.make(OTHER)
    here.merge(path(there))
    wanted = exported(here, tmp_path / "wanted")
    a, b = make(engines[0], ONE), make(engines[1], OTHER)
    c, d = make(engines[0], ONE), make(engines[1], OTHER)
    a.merge(b._location.connect_url or path(b))
    d.merge(c._location.connect_url or path(c))
    for registry in (a, d):
        assert exported(registry, tmp_path / "found") == wanted
        assert registry.verify().findings == ()
    assert a.merge(d._location.connect_url or path(d)).changes == 0


# The rules, one by one ------------------------------------------------------------------------------------------------


@pytest.fixture
def merged(desk: Desk) -> tuple[Registry, MergeReport]:
    """The two of `states` as one, and what was said of that."""
    registry = desk.make(ONE)
    return registry, registry.merge(path(desk.make(OTHER)))


def test_a_merge_says_what_it_did(merged: tuple[Registry, MergeReport]) -> None:
    """New, changed, unchanged, removed and renamed runs are counted, and rows of models."""
    _, report = merged
    assert (report.new, report.changed, report.removed, report.skipped) == (1, 2, 0, [])
    assert report.unchanged == 2  # the one that was purged here does not come back
    assert [(one.id, one.old, one.new, one.here) for one in report.renamed] == [("young", "same", "same-young", True)]
    assert (report.versions, report.publications, report.pending) == (3, 1, 1)


def test_records_and_results_of_both_stay(merged: tuple[Registry, MergeReport]) -> None:
    """The later document takes in what it lacks, which counts as a save; the log has the events of both."""
    registry, _ = merged
    base = registry.run("base")
    assert [result.weights for result in base.evaluations] == ["w1", "w0"]
    assert base.notes == {"bias": "Mine.", "use": "Rivers."}
    state = registry.state("base")
    assert (state.revision, state.folded, state.events) == (6, 7, 4)
    assert state.heartbeat == rows.from_microseconds(states.AT + 6)
    assert [event.values["loss"] for event in registry.log("base")] == [1.0, 0.5, 0.25, 0.125]
    assert [event.values["loss"] for event in registry.log("imported")] == [0.5, 0.25]
    assert registry.run("imported").created == states.START + dt.timedelta(seconds=5)


def test_what_people_said_last_stands(merged: tuple[Registry, MergeReport]) -> None:
    """By field, also that something was taken back; by place for the texts of cards."""
    registry, _ = merged
    assert registry.human_facts("base") == {"language": ("en", "ar"), "name": "base", "tags": ("x", "y")}
    own, local, hub = (registry.card_text(states.IDS[0], target) for target in ("run", "file:/a", "hf://me/m"))
    assert own is not None
    assert local is not None
    assert hub is not None
    assert (own.text, local.text, hub.text) == ("# Mine\n", "\u0645\ud800\0", "# Hub\n")


def test_a_purged_run_does_not_come_back(desk: Desk) -> None:
    """Neither where it was purged, nor where it still was; a hidden one stays hidden."""
    here, there = desk.make(ONE), desk.make(OTHER)
    here.merge(path(there))
    assert there.merge(path(here)).removed == 1
    for registry in (here, there):
        assert {row.id for row in registry.listing()} == {states.IDS[0], "young", "old", "imported"}
        with registry._database.read() as connection:
            found = connection.execute(sa.select(run.c.id, run.c.deleted).where(run.c.id.in_(["hidden", "gone"]))).all()
        assert [tuple(row) for row in found] == [("hidden", states.AT + 8)]


def test_a_run_that_is_saved_anew_stays(desk: Desk) -> None:
    """Purged, saved again, and merged with a registry that only knows of the purge."""
    a, b = desk.make(Content()), desk.make(Content())
    back = a.save(dataclasses.replace(states._run("back", 1), name="back"))
    a.delete("back", purge=True)
    b.merge(path(a))
    a.save(back)
    a.merge(path(b))
    assert a.run("back") == back
    b.merge(path(a))
    assert b.run("back") == back


def test_names_stay_with_the_older_run(merged: tuple[Registry, MergeReport]) -> None:
    """The younger gets an end of its id, in its row, document and what a person said; a person's name goes first."""
    registry, _ = merged
    assert registry.run("same").id == "old"
    assert registry.run("same-young").id == "young"
    assert registry.recorded("young").name == "same-young"
    assert registry.run(states.IDS[0]).name == "base"
    assert [row.name for row in registry.listing("same-young")] == ["same-young"]


def test_versions_of_one_number_are_counted_on(merged: tuple[Registry, MergeReport]) -> None:
    """The earlier keeps a number, the greater number of two that one version has stands, publications follow."""
    registry, _ = merged
    numbers = {version.id: version.version for version in registry.models.versions("me/m")}
    assert numbers == {"v1": 2, "v2": 3, "v3": 1}
    told = {made.commit: made.version for made in registry.publications.all()}
    assert told == {"commit-v1": 2, "commit-v2": 3, "commit-v3": 1}
    assert [made.commit for made in registry.publications.all()] == ["commit-v3", "commit-v2", "commit-v1"]


def test_what_was_published_since_waits_no_longer(merged: tuple[Registry, MergeReport]) -> None:
    """A publication that waits is gone when either registry has made it later; the other one waits on."""
    registry, _ = merged
    assert [waiting.run_id for waiting in registry.publications.waiting()] == ["young"]


def test_the_audit_is_that_of_both(merged: tuple[Registry, MergeReport], desk: Desk) -> None:
    """Each line once; that a run came, and that all was merged, is said in this registry alone."""
    registry, _ = merged
    with registry._database.read() as connection:
        lines = connection.execute(sa.select(audit.c.action, audit.c.run_id).order_by(audit.c.number)).all()
    assert [tuple(line) for line in lines if line.action == "merge"] == [("merge", "old"), ("merge", None)]
    created = sorted(line.run_id for line in lines if line.action == "create")
    assert created == [states.IDS[0], states.IDS[0], "gone", "hidden", "old", "young"]  # the first under two names
    other = desk.make(Content())
    other.merge(path(registry))
    assert "merge" not in {json.loads(line)["action"] for line in desk.told(other)["audit.jsonl"]}


# Names ----------------------------------------------------------------------------------------------------------------


@given(
    claims=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 2)), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
)
@settings(derandomize=True, deadline=None)
def test_names_do_not_depend_on_who_asks_first(claims: list[tuple[str, int]], order: random.Random) -> None:
    """Of any runs with any claims each gets one name, and the same in any order."""

    class Nobody:
        def holder(self, name: str, but: set[str]) -> Asking | None:
            return None

    def settled(runs: list[Asking]) -> dict[str, str]:
        settlement = Settlement(Nobody())
        for one in runs:
            settlement.settle(one)
        return {one.id: one.name for one in settlement}

    def asking() -> list[Asking]:
        ids = [*states.IDS, "e", "f-a1111"]
        return [
            Asking(run_id, created, claim(run_id, name)) for run_id, (name, created) in zip(ids, claims, strict=False)
        ]

    first, shuffled = asking(), asking()
    order.shuffle(shuffled)
    found = settled(first)
    assert settled(shuffled) == found
    assert len(set(found.values())) == len(found)
    for run_id, name in found.items():  # and who comes again with the name that it got keeps it
        assert claim(run_id, name).stem in (claim(run_id, name).stem, name)


@pytest.mark.parametrize("run_id", [*states.IDS, "x", "ab", "-".join("abcdefgh")])
def test_a_name_tells_what_was_claimed(run_id: str) -> None:
    """The end of the id is found again in a name, however long the name was."""
    for stem in ("a", "amber-otter-3", "n" * 200):
        for place in range(1, 4):
            name = spelled(run_id, stem, place)
            assert len(name) <= 200
            found = claim(run_id, name)
            assert (found.moved, found.place) == (True, place)
            assert spelled(run_id, found.stem, place) == name
            assert stem.startswith(found.stem)
