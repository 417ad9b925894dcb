"""What is asked every day, of 10,000 runs with statistics: by an index, on both engines, as the databases choose it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from cardgen.errors import RunNotFound
from cardgen.identity import new_run_id
from cardgen.record import Environment, Evaluation, Hyperparameters, LogEvent, Model, Run
from cardgen.registry import Registry
from cardgen.registry.publications import Publication
from tests.registry.plans import OF_A_RUN, multiply, plans

RUNS, PUBLISHED = 10_000, 2_000

LARGE = "fact|sorted|history|log_event|document|human_fact|card_text|audit|publication|model_version|model_event"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, str]]:
    """So many runs, each with values of its own, and the name of the 77th."""
    if request.param == "sqlite":
        with Registry(tmp_path_factory.mktemp("many") / "registry.db") as registry:
            fill(registry)
            yield registry, "first-77"
        return
    server = request.getfixturevalue("postgresql_server")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE SCHEMA many")
        with Registry(f"{server}&options=-csearch_path%3Dmany") as registry:
            fill(registry)
            yield registry, "first-77"
        connection.exec_driver_sql("DROP SCHEMA many CASCADE")
    engine.dispose()


def fill(registry: Registry) -> None:
    """Save one run, and multiply its rows."""
    values: dict[str, Any] = {f"param_{number}": number for number in range(30)} | {"optimizer": "adamw"}
    run = registry.save(
        Run(
            id=new_run_id(),
            name="first",
            project="rerankers",
            tags=("nli",),
            status="finished",
            created=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            model=Model(type="CrossEncoder", base_model="me/base", parent_run="parent"),
            hyperparameters=Hyperparameters(values=values),
            evaluations=(Evaluation(evaluator="IR", primary_metric="map", metrics={"map": 0.5, "ndcg": 0.25}),),
            environment=Environment(versions={"torch": "2.10.0"}),
        )
    )
    registry.append(run.id, [LogEvent(seq=0, kind="eval", step=1, values={"map": 0.5, "loss": 1.0})])
    made = Publication(
        run_id=run.id,
        run_name=run.name,
        repo_id="me/x",
        endpoint="e",
        revision="main",
        commit="c",
        card="0",
        weights="1",
    )
    registry.publications.add(made)
    registry.set_facts(run.id, {"license": "mit"})
    registry.save_card_text(run.id, "run", base="a", text="b")
    of_runs = {
        "base_model": "'me/base-' || (n.n % 200)",
        "group": "'group-' || (n.n % 100)",
        "status": "CASE WHEN n.n % 50 = 0 THEN 'failed' ELSE 'finished' END",
        "words": "'run ' || n.n",
    }
    run_id, number = "r.run_id || '-' || n.n", {"id": "r.id || '-' || n.n"}
    repository = "'me/x-' || (n.n % 100)"
    with registry._database.write() as connection:
        for table, column in OF_A_RUN:
            multiply(connection, table, column, RUNS, **(of_runs if table == "run" else {}))
        multiply(connection, "human_fact", "run", PUBLISHED)
        multiply(connection, "card_text", "run", PUBLISHED)
        own = {"run_id": run_id, "repo_id": repository, "commit": "'c' || n.n"}
        multiply(connection, "publication", "number", PUBLISHED, **own)
        multiply(connection, "model_version", "version", PUBLISHED, model=repository, run_id=run_id, **number)
        multiply(connection, "model_event", "number", PUBLISHED, model=repository, version_id="r.version_id", **number)
        connection.execute(sa.text("ANALYZE"))


def nothing(call: Callable[[], object]) -> None:
    """Call what finds nothing."""
    with pytest.raises(RunNotFound):
        call()


ASKED: dict[str, Callable[[Registry, str], Any]] = {
    "the default page": lambda registry, name: registry.listing(limit=50),
    "the next page": lambda registry, name: registry.listing(limit=50, after=registry.listing(limit=50).next),
    "a project": lambda registry, name: registry.listing(project="project-3", limit=50),
    "a project, as a query": lambda registry, name: registry.listing("project = project-3", limit=50),
    "since": lambda registry, name: registry.listing(since=dt.datetime(2026, 1, 1, 2), limit=50),
    "a text argument": lambda registry, name: registry.listing("params.optimizer = adamw7", limit=50),
    "a number argument": lambda registry, name: registry.listing("params.param_3 = 500", limit=50),
    "a metric": lambda registry, name: registry.listing("metrics.map > 9990", order_by="-metrics.map", limit=50),
    "both": lambda registry, name: registry.listing("metrics.map > 5000 and params.optimizer = adamw7", limit=50),
    "the best of a log": lambda registry, name: registry.listing("best(metrics.map) > 0.4", limit=50),
    "a tag": lambda registry, name: registry.listing("tags = nli7", limit=50),
    "a tag that nobody has": lambda registry, name: registry.listing("tags = none", limit=50),
    "a base model": lambda registry, name: registry.listing("base_model = me/base-7", limit=50),
    "children": lambda registry, name: registry.listing("parent = parent7", limit=50),
    "lineage": lambda registry, name: registry.lineage(name),
    "a run by its name": lambda registry, name: registry.run(name),
    "a run by its id": lambda registry, name: registry.run(registry.state(name).id),
    "its log": lambda registry, name: registry.log(name),
    "the latest": lambda registry, name: registry.run("latest"),
    "a run's publications": lambda registry, name: registry.publications.all(registry.state(name).id),
    "a repository's publications": lambda registry, name: registry.publications.of_repository("me/x-7"),
    "a model's version": lambda registry, name: registry.models.version("me/x-7"),
    "saving": lambda registry, name: registry.save(registry.run(name)),
}

SCANNED: dict[str, Callable[[Registry, str], Any]] = {
    "a status": lambda registry, name: registry.listing(status="failed", limit=50),
    "words": lambda registry, name: registry.listing("9876", limit=50),
    "the end of a name": lambda registry, name: registry.run("st-77"),
    "nothing of that name": lambda registry, name: nothing(lambda: registry.run("nothing-like-it")),
}
"""What goes through the runs, though never through what belongs to them: see docs/scale.md for what it takes."""


@pytest.mark.parametrize("asked", [*ASKED, *SCANNED])
def test_indexes_answer(many: tuple[Registry, str], asked: str) -> None:
    """No large table is gone through; not the runs either, except where that is said."""
    registry, name = many
    tables = f"{LARGE}|run" if asked in ASKED else LARGE
    whole = rf"SCAN ({tables})\b(?! USING)" if registry._database.is_sqlite else rf"Seq Scan on ({tables})\b"
    with plans(registry) as found:
        answer = {**ASKED, **SCANNED}[asked](registry, name)
    assert found
    assert answer or asked in ("a tag that nobody has", "nothing of that name")
    assert not [line for line in found if re.search(whole, line)], "\n".join(found)


@pytest.mark.parametrize("asked", ["the default page", "the next page", "a project", "the latest"])
def test_pages_sort_nothing(many: tuple[Registry, str], asked: str) -> None:
    """What is read off an index in its order is not sorted."""
    registry, name = many
    with plans(registry) as found:
        ASKED[asked](registry, name)
    assert not [line for line in found if re.search(r"TEMP B-TREE FOR ORDER|\bSort\b", line)], "\n".join(found)
