"""The results of the `model-index` with their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardgen.card.yaml_nodes import Listing, Mapping, Node, Scalar
from cardgen.check.subject import Subject


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a result that is whole: the names of task and data set as the Hub has them, and its value."""

    task: str
    dataset: str
    type: str
    value: Scalar


def models(card: Subject) -> Iterator[Mapping]:
    """The entries of the index that are mappings."""
    yield from mappings_in(card.front.get("model-index"))


def results(model: Mapping) -> Iterator[Mapping]:
    """The results of a model."""
    yield from mappings_in(model.get("results"))


def mappings_in(node: Node | None) -> Iterator[Mapping]:
    """The mappings of a list."""
    if isinstance(node, Listing):
        yield from (item for item in node.items if isinstance(item, Mapping))


def inside(node: Node | None, *keys: str) -> Node | None:
    """The value under keys in each other."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def is_filled(node: Node | None) -> bool:
    """Whether there is a text or number."""
    return isinstance(node, Scalar) and node.kind != "null" and bool(node.text.strip())


def metrics(card: Subject) -> Iterator[Metric]:
    """The metrics of the index's first model, which is the card's, in their order."""
    for result in results(next(models(card), Mapping({}, 0))):
        task, dataset = inside(result, "task", "type"), inside(result, "dataset", "type")
        for metric in mappings_in(result.get("metrics")):
            type_, value = metric.get("type"), metric.get("value")
            if (
                isinstance(task, Scalar)
                and isinstance(dataset, Scalar)
                and isinstance(type_, Scalar)
                and isinstance(value, Scalar)
            ):
                yield Metric(task.text, dataset.text, type_.text, value)
