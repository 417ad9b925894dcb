"""What the segments of a run add up to."""

from __future__ import annotations

import dataclasses
import datetime as dt

from cardgen.record import Emissions, Model, Run, Segment
from cardgen.totals import less, measured_segments, total_emissions

TIME = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ONE = Emissions(emissions_kg=0.1, energy_kwh=1.0, on_cloud=False, cpu_model="a", ram_gb=16.0, duration_seconds=9.0)
OTHER = Emissions(emissions_kg=0.2, energy_kwh=0.5, on_cloud=True, cpu_model="b", gpu_model="g", ram_gb=32.0)


def segments(*emissions: Emissions | None) -> tuple[Segment, ...]:
    """Segments that emitted this."""
    return tuple(Segment(index=n, started=TIME, emissions=part) for n, part in enumerate(emissions))


def test_emissions_add_up() -> None:
    """Amounts are summed, machines listed; one part is itself, no part is none."""
    assert total_emissions(segments(ONE, None, OTHER, ONE)) == Emissions(
        emissions_kg=0.1 + 0.2 + 0.1,
        energy_kwh=2.5,
        on_cloud=True,
        cpu_model="a, b",
        gpu_model="g",
        ram_gb=32.0,
        duration_seconds=18.0,
    )
    assert total_emissions(segments(None, ONE)) is ONE
    assert total_emissions(segments(None)) is None
    nothing = Emissions(emissions_kg=0.0, energy_kwh=0.0, on_cloud=False)
    assert total_emissions(segments(nothing, nothing)) == nothing


def test_a_measurement_that_went_on() -> None:
    """What came since is the difference, never below nothing; a duration that is not known stays so."""
    later = dataclasses.replace(ONE, emissions_kg=0.5, energy_kwh=4.0, duration_seconds=30.0)
    assert less(later, ONE) == dataclasses.replace(ONE, emissions_kg=0.4, energy_kwh=3.0, duration_seconds=21.0)
    assert less(OTHER, later) == dataclasses.replace(OTHER, emissions_kg=0.0, energy_kwh=0.0)


def test_emissions_of_the_whole_are_put_to_the_last_segment() -> None:
    """Older records knew them of the run alone; where a segment has some, nothing is added."""
    run = Run(id="r", name="r", model=Model(type="CrossEncoder"), segments=segments(None, None), emissions=ONE)
    assert [segment.emissions for segment in measured_segments(run)] == [None, ONE]
    known = dataclasses.replace(run, segments=segments(OTHER, None))
    assert measured_segments(known) == known.segments
    assert measured_segments(dataclasses.replace(run, segments=())) == ()
