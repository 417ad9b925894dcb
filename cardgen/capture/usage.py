"""The usage snippet's inputs and outputs, as the library drew and printed them."""

from __future__ import annotations

from typing import Any

from cardgen.capture.dataset import cell
from cardgen.capture.problems import Problems
from cardgen.capture.values import plain
from cardgen.matrix import read_matrix
from cardgen.record import Matrix, ModelType, Usage

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


def usage_examples(card: Any) -> list[Any] | None:
    """The snippet's examples, by the name that this version of the library has for them; None: the library's own."""
    examples: list[Any] | None = getattr(card, "usage_examples", getattr(card, "predict_example", None))
    return examples


def parse_matrix(text: Any) -> Matrix | None:
    """The printed tensor or array behind `# ` on each line, as displayed numbers.

    Raises:
        ValueError: the text has another form.
    """
    if not text:
        return None
    return read_matrix("\n".join(line.removeprefix("#").removeprefix(" ") for line in str(text).split("\n")))


def _examples(card: Any, kind: ModelType, retrieval: bool) -> tuple[Any, ...] | None:
    examples = usage_examples(card)
    if examples is None:
        return None
    # the library cuts the list when it runs the snippet, which it does at the first save
    if getattr(card, "generate_widget_examples", True) and kind in _SHOWN:
        # versions that know the examples as `predict_example` have queries and documents for sparse models, too
        keeps_all = retrieval and (kind == "SentenceTransformer" or not hasattr(card, "usage_examples"))
        examples = examples if keeps_all else examples[: _SHOWN[kind]]
    return tuple(tuple(cell(part) for part in entry) if isinstance(entry, list) else cell(entry) for entry in examples)


def _widget(card: Any) -> tuple[dict[str, Any], ...]:
    return tuple(
        {str(key): plain(value) for key, value in entry.items()} for entry in getattr(card, "widget", None) or ()
    )


def _shape(value: Any) -> tuple[int, ...] | None:
    return None if value is None else tuple(int(number) for number in value)
