"""What the segments of a run add up to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from cardgen.record import Emissions, Run, Segment


def total_emissions(segments: Iterable[Segment]) -> Emissions | None:
    """What was measured in all segments; None if it was in none. Those of one segment are these very ones."""
    parts = [segment.emissions for segment in segments if segment.emissions is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    return Emissions(
        emissions_kg=sum(part.emissions_kg for part in parts),
        energy_kwh=sum(part.energy_kwh for part in parts),
        on_cloud=any(part.on_cloud for part in parts),
        cpu_model=_listed(part.cpu_model for part in parts),
        gpu_model=_listed(part.gpu_model for part in parts),
        ram_gb=max((part.ram_gb for part in parts if part.ram_gb is not None), default=None),
        duration_seconds=_sum(part.duration_seconds for part in parts),
    )


def less(emissions: Emissions, before: Emissions) -> Emissions:
    """What a measurement that went on says since an earlier one."""
    durations = emissions.duration_seconds, before.duration_seconds
    return dataclasses.replace(
        emissions,
        emissions_kg=max(0.0, emissions.emissions_kg - before.emissions_kg),
        energy_kwh=max(0.0, emissions.energy_kwh - before.energy_kwh),
        duration_seconds=None if None in durations else max(0.0, (durations[0] or 0.0) - (durations[1] or 0.0)),
    )


def measured_segments(run: Run) -> Sequence[Segment]:
    """The segments of a run; emissions that are known of the whole alone are put to the last of them."""
    if run.emissions is None or not run.segments or any(segment.emissions is not None for segment in run.segments):
        return run.segments
    *others, last = run.segments
    return (*others, dataclasses.replace(last, emissions=run.emissions))


def _listed(names: Iterable[str | None]) -> str | None:
    return ", ".join(dict.fromkeys(name for name in names if name)) or None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
