"""Reading cards, against the Hub's client loading the same files (which reads their front matter only).

Real cards have front matters of some 10 kB, and the targets are meant for them; they are third parties' texts and lie
beside the project, if at all. The golden cards have short ones, so that there is little for the Hub's client to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from timing import Result, compared, medians

from cardgen.card.layout import render
from cardgen.card.parse.read import parse

ROOT = Path(__file__).parent.parent
REAL = ROOT.parent / "shared" / "cards"
GOLDEN = ROOT / "tests" / "golden"


def measure(rounds: int = 7) -> Iterator[Result]:
    """Parse, and parse + render + compare, a card each; then whether the time grows with the size."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    golden = sorted(GOLDEN.rglob("README.md"))
    yield from _against_the_hub("golden", golden, rounds, targets=(None, None))
    if real := sorted(REAL.glob("[0-9]*.md")):
        yield from _against_the_hub("real", real, rounds, targets=(0.25, 1.0))
    longest = max(golden, key=lambda path: path.stat().st_size).read_bytes().decode()
    sizes = {"1 MB": _grown(longest, 1_000_000), "10 MB": _grown(longest, 10_000_000)}
    found = medians({name: _each(parse, [text]) for name, text in sizes.items()}, 3)
    yield compared("parse 10 MB", found["10 MB"], found["1 MB"], 12, "1 MB")


def _against_the_hub(
    name: str, paths: Sequence[Path], rounds: int, targets: tuple[float | None, float | None]
) -> Iterator[Result]:
    from huggingface_hub import ModelCard

    texts = [path.read_bytes().decode() for path in paths]
    found = medians(
        {
            "hub": _each(ModelCard.load, paths),
            "parse": _each(lambda path: parse(path.read_bytes().decode()), paths),
            "whole": _each(_comes_back, texts),
        },
        rounds,
    )
    hub, parsed, whole = (found[case] / len(paths) for case in ("hub", "parse", "whole"))
    yield compared(f"parse {len(paths)} {name} cards", parsed, hub, targets[0], "ModelCard.load")
    yield compared(f"parse + render + compare ({name})", whole, hub, targets[1], "ModelCard.load")


def _each(case: Callable[[Any], object], cards: Sequence[Any]) -> Callable[[], object]:
    return lambda: [case(card) for card in cards]


def _comes_back(text: str) -> bool:
    parsed = parse(text)
    return parsed.run is not None and parsed.text.restore(render(parsed.run, parsed.log)) == text


def _grown(card: str, size: int) -> str:
    """The card with as many rows in its log as make up the size."""
    lines = card.split("\n")
    ruler = next(number for number, line in enumerate(lines) if line.startswith("|:-") and line.endswith("-:|"))
    row = lines[ruler + 1]
    return "\n".join([*lines[: ruler + 1], *[row] * (size // len(row)), *lines[ruler + 1 :]])
