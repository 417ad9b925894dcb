"""The usage snippet: example inputs and what the model gives for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cardgen.card.eras import CE, MV, Layout
from cardgen.matrix import matrix_lines
from cardgen.record import Matrix, Run

SENTENCES = ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
PLANETS = (
    "Which planet is known as the Red Planet?",
    "Venus is often called Earth's twin because of its similar size and proximity.",
    "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
    "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
)
CALORIES = tuple(
    ("How many calories in an egg", answer)
    for answer in (
        "There are on average between 55 and 80 calories in an egg depending on its size.",
        "Egg whites are very low in calories, have no fat, no cholesterol, and are loaded with protein.",
        "Most of the calories in an egg come from the yellow yolk in the center.",
    )
)
"""The library's own examples, for runs without any."""

DEFAULT_SIZE = "1024"


@dataclass(frozen=True, slots=True)
class UsageView:
    """The snippet's parts; texts are Python literals, `scores` the printed lines of the result.

    Where `scores` is empty, the snippet prints the `shape` of the result instead.
    `queries` is empty unless queries and documents stand apart.
    """

    model_id: str
    name: str
    inputs: tuple[str, ...]
    queries: tuple[str, ...]
    documents: tuple[str, ...]
    ranked: bool
    dimensions: str
    query_shape: str
    document_shape: str
    scores: tuple[str, ...]
    shape: str


def usage_view(run: Run, layout: Layout, dimensionality: str | None) -> UsageView:
    """The parts of the snippet that a model's card shows; `dimensionality` as the description shows it."""
    if layout.type == CE:
        return _pairs(run, layout)
    dimensions = dimensionality or "?"
    if dimensions == "None" and layout.default_size:
        dimensions = DEFAULT_SIZE
    if layout.retrieval_snippet and (layout.type == MV or run.model.information_retrieval):
        return _retrieval(run, layout, dimensions)
    return _sentences(run, layout, dimensions)


def _sentences(run: Run, layout: Layout, dimensions: str) -> UsageView:
    examples = _examples(run, SENTENCES)
    count = len(examples)
    # scores of queries against documents are no scores of all inputs against all
    scores = _scores(run.usage.similarities, rows=count, columns=count) if layout.similarities else ()
    return UsageView(
        model_id=_model_id(run, "sparse_encoder_model_id" if layout.type == "SparseEncoder" else None),
        name="sentences" if all(isinstance(example, str | list) for example in examples) else "inputs",
        inputs=tuple(repr(example) for example in examples),
        queries=(),
        documents=(),
        ranked=False,
        dimensions=dimensions,
        query_shape="",
        document_shape="",
        scores=scores,
        shape=f"[{count}, {count}]",
    )


def _retrieval(run: Run, layout: Layout, dimensions: str) -> UsageView:
    examples = _examples(run, PLANETS)[:4]
    queries, documents = (examples[:1], examples[1:]) if len(examples) > 1 else (examples, examples)
    shown_queries = [_json_text(q) if layout.json_query and layout.type != MV else repr(q) for q in queries]
    if layout.type == MV:
        placeholder = "multi_vector_encoder_model_id"
        query_shape = str(run.usage.query_shape or f"(num_query_tokens, {dimensions})")
        document_shape = str(run.usage.document_shape or f"(num_document_tokens, {dimensions})")
    else:
        placeholder = "sparse_encoder_model_id" if layout.type == "SparseEncoder" else "sentence_transformers_model_id"
        query_shape = f"[{len(queries)}, {dimensions}]"
        document_shape = f"[{len(documents)}, {dimensions}]"
    return UsageView(
        model_id=_model_id(run, placeholder),
        name="queries",
        inputs=(),
        queries=tuple(shown_queries),
        documents=tuple(repr(document) for document in documents),
        ranked=False,
        dimensions=dimensions,
        query_shape=query_shape,
        document_shape=document_shape,
        scores=_scores(run.usage.similarities, rows=len(queries), columns=len(documents)),
        shape=f"[{len(queries)}, {len(documents)}]",
    )


def _pairs(run: Run, layout: Layout) -> UsageView:
    examples = [list(pair) if isinstance(pair, list | tuple) else [pair] for pair in _examples(run, CALORIES)]
    labels = 1 if run.model.label_count is None else run.model.label_count
    count = len(examples)
    texts = all(len(pair) > 1 and all(isinstance(part, str) for part in pair) for pair in examples)
    scores: tuple[str, ...] = ()
    if layout.similarities:
        scores = _scores(
            run.usage.similarities, rows=1 if labels == 1 else count, columns=count if labels == 1 else labels
        )
    return UsageView(
        model_id=_model_id(run, "cross_encoder_model_id"),
        name="pairs",
        inputs=tuple(repr(pair) for pair in examples),
        queries=(repr(examples[0][0]),) if examples else (),
        documents=tuple(repr(pair[1]) for pair in examples if len(pair) > 1),
        ranked=labels == 1 and texts and count > 0,
        dimensions="",
        query_shape="",
        document_shape="",
        scores=scores,
        shape=f"({count},)" if labels == 1 else f"({count}, {labels})",
    )


def _examples(run: Run, builtin: Sequence[Any]) -> list[Any]:
    return list(builtin if run.usage.examples is None else run.usage.examples)


def _scores(matrix: Matrix | None, *, rows: int, columns: int) -> tuple[str, ...]:
    """The printed result, unless it is missing or of another shape than the snippet's."""
    if matrix is None or len(matrix.rows) != rows or any(len(row) != columns for row in matrix.rows):
        return ()
    return tuple(matrix_lines(matrix))


def _model_id(run: Run, placeholder: str | None) -> str:
    return run.model.hub_id or placeholder or "sentence_transformers_model_id"


def _json_text(text: str) -> str:
    """A JSON string that is safe inside HTML, as Jinja's `tojson` writes it."""
    encoded = json.dumps(text)
    for character in "<>&'":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return encoded
