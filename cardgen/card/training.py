"""The training sections: hyperparameters, emissions, times, versions, citations."""

from __future__ import annotations

from dataclasses import dataclass

from cardgen.card.eras import Layout
from cardgen.card.format import duration_text, value_text
from cardgen.record import Displayed, Durations, Emissions, Environment, Hyperparameters

HIDDEN_ARGUMENTS = frozenset(
    (
        "output_dir",
        "logging_dir",
        "logging_strategy",
        "logging_first_step",
        "logging_steps",
        "evaluation_strategy",
        "eval_steps",
        "eval_delay",
        "save_strategy",
        "save_steps",
        "save_total_limit",
        "metric_for_best_model",
        "greater_is_better",
        "report_to",
        "samples_per_label",
        "show_progress_bar",
        "do_train",
        "do_eval",
        "do_test",
        "run_name",
        "hub_token",
        "push_to_hub_token",
    )
)
"""Arguments that no card lists; `eval_strategy` joins them with the switch `hidden_eval_strategy`."""

VERSION_NAMES = (
    ("Python", "python"),
    ("Sentence Transformers", "sentence_transformers"),
    ("Transformers", "transformers"),
    ("PyTorch", "torch"),
    ("Accelerate", "accelerate"),
    ("Datasets", "datasets"),
    ("Tokenizers", "tokenizers"),
)


@dataclass(frozen=True, slots=True)
class HyperparametersView:
    """Pairs (name, value as Python prints it), in the trainer's order."""

    changed: tuple[tuple[str, str], ...]
    all: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EmissionsView:
    """Figures of CodeCarbon as text; `hours` is None where the layout or the record has none."""

    energy: str
    carbon: str
    hours: str | None
    on_cloud: str
    gpu: str
    cpu: str
    ram: str


@dataclass(frozen=True, slots=True)
class TimesView:
    """Durations as text; the last two are None without evaluation during training."""

    training: str
    evaluation: str | None
    total: str | None


def hyperparameters_view(hyperparameters: Hyperparameters | None, layout: Layout) -> HyperparametersView | None:
    """The arguments that the layout lists."""
    if hyperparameters is None or not hyperparameters.values:
        return None
    shown = tuple(
        (name, value_text(value))
        for name, value in hyperparameters.values.items()
        if name not in HIDDEN_ARGUMENTS and not (name == "eval_strategy" and layout.hidden_eval_strategy)
    )
    return HyperparametersView(
        changed=tuple((name, text) for name, text in shown if name in hyperparameters.defaults), all=shown
    )


def emissions_view(emissions: Emissions | None, layout: Layout) -> EmissionsView | None:
    """The figures of CodeCarbon."""
    if emissions is None:
        return None
    hours = emissions.duration_seconds
    return EmissionsView(
        energy=f"{emissions.energy_kwh:.3f} kWh",
        carbon=f"{emissions.emissions_kg:.3f} kg of CO2",
        hours=f"{round(hours / 3600, 3)} hours" if layout.hours_used and hours is not None else None,
        on_cloud="Yes" if emissions.on_cloud else "No",
        gpu=emissions.gpu_model or "No GPU used",
        cpu=emissions.cpu_model or "Unknown",
        ram="Unknown" if emissions.ram_gb is None else f"{emissions.ram_gb:.2f} GB",
    )


def times_view(durations: Durations | None, layout: Layout) -> TimesView | None:
    """How long training and evaluating took."""
    if durations is None or not layout.training_time:
        return None
    total, evaluation = durations.total_seconds, durations.evaluation_seconds
    training: float | Displayed | None = durations.training_seconds
    if training is None:
        exact = isinstance(total, float | int) and isinstance(evaluation, float | int)
        training = total - evaluation if exact else total  # type: ignore[operator]
    return TimesView(
        training=_duration(training),
        evaluation=_duration(evaluation) if evaluation else None,
        total=_duration(total) if evaluation else None,
    )


def _duration(seconds: float | Displayed) -> str:
    return seconds.text if isinstance(seconds, Displayed) else duration_text(seconds)


def versions_view(environment: Environment) -> tuple[tuple[str, str], ...]:
    """Pairs (name, version); a package that was not installed has an empty version."""
    return tuple((name, environment.versions.get(key, "")) for name, key in VERSION_NAMES)
