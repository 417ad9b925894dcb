"""Facts of a golden run -> the record, as recording would have made it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

from cardgen.matrix import read_matrix
from cardgen.record import (
    Citation,
    Column,
    Dataset,
    Durations,
    Emissions,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    Loss,
    Model,
    Run,
    Statistics,
    Usage,
)

WHEN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
DEFAULT_LABELS = {"SparseEncoder": "Sparse Encoder", "MultiVectorEncoder": "Multi-Vector Encoder"}


def folders(root: Path) -> list[Path]:
    """The folders below `root` that hold a golden card and its facts."""
    return sorted(facts.parent for facts in root.rglob("facts.json") if (facts.parent / "README.md").is_file())


def load(folder: Path) -> tuple[Run, list[LogEvent]]:
    """The record and the log of the golden run in `folder`."""
    return from_facts(json.loads((folder / "facts.json").read_text("utf-8")))


def from_facts(facts: dict[str, Any]) -> tuple[Run, list[LogEvent]]:
    """The record and the log that recording the run would have made."""
    version = facts["sentence_transformers_version"]
    card, training = facts["card"], facts["training"]
    key = f"{version}/{facts['scenario']}"
    emissions, durations = facts["emissions"], facts["durations"]
    run = Run(
        id="018f0000-0000-7000-8000-" + hashlib.sha256(key.encode()).hexdigest()[:12],
        name=f"golden-{facts['scenario']}-{version}",
        status="finished",
        created=WHEN,
        started=WHEN,
        ended=WHEN,
        model=_model(facts),
        datasets=tuple(
            _dataset(dataset, role, version) for role in ("train", "eval") for dataset in facts[f"{role}_datasets"]
        ),
        hyperparameters=_hyperparameters(training) if training else None,
        evaluations=tuple(_evaluation(evaluation) for evaluation in facts["evaluations"]),
        usage=Usage(
            examples=None if card["usage_examples"] is None else tuple(card["usage_examples"]),
            similarities=None if card["similarities"] is None else read_matrix("\n".join(card["similarities"]["text"])),
            query_shape=_shape(card.get("usage_query_shape")),
            document_shape=_shape(card.get("usage_document_shape")),
            widget=tuple(card["widget"]),
        ),
        citations=tuple(Citation(heading=c["heading"], bibtex=c["bibtex"]) for c in card["citations"]),
        environment=Environment(
            versions={name: text for name, text in facts["framework_versions"].items() if text is not None}
        ),
        durations=None if durations is None else Durations(**durations),
        emissions=None if emissions is None else _emissions(emissions),
        best_step=card["best_model_step"],
        log_columns=tuple(facts.get("training_log_columns") or ()),
    )
    return run, _log(facts)


def _model(facts: dict[str, Any]) -> Model:
    model, card = facts["model"], facts["card"]
    length = model["max_seq_length"]
    return Model(
        type=facts["kind"],
        title=card["model_name"],
        hub_id=card["model_id"],
        base_model=card["base_model"],
        base_model_revision=card["base_model_revision"],
        architecture=model["model_string"],
        max_seq_length=float("inf") if length == "inf" else length,
        query_length=model["query_length"],
        document_length=model["document_length"],
        output_dimensionality=model["output_dimensionality"],
        max_active_dims=model["max_active_dims"],
        similarity_function=model["similarity_fn_name"],
        label_count=model["num_labels"],
        label=card["model_type"] or DEFAULT_LABELS.get(facts["kind"]),
        modalities=None if model["modalities"] is None else tuple(model["modalities"]),
        information_retrieval=card["ir_model"],
        language=tuple(card["language"]),
        license=card["license"],
        tags=tuple(card["tags"]),
        pipeline_tag=card["pipeline_tag"],
        library_name=card["library_name"],
        task=card["task_name"],
        dataset_ids=tuple(card["datasets"]),
    )


def _dataset(facts: dict[str, Any], role: Any, version: str) -> Dataset:
    stats = facts.get("stats") or {}
    observed = facts.get("observed") or {}
    columns = tuple(_column(name, stats.get(name), observed.get(name)) for name in facts["columns"])
    size = facts.get("size")
    limit = 100 if tuple(map(int, version.split("."))) >= (5, 5, 0) else 1000
    loss = facts.get("loss")
    samples = facts.get("samples")
    return Dataset(
        role=role,
        name=facts.get("name"),
        hub_id=facts.get("id"),
        revision=facts.get("revision"),
        split=facts.get("split"),
        size=size,
        streaming=facts["iterable"],
        columns=columns,
        sampled_rows=min(size, limit) if size is not None and stats else None,
        samples=None if samples is None else tuple(tuple(row[c] for c in facts["columns"]) for row in samples),
        loss=None
        if loss is None
        else Loss(
            name=loss["fullname"],
            configuration=loss.get("config"),
            configuration_text=loss.get("config_text"),
        ),
    )


def _column(name: str, stats: dict[str, Any] | None, observed: dict[str, Any] | None) -> Column:
    if stats is None:
        return Column(name=name)
    dtype = stats["dtype"]
    if observed and observed["kind"] == "bool":
        dtype = "bool"
    return Column(name=name, dtype=dtype, modality=stats.get("modality"), statistics=_statistics(dtype, stats["data"]))


def _statistics(dtype: str, data: dict[str, Any]) -> Statistics:
    if dtype in ("int", "bool"):
        return Statistics(
            kind="share",
            shares=tuple((_plain(value, dtype), float(text.strip("~%"))) for value, text in data.items()),
        )
    if dtype == "float":
        return Statistics(kind="number", minimum=data["min"], mean=data["mean"], maximum=data["max"])
    if dtype == "list" and "size" in data:
        size = int(data["size"].split()[0])
        return Statistics(kind="size", unit="elements", minimum=size, maximum=size)
    if dtype in ("list", "string") and "min" in data:
        minimum, mean, maximum = (data[name].split() for name in ("min", "mean", "max"))
        return Statistics(
            kind="size" if dtype == "list" else "length",
            unit=minimum[1],
            minimum=_number(minimum[0]),
            mean=float(mean[0]),
            maximum=_number(maximum[0]),
        )
    return Statistics(kind="other", details=tuple((key, str(value)) for key, value in data.items()))


def _plain(value: str, dtype: str) -> Any:
    return value == "True" if dtype == "bool" else int(value)


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _hyperparameters(training: dict[str, Any]) -> Hyperparameters:
    values, defaults = training["args"], training["default_args"]
    return Hyperparameters(
        values=values,
        defaults={
            name: defaults[name] for name, value in values.items() if name in defaults and defaults[name] != value
        },
    )


def _evaluation(facts: dict[str, Any]) -> Evaluation:
    return Evaluation(
        evaluator=facts["class"],
        description=facts["description"],
        dataset_name=facts["name"],
        primary_metric=facts["primary_metric"],
        configuration=facts["config"],
        configuration_text=facts.get("config_text"),
        metrics=facts["metrics"],
    )


def _shape(shape: list[int] | None) -> tuple[int, ...] | None:
    return None if shape is None else tuple(shape)


def _emissions(facts: dict[str, Any]) -> Emissions:
    return Emissions(
        emissions_kg=facts["emissions"],
        energy_kwh=facts["energy_consumed"],
        on_cloud=facts["on_cloud"] == "Y",
        cpu_model=facts["cpu_model"],
        gpu_model=facts["gpu_model"],
        ram_gb=facts["ram_total_size"],
        duration_seconds=facts["duration"],
    )


def _log(facts: dict[str, Any]) -> list[LogEvent]:
    """The rows of the log table, taken apart into the events that made them."""
    primary = {evaluation["primary_metric"] for evaluation in facts["evaluations"]}
    events: list[LogEvent] = []
    for row in facts["training_log_rows"]:
        parts: list[tuple[Any, dict[str, Any]]] = []
        for key, value in row.items():
            if key == "Training Loss":
                parts.append(("train", {"loss": value}))
            elif key in ("Validation Loss", "loss"):
                parts.append(("eval", {"eval_loss": value}))
            elif key.endswith("loss") and key not in primary:
                parts.append(("eval", {f"eval_{key.replace(' ', '_')}": value}))
            elif key not in ("Epoch", "Step"):
                parts.append(("evaluator", {key: value}))
        for kind, values in parts or [("evaluator", {})]:
            events.append(LogEvent(seq=len(events), kind=kind, step=row["Step"], epoch=row["Epoch"], values=values))
    return events
