"""Two real processes of `torchrun` train together: one run, written by the first of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cardgen
from cardgen.registry import Registry
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")

CANNOT = {
    "parallel_mode != ParallelMode.DISTRIBUTED": "this version of the library does not train in parallel on CPUs",
    "(tagged with cpu:": "this version of transformers cannot resume on CPUs in parallel",
}
"""What older versions say of what they cannot do."""

RANKS = """
import json, os, sys, threading
from pathlib import Path
import torch
import cardgen
from tests.tracking import tiny
from tests.tracking.library import SentenceTransformer

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
args = {"ddp_backend": "gloo", "save_strategy": "steps", "save_steps": 2, "logging_steps": 1,
        "eval_strategy": "steps", "eval_steps": 2}
told = {}


def train(part, steps, resume=None):
    model = SentenceTransformer(str(folder / "base"), device="cpu")
    trainer = tiny.st_trainer(folder, model=model, args={**args, "max_steps": steps},
                              evaluator=tiny.similarity_evaluator("dev"))
    with cardgen.track(trainer, name="together", project="p") as run:
        trainer.train(resume_from_checkpoint=resume)
        result = run.evaluate(tiny.triplet_evaluator("test"))
        trainer.save_model(str(folder / part))
        if rank == 0:
            trainer.model.save_pretrained(str(folder / f"{part}-of-rank-0"))
            (folder / f"{part}.md").write_text(cardgen.render_card(run))
        run.note("bias", "English only.")
        run.tag(f"rank-{rank}")
        run.set(license="mit")
        told[part] = {
            "id": run.id,
            "name": run.name,
            "result": result,
            "weight": float(next(model.parameters()).detach().double().sum()),
            "events": len(run.log),
            "segments": len(run.run.segments),
            "world": run.run.environment.world_size,
            "threads": sum(thread.name.startswith("cardgen") for thread in threading.enumerate()),
        }
    run.finish()


train("first", 4)
train("second", 6, str(folder / "out" / "checkpoint-4"))
(folder / f"rank-{rank}.json").write_text(json.dumps(told))
torch.distributed.destroy_process_group()
"""


def test_two_ranks_are_one_run(tmp_path: Path, open_registry: Open) -> None:
    """Same model on both, each evaluates, only the first writes and says anything; the card is the library's.

    Then both resume, and the run goes on. On the second rank the handle has the same methods, and they do nothing.
    """
    tiny.build_st(tmp_path).save_pretrained(str(tmp_path / "base"))
    script = tmp_path / "train.py"
    script.write_text(RANKS)
    root = Path(__file__).parents[2]
    job = {"SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "node[1-2]", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tmp_path],
        cwd=root,
        env={**os.environ, **job},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    for sign, reason in CANNOT.items():
        if sign in done.stderr:
            pytest.skip(reason)
    assert done.returncode == 0, done.stderr
    first, other = (json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1))
    with open_registry() as registry:
        (row,) = registry.listing()
        run, log = registry.run(row.id), registry.log(row.id)
        status = registry.status()
    for part in ("first", "second"):
        assert first[part]["weight"] == other[part]["weight"]
        assert first[part]["result"] == other[part]["result"]
        assert first[part]["id"] == run.id
        assert (other[part]["events"], other[part]["segments"], other[part]["threads"]) == (0, 0, 0)
    assert first["first"]["world"] == 2
    said = [line.partition("cardgen: ")[2] for line in done.stderr.splitlines() if "cardgen: " in line]
    assert len(said) == 4, said
    # the registry
    assert (run.name, run.status, run.problems) == ("together", "finished", ())
    assert run.tags == ("rank-0",)
    assert run.model.license == "mit"
    assert [(segment.start_step, segment.end_step) for segment in run.segments] == [(0, 4), (4, 6)]
    assert [event.step for event in log if "loss" in event.values] == [1, 2, 3, 4, 5, 6]
    assert [event.seq for event in log] == list(range(len(log)))
    assert [evaluation.dataset_name for evaluation in run.evaluations] == ["dev", "test"]
    assert run.environment.world_size == 2
    assert run.environment.hostname
    assert run.environment.scheduler == {"SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "node[1-2]"}
    assert (status.pending_spools, status.damaged_spools) == (0, 0)
    assert list(Path(os.environ["CARDGEN_REGISTRY"] + ".spool").glob("*")) == []
    # cards: of the first training as the library made it, of both as the registry has it
    ours, theirs = (
        # the library reads its clock again whenever it writes a card
        [
            line
            for line in path.read_text().splitlines()
            if not line.startswith(("- **Training**", "- **Evaluation**", "- **Total**"))
        ]
        for path in (tmp_path / "first.md", tmp_path / "first-of-rank-0" / "README.md")
    )
    assert ours == theirs
    assert "| 1.0   | 2    |" in "\n".join(ours)
    assert "English only." in cardgen.render_card("together")


def test_hosts_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CARDGEN_HOSTS=off`: neither this host nor those of the job are recorded; the job is."""
    for name, value in {"CARDGEN_HOSTS": "off", "SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "node[1-2]"}.items():
        monkeypatch.setenv(name, value)
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
    assert run.run.environment.hostname is None
    assert run.run.environment.scheduler == {"SLURM_JOB_ID": "12"}
