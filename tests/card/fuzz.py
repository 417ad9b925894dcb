"""Fuzzing: `python -m tests.card.fuzz SECONDS [SEED]` reads, renders and merges damaged golden cards.

Whatever a text holds, reading, repairing and merging give a result, soon. What does not is written to a file.
"""

from __future__ import annotations

import dataclasses
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from cardgen.card.encoding import repair
from cardgen.card.layout import render
from cardgen.card.merge import Prefer, merge
from cardgen.card.parse.document import undress
from cardgen.card.parse.read import parse
from cardgen.record import LogEvent, Run
from cardgen.registry.codec import decode_event, decode_run, encode_event, encode_run

GOLDEN = Path(__file__).parent.parent / "golden"
SLOW = 10.0
"""Seconds after which a text counts as one that hangs; a card takes some milliseconds."""

HOSTILE = (
    "\x00", "\r", "\r\n", "\n", "\u2028", "\ufeff", "\ud800", "🤗", "\x1b[31m", "\u202e", "|", "||", "`", "```",
    "```\n", "<!--", "-->", "---", "---\n", "</details>", "<li>", "<code>", "</code>", "**", "[", "](", "{{ x }}",
    "{% x %}", "# ", "\n## ", "\n### Metrics\n", "\n#### ", "|:--|\n", "|--:|", "&a ", "*a",
    "!!python/object:os.system ", "<<: ", "? ", "- - - ", "[[[[[[", "1e999", "-inf", "nan", "9" * 5000, "1:1:1:1",
    "null", "~", "'", '"', "\\", "%", "\t", " " * 90, "(" * 300, "<<<<<<< cardgen\n", "=======\n", ">>>>>>> text\n",
    "2024-01-01", "0x", "\\ud83e\\udd17",
)  # fmt: skip

PREFERENCES: tuple[Prefer, ...] = ("ours", "theirs", "markers")

Mutation = Callable[[random.Random, str, str], str]


def _cut(rng: random.Random, text: str, other: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _remove(rng: random.Random, text: str, other: str) -> str:
    start = rng.randrange(len(text) + 1)
    return text[:start] + text[start + rng.choice((1, 3, 30, 300, 3000)) :]


def _repeat(rng: random.Random, text: str, other: str) -> str:
    start, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    return text[:end] + text[start:end] * rng.choice((1, 1, 2, 5)) + text[end:] if end - start < 20_000 else text


def _splice(rng: random.Random, text: str, other: str) -> str:
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(rng: random.Random, text: str, other: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(HOSTILE) * rng.choice((1, 1, 1, 2, 50)) + text[at:]


def _replace(rng: random.Random, text: str, other: str) -> str:
    words = text.split(" ")
    word = rng.choice(words)
    return text.replace(word, rng.choice((*HOSTILE, rng.choice(words))), rng.choice((1, -1))) if word else text


def _lines(rng: random.Random, text: str, other: str) -> str:
    lines = text.split("\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            del lines[first]
        case 2:
            lines.insert(first, lines[second])
        case 3:
            lines.insert(first, rng.choice(other.split("\n")))
        case 4:
            part = lines[min(first, second) : max(first, second)]
            rng.shuffle(part)
            lines[min(first, second) : max(first, second)] = part
    return "\n".join(lines)


def _dress(rng: random.Random, text: str, other: str) -> str:
    match rng.randrange(4):
        case 0:
            return text.replace("\n", "\r\n")
        case 1:
            return "\ufeff" + text
        case 2:
            return text + rng.choice(("\n", "\n\n\n", " ", "\r\n"))
    page = rng.choice(("cp1252", "mac_roman", "cp1254", "latin-1"))
    return text.encode(errors="replace").decode(page, "ignore")


MUTATIONS: tuple[Mutation, ...] = (_cut, _remove, _repeat, _splice, _insert, _insert, _replace, _lines, _lines, _dress)


def mutated(rng: random.Random, cards: Sequence[str]) -> str:
    """A golden card with some damage."""
    text = rng.choice(cards)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        text = rng.choice(MUTATIONS)(rng, text, rng.choice(cards))[:300_000]
    return text


def check(text: str) -> None:
    """Read a text, render what was read, and merge; every result is whole.

    Raises:
        AssertionError: a result is wrong.
    """
    repair(text)
    dress = undress(text)
    assert dress.restore(dress.body) == text
    parsed = parse(text)
    if parsed.run is None:
        assert merge(text, text, text).text == text
        return
    run = dataclasses.replace(parsed.run, id="1", name="n")
    stored = decode_run(encode_run(run))
    base = parsed.text.restore(render(stored, [decode_event(encode_event(event)) for event in parsed.log]))
    assert base == parsed.text.restore(render(run, parsed.log))
    assert merge(base, base, text).text == text
    for new in _others(run, base, parsed.log):
        assert undress(merge(base, new, base).text).body == undress(new).body
        merged = merge(base, new, text)
        for prefer in PREFERENCES:
            assert merge(base, new, text, prefer=prefer).conflicts == ()
        again = merge(new, new, merged.text, deleted=merged.deleted)
        assert again.text == merged.text
        assert not again.conflicts


def _others(run: Run, base: str, log: Sequence[LogEvent]) -> list[str]:
    changed = dataclasses.replace(
        run,
        model=dataclasses.replace(run.model, title="Another title", base_model="org/other"),
        datasets=run.datasets[1:],
        evaluations=run.evaluations[:-1],
    )
    return [render(changed, log, layout="6.2"), render(run, (), layout="6.2")]


def main(seconds: float, seed: int) -> int:
    """Fuzz for a while; the number of texts that gave no clear result."""
    cards = [path.read_bytes().decode() for path in sorted(GOLDEN.rglob("README.md"))]
    folder = Path(tempfile.mkdtemp(prefix="cardgen-fuzz-"))
    rng = random.Random(seed)
    done, slowest = 0, 0.0
    found: dict[str, Path] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = mutated(rng, cards)
        start = time.perf_counter()
        problem = None
        try:
            check(text)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        taken = time.perf_counter() - start
        if problem is None and taken > SLOW:
            problem = "slow"
        slowest = max(slowest, taken)
        done += 1
        if problem is not None and problem not in found:
            found[problem] = folder / f"{len(found)}.md"
            found[problem].write_bytes(text.encode("utf-8", "surrogatepass"))
            print(f"{problem}: {found[problem]}", flush=True)
    print(f"{done} texts, slowest {slowest:.2f} s, {len(found)} kinds of problem")
    return len(found)


if __name__ == "__main__":
    sys.exit(1 if main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0) else 0)
