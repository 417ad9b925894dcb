"""What docs/scale.md says of sizes and times: `python benchmarks/scale.py FOLDER RUNS… [--server URL]`.

Registries of so many runs are made in FOLDER, unless they are there from before. URL is an empty database.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from seeding import FILTER, ORDER, runs
from writing import events

from cardgen.actions.import_ import import_card
from cardgen.errors import CardgenError
from cardgen.record import Model, Run
from cardgen.registry import Registry, back_up_registry, copy_registry

EVENTS = 100_000
GOLDEN = Path(__file__).parent.parent / "tests" / "golden"


def timed(what: str, work: Callable[[], object], *, times: int = 1) -> None:
    """Print what something takes."""
    start = time.perf_counter()
    for _ in range(times):
        with contextlib.suppress(CardgenError):
            work()
    print(f"  {what:32} {(time.perf_counter() - start) / times * 1000:12,.1f} ms", flush=True)


def one_event(folder: Path) -> float:
    """Bytes that a log event takes."""
    path = folder / "events.db"
    path.unlink(missing_ok=True)
    with Registry(path) as registry:
        registry.save(Run(id="long", name="long", model=Model(type="CrossEncoder"), status="finished"))
    before = path.stat().st_size
    with Registry(path) as registry:
        registry.append("long", events(EVENTS))
    return (path.stat().st_size - before) / EVENTS


def one_card(folder: Path) -> tuple[int, float, float]:
    """How large an empty registry is, and the mean of the golden cards; and what one of them takes."""
    path = folder / "cards.db"
    path.unlink(missing_ok=True)
    Registry(path).close()
    before, cards = path.stat().st_size, sorted(GOLDEN.glob("*/*/README.md"))
    with Registry(path) as registry:
        for card in cards:
            import_card(card, registry=registry)
    mean = sum(card.stat().st_size for card in cards) / len(cards)
    return before, mean, (path.stat().st_size - before) / len(cards)


def many(folder: Path, count: int, server: str | None) -> None:
    """Size and times of a registry of so many runs."""
    path, copy = folder / f"runs-{count}.db", folder / "copy.db"
    if not path.exists():
        timed(f"load {count:,} runs", lambda: load(path, count))
    print(f"{count:,} runs: {path.stat().st_size:,} bytes, {path.stat().st_size / count:,.0f} a run")
    timed("backup", lambda: back_up_registry(path, folder / "backup.db", force=True))
    copy.unlink(missing_ok=True)
    timed("copy", lambda: copy_registry(path, copy))
    with Registry(path, mode="read") as registry:
        timed("verify", registry.verify)
        ask(registry, count)
    if server is not None:
        timed("copy to the server", lambda: copy_registry(path, server))
        timed("backup of the server", lambda: back_up_registry(server, folder / "backup.db", force=True))
        with Registry(server, mode="read") as registry:
            print(f"  on the server: {registry.status().size:,} bytes")
            ask(registry, count)


def load(path: Path, count: int) -> None:
    """Make the registry beside its place."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with Registry(part) as registry:
        registry.save_all(runs(count))
    os.replace(part, path)


def ask(registry: Registry, count: int) -> None:
    """Print what questions take."""
    timed("filter and order, 100", lambda: registry.listing(FILTER, order_by=ORDER, limit=100), times=10)
    timed("newest page", lambda: registry.listing(limit=100), times=10)
    timed("words that nothing has", lambda: registry.listing("nothing-has-this", limit=100), times=10)
    timed("a run by its name", lambda: registry.state(f"run-{count // 2}"), times=10)
    timed("a run by the end of its name", lambda: registry.state(f"un-{count // 2}"), times=10)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", type=int, nargs="*")
    parser.add_argument("--server")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    empty, card, imported = one_card(given.folder)
    print(f"an empty registry {empty:,} bytes; a card of {card:,.0f} bytes, imported {imported:,.0f}")
    print(f"a log event {one_event(given.folder):,.0f} bytes")
    for count in given.runs:
        many(given.folder, count, given.server if count == given.runs[-1] else None)
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f} MB of memory")


if __name__ == "__main__":
    main()
