"""A process that trains with one reporter and prints what that cost, as a line of JSON.

    python training.py steps REPORTER      a training of 300 real steps, each logged (4 values)
    python training.py events REPORTER     20,000 log events without training between them, until all is stored

Costs that a process has once (imports) are not counted. Set-up is what training waits for until the run has begun, and
`stored` until the new run is in the new store. The processor time is that of all threads between set-up and end;
of that, `own_step_ms` is what goes into the hook and into other threads than the one that trains.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, ProgressCallback, TrainerCallback

STEPS = 300
EVENTS = 20_000


class Clock:
    """Seconds by name; `hook` are those in the reporter's `on_log`, one a step, `hook_cpu` processor time there."""

    def __init__(self) -> None:
        self.hook: list[float] = []
        self.entered = self.began = self.cpu = self.thread = self.hook_cpu = self.hook_entered = 0.0
        self.seconds: dict[str, float] = {}


class Before(TrainerCallback):
    """Stands before the reporter in the list."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """The reporter sets up."""
        self.clock.entered = time.perf_counter()

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        """The reporter logs."""
        self.clock.hook_entered = time.thread_time()
        self.clock.entered = time.perf_counter()

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """The steps are over; the reporter finishes."""
        self.clock.seconds["cpu"] = time.process_time() - self.clock.cpu
        threads = self.clock.seconds["cpu"] - (time.thread_time() - self.clock.thread)
        self.clock.seconds["own"] = self.clock.hook_cpu + threads
        self.clock.seconds["wall"] = time.perf_counter() - self.clock.began


class After(TrainerCallback):
    """Stands behind it."""

    def __init__(self, clock: Clock, reporter: Any, set_up: float) -> None:
        self.clock, self.reporter, self.set_up = clock, reporter, set_up

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """The reporter has set up; what it left to a thread is waited for, so that it is no part of the steps."""
        done = time.perf_counter()
        self.clock.seconds["set_up"] = self.set_up + done - self.clock.entered
        self.reporter.settle()
        self.clock.seconds["stored"] = self.clock.seconds["set_up"] + time.perf_counter() - done
        freeze()
        self.clock.began, self.clock.cpu = time.perf_counter(), time.process_time()
        self.clock.thread = time.thread_time()

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        """The reporter has logged."""
        self.clock.hook.append(time.perf_counter() - self.clock.entered)
        self.clock.hook_cpu += time.thread_time() - self.clock.hook_entered


def freeze() -> None:
    """Take what is there by now out of Python's garbage collection, which every reporter causes some of.

    A trainer brings a million objects: whether going through them falls into the time that is measured is chance.
    """
    gc.collect()
    gc.freeze()


def make_trainer(folder: Path) -> Any:
    """A trainer that logs each step, of a model whose steps take some milliseconds."""
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from cardgen.actions.demo import tiny_model

    torch.set_num_threads(1)
    texts = [f"text {number} of {number * 7 % 100}" for number in range(200)]
    model = tiny_model(texts)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=STEPS,
        logging_steps=1,
        per_device_train_batch_size=4,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=1,
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict({"anchor": texts, "positive": texts[::-1]}),
        loss=MultipleNegativesRankingLoss(model),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def steps(reporter: Any, trainer: Any) -> dict[str, float]:
    """The costs of real steps."""
    clock = Clock()
    trainer.add_callback(Before(clock))
    start = time.perf_counter()
    reporter.attach(trainer)
    trainer.add_callback(After(clock, reporter, time.perf_counter() - start))
    trainer.train()
    reporter.detach()
    return {
        "on_log_ms": statistics.median(clock.hook) * 1000,
        "cpu_step_ms": clock.seconds["cpu"] / STEPS * 1000,
        "own_step_ms": clock.seconds["own"] / STEPS * 1000,
        "wall_step_ms": clock.seconds["wall"] / STEPS * 1000,
        "set_up_s": clock.seconds["set_up"],
        "stored_s": clock.seconds["stored"],
    }


def events(reporter: Any, trainer: Any) -> dict[str, float]:
    """The costs of log events alone, as the trainer would have them."""
    reporter.attach(trainer)
    args, state, control, handler = trainer.args, trainer.state, trainer.control, trainer.callback_handler
    state.is_world_process_zero = state.is_local_process_zero = True
    hook = handler.callbacks[-1]
    hook.on_train_begin(args, state, control, model=trainer.model)
    reporter.settle()
    freeze()
    start = time.perf_counter()
    for step in range(1, EVENTS + 1):
        state.global_step, state.epoch = step, step / EVENTS
        logs = {"loss": 1.0 / step, "grad_norm": 0.5 + 1e-6 * step, "learning_rate": 2e-5, "epoch": state.epoch}
        hook.on_log(args, state, control, logs=logs)
    logged = time.perf_counter()
    hook.on_train_end(args, state, control)
    reporter.detach()
    return {"caller_us": (logged - start) / EVENTS * 1e6, "total_us": (time.perf_counter() - start) / EVENTS * 1e6}


def main(what: str, name: str) -> None:
    """Measure and print."""
    from reporters import REPORTERS

    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(Path(folder))
        measured = {"steps": steps, "events": events}[what](REPORTERS[name](), trainer)
    print(json.dumps(measured))


if __name__ == "__main__":
    main(*sys.argv[1:])
