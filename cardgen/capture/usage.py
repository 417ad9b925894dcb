"""The usage snippet's inputs and outputs, as the library drew and printed them."""

from __future__ import annotations

import re
from typing import Any

from cardgen.capture.dataset import cell
from cardgen.capture.problems import Problems
from cardgen.capture.values import plain
from cardgen.record import Displayed, Matrix, ModelType, Usage

_NUMBER = re.compile(r"[+-]?(?:nan|inf|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)")
_SHOWN = {"SentenceTransformer": 3, "SparseEncoder": 3, "MultiVectorEncoder": 4}
"""How many examples the library keeps when it runs the snippet (not for queries and documents)."""


def capture_usage(
    card: Any, kind: ModelType, problems: Problems, *, retrieval: bool, samples: bool, builtin: bool
) -> Usage:
    """Examples, what they gave, and the widget.

    `builtin`: the examples are the library's own texts and no rows of a data set. `samples=False` keeps nothing that
    is a row or was computed from one.
    """
    if not samples and not builtin:
        return Usage()
    return Usage(
        examples=problems.attempt("the usage examples", lambda: _examples(card, kind, retrieval), None),
        similarities=problems.attempt(
            "the similarities", lambda: parse_matrix(getattr(card, "similarities", None)), None
        ),
        query_shape=_shape(getattr(card, "usage_query_shape", None)),
        document_shape=_shape(getattr(card, "usage_document_shape", None)),
        widget=problems.attempt("the widget", lambda: _widget(card), ()) if samples else (),
    )


def parse_matrix(text: Any) -> Matrix | None:
    """The printed tensor or array behind `# ` on each line, as displayed numbers.

    Raises:
        ValueError: the text has another form.
    """
    if not text:
        return None
    printed = "\n".join(line.removeprefix("#").removeprefix(" ") for line in str(text).split("\n"))
    source, body = "numpy", printed
    dtype = None
    if printed.startswith("tensor("):
        source = "torch"
        match = re.fullmatch(r"tensor\((\[.*\])(?:,\s*dtype=(torch\.\w+))?\)", printed, re.DOTALL)
        if match is None:
            raise ValueError(f"cannot be read: {printed[:80]!r}")
        body, dtype = match[1], match[2]
    vector = not body.startswith("[[")
    rows = re.findall(r"\[([^\[\]]*)\]", body)
    leftover = _NUMBER.sub("", re.sub(r"[\[\],\s]", " ", body)).strip()
    depth = len(body) - len(body.lstrip("["))
    if leftover or not rows or depth > 2 or (vector and len(rows) != 1):
        raise ValueError(f"cannot be read: {printed[:80]!r}")
    return Matrix(
        source="torch" if source == "torch" else "numpy",
        rows=tuple(tuple(_displayed(word) for word in _NUMBER.findall(row)) for row in rows),
        vector=vector,
        dtype=dtype,
    )


def _displayed(word: str) -> Displayed:
    return Displayed(word, float(word))


def _examples(card: Any, kind: ModelType, retrieval: bool) -> tuple[Any, ...] | None:
    examples = getattr(card, "usage_examples", None)
    if examples is None:
        return None
    # the library cuts the list when it runs the snippet, which it does at the first save
    if getattr(card, "generate_widget_examples", True) and kind in _SHOWN:
        keeps_all = retrieval and kind == "SentenceTransformer"
        examples = examples if keeps_all else examples[: _SHOWN[kind]]
    return tuple(tuple(cell(part) for part in entry) if isinstance(entry, list) else cell(entry) for entry in examples)


def _widget(card: Any) -> tuple[dict[str, Any], ...]:
    return tuple(
        {str(key): plain(value) for key, value in entry.items()} for entry in getattr(card, "widget", None) or ()
    )


def _shape(value: Any) -> tuple[int, ...] | None:
    return None if value is None else tuple(int(number) for number in value)
