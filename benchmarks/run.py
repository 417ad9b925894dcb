"""`make bench`: ratios measured in one run, each beside its target. `--peers` adds other tools.

The exit code is 1 if a target is missed or a measurement failed; a failure costs no other measurement.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from timing import Result

Part = Callable[[Path], Iterator[Result]]


def parts(*, with_peers: bool) -> list[Part]:
    """Every measurement, cheapest first."""
    import asking
    import growth
    import merging
    import parsing
    import publishing
    import rendering
    import startup
    import writing

    found: list[Part] = [startup.measure, writing.measure, growth.measure, lambda _: parsing.measure()]
    found += [rendering.measure, publishing.measure, merging.measure, asking.grown]
    if with_peers:
        import peers

        found += peers.parts()
    return found


def main(arguments: list[str]) -> int:
    """Print a line for each measurement as it is made."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    missed = failed = 0
    print(f"{'what':42} {'ratio':>8} {'target':>9}        absolute")
    with tempfile.TemporaryDirectory(prefix="cardgen-bench-") as folder:
        for number, part in enumerate(parts(with_peers="--peers" in arguments)):
            place = Path(folder, str(number))
            place.mkdir()
            try:
                for result in part(place):
                    missed += not result.met
                    print(line(result), flush=True)
            except Exception:
                failed += 1
                traceback.print_exc()
    print(f"{missed} missed, {failed} failed" if missed or failed else "every target is met")
    return int(bool(missed or failed))


def line(result: Result) -> str:
    """A row of the table."""
    target = "" if result.target is None else f"{'>=' if result.at_least else '<='} {result.target:g}"
    verdict = "" if result.target is None else "met" if result.met else "MISSED"
    return f"{result.name:42} {result.ratio:8.3f} {target:>9} {verdict:6} {result.note}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
