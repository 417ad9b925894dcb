"""What tests of publishing need: a run with a saved model, and functions that are called where the client is."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

from cardgen.actions.drift import drifts
from cardgen.actions.publish import publish
from cardgen.actions.publish_plan import Plan, Wanted
from cardgen.actions.refresh import carry_out, plan_refresh
from cardgen.checkpoint import hash_files, list_files, with_hashes
from cardgen.hub.retry import Policy
from cardgen.record import Checkpoint, Run
from cardgen.registry import Registry
from tests.golden.facts import load
from tests.hub_server import Client, HubServer

CARD = Path(__file__).parent.parent / "golden" / "6.2.0" / "st_ir_eval"
HEADER = b'{"__metadata__":{"format":"pt"}}'
REPO = "ada/model"
RUN_ID = "0198c1a0-0000-7000-8000-000000000001"


def save_model(folder: Path, data: bytes = b"weights", *, names: tuple[str, ...] = ("config.json",)) -> None:
    """A model's folder, with files that stay home."""
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + data)
    for name in (*names, "modules.json", "1_Pooling/config.json", "optimizer.pt", "notes.txt"):
        (folder / name).write_text("{}")


def checkpoint(folder: Path, step: int = 6) -> Checkpoint:
    """The folder as a run records it."""
    at = dt.datetime.now(dt.UTC)
    return with_hashes(Checkpoint(path=str(folder), step=step, saved=at), hash_files(folder, list_files(folder)))


def record(registry: Path, folder: Path | None, **model: Any) -> Run:
    """Store a run of which everything may be published."""
    run, log = load(CARD)
    datasets = tuple(dataclasses.replace(dataset, hub_id="org/open", name="open") for dataset in run.datasets)
    facts = {"base_model": "org/base", "license": "mit", "language": ("en",), **model}
    run = dataclasses.replace(
        run,
        id=RUN_ID,
        name="amber-otter-3",
        status="finished",
        datasets=datasets,
        model=dataclasses.replace(run.model, **facts),
        checkpoints=(checkpoint(folder),) if folder is not None else (),
    )
    with Registry(registry) as opened:
        run = opened.save(run)
        opened.append(run.id, log)
    return run


def publish_there(registry: Path, repo_id: str, wanted: dict[str, Any], policy: dict[str, Any] | None = None) -> Any:
    """Publish, and tell what came of it."""
    plans: list[Plan] = []

    def look(plan: Plan) -> bool:
        plans.append(plan)
        return True

    with Registry(registry) as opened:
        done = publish(
            RUN_ID,
            repo_id,
            registry=opened,
            wanted=Wanted(**{"private": True, **wanted}),
            confirm=look,
            policy=Policy(**(policy or {})),
        )
    assert done is not None
    return done.publication, done.changed, done.url, plans[0].notes, plans[0].removed


def drift_there(registry: Path) -> list[tuple[str, str, bool | None]]:
    """What `cardgen status` finds."""
    with Registry(registry, mode="read") as opened:
        return [(drift.publication.repo_id, drift.state, drift.outdated) for drift in drifts(opened)]


def refresh_there(registry: Path, layout: str | None, facts: dict[str, Any]) -> Any:
    """Plan and carry out a refresh; the plan's changes, and the commits."""
    from cardgen.actions.publish import Published
    from cardgen.actions.render import Form

    wanted = Wanted(form=Form(layout=layout), samples="include")
    with Registry(registry) as opened:
        planned = list(plan_refresh(opened, opened.runs(), wanted=wanted, facts=facts))
        changes = [(one.publication.repo_id, one.changes, str(one.error or "")) for one in planned]
        chosen = [one for one in planned if one.error is None and one.changes]
        done = [
            one.publication.commit if isinstance(one, Published) else str(one.error)
            for one in carry_out(opened, chosen, wanted=wanted, facts=facts)
        ]
    return changes, done


class Publisher:
    """A registry with one run and its saved model, and a person who publishes it."""

    def __init__(self, client: Client, server: HubServer, folder: Path, data: bytes = b"weights") -> None:
        self.client, self.server = client, server
        self.registry = folder / "cards.db"
        self.model = folder / "final"
        save_model(self.model, data)
        record(self.registry, self.model)

    def token(self, name: str) -> str:
        """The token of a user."""
        return next(token for token, user in self.server.hub.users.items() if user.name == name)

    def publish(self, *, user: str = "ada", policy: dict[str, Any] | None = None, **wanted: Any) -> Any:
        """Publish the run."""
        return self.client.call(publish_there, self.registry, REPO, wanted, policy, token=self.token(user))

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call a function where the client is."""
        return self.client.call(function, self.registry, *arguments, token=self.token("ada"))

    def repo(self) -> Any:
        """The repository."""
        return self.server.hub.repos[REPO]

    def files(self) -> dict[str, bytes]:
        """What stands in it."""
        files = self.repo().head.files
        return {path: file.data if file.data is not None else file.sha256.encode() for path, file in files.items()}

    def commits(self) -> int:
        """How many commits were asked for."""
        return len(self.server.log("POST", rf"/api/models/{REPO}/commit/"))


def history_there(registry: Path, name: str, since: str | None = None, until: str | None = None) -> Any:
    """What `cardgen models history` tells: action, version, commit and detail of each entry, and why the Hub's lack."""
    from cardgen.actions.model_history import history

    with Registry(registry, mode="read") as opened:
        found = history(opened, name, since=since, until=until, policy=Policy(tries=1))
    told = [(one.action, one.version, one.commit, one.detail) for one in found.entries if one.action != "create"]
    return told, found.without_hub
