"""`make bench`: ratios measured in one run, each beside its target. `--peers` adds other tools."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from timing import Result


def results(folder: Path, *, with_peers: bool) -> Iterator[Result]:
    """Every measurement, cheapest first."""
    import startup

    yield from startup.measure(folder)
    if with_peers:
        import peers

        yield from peers.measure()
    import parsing

    yield from parsing.measure()
    import rendering

    yield from rendering.measure(folder)


def main() -> None:
    """Print a line for each measurement as it is made."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    print(f"{'what':34} {'ratio':>8} {'target':>8}        absolute")
    with tempfile.TemporaryDirectory(prefix="cardgen-bench-") as folder:
        for result in results(Path(folder), with_peers="--peers" in sys.argv[1:]):
            verdict = "" if result.target is None else "ok" if result.ratio <= result.target else "MISSED"
            target = "" if result.target is None else f"{result.target:g}"
            print(f"{result.name:34} {result.ratio:8.3f} {target:>8} {verdict:6} {result.note}", flush=True)


if __name__ == "__main__":
    main()
