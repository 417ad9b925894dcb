"""The model and what the library's card data says about it."""

from __future__ import annotations

import re
from typing import Any

from cardgen.capture.library import is_a, library_version, model_type
from cardgen.capture.problems import Problems
from cardgen.capture.values import number_or_none
from cardgen.record import Citation, Model, ModelType

_HUB_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95})?")
_DEFAULT_SIMILARITY = {"SentenceTransformer": "cosine", "SparseEncoder": "dot", "MultiVectorEncoder": "maxsim"}
_RETRIEVAL_EVALUATORS = ("InformationRetrievalEvaluator", "NanoBEIREvaluator")


def capture_model(model: Any, card: Any, problems: Problems) -> Model:
    """Every fact about the model. `card` is its `model_card_data`.

    Raises:
        TypeError: the model is of no kind that has cards.
    """
    kind = model_type(model)
    if kind is None:
        raise TypeError(f"{type(model).__name__} is no model of sentence-transformers")
    version = library_version()
    base_model = hub_id(getattr(card, "base_model", None))
    look = problems.attempt

    def architecture() -> str | None:
        return None if kind == "CrossEncoder" and version < (5, 4) else str(model)

    def modalities() -> tuple[str, ...] | None:
        known = getattr(model, "modalities", None)
        return None if known is None else tuple("+".join(m) if isinstance(m, tuple) else str(m) for m in known)

    def max_seq_length() -> int | float | None:
        name = "max_seq_length" if hasattr(type(model), "max_seq_length") else "max_length"
        return number_or_none(getattr(model, name))

    query_length, document_length = look("the query length", lambda: _lengths(model, kind), (None, None))
    return Model(
        type=kind,
        title=look("the title", lambda: _title(model, card, kind, base_model), None),
        hub_id=hub_id(getattr(card, "model_id", None)),
        base_model=base_model,
        base_model_revision=_text(getattr(card, "base_model_revision", None)) if base_model else None,
        architecture=look("the architecture", architecture, None),
        max_seq_length=look("the maximum sequence length", max_seq_length, None),
        query_length=query_length,
        document_length=document_length,
        output_dimensionality=look("the output dimensionality", lambda: _dimensions(model, kind), None),
        max_active_dims=_integer(getattr(model, "max_active_dims", None)) if kind == "SparseEncoder" else None,
        similarity_function=look("the similarity function", lambda: _similarity(model, kind), None),
        label_count=look("the number of labels", lambda: int(model.num_labels), None)
        if kind == "CrossEncoder"
        else None,
        label=_text(getattr(card, "model_type", None)),
        modalities=look("the modalities", modalities, None),
        information_retrieval=look("the kind of usage", lambda: _retrieval(card), None),
        language=_texts(getattr(card, "language", None)),
        license=_text(getattr(card, "license", None)),
        tags=_texts(getattr(card, "tags", None)),
        pipeline_tag=_text(getattr(card, "pipeline_tag", None)),
        library_name=_text(getattr(card, "library_name", None)),
        task=_text(getattr(card, "task_name", None)),
        dataset_ids=_texts(getattr(card, "datasets", None)),
    )


def capture_citations(card: Any) -> tuple[Citation, ...]:
    """Headings and BibTeX entries as the library groups them."""
    citations = getattr(card, "citations", None) or {}
    return tuple(Citation(heading=str(heading), bibtex=str(bibtex)) for heading, bibtex in citations.items())


def hub_id(name: Any) -> str | None:
    """A name that can be a repository on the Hub; None for a path or anything else."""
    text = _text(name)
    return text if text is not None and _HUB_ID.fullmatch(text) else None


def _title(model: Any, card: Any, kind: ModelType, base_model: str | None) -> str:
    if name := _text(getattr(card, "model_name", None)):
        return name
    if kind in ("SparseEncoder", "MultiVectorEncoder") and (label := _text(getattr(card, "model_type", None))):
        return label
    name = type(model).__name__
    return f"{name} based on {base_model}" if base_model else name


def _lengths(model: Any, kind: ModelType) -> tuple[int | None, int | None]:
    """Query and document length of the transformer module, in tokens."""
    transformer = next((module for module in model.children() if is_a(module, "Transformer")), None)
    query = _integer(getattr(transformer, "query_length", None))
    if kind == "MultiVectorEncoder":
        # a fixed expansion pins every query to its own length
        expansion = getattr(transformer, "query_expansion", None) or {}
        if expansion.get("strategy") == "fixed":
            query = _integer(expansion["length"])
    return query, _integer(getattr(transformer, "document_length", None))


def _dimensions(model: Any, kind: ModelType) -> int | None:
    if kind == "CrossEncoder":
        return None
    look = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
    return _integer(look())


def _similarity(model: Any, kind: ModelType) -> str | None:
    """The raw name. The model's property is not read where it is unset: reading sets it."""
    if kind == "CrossEncoder":
        return None
    name = vars(model).get("_similarity_fn_name")
    if name is None and "_similarity_fn_name" not in vars(model):
        name = getattr(model, "similarity_fn_name", None)
    return _text(getattr(name, "value", name)) or _DEFAULT_SIMILARITY[kind]


def _retrieval(card: Any) -> bool | None:
    """Whether queries and documents stand apart; the library decides it by its evaluators when it saves."""
    known = getattr(card, "ir_model", None)
    if known is not None:
        return bool(known)
    if hasattr(card, "try_to_set_ir_model_from_evaluators"):
        for evaluator in getattr(card, "eval_results_dict", None) or {}:
            parts = evaluator.evaluators if is_a(evaluator, "SequentialEvaluator") else [evaluator]
            if any(is_a(part, *_RETRIEVAL_EVALUATORS) for part in parts):
                return True
    return None


def _text(value: Any) -> str | None:
    return str.__str__(value) if isinstance(value, str) and value else None


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (str.__str__(value),)
    return tuple(str(entry) for entry in value or ())


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)
