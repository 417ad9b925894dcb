"""What a result was made with, so that only results are ranked together that can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cardgen.card.eras import recorded_layout
from cardgen.record import Displayed, Evaluation, Opaque, Run

_LIBRARY = "sentence_transformers."


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The evaluator of a result: two are equal if their results can be compared.

    `evaluator` is the class, for those of the library without its module, which moves from version to version.
    `dataset` is the evaluator's own name, None for none. `known` is False where a card cannot show a configuration
    (before 4.0); what is not known equals nothing that is.
    """

    evaluator: str
    dataset: str | None
    configuration: Any = field(compare=False)
    known: bool
    form: Any = field(repr=False)
    """The configuration in a form that is equal for equal values."""


def evaluated(run: Run, evaluation: Evaluation) -> Evaluated:
    """What one of a run's results was made with."""
    name = evaluation.evaluator
    configuration = evaluation.configuration or evaluation.configuration_text or None
    return Evaluated(
        name.rpartition(".")[2] if name.startswith(_LIBRARY) else name,
        evaluation.dataset_name or None,
        configuration,
        run.origin == "captured" or configuration is not None or _shows_configurations(run),
        same_form(configuration),
    )


def _shows_configurations(run: Run) -> bool:
    version = run.layout or run.environment.versions.get("sentence_transformers")
    return recorded_layout(run.model.type, version).configurations


def same_form(value: Any) -> Any:
    """A hashable form of a plain value: that of two values is equal if they say the same.

    The order of a dictionary does not matter, nor whether a sequence is a list or a tuple, nor whether a number is
    written `1` or `1.0`; True is no number, and NaN is itself.
    """
    if isinstance(value, Displayed):
        value = Opaque(value.text) if value.value is None else value.value
    if isinstance(value, dict):
        return "dict", frozenset((same_form(key), same_form(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return "list", tuple(same_form(item) for item in value)
    if isinstance(value, bool) or value is None:
        return "constant", str(value)
    if isinstance(value, (int, float)):
        return "number", value if value == value else "nan"
    return type(value).__name__, value if isinstance(value, (str, bytes)) else repr(value)
