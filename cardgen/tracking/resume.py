"""How a training finds the run that it goes on with.

- A checkpoint names its run, in the trainer's state. The training goes on with it unless that run is still being
  recorded, finished beyond the checkpoint, or was imported: then it is a child run with the history up to there.
- Without a checkpoint, `CARDGEN_RUN_ID` names the run; a run that cannot go on is left alone, and a new one is made.
  With a checkpoint of another run, the variable counts: its run goes on, or is made as a child of the checkpoint's.
- Without both, a restarted job finds the run of the same training that it did not finish. Whatever may have been
  another training (other arguments, data, command or code, several candidates) is none.

Where the registry cannot be asked, the run that is named goes on without its earlier part, and both are joined when
the spool is folded (see `cardgen.registry.joining`).
"""

from __future__ import annotations

import platform
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cardgen.capture.trainer import changed_arguments
from cardgen.errors import CardgenError, RegistryError, RegistryNotFound, RunNotFound
from cardgen.jobs import job_key
from cardgen.record import LogEvent, Run
from cardgen.registry.codec import decode_event, decode_run
from cardgen.registry.spool import SUFFIX, read_spool, writer_lives
from cardgen.tracking.earlier import Earlier, obstacle
from cardgen.tracking.guard import say
from cardgen.tracking.options import Options, ids_of_this_process

if TYPE_CHECKING:
    from cardgen.registry import Registry

LOAD_SECONDS = 20.0
"""How long the start of a resumed training waits for the registry."""

WATCH_SECONDS = 11.0
"""How long a recorder on another machine is watched for a sign of life; it gives one every 5 seconds."""

FRESH_SECONDS = 60.0
"""A recorder that was not heard of for so long is gone."""

_INCIDENTAL = ("logging_dir", "run_name", "resume_from_checkpoint", "local_rank")
"""Arguments that differ between two starts of the same command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known when a training starts.

    `checkpoint` is the run that the trainer's state names, `chosen` that of `CARDGEN_RUN_ID`, `run` the record so far,
    `step` where the training starts.
    """

    checkpoint: str | None
    chosen: str | None
    run: Run
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The run of a training.

    One of: it goes on with `continues`; it is a child of `forks` (`reason` says why); it has the id `blind` of a run
    that could not be looked up. Else it is a new run. `run_id` is the id of a new or child run, None for the one that
    it has. `parent` is the id of a parent that could not be looked up. `problem` is for the record.
    """

    continues: Earlier | None = None
    forks: Earlier | None = None
    blind: str | None = None
    run_id: str | None = None
    parent: str | None = None
    reason: str | None = None
    problem: str | None = None


def noted_run(state: Any) -> str | None:
    """The id of the run that a trainer's state, as a checkpoint had it, belongs to."""
    callbacks = state.stateful_callbacks
    noted = callbacks.get("cardgen") if isinstance(callbacks, dict) else None
    args = noted.get("args") if isinstance(noted, dict) else None
    run_id = args.get("run_id") if isinstance(args, dict) else None
    return run_id if isinstance(run_id, str) and run_id else None


def note_run(state: Any, run_id: str) -> None:
    """Have every checkpoint from now on say that it belongs to this run, in the form of a stateful callback."""
    if state.stateful_callbacks is None:
        state.stateful_callbacks = {}
    state.stateful_callbacks["cardgen"] = {"args": {"run_id": run_id}, "attributes": {}}


def choose(options: Options, start: Start, new_id: str) -> Choice:
    """The run that a training is recorded in. `new_id` is for a run that cannot have the id it was to have."""
    named = tuple(dict.fromkeys(run_id for run_id in (start.chosen, start.checkpoint) if run_id))
    if not named and job_key(start.run.environment.scheduler) is None:
        return Choice()
    answer = _ask(options, named, start)
    if not named:
        return Choice(continues=answer.of_job)
    if start.checkpoint is None:
        return _for_chosen(answer, start, named[0], new_id)
    if len(named) == 2:
        return _for_both(answer, start, new_id)
    earlier = answer.found.get(start.checkpoint)
    if earlier is None:
        if not answer.reached:
            return Choice(blind=start.checkpoint)
        return Choice(problem=f"this training resumes run {start.checkpoint}, which the registry does not have")
    reason = obstacle(earlier, start.step)
    if reason is None:
        return Choice(continues=earlier)
    return Choice(forks=earlier, run_id=new_id if start.chosen else None, reason=reason)


