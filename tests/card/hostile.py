"""Texts meant to take forever, to fill the memory or to break the stack, as functions of their size in characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_GOLDEN = Path(__file__).parent.parent / "golden"
CARD = (_GOLDEN / "6.2.0" / "st_ir_eval" / "README.md").read_bytes().decode()
_, _FRONT, _BODY = CARD.split("---\n", 2)


def _into(place: str, text: str) -> str:
    """The card with a text behind a place in it."""
    assert place in CARD, place
    return CARD.replace(place, place + text, 1)


def _front(text: str) -> str:
    return f"---\n{_FRONT}{text}\n---\n{_BODY}"


ARGUMENTS, LOGS, USAGE = "#### All Hyperparameters\n", "### Training Logs\n", "## Usage\n"
METRIC = "#### x\n\n* Evaluated with <code>a</code>\n\n| Metric | Value |\n|:--|:--|\n| a | 1 |\n\n"

HOSTILE: dict[str, Callable[[int], str]] = {
    "nothing": lambda n: "",
    "NUL": lambda n: "\0" * n,
    "all bytes": lambda n: bytes(range(256)).decode("latin-1") * (n // 256),
    "damaged encoding": lambda n: CARD.encode().decode("mac_roman") + "é" * n,
    "newlines": lambda n: "\n" * n,
    "one long line": lambda n: _into(USAGE, "x " * (n // 2) + "\n"),
    "many equal lines": lambda n: CARD + "a\nb\n" * (n // 4),
    "digits": lambda n: _into(ARGUMENTS, "- `a`: " + "1" * n + "x\n"),
    "open brackets": lambda n: _into(ARGUMENTS, "- `a`: " + "[" * n + "\n"),
    "many headings": lambda n: CARD + "\n" + "### x\n" * (n // 6),
    "headings in each other": lambda n: CARD + "\n" + "".join(f"{'#' * (i % 6 + 1)} x\n" for i in range(n // 6)),
    "many evaluations": lambda n: _into("### Metrics\n\n", METRIC * (n // len(METRIC))),
    "many data sets": lambda n: _into("### Training Dataset\n", "#### x\n* Size: 1 training samples\n" * (n // 35)),
    "a million columns": lambda n: _into(
        LOGS, "| Epoch | Step " + "| a " * (n // 11) + "|\n|:-:|:-:" + "|:-:" * (n // 11) + "|\n| 1 | 2 |\n"
    ),
    "columns and rows": lambda n: _into(
        LOGS, "| Epoch | Step " + "| a " * 1000 + "|\n|:-:|:-:" + "|:-:" * 1000 + "|\n" + "|\n" * (n // 2)
    ),
    "a fence that is not closed": lambda n: _into(USAGE, "```\n" + "x\n" * (n // 2)),
    "fences": lambda n: _into(USAGE, "```python\n" * (n // 10)),
    "a comment that is not closed": lambda n: _into(USAGE, "<!--\n" + "x -\n" * (n // 4)),
    "comments": lambda n: _into(USAGE, "<!--\n" * (n // 5)),
    "code tags": lambda n: _into("* Columns: ", "<code>" * (n // 6)),
    "backticks": lambda n: _into("* Dataset: ", "`" * n),
    "list tags": lambda n: _into("<ul>", "<li>" * (n // 4)),
    "links": lambda n: _into("* Dataset: ", "](" * (n // 2)),
    "blanks in a key": lambda n: f"---\na{' ' * n}\n{_FRONT}---\n{_BODY}",
    "ends of details": lambda n: _into(ARGUMENTS, "</details>\n" * (n // 11)),
    "phrases": lambda n: CARD.replace("can be used for ", "can be used for " * (n // 16)).replace("and more.", ""),
    "a number in a tensor": lambda n: CARD.replace("tensor([[", "tensor([[" + "1" * n + "x],["),
    "a YAML list": lambda n: _front("x:\n" + "- a\n" * (n // 4)),
    "many YAML keys": lambda n: _front("".join(f"k{i}: 1\n" for i in range(n // 9))),
    "a long widget": lambda n: _front("widget:\n" + "- text: a b\n" * (n // 12)),
    "deep YAML": lambda n: _front("x: " + "[" * n),
    "YAML dashes": lambda n: _front("x:\n" + "- " * (n // 2)),
    "YAML questions": lambda n: _front("? " * (n // 2)),
    "YAML mappings": lambda n: _front("x: " + "{a: " * (n // 4)),
    "base 60": lambda n: _front("x: 1" + ":1" * (n // 2)),
    "a YAML bomb": lambda n: _front(
        "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*{f'b{i - 1}' if i else 'a'}, *a]\n" for i in range(n // 30))
    ),
    "YAML that contains itself": lambda n: _front("widget: &a\n- text: *a\n" + "x" * n),
    "YAML tags": lambda n: _front("a: !!python/object/apply:os.system [exit 1]\n" * (n // 50)),
    "no version": lambda n: CARD.replace("Sentence Transformers: ", "Sentence: ") + "x" * n,
    "a long list": lambda n: _into("queries = [\n", "    'a',\n" * (n // 9)),
    "a deep expression": lambda n: CARD.replace("queries = [\n", "queries = [" + "-" * n + "1]\n"),
    "deep JSON": lambda n: CARD.replace("  ```json\n", "  ```json\n" + "[" * n + "\n", 1),
    "many results": lambda n: _front(
        "model-index:\n- results:\n  - metrics:\n" + "    - {type: a, value: 1}\n" * (n // 26)
    ),
    "many citations": lambda n: _into("### BibTeX\n", "\n#### a\n```bibtex\nx\n```\n" * (n // 25)),
}
