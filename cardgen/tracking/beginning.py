"""The beginning of a training: which run it is recorded in, and what of it is there already."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Any

from cardgen.identity import new_run_id
from cardgen.record import Run
from cardgen.tracking.earlier import Earlier, TakenOver, child, continued, next_index
from cardgen.tracking.facts import Facts
from cardgen.tracking.journal import Journal
from cardgen.tracking.options import Options, keep_id
from cardgen.tracking.results import Results
from cardgen.tracking.resume import Start, choose

MOST_SAID = 5
"""Changed arguments that are told by name."""


def find_run(
    options: Options,
    facts: Facts,
    results: Results,
    journal: Journal,
    *,
    checkpoint: str | None,
    chosen: bool,
    step: int,
) -> str:
    """Make facts, results and journal those of the run that this training belongs to.

    Args:
        options: of the hook.
        facts: with arguments, data and environment of this training.
        results: of this process.
        journal: not open yet.
        checkpoint: the run that the trainer's state names.
        chosen: whether the facts' id is that of `CARDGEN_RUN_ID`.
        step: where the training starts.

    Returns:
        what the user should know of it, to follow the run's name; empty for a new run.
    """
    own = facts.run
    start = Start(checkpoint=checkpoint, chosen=own.id if chosen else None, run=own, step=step)
    choice = choose(options, start, new_run_id())
    if choice.problem is not None:
        facts.problems.note(choice.problem)
    if choice.continues is not None and _continue(choice.continues, facts, results, journal, step):
        return f", from step {step} on"
    if choice.forks is not None:
        parent = choice.forks.run
        _fork(options, choice.forks, choice.run_id, facts, results, journal, step)
        return f", from step {step} of {parent.name} on, which {choice.reason}"
    if choice.blind is not None:
        facts.take_id(choice.blind)
        facts.parent_run = choice.parent or facts.parent_run
        # Numbers that nothing in the part that is unknown has: events and segments count up from 0 there.
        journal.take_over((), segment=int(time.time()), first=time.time_ns() // 1000, written=True)
        facts.next_segment = int(time.time())
        keep_id(choice.blind)
        return f", from step {step} on; its earlier part is joined later" if step else ""
    if choice.run_id is not None:
        facts.take_id(choice.run_id)
        keep_id(choice.run_id)
    return f" ({choice.problem})" if choice.problem else ""


def changed_words(changed: dict[str, Any]) -> str:
    """The arguments that differ from those before, for the user; empty if none does."""
    shown = [f"{name}={value!r:.60}" for name, value in list(changed.items())[:MOST_SAID]]
    more = f" and {len(changed) - MOST_SAID} more" if len(changed) > MOST_SAID else ""
    return f"; changed: {', '.join(shown)}{more}" if shown else ""


def _continue(earlier: Earlier, facts: Facts, results: Results, journal: Journal, step: int) -> bool:
    over = continued(earlier, step)
    if not journal.open(over.run.id, after=earlier.folded):
        return False
    first = max((event.seq for event in over.log), default=-1) + 1
    if not earlier.whole:  # what another machine has not handed in yet must find its numbers free
        first = max(first, time.time_ns() // 1000)
    _take_over(over, facts, results, journal, first=first, written=True)
    return True


def _fork(
    options: Options, earlier: Earlier, run_id: str | None, facts: Facts, results: Results, journal: Journal, step: int
) -> None:
    own = facts.run if run_id is None else dataclasses.replace(facts.run, id=run_id)
    over = child(earlier, step, own)
    if options.name is not None and not _is_name_of(options.name, earlier.run):
        over = dataclasses.replace(over, run=dataclasses.replace(over.run, name=options.name))
    facts.parent_run = earlier.run.id
    _take_over(over, facts, results, journal, first=len(over.log), written=False)


def _take_over(over: TakenOver, facts: Facts, results: Results, journal: Journal, *, first: int, written: bool) -> None:
    facts.next_segment = next_index(over.run.segments)
    journal.take_over(over.log, segment=facts.next_segment, first=first, written=written)
    facts.go_on(over.run)
    results.go_on(over.run.evaluations)
    keep_id(over.run.id)


def _is_name_of(name: str, run: Run) -> bool:
    """Whether a run was called so, with or without the number that the registry added."""
    return re.fullmatch(re.escape(name) + r"(-[0-9]+)?", run.name) is not None
