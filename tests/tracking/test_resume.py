"""A resumed training goes on with its run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cardgen
from cardgen.identity import new_run_id
from cardgen.jobs import job_ids, job_key
from cardgen.record import Run
from cardgen.registry import Registry
from cardgen.standing import standing_log
from cardgen.tracking.options import give_back
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")
SAVING: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2, "logging_steps": 1}


@pytest.mark.parametrize("restore", [False, True])
def test_the_run_of_the_checkpoint_goes_on(restore: bool, tmp_path: Path, open_registry: Open) -> None:
    """Same id and name, two segments, one log, durations added up, and the argument that changed."""
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer, name="long", project="p") as first:
        trainer.train()
        first.evaluate(tiny.similarity_evaluator("middle"))
    trainer = tiny.st_trainer(
        tmp_path,
        args={**SAVING, "max_steps": 6, "restore_callback_states_from_checkpoint": restore},
    )
    with cardgen.track(trainer, tags=["more"]) as second:
        assert second.id != first.id
        trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
        second.evaluate(tiny.similarity_evaluator("end"))
    assert second.id == first.id
    with open_registry() as registry:
        assert len(registry.listing()) == 1
        run = registry.run("long")
        log = registry.log(run.id)
    assert run == second.run
    assert [(segment.index, segment.start_step, segment.end_step) for segment in run.segments] == [(0, 0, 4), (1, 4, 6)]
    assert run.segments[1].changed["max_steps"] == 6
    assert [event.seq for event in log] == list(range(len(log)))
    assert [event.step for event in log if "loss" in event.values] == [1, 2, 3, 4, 5, 6]
    assert {event.segment for event in log} == {0, 1}
    assert [evaluation.dataset_name for evaluation in run.evaluations] == ["middle", "end"]
    assert run.durations is not None
    assert run.durations.total_seconds == pytest.approx(sum(s.training_seconds or 0 for s in run.segments))
    assert (run.project, run.tags, run.started) == ("p", ("more",), first.run.started)


def test_a_checkpoint_of_somebody_else_starts_a_new_run(tmp_path: Path, open_registry: Open) -> None:
    """Made without the hook, it has no id; with the id of an unknown run, the new run says so."""
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    trainer.train()
    checkpoint = tmp_path / "out" / "checkpoint-2"
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer) as run:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    assert run.run.problems == ()
    assert run.run.segments[0].start_step == 2

    state = checkpoint / "trainer_state.json"
    unknown = new_run_id()
    text = json.loads(state.read_text())
    text["stateful_callbacks"]["cardgen"] = {"args": {"run_id": unknown}, "attributes": {}}
    state.write_text(json.dumps(text))
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer) as other:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    assert other.id not in (unknown, run.id)
    assert any(unknown in problem for problem in other.run.problems)
    with open_registry() as registry:
        assert {row.id for row in registry.listing()} == {run.id, other.id}


def test_a_run_recorded_offline_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier part may be in a spool that nobody folded yet."""
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer) as first:
        trainer.train()
    monkeypatch.delenv("CARDGEN_MODE")
    trainer = tiny.st_trainer(tmp_path, args={**SAVING, "max_steps": 6})
    with cardgen.track(trainer) as second:
        trainer.train(resume_from_checkpoint=True)
    assert second.id == first.id
    with cardgen.Registry() as registry:
        assert len(registry.run(first.id).segments) == 2
        assert len(registry.log(first.id)) == len(first.log) + 3


def test_the_id_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CARDGEN_RUN_ID is the id of the next run of the process, and of that one only.

    A run of this id that has finished, or was deleted, is left alone: the new one says so.
    """
    wanted = new_run_id()
    monkeypatch.setenv("CARDGEN_RUN_ID", wanted)
    ids = []
    for part in ("a", "b"):
        trainer = tiny.st_trainer(tmp_path / part)
        with cardgen.track(trainer) as run:
            trainer.train()
        ids.append(run.id)
    assert ids[0] == wanted
    assert ids[1] != wanted
    give_back(wanted)  # as if this were another process
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as late:
        trainer.train()
    assert late.id not in ids
    assert [wanted in problem for problem in late.run.problems] == [True]
    assert late.run.model.parent_run is None
    with Registry() as registry:
        registry.delete(wanted, purge=True)
    give_back(wanted)
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as other:
        trainer.train()
    with Registry() as registry:
        assert any(wanted in problem for problem in registry.run(other.id).problems)
        assert wanted not in {row.id for row in registry.listing()}


LIFE = """
import os, signal, sys
from pathlib import Path
from transformers import TrainerCallback
import cardgen
from tests.tracking import tiny

