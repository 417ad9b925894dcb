"""The front matter: which keys a card has, in which order, as YAML text.

The text is what PyYAML's pure Python emitter writes in block style with keys unsorted (its C emitter folds
some scalars differently), read back and written once more by the Hub's client: tags are unique, and results
that share task and data set type are one entry of the `model-index`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cardgen.card.eras import Layout
from cardgen.card.evaluation import shown_metrics
from cardgen.card.format import number_of
from cardgen.card.yaml_text import dump
from cardgen.record import Displayed, Emissions, Evaluation, Run


def front_matter(run: Run, layout: Layout) -> str:
    """The YAML between the `---` lines, without a newline at its end; empty where there is nothing to say."""
    data = metadata(run, layout)
    return dump(data) if data else ""  # `{}` would take no further keys


def metadata(run: Run, layout: Layout) -> dict[str, Any]:
    """The front matter as plain data, keys in the order of the card."""
    model = run.model
    values: dict[str, Any] = {
        "language": list(model.language),
        "license": model.license,
        "license_name": model.license_name,
        "license_link": model.license_link,
        "tags": _unique(model.tags),
        "base_model": model.base_model,
        "widget": [_plain(entry) for entry in run.usage.widget],
        "datasets": list(model.dataset_ids),
        "pipeline_tag": model.pipeline_tag,
        "library_name": model.library_name,
        "metrics": _unique(key for evaluation in run.evaluations for key in shown_metrics(evaluation)),
        "co2_eq_emissions": None if run.emissions is None else _emissions(run.emissions, layout),
        "model-index": _model_index(run, layout),
    }
    dumped_when_empty = {"language", "widget", "datasets"} if layout.empty_lists else set()
    return {
        key: value for key, value in values.items() if value is not None and (value != [] or key in dumped_when_empty)
    }


def _model_index(run: Run, layout: Layout) -> list[dict[str, Any]] | None:
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for evaluation in run.evaluations:
        name = evaluation.dataset_name
        description = evaluation.description or ""
        task = description.lower().replace(" ", "-")
        type_ = name or "unknown"
        for key, value in shown_metrics(evaluation).items():
            number = _result_value(value, layout)
            if number is None:
                continue
            result = results.setdefault(
                (task, type_),
                {
                    "task": {"type": task, "name": description},
                    "dataset": {"name": _dataset_title(evaluation), "type": type_},
                    "metrics": [],
                },
            )
            result["metrics"].append({"type": key, "value": number, "name": key.replace("_", " ").title()})
    if not results:
        return None
    return [{"name": run.model.title or run.model.type, "results": list(results.values())}]


def _dataset_title(evaluation: Evaluation) -> str:
    name = evaluation.dataset_name
    return name.replace("_", " ").replace("-", " ") if name else "Unknown"


def _result_value(value: Any, layout: Layout) -> float | int | None:
    if isinstance(value, Displayed):
        value = value.value
    if not layout.float_results:
        return value if isinstance(value, int | float) else None
    if isinstance(value, str):
        words = value.split()
        return _float(value) if _float(value) is not None or len(words) < 2 else _float(words[0])
    return _float(value)


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _emissions(emissions: Emissions, layout: Layout) -> dict[str, Any]:
    data: dict[str, Any] = {
        "emissions": emissions.emissions_kg * 1000,
        "energy_consumed": emissions.energy_kwh,
        "source": "codecarbon",
        "training_type": "fine-tuning",
        "on_cloud": emissions.on_cloud,
        "cpu_model": emissions.cpu_model,
        "ram_total_size": emissions.ram_gb,
    }
    if layout.hours_used and emissions.duration_seconds is not None:
        data["hours_used"] = round(emissions.duration_seconds / 3600, 3)
    if emissions.gpu_model:
        data["hardware_used"] = emissions.gpu_model
    return {key: value for key, value in data.items() if value is not None}


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _plain(value: Any) -> Any:
    """A value that YAML can hold: marked values become their text or number."""
    if isinstance(value, dict):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Displayed):
        return number_of(value)
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    return repr(value)
