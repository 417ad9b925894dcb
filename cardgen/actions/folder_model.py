"""What the configuration files of a saved model tell of it, and of the libraries that saved it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cardgen.card.eras import parse_version, recorded_layout
from cardgen.record import Run

VERSIONS = {"sentence_transformers": "sentence_transformers", "transformers": "transformers", "pytorch": "torch"}
"""The libraries of `config_sentence_transformers.json` and what the record calls them."""
LONGEST = 200
"""Characters of a name or a version."""
PASSING = frozenset(("Normalize", "Dropout", "LayerNorm"))
"""Modules that leave the number of dimensions as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the configuration files tell; units as in `record.Model`. `type` is the class that saved the model."""

    type: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    max_seq_length: int | None = None
    output_dimensionality: int | None = None
    similarity_function: str | None = None
    label_count: int | None = None


def read_model_facts(load: Callable[[str], Any]) -> ModelFacts | None:
    """The facts of the configuration files, which `load` reads and parses (None for one that is not there)."""
    config, library, text = (
        _mapping(load(name))
        for name in ("config.json", "config_sentence_transformers.json", "sentence_bert_config.json")
    )
    modules = load("modules.json")
    if not (config or library or text or modules):
        return None
    versions = _mapping(library.get("__version__"))
    found = {name: _text(versions.get(key)) for key, name in VERSIONS.items()}
    found["transformers"] = found["transformers"] or _text(config.get("transformers_version"))
    own = _mapping(config.get("sentence_transformers")).get("version")  # of a CrossEncoder before 5.4
    found["sentence_transformers"] = found["sentence_transformers"] or _text(own)
    labels = config.get("id2label")
    return ModelFacts(
        type=_text(library.get("model_type")),
        versions={name: version for name, version in found.items() if version is not None},
        max_seq_length=_count(text.get("max_seq_length")),
        output_dimensionality=_dimensions(modules, load),
        similarity_function=_text(library.get("similarity_fn_name")),
        label_count=len(labels) or None if isinstance(labels, dict) else None,
    )


def with_model_facts(run: Run, facts: ModelFacts, notes: list[str]) -> Run:
    """The run with the facts that its card lacks."""
    model = run.model
    if facts.type is not None and facts.type != model.type:
        notes.append(f"the files are those of a {facts.type}, the card is that of a {model.type}: they were left out")
        return run
    known: dict[str, Any] = {"max_seq_length": facts.max_seq_length}
    if model.type == "CrossEncoder":
        known["label_count"] = facts.label_count
    else:
        known["output_dimensionality"] = facts.output_dimensionality
        known["similarity_function"] = facts.similarity_function
    lacking = {name: value for name, value in known.items() if value is not None and getattr(model, name) is None}
    versions = {
        name: version
        for name, version in facts.versions.items()
        if name not in run.environment.versions and (name != "sentence_transformers" or _fits(run, version))
    }
    return dataclasses.replace(
        run,
        model=dataclasses.replace(model, **lacking),
        environment=dataclasses.replace(run.environment, versions={**run.environment.versions, **versions}),
    )


def _fits(run: Run, version: str) -> bool:
    """Whether a library version has the form that the card was seen to have: the files may be younger than it."""
    if parse_version(version) is None:
        return False
    forms = [recorded_layout(run.model.type, text) for text in (version, run.layout or version)]
    return len({dataclasses.replace(form, version=(0, 0, 0)) for form in forms}) == 1


def _dimensions(modules: Any, load: Callable[[str], Any]) -> int | None:
    """The dimensions that come out of the last module that decides them; None where that is not known."""
    for module in reversed(modules) if isinstance(modules, list) else ():
        kind, path = _mapping(module).get("type"), _mapping(module).get("path")
        name = kind.rpartition(".")[2] if isinstance(kind, str) else ""
        if name in PASSING:
            continue
        if name not in ("Dense", "Pooling", "SpladePooling") or not isinstance(path, str) or not path:
            return None
        config = _mapping(load(f"{path}/config.json"))
        if name == "Dense":
            return _count(config.get("out_features"))
        size = _count(config.get("embedding_dimension") or config.get("word_embedding_dimension"))
        return size * _poolings(config) if size is not None and name == "Pooling" else size
    return None


def _poolings(config: Mapping[str, Any]) -> int:
    """How many poolings stand side by side."""
    modes = config.get("pooling_mode")
    if isinstance(modes, list):
        return len(modes)
    return sum(value is True for name, value in config.items() if name.startswith("pooling_mode_")) or 1


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 1 << 62 else None
