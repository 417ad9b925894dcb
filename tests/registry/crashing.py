"""A writer that is killed at any moment, many times, without the cost of starting Python each time.

`main` forks a child for each line `SEED CALLS SECONDS` on stdin, kills it with SIGKILL that long after so many calls
have returned (so a busy machine changes nothing), and prints which had returned by then: as JSON, `[exit code, run id,
events, documents, saved, deleted, facts]`. The child works as a recorder does, with a spool that is folded by a thread,
and saves and deletes runs besides.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry, SpoolWriter, spool_folder
from cardgen.registry.said import Said

KINDS = EVENT, DOCUMENT, SAVED, DELETED, FACT = b"e", b"d", b"s", b"x", b"f"


def main() -> None:
    """Fork, kill and report, until stdin ends."""
    url = sys.argv[1]
    Registry(url).close()  # everything is imported before the first fork
    print("ready", flush=True)
    for line in sys.stdin:
        seed, calls, seconds = line.split()
        run_id = new_run_id()
        done, told = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(done)
            try:
                work(url, run_id, random.Random(seed), told)
            finally:
                os._exit(3)  # nothing but a kill ends the work
        os.close(told)
        returned = b""
        with os.fdopen(done, "rb", buffering=0) as file:
            while len(returned) < int(calls) and (more := file.read(1)):
                returned += more
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            while more := file.read(65536):
                returned += more
        print(json.dumps([code, run_id, *(returned.count(kind) for kind in KINDS)]), flush=True)


def work(url: str, run_id: str, chance: random.Random, told: int) -> None:
    """Record one run for ever; tell of each call that has returned, after it has."""
    run = Run(id=run_id, name="killed", model=Model(type="CrossEncoder"), status="running")
    writer = SpoolWriter(spool_folder(url), run_id)
    folding = threading.Thread(target=fold, args=(url, writer.path, chance.random() / 50), daemon=True)
    events = documents = facts = 0
    writer.snapshot(run)
    os.write(told, DOCUMENT)
    folding.start()
    registry: Registry | None = None
    while True:
        what = chance.random()
        if what < 0.03:
            facts += 1
            notes = {"bias": f"words {facts}"}
            writer.said(Said(facts={"task": f"t{facts}", "tags": (f"+f{facts}",)}, notes=notes))
            os.write(told, FACT)
        elif what < 0.9:
            writer.event(LogEvent(seq=events, kind="train", step=events, epoch=None, values={"loss": chance.random()}))
            events += 1
            os.write(told, EVENT)
        elif what < 0.95:
            documents += 1
            name = f"renamed-{documents}" if what < 0.92 else run.name
            writer.snapshot(dataclasses.replace(run, tags=(f"t{documents}",), name=name))
            os.write(told, DOCUMENT)
        else:
            registry = registry or Registry(url, busy_seconds=60)
            other = Run(id=f"{run_id}.{documents}.{events}", name="other", model=Model(type="CrossEncoder"))
            registry.save(other)
            os.write(told, SAVED)
            if what > 0.975:
                registry.delete(other.id, purge=what > 0.985)
                os.write(told, DELETED)


def fold(url: str, spool: Path, pause: float) -> None:
    """Fold a spool again and again, as a recorder's thread does."""
    with Registry(url, busy_seconds=60) as registry:
        while True:
            registry.fold(spool)
            time.sleep(pause)
