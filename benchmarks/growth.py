"""A run with a hundred times the log: what does not show it must not notice, a card takes a hundred times its rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from timing import Result, compared, medians, process
from writing import events

from cardgen import Registry, render_card
from cardgen.record import Model, Run

SHORT, LONG = 1_000, 100_000


def measure(folder: Path, rounds: int = 7) -> Iterator[Result]:
    """List, show, append to and render a run of 1,000 and one of 100,000 events, each in a registry of its own."""
    paths = {count: folder / f"growth-{count}.db" for count in (SHORT, LONG)}
    for count, path in paths.items():
        with Registry(path) as registry:
            registry.save(Run(id="long", name="long", model=Model(type="SentenceTransformer"), status="finished"))
            registry.append("long", events(count))
    cardgen = str(Path(sys.executable).parent / "cardgen")
    for name, arguments in (("runs list", ["runs", "list"]), ("runs show", ["runs", "show", "long"])):
        cases = {str(count): process([cardgen, "--registry", str(path), *arguments]) for count, path in paths.items()}
        yield _grown(name, medians(cases, rounds), 1.2)
    yield _grown("render", medians({str(count): _rendering(path) for count, path in paths.items()}, 3), LONG / SHORT)


def _rendering(path: Path) -> Callable[[], object]:
    def render() -> None:
        with Registry(path, mode="read") as registry:
            render_card("long", registry=registry)

    return render


def _grown(name: str, found: dict[str, float], target: float) -> Result:
    return compared(f"{name}, {LONG:,} events", found[str(LONG)], found[str(SHORT)], target, f"{SHORT:,} events")
