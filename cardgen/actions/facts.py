"""Set facts that a person knows better, for one run or many: the plan first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardgen import corrections
from cardgen.corrections import Value
from cardgen.errors import SettingsError
from cardgen.record import Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One fact of one run: what is read now, and what will be. They may be the same where a person confirms it."""

    id: str
    name: str
    field: str
    old: Value | None
    new: Value | None


def plan_facts(registry: Registry, runs: Iterable[Run], facts: Mapping[str, Value | None]) -> list[Change]:
    """What setting these facts would change, run by run; what a person said already is left out.

    Raises:
        SettingsError: a fact cannot be right, or one of the runs has no place for it.
    """
    checked = corrections.check(facts)
    changes = []
    for run in runs:
        before, recorded = registry.human_facts(run.id), registry.recorded(run.id)
        after = corrections.apply(recorded, corrections.combine(before, checked))
        for field, value in checked.items():
            if value is not None and not corrections.has(recorded, field):
                raise SettingsError(f"run {run.name} has no {field.rpartition('.')[0]}")
            if corrections.combine(before, {field: value}) == before:
                continue
            new = None if field == "name" and value is None else corrections.value(after, field)  # the registry chooses
            old = corrections.value(run, field)
            changes.append(Change(id=run.id, name=run.name, field=field, old=old, new=new))
    return changes


def set_facts(registry: Registry, runs: Iterable[Run], facts: Mapping[str, Value | None]) -> list[Run]:
    """Set the facts of each of the runs, one after the other.

    Returns:
        the runs as they are read from now on.

    Raises:
        SettingsError: as `plan_facts`, which says so before anything is changed.
        RunNotFound: a run was removed in the meantime.
    """
    return [registry.set_facts(run.id, facts) for run in runs]
