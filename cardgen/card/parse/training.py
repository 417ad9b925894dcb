"""The training sections: hyperparameters, log, emissions, times, versions, and the citations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cardgen.card.eras import Layout
from cardgen.card.log import EPOCH, STEP, TRAINING, VALIDATION
from cardgen.card.parse.document import Section
from cardgen.card.parse.page import Page, bullets, fenced
from cardgen.card.parse.tables import first_table
from cardgen.card.parse.values import displayed, exact, number
from cardgen.card.training import VERSION_NAMES
from cardgen.record import (
    Citation,
    Displayed,
    Durations,
    Emissions,
    Evaluation,
    Hyperparameters,
    LogEvent,
    LogKind,
    Opaque,
)

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
UNKNOWN = Opaque("unknown")
"""The default of an argument, which a card does not show."""


def hyperparameters(page: Page) -> Hyperparameters | None:
    """The listed arguments; their values are typed where Python prints the typed value the same."""
    section = page.section(3, "Training Hyperparameters")
    if section is None:
        return None
    everything = page.section(4, "All Hyperparameters", inside=section)
    changed = page.section(4, "Non-Default Hyperparameters", inside=section)
    return Hyperparameters(values=_arguments(everything), defaults=dict.fromkeys(_arguments(changed), UNKNOWN))


def _arguments(section: Section | None) -> dict[str, Any]:
    """The values of lines such as `- `seed`: 42`."""
    values = {}
    for line in section.lines if section else ():
        if line.startswith("- `"):
            name, found, text = line[3:].partition("`: ")
            if found:
                values[name] = exact(text)
    return values


def log(
    page: Page, evaluations: tuple[Evaluation, ...], layout: Layout
) -> tuple[list[LogEvent], int | None, tuple[str, ...]]:
    """The events that make the log table's rows, the step of its bold row, its columns where their order is data."""
    section = page.section(3, "Training Logs")
    table = first_table(section.lines) if section is not None else None
    if table is None or EPOCH not in table.columns or STEP not in table.columns:
        return [], None, ()
    primary = {evaluation.primary_metric for evaluation in evaluations}
    events: list[LogEvent] = []
    best = None
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=False))
        bold = cells[STEP].startswith("**")
        if bold:
            cells = {name: text.removeprefix("**").removesuffix("**") for name, text in cells.items()}
        step = number(cells[STEP])
        if not isinstance(step, int):
            continue
        best = step if bold else best
        decimals = 1 if bold else 4  # a bold row is rounded, and has lost the zeros at its ends
        epoch = displayed(cells[EPOCH], decimals=decimals)
        if isinstance(epoch, str):
            epoch = Displayed(epoch, None)
        made = [
            _event(name, displayed(text, decimals=decimals), primary)
            for name, text in cells.items()
            if name not in (EPOCH, STEP) and text != "-"
        ]
        for kind, values in made or [("evaluator", {})]:
            events.append(LogEvent(seq=len(events), kind=kind, step=step, epoch=epoch, values=values))
    return events, best, table.columns if layout.sorted_columns else ()


def _event(name: str, value: Any, primary: set[str | None]) -> tuple[LogKind, dict[str, Any]]:
    if name == TRAINING:
        return "train", {"loss": value}
    if name in (VALIDATION, "loss"):
        return "eval", {"eval_loss": value}
    if name.endswith(" loss") and name not in primary:
        return "eval", {f"eval_{name.replace(' ', '_')}": value}
    return "evaluator", {name: value}


def emissions(page: Page, metadata: Mapping[str, Any]) -> Emissions | None:
    """CodeCarbon's figures from the front matter, which has them in full."""
    data = metadata.get("co2_eq_emissions")
    if not isinstance(data, dict):
        return None
    grams, energy, hours, ram = (
        _float(data.get(key)) for key in ("emissions", "energy_consumed", "hours_used", "ram_total_size")
    )
    if grams is None or energy is None:
        return None
    return Emissions(
        emissions_kg=_kilograms(grams),
        energy_kwh=energy,
        on_cloud=data.get("on_cloud") is True,
        cpu_model=_text(data.get("cpu_model")),
        gpu_model=_text(data.get("hardware_used")),
        ram_gb=ram,
        duration_seconds=None if hours is None else hours * 3600,
    )


def _kilograms(grams: float) -> float:
    """The number that gives the same grams again when it is multiplied by 1000."""
    near = grams / 1000
    for candidate in (near, math.nextafter(near, math.inf), math.nextafter(near, -math.inf)):
        if candidate * 1000 == grams:
            return candidate
    return near


def durations(page: Page) -> Durations | None:
    """The training time as the card words it."""
    section = page.section(3, "Training Time")
    found = {name: _duration(text) for name, text in bullets(section.lines if section else ())}
    training = found.get("Training")
    if training is None:
        return None
    total = found.get("Total") or training
    return Durations(total_seconds=total, evaluation_seconds=found.get("Evaluation") or 0.0, training_seconds=training)


def _duration(text: str) -> Displayed | None:
    amount, _, unit = text.partition(" ")
    value = number(amount)
    return Displayed(text, value * UNITS[unit]) if value is not None and unit in UNITS else None


def versions(page: Page) -> dict[str, str]:
    """The framework versions; an empty one is no version."""
    section = page.section(3, "Framework Versions")
    keys = dict(VERSION_NAMES)
    return {keys[name]: text for name, text in bullets(section.lines if section else ()) if name in keys and text}


def citations(page: Page) -> tuple[Citation, ...]:
    """The BibTeX entries and their headings."""
    section = page.section(3, "BibTeX")
    found = []
    for part in page.parts(section, 4) if section else ():
        if code := fenced(part.lines):
            found.append(Citation(heading=part.title, bibtex="\n".join(code[0])))
    return tuple(found)


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