def _for_chosen(answer: _Answer, start: Start, chosen: str, new_id: str) -> Choice:
    earlier = answer.found.get(chosen)
    if chosen in answer.deleted:
        problem = f"CARDGEN_RUN_ID is {chosen}, a run that was deleted: this is another one"
        return Choice(run_id=new_id, problem=problem)
    if earlier is None:
        return Choice() if answer.reached else Choice(blind=chosen)
    reason = obstacle(earlier, start.step)
    if reason is None:
        return Choice(continues=earlier)
    problem = f"CARDGEN_RUN_ID is {chosen}, a run that {reason}: this is another one"
    return Choice(run_id=new_id, problem=problem)


def _for_both(answer: _Answer, start: Start, new_id: str) -> Choice:
    """`CARDGEN_RUN_ID` and a checkpoint name two runs."""
    chosen, checkpoint = start.chosen or "", start.checkpoint or ""
    mine, parent = answer.found.get(chosen), answer.found.get(checkpoint)
    if mine is not None and obstacle(mine, start.step) is None:
        return Choice(continues=mine)
    run_id = chosen if mine is None and chosen not in answer.deleted else new_id
    if parent is not None:
        return Choice(forks=parent, run_id=run_id, reason="is not the one that CARDGEN_RUN_ID names")
    if not answer.reached:
        return Choice(blind=run_id, parent=checkpoint)
    return Choice(
        run_id=run_id, problem=f"this training starts from run {checkpoint}, which the registry does not have"
    )


# Asking the registry


class _Answer:
    """What the registry told. `reached` is False where it could not be asked, or did not answer in time."""

    def __init__(self) -> None:
        self.reached = False
        self.found: dict[str, Earlier] = {}
        self.deleted: set[str] = set()
        self.of_job: Earlier | None = None


def _ask(options: Options, named: tuple[str, ...], start: Start) -> _Answer:
    answer = _Answer()

    def ask() -> None:
        new = _Answer()
        try:
            with _opened(options) as registry:
                for run_id in named:
                    _look_up(registry, options, run_id, start, new)
                if not named:
                    new.of_job = _unfinished_of_job(registry, options, start)
        except RegistryNotFound:
            pass
        except Exception as error:  # any driver may fail in any way
            say(f"the registry cannot be asked for the earlier part of this training ({error})")
            return
        new.reached = True
        answers.append(new)

    answers: list[_Answer] = []
    if options.settings.mode == "normal":
        thread = threading.Thread(target=ask, name="cardgen-resume", daemon=True)
        thread.start()
        thread.join(LOAD_SECONDS)
    if answers:
        return answers[0]
    for run_id in named:
        earlier = _from_spool(options, run_id)
        if earlier is not None:
            answer.found[run_id] = earlier
    return answer


def _opened(options: Options) -> Registry:
    """The registry, for writing where it can be: opening it folds what a killed process left."""
    from cardgen.registry import Registry

    try:
        return Registry(options.settings.registry)
    except RegistryNotFound:
        raise
    except RegistryError:
        return Registry(options.settings.registry, mode="read")


def _look_up(registry: Registry, options: Options, run_id: str, start: Start, answer: _Answer) -> None:
    try:
        run = registry.recorded(run_id)
    except RunNotFound:
        run = None
    if run is not None and run.id == run_id:
        answer.found[run_id] = _earlier(registry, options, run, start)
    elif registry.is_deleted(run_id):
        answer.deleted.add(run_id)