cardgen.CardCallback
tiny.tokenizer()  # one for all: in another process it may come out with another vocabulary
folder = Path(sys.argv[1])


class Kill(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def train(part, kill=None, seed=11, twice=False, resume=None, **environ):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.environ.update(environ)
    for _ in range(1 + twice):
        args = {"save_strategy": "steps", "save_steps": 2, "logging_steps": 1, "max_steps": 5, "seed": seed}
        trainer = tiny.st_trainer(folder / part, args=args, callbacks=[Kill(kill)])
        with cardgen.track(trainer, project=part):
            trainer.train(resume_from_checkpoint=resume)
    os._exit(0)


slurm = {"SLURM_JOB_ID": "71", "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "3"}
others = {
    "lsf": {"LSB_JOBID": "5", "LSB_JOBINDEX": "12"},
    "pbs": {"PBS_JOBID": "3[2].server", "PBS_ARRAY_INDEX": "2"},
    "kubernetes": {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_UID": "7f1c", "JOB_COMPLETION_INDEX": "0"},
}
train("checkpoint", kill=4)
train("checkpoint", resume=True)
train("job", kill=4, **slurm)
train("job", kill=4, seed=12, **slurm)
train("job", SLURM_RESTART_COUNT="1", twice=True, **slurm)
for name, job in others.items():
    train(name, kill=2, **job)
    pod = {"HOSTNAME": "train-x7k2p"} if name == "kubernetes" else {}  # a restart is another pod
    train(name, **job, **pod)
train("id", kill=3, CARDGEN_RUN_ID="nightly")
train("id", CARDGEN_RUN_ID="nightly")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_killed_trainings_go_on(tmp_path: Path) -> None:
    """After SIGKILL, found by checkpoint, by scheduler job and by id: one run, every step once, all segments timed.

    Other trainings of the job (another seed, the second of a process) are runs of their own.
    """
    done = subprocess.run(
        [sys.executable, "-c", LIFE, str(tmp_path)],
        cwd=tmp_path,  # not in a repository: a commit in the meantime would be another state of the code
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Registry() as registry:
        parts = ("checkpoint", "job", "lsf", "pbs", "kubernetes", "id")
        runs = {part: registry.runs(project=part, order_by="created") for part in parts}
        logs = {run.id: registry.log(run.id) for found in runs.values() for run in found}

    def steps(run: Run) -> list[int]:
        return [event.step for event in standing_log(run.segments, logs[run.id]) if "loss" in event.values]

    (resumed,) = runs["checkpoint"]
    steps_of = [(segment.start_step, segment.end_step) for segment in resumed.segments]
    assert steps_of == [(0, 3), (2, 5)], done.stderr
    assert resumed.status == "finished"
    assert resumed.segments[1].changed == {}
    assert [len(run.segments) for run in runs["job"]] == [2, 1, 1], done.stderr
    restarted, other_seed, second = runs["job"]
    assert [run.status for run in runs["job"]] == ["finished", "running", "finished"]
    assert other_seed.hyperparameters is not None
    assert other_seed.hyperparameters.values["seed"] == 12
    (nightly,) = runs["id"]
    assert (nightly.id, len(nightly.segments), nightly.status) == ("nightly", 2, "finished")
    of_jobs = [runs[part][0] for part in ("lsf", "pbs", "kubernetes")]
    assert [(len(runs[run.project or ""]), len(run.segments), run.status) for run in of_jobs] == [
        (1, 2, "finished")
    ] * 3
    for run in (resumed, restarted, second, nightly, *of_jobs):
        assert steps(run) == [1, 2, 3, 4, 5]
        assert all(segment.training_seconds for segment in run.segments)
        assert run.durations is not None
        assert run.durations.total_seconds == pytest.approx(sum(s.training_seconds or 0.0 for s in run.segments))
    assert [event.step for event in logs[resumed.id] if "loss" in event.values] == [1, 2, 3, 3, 4, 5]


def test_a_run_goes_on_while_the_registry_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_registry: Open
) -> None:
    """What is recorded meanwhile, on a machine that knows nothing of the run, is folded into the same run later."""
    trainer = tiny.st_trainer(tmp_path, args=SAVING)
    with cardgen.track(trainer, name="long", project="p", tags=["a"]) as first:
        trainer.train()
        first.evaluate(tiny.similarity_evaluator("middle"))
        first.finish("failed")  # after the training: it may go on from any of its checkpoints
    path = Path(os.environ["CARDGEN_REGISTRY"])
    monkeypatch.setenv("CARDGEN_MODE", "offline")
    for steps in (5, 6):  # the second time, its own spool is all that it knows
        if steps == 6:
            monkeypatch.delenv("CARDGEN_MODE")
            path.rename(tmp_path / "away.db")
            path.write_text("somebody else's")
        trainer = tiny.st_trainer(tmp_path, args={**SAVING, "max_steps": steps})
        with cardgen.track(trainer, tags=["b"]) as second:
            trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
            second.evaluate(tiny.similarity_evaluator("end"))
            second.finish("failed" if steps == 5 else "finished")
        assert second.id == first.id
    (tmp_path / "away.db").rename(path)
    Registry().close()
    with open_registry() as registry:
        assert len(registry.listing()) == 1
        run, log = registry.run("long"), registry.log("long")
    assert (run.id, run.project, run.tags, run.status) == (first.id, "p", ("a", "b"), "finished")
    assert [(segment.start_step, segment.end_step) for segment in run.segments] == [(0, 4), (4, 5), (4, 6)]
    assert [event.step for event in log if "loss" in event.values] == [1, 2, 3, 4, 5, 5, 6]
    standing = standing_log(run.segments, log)
    assert [event.step for event in standing if "loss" in event.values] == [1, 2, 3, 4, 5, 6]
    assert {event.segment for event in log} == {segment.index for segment in run.segments}
    assert [evaluation.dataset_name for evaluation in run.evaluations] == ["middle", "end"]
    assert run.durations is not None
    assert run.durations.total_seconds == pytest.approx(sum(s.training_seconds or 0.0 for s in run.segments))


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"SLURM_JOB_ID": "7"}, "slurm:/7/0"),
        ({"SLURM_JOB_ID": "7", "SLURM_CLUSTER_NAME": "big", "SLURM_PROCID": "2"}, "slurm:big/7/2"),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}, "slurm:/7_2/0"),
        ({"SLURM_JOB_ID": "9", "SLURM_HET_JOB_ID": "8", "SLURM_HET_JOB_OFFSET": "1"}, "slurm:/8+1/0"),
        ({"LSB_JOBID": "5", "LSB_JOBINDEX": "0"}, "lsf:5[0]"),
        ({"LSB_JOBID": "5", "LSB_JOBINDEX": "12"}, "lsf:5[12]"),
        ({"PBS_JOBID": "3[2].server", "PBS_ARRAY_INDEX": "2"}, "pbs:3[2].server[2]"),
        ({"KUBERNETES_SERVICE_HOST": "h", "HOSTNAME": "train-x7k2p"}, "kubernetes:pod//train-x7k2p"),
        ({"KUBERNETES_SERVICE_HOST": "h", "HOSTNAME": "t-0", "POD_UID": "u"}, "kubernetes:pod/u"),
        ({"KUBERNETES_SERVICE_HOST": "h", "JOB_UID": "j", "JOB_COMPLETION_INDEX": "4"}, "kubernetes:job/j[4]"),
        ({"KUBERNETES_SERVICE_HOST": "h", "HOSTNAME": "trainer-0"}, None),
        ({"HOSTNAME": "train-x7k2p", "JOB_NAME": "nightly"}, None),
    ],
)
def test_a_job_is_known_by_what_no_other_job_gets(environ: dict[str, str], key: str | None) -> None:
    """Array and heterogeneous jobs by their parts; names that come back for other trainings are no key."""
    assert job_key(job_ids(environ)) == key
