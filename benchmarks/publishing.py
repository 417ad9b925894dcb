"""Publishing a large file: our commit against the client's own bare `create_commit`, both to the tests' Hub by LFS.

Each commit is of weights that the Hub has not got: half a minute for 1 GB. Both hash the file and send it once.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from timing import Result, compared

ROOT = Path(__file__).parent.parent
SIZE = 1_000_000_000
"""Bytes of the weights."""
ROUNDS = 3


def measure(folder: Path, size: int = SIZE) -> Iterator[Result]:
    """The time of a commit of one large file, ours against the client's."""
    sys.path.insert(0, str(ROOT))  # the Hub of the tests
    from tests.hub_server import Client, HubServer

    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    with HubServer().running() as server, Client(server.endpoint, HF_HUB_DISABLE_PROGRESS_BARS="1") as client:
        token = server.token("ada")
        for number in range(2 * ROUNDS):
            # one after the other, and the other way round the next time
            name = ("ours", "bare", "bare", "ours")[number % 4]
            weights = folder / f"{number}.safetensors"
            with open(weights, "wb") as file:
                file.write(number.to_bytes(8, "little"))
                file.truncate(size)
            repo = server.hub.add(f"ada/{name}-{number}")
            commit = ours if name == "ours" else bare
            start = time.perf_counter()
            client.call(commit, repo.id, weights, repo.head.oid, token=token)
            taken[name].append(time.perf_counter() - start)
            weights.unlink()
            server.hub.store.path(repo.head.files["model.safetensors"].sha256 or "").unlink()
    medians = {name: statistics.median(times) for name, times in taken.items()}
    yield compared(f"publish {size / 1e9:g} GB", medians["ours"], medians["bare"], 1.15, "create_commit")


def ours(repo_id: str, weights: Path, parent: str) -> None:
    """Commit with cardgen; over there."""
    from cardgen.hub.commit import commit

    commit(repo_id, parent=parent, message="release", add={"model.safetensors": weights})


def bare(repo_id: str, weights: Path, parent: str) -> None:
    """Commit with the client; over there."""
    from huggingface_hub import CommitOperationAdd, HfApi

    operation = CommitOperationAdd("model.safetensors", weights)
    HfApi().create_commit(repo_id, [operation], commit_message="release", parent_commit=parent)
