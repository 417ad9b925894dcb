"""Valid: the `model-index`, whose results the Hub refuses when one of them is not whole."""

from __future__ import annotations

from collections.abc import Iterator

from cardgen.card.yaml_nodes import Listing, Mapping, Node, Scalar
from cardgen.check.results import inside, is_filled, mappings_in, models, results
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Subject

_NEEDED = (("task", "type"), ("dataset", "type"), ("dataset", "name"))
_TEXTS = (*_NEEDED, ("task", "name"), ("dataset", "config"), ("dataset", "split"), ("dataset", "revision"))


@rule("valid", "model-index-incomplete", "error")
def model_index_incomplete(card: Subject) -> Iterator[Hit]:
    """Each model has a name and results; each result a `task.type`, a `dataset.type`, a `dataset.name` and metrics;
    each metric a type and a value; a source a URL.
    """
    for model in models(card):
        if not is_filled(model.get("name")):
            yield _hit(card, model, "a model of the model-index has no name")
        if not isinstance(model.get("results"), Listing):
            yield _hit(card, model, "a model of the model-index has no list of results")
        for result in results(model):
            for keys in _NEEDED:
                if not is_filled(inside(result, *keys)):
                    yield _hit(card, result, f"a result has no {'.'.join(keys)}")
            if "source" in result.entries and not is_filled(inside(result, "source", "url")):
                yield _hit(card, result, "the source of a result has no url")
            yield from _incomplete_metrics(card, result)


@rule("valid", "model-index-type", "error")
def model_index_type(card: Subject) -> Iterator[Hit]:
    """In the model-index names, types, configurations, splits and revisions are texts: `config: 2020` without quotes is
    a number, and refused.
    """
    for model in models(card):
        for result in results(model):
            for keys in _TEXTS:
                node = inside(result, *keys)
                if isinstance(node, (Listing, Mapping)) or (
                    isinstance(node, Scalar) and node.kind not in ("str", "null")
                ):
                    yield _hit(card, node, f"{'.'.join(keys)} of a result is no text: put it in quotes")


@rule("valid", "metric-not-finite", "warning")
def metric_not_finite(card: Subject) -> Iterator[Hit]:
    """A metric is a finite number: not-a-number and infinity have no form in JSON and are lost on the way."""
    for model in models(card):
        for result in results(model):
            for metric in mappings_in(result.get("metrics")):
                value = metric.get("value")
                if (
                    isinstance(value, Scalar)
                    and value.kind == "float"
                    and value.text.lstrip("+-").lower()[:2]
                    in (
                        ".n",
                        ".i",
                    )
                ):
                    yield _hit(card, value, f"the value of a metric is {value.text}")


RULES: tuple[Rule, ...] = (model_index_incomplete, model_index_type, metric_not_finite)


def _incomplete_metrics(card: Subject, result: Mapping) -> Iterator[Hit]:
    metrics = result.get("metrics")
    if not isinstance(metrics, Listing) or not metrics.items:
        yield _hit(card, result, "a result has no list of metrics")
    for metric in mappings_in(metrics):
        for key in ("type", "value"):
            if not is_filled(metric.get(key)) and not (key == "value" and isinstance(metric.get(key), Listing)):
                yield _hit(card, metric, f"a metric has no {key}")


def _hit(card: Subject, node: Node, message: str) -> Hit:
    return Hit(card.front_line(node.line), message)
