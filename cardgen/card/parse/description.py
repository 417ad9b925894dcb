"""Introduction and "Model Details": what kind of model it is and what the card says of it."""

from __future__ import annotations

import re
from typing import Any

from cardgen.card.parse.fences import outside_code
from cardgen.card.parse.page import Page, bullets, fenced
from cardgen.card.parse.values import number
from cardgen.card.view import SIMILARITY_NAMES
from cardgen.record import Displayed, ModelType

_BASE = re.compile(r"\[(?P<base>[^\]]*)\]\([^)]*\)(?: <!-- at revision (?P<revision>.*?) -->)?")
_CLASS = re.compile(r"from sentence_transformers import (\w+)$", re.ASCII)
INTRODUCTIONS: dict[str, ModelType] = {
    "(https://www.SBERT.net) model ": "SentenceTransformer",
    "(https://www.sbert.net/docs/cross_encoder/usage/usage.html) model ": "CrossEncoder",
    "(https://www.sbert.net/docs/sparse_encoder/usage/usage.html) model ": "SparseEncoder",
    "(https://www.sbert.net/docs/multi_vector_encoder/usage/usage.html) model ": "MultiVectorEncoder",
}
"""What follows the first link of the introduction."""

MARKS = frozenset(
    (
        "Direct Usage (Sentence Transformers)",
        "Full Model Architecture",
        "Training Hyperparameters",
        "Non-Default Hyperparameters",
        "All Hyperparameters",
        "Training Logs",
        "Framework Versions",
        "Model Card Contact",
    )
)
"""Headings that no other model card has together."""

_TYPE_LINE = "- **Model Type:** "
TYPES: dict[str, ModelType] = {"Sentence Transformer": "SentenceTransformer", "Cross Encoder": "CrossEncoder"}
LABELS = {type_: label for label, type_ in TYPES.items()}
CLASSES: dict[str, ModelType] = {
    "SentenceTransformer": "SentenceTransformer",
    "CrossEncoder": "CrossEncoder",
    "SparseEncoder": "SparseEncoder",
    "MultiVectorEncoder": "MultiVectorEncoder",
}
_SIMILARITIES = {text: name for name, text in SIMILARITY_NAMES.items()}


def model_type(page: Page) -> ModelType | None:
    """The kind of card, from its introduction, its model type line or its snippet; None for no generated card.

    One such sign may stand in anybody's page; a generated card has more of `MARKS`, also after much of it was changed.
    """
    found = _told_type(page)
    signs = {heading.title for heading in page.headings} & MARKS
    return found[0] if found and len(signs) + found[1] >= 2 else None


def _told_type(page: Page) -> tuple[ModelType, int] | None:
    """The type of the model, and how many signs of a generated card tell it."""
    first = _introduction(page)
    places = [(first.find(f"]{link}"), type_) for link, type_ in INTRODUCTIONS.items()]
    known = [place for place in places if place[0] >= 0]
    if known:
        section = page.section(3, "Model Description")
        lines = section.lines if section else ()
        return min(known)[1], 1 + any(line.startswith(_TYPE_LINE) for line in lines)
    typed = next((type_ for line in outside_code(page.lines) if (type_ := _type_line(line))), None)
    if typed:
        return typed, 1
    if page.section(2, "Model Details", "Training Details") is None:
        return None
    found = next((found for line in page.lines if (found := _CLASS.match(line))), None)
    type_ = CLASSES.get(found[1]) if found else None
    return (type_, 0) if type_ else None


def _type_line(line: str) -> ModelType | None:
    return TYPES.get(line.removeprefix(_TYPE_LINE)) if line.startswith(_TYPE_LINE) else None


def _introduction(page: Page) -> str:
    return next((line for line in outside_code(page.lines) if line.startswith("This is a [")), "")


def description(page: Page, type_: ModelType) -> dict[str, Any]:
    """The fields of `record.Model` that introduction and description show."""
    facts: dict[str, Any] = {}
    introduction = _introduction(page)
    for phrase in ("can be used for ", "useful for "):
        _, found, task = introduction.partition(phrase)
        if found and "." in task:
            facts["task"] = task.rpartition(".")[0]
            break
    details = page.section(3, "Model Description")
    for name, value in bullets(details.lines if details else ()):
        match name:
            case "Base model":
                if base := _BASE.fullmatch(value):
                    facts["base_model"] = base["base"]
                    facts["base_model_revision"] = base["revision"]
            case "Maximum Sequence Length":
                facts["max_seq_length"] = _length(value)
            case "Maximum Query Length":
                facts["query_length"] = _count(value, "tokens")
            case "Maximum Document Length":
                facts["document_length"] = _count(value, "tokens")
            case "Output Dimensionality":
                dimensions, _, active = value.partition(" (trained with ")
                facts["output_dimensionality"] = _dimensions(dimensions)
                facts["max_active_dims"] = _count(active, r"maximum active dimensions\)")
            case "Number of Output Labels":
                facts["label_count"] = _count(value, "labels?")
            case "Similarity Function":
                facts["similarity_function"] = _SIMILARITIES.get(value, value.lower().replace(" ", "_"))
            case "Supported Modality" | "Supported Modalities":
                facts["modalities"] = tuple(part.lower() for part in value.split(", "))
            case "Model Type" if value != LABELS.get(type_):
                facts["label"] = value
            case "Language" | "Languages":
                facts["language"] = tuple(value.split(", "))
            case "License":
                facts["license"] = value
    architecture = page.section(3, "Full Model Architecture")
    if architecture and (code := fenced(architecture.lines)):
        facts["architecture"] = "\n".join(code[0])
    return facts


def _length(text: str) -> int | float | Displayed | None:
    """A number of tokens, also where Python printed `inf` or `None`."""
    shown = text.removesuffix(" tokens")
    if shown == text or " " in shown:
        return None
    value = number(shown)
    return value if value is not None and str(value) == shown else Displayed(shown, value)


def _dimensions(text: str) -> int | Displayed | None:
    """A number of dimensions, also where Python printed `None`."""
    missing = text in ("None dimensions", "None tokens")
    return Displayed("None", None) if missing else _count(text, "dimensions|tokens")


def _count(text: str, unit: str) -> int | None:
    found = re.fullmatch(rf"(\S+) (?:{unit})", text)
    value = number(found[1]) if found else None
    return value if isinstance(value, int) else None
