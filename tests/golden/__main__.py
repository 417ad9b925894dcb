"""Try a folder of golden cards: `python -m tests.golden DIR`.

Each card goes facts -> record -> registry -> another process, in which torch cannot be imported -> text, and is
compared with its README.md byte for byte. What differs is listed; the exit code is 1 if anything does.
"""

from __future__ import annotations

import difflib
import sys
import tempfile
from pathlib import Path

from tests.golden.facts import folders
from tests.golden.roundtrip import render_elsewhere, store

SHOWN_LINES = 12


def main(arguments: list[str]) -> int:
    """Compare every card below the folders named; print what differs."""
    roots = [Path(argument) for argument in arguments] or [Path(__file__).parent]
    found = [folder for root in roots for folder in folders(root)]
    if not found:
        print(f"no golden cards below {', '.join(map(str, roots))}", file=sys.stderr)
        return 2
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        registry = Path(scratch) / "registry.db"
        names = store(found, registry)
        cards = render_elsewhere(registry, list(names.values()), Path(scratch) / "cards")
        for folder in found:
            expected = (folder / "README.md").read_bytes()
            card = cards[names[folder]]
            if card == expected:
                continue
            different += 1
            print(f"DIFFERS {folder}")
            lines = difflib.unified_diff(
                expected.decode().split("\n"), card.decode().split("\n"), "library", "cardgen", lineterm="", n=0
            )
            for number, line in enumerate(lines):
                if number == SHOWN_LINES:
                    print("  …")
                    break
                print(f"  {line}")
    print(f"{len(found) - different} of {len(found)} cards equal byte for byte")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