def _earlier(registry: Registry, options: Options, run: Run, start: Start) -> Earlier:
    here = run.environment.hostname is not None and run.environment.hostname == platform.node()
    return Earlier(
        run=run,
        log=registry.log(run.id),
        alive=run.origin == "captured" and _is_alive(registry, options, run, start, here=here),
        whole=here and registry.mode == "write",
        folded=registry.state(run.id).folded,
    )


def _is_alive(registry: Registry, options: Options, run: Run, start: Start, *, here: bool) -> bool:
    """Whether a process records this run now.

    On this machine the lock on its spool tells. The recorder on another machine is watched, unless it was not heard of
    for long, or the scheduler says that this is the same job, restarted.
    """
    spool = options.location.spool_folder / (run.id + SUFFIX)
    lives = writer_lives(spool)
    if lives:
        return True
    if here and lives is not None and options.location.path is not None:
        return False
    if run.status in ("failed", "interrupted") or _is_restart(start.run, run):
        return False

    def sign() -> float:
        beat = registry.state(run.id).heartbeat
        try:
            touched = spool.stat().st_mtime
        except OSError:
            touched = 0.0
        return max(touched, beat.timestamp() if beat else 0.0)

    first = sign()
    if time.time() - first > FRESH_SECONDS:
        return False
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        if sign() != first:
            return True
        time.sleep(0.25)
    return False


def _is_restart(now: Run, before: Run) -> bool:
    """Whether the scheduler started this job again since: the process of `before` is gone then."""
    one, other = now.environment.scheduler, before.environment.scheduler
    count, earlier = (ids.get("SLURM_RESTART_COUNT", "0") for ids in (one, other))
    key = job_key(one)
    return (
        key is not None
        and key == job_key(other)
        and count.isdecimal()
        and earlier.isdecimal()
        and (int(count) > int(earlier))
    )


def _unfinished_of_job(registry: Registry, options: Options, start: Start) -> Earlier | None:
    """The one run of this job that did not finish and was the same training; a process never finds its own runs."""
    key = job_key(start.run.environment.scheduler)
    own = ids_of_this_process()
    found = []
    for run_id in registry.having("run", "job", key or ""):
        if run_id in own:
            continue
        run = registry.recorded(run_id)
        if run.status != "finished" and same_training(run, start.run):
            found.append(run)
    if len(found) != 1:
        return None
    earlier = _earlier(registry, options, found[0], start)
    return earlier if obstacle(earlier, start.step) is None else None


def same_training(one: Run, other: Run) -> bool:
    """Whether two runs are of the same command, code, arguments, model and data, as a restarted job's are."""
    return _recipe(one) == _recipe(other) and not _changed(one, other)


def _changed(one: Run, other: Run) -> bool:
    if one.hyperparameters is None or other.hyperparameters is None:
        return True
    before, after = one.hyperparameters.values, other.hyperparameters.values
    names = {*changed_arguments(before, after), *(before.keys() - after.keys())}
    return any(name not in _INCIDENTAL and repr(before.get(name)) != repr(after.get(name)) for name in names)


def _recipe(run: Run) -> tuple[object, ...]:
    environment = run.environment
    data = tuple((d.role, d.name, d.hub_id, d.size, tuple(c.name for c in d.columns), d.loss) for d in run.datasets)
    model = (run.model.type, run.model.base_model, run.model.architecture)
    return environment.command_line, environment.git_commit, environment.git_dirty, run.project, model, data


def _from_spool(options: Options, run_id: str) -> Earlier | None:
    """The run as its spool on this machine has it, where the registry cannot be asked."""
    path = options.location.spool_folder / (run_id + SUFFIX)
    run: Run | None = None
    log: dict[int, LogEvent] = {}
    try:
        for entry in read_spool(path):
            if entry.kind == "run":
                run = decode_run(entry.text)
            elif entry.kind == "event":
                event = decode_event(entry.text)
                log.setdefault(event.seq, event)
        if run is None or run.id != run_id:
            return None
        events = [log[seq] for seq in sorted(log)]
        whole = list(log) == list(range(len(log)))
        return Earlier(run=run, log=events, alive=bool(writer_lives(path)), whole=whole)
    except (OSError, CardgenError):
        return None
