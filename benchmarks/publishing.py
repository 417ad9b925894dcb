"""Publishing a large file: a whole `publish` against the client's own bare `create_commit`, to the tests' Hub by LFS.

Each is of weights that the Hub has not got: a minute for 1 GB. With other sizes, and with the peak of memory, by
hand: `python benchmarks/publishing.py 5` publishes 5 GB (a sparse file here, twice its size of disk at the Hub).
"""

from __future__ import annotations

import dataclasses
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from timing import Result, compared

ROOT = Path(__file__).parent.parent
SIZE = 1_000_000_000
"""Bytes of the weights."""
ROUNDS = 5
HEADER = b'{"__metadata__":{"format":"pt"}}'


@dataclasses.dataclass
class Taken:
    """Seconds of each commit, and the most bytes of memory that a process with one had."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    memory: int = 0


def measure(folder: Path, size: int = SIZE) -> Iterator[Result]:
    """The time of publishing one large file, ours against the client's."""
    taken = _measured(folder, size, ROUNDS)
    ours, bare = (statistics.median(taken[name].seconds) for name in ("publish", "bare"))
    yield compared(f"publish {size / 1e9:g} GB", ours, bare, 1.15, "create_commit")


def _measured(folder: Path, size: int, rounds: int) -> dict[str, Taken]:
    sys.path.insert(0, str(ROOT))  # the Hub of the tests, and their run
    from tests.actions.publishing import record, save_model
    from tests.hub_server import Client, HubServer

    taken = {"publish": Taken(), "bare": Taken()}
    with HubServer().running() as server:
        token = server.token("ada")
        server.hub.add("org/open", kind="dataset")
        for number in range(2 * rounds):
            # one after the other, and the other way round the next time
            name = ("publish", "bare", "bare", "publish")[number % 4]
            model = folder / str(number)
            save_model(model)
            record(folder / f"{number}.db", model)
            weights = model / "model.safetensors"
            with open(weights, "wb") as file:
                file.write(len(HEADER).to_bytes(8, "little") + HEADER + number.to_bytes(8, "little"))
                file.truncate(size)
            repo = server.hub.add(f"ada/{name}-{number}", private=True)
            with Client(server.endpoint, patience=3600, HF_HUB_DISABLE_PROGRESS_BARS="1") as client:
                client.call(warm)
                where: Any = folder / f"{number}.db" if name == "publish" else weights
                function = whole if name == "publish" else bare
                start = time.perf_counter()
                client.call(function, repo.id, where, token=token)
                taken[name].seconds.append(time.perf_counter() - start)
                taken[name].memory = max(taken[name].memory, client.call(peak))
            weights.unlink()
            server.hub.store.path(repo.head.files["model.safetensors"].sha256 or "").unlink()
    return taken


def warm() -> None:
    """Import what both need; over there."""
    import huggingface_hub.hf_api  # noqa: F401

    import cardgen.actions.publish
    import cardgen.registry.store  # noqa: F401


def peak() -> int:
    """The most bytes of memory that the process had; over there."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def whole(repo_id: str, registry: Path) -> None:
    """Publish a run with its model and card; over there."""
    from cardgen.actions.publish import publish
    from cardgen.actions.publish_plan import Wanted
    from cardgen.registry import Registry

    with Registry(registry) as opened:
        publish("latest", repo_id, registry=opened, wanted=Wanted(allow_changed=True))


def bare(repo_id: str, weights: Path) -> None:
    """Commit with the client; over there."""
    from huggingface_hub import CommitOperationAdd, HfApi

    operation = CommitOperationAdd("model.safetensors", weights)
    HfApi().create_commit(repo_id, [operation], commit_message="release")


def main(arguments: list[str]) -> int:
    """Print time and memory of one commit each, of so many gigabytes."""
    size = int(float(arguments[0]) * 1e9) if arguments else SIZE
    with tempfile.TemporaryDirectory(prefix="cardgen-bench-") as folder:
        for name, one in _measured(Path(folder), size, 1).items():
            print(f"{name:8} {size / 1e9:g} GB {one.seconds[0]:8.1f} s {one.memory / 1e6:8.0f} MB at most")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
