"""Links to the library's documentation for losses and evaluators, and to the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cardgen.card.eras import CE, MV, SE, ST, Layout
from cardgen.record import ModelType

DOCUMENTATION = "https://sbert.net/docs/package_reference"

PACKAGE: dict[ModelType, str] = {
    ST: "sentence_transformer",
    CE: "cross_encoder",
    SE: "sparse_encoder",
    MV: "multi_vector_encoder",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A name and where it leads; `url` is None for what has no page."""

    text: str
    url: str | None


def reference(full_name: str, page: Literal["losses", "evaluation"], layout: Layout) -> Link:
    """A class: the library's own ones are linked by their short name, others stand with their full name."""
    if not full_name.startswith("sentence_transformers."):
        return Link(full_name, None)
    name = full_name.rpartition(".")[2]
    package = PACKAGE[layout.type]
    url = f"{DOCUMENTATION}/{package}/{page}.html"
    if page == "losses":
        return Link(name, f"{url}#{name.lower()}")
    short = layout.type == ST and not layout.long_anchors
    return Link(name, f"{url}#sentence_transformers.{'' if short else f'{package}.'}evaluation.{name}")


def dataset_link(name: str, hub_id: str | None) -> Link:
    """A data set, linked if it is on the Hub."""
    return Link(name, f"https://huggingface.co/datasets/{hub_id}" if hub_id else None)
