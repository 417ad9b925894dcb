"""Many processes on one registry: nothing is lost, and nobody is told that a database is locked.

`CARDGEN_TEST_SECONDS=60` has the writers write for a minute (default: 1 second).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cardgen.record import LogEvent, Run
from cardgen.registry import Registry, SpoolWriter, spool_folder
from tests.registry.versions import NEXT, next_scripts

MakeRun = Callable[..., Run]
MakeEvents = Callable[..., list[LogEvent]]
Start = Callable[..., "subprocess.Popen[str]"]
Outputs = Callable[..., list[str]]

SECONDS = float(os.environ.get("CARDGEN_TEST_SECONDS", "1"))
WRITERS, READERS = 8, 2

RECORD = """
import json, os, sys, time
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.tracking.options import make_options
from cardgen.tracking.sink import Sink
options = make_options(name=None, project=None, group=None, tags=(), registry=sys.argv[1])
sys.stderr = sys.stdout  # whatever is said counts
print("ready", flush=True)
sys.stdin.readline()
run = Run(id=new_run_id(), name="same", model=Model(type="CrossEncoder"), status="running")
sink = Sink(options, run.id, renamed=lambda name: None, released=lambda: None)
sink.snapshot(run)
end, seq, slowest = time.monotonic() + float(sys.argv[2]), 0, 0.0
while time.monotonic() < end:
    before = time.monotonic()
    sink.event(LogEvent(seq=seq, kind="train", step=seq, epoch=seq / 8, values={"loss": 1 / (seq + 1)}))
    seq, slowest = seq + 1, max(slowest, time.monotonic() - before)
    time.sleep(0.004)
sink.close()
print(json.dumps([run.id, seq, slowest]))
"""

READ = """
import json, sys, time
from cardgen.registry import Registry
print("ready", flush=True)
sys.stdin.readline()
end, reads = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end or not reads:
    with Registry(sys.argv[1], mode="read") as registry:
        for row in registry.listing():
            events = registry.log(row.id)
            assert [event.seq for event in events] == list(range(len(events)))
            assert registry.run(row.id).name == row.name
            reads += 1
print(json.dumps(reads))
"""

WRITE_UNTIL_TOLD = """
import select, sys, time
from cardgen.errors import CardgenError
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry, SpoolWriter, spool_folder
run = Run(id=new_run_id(), name="old", model=Model(type="CrossEncoder"), status="running")
writer = SpoolWriter(spool_folder(sys.argv[1]), run.id)
writer.snapshot(run)
registry = Registry(sys.argv[1])
registry.fold(writer.path)
print("ready", flush=True)
sys.stdin.readline()
seq, refused = 0, set()
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(20):
        writer.event(LogEvent(seq=seq, kind="train", step=seq, epoch=None))
        seq += 1
    try:
        registry.fold(writer.path)
    except CardgenError as error:
        refused.add(type(error).__name__)
    time.sleep(0.02)
print(run.id, seq, *sorted(refused))
"""

UPGRADE = """
import sys
from cardgen.errors import CardgenError
from cardgen.registry import Registry, schema
schema.REVISION, schema.SCRIPTS = sys.argv[4], sys.argv[2]
if sys.argv[3] == "silent":
    schema._ACTIVE_MICROSECONDS = -10**15  # no heartbeat is young enough
try:
    with Registry(sys.argv[1]) as registry:
        print(registry.status().schema)
except CardgenError as error:
    print(type(error).__name__)
"""


def test_eight_writers_and_two_readers(url: str, start: Start, outputs: Outputs) -> None:
    """Recordings of eight processes are whole, were never refused, and readers saw no half of anything."""
    Registry(url).close()
    writers = [start(RECORD, url, SECONDS) for _ in range(WRITERS)]
    readers = [start(READ, url, SECONDS) for _ in range(READERS)]
    said = outputs([*writers, *readers], seconds=60 + 3 * SECONDS)
    recorded = [json.loads(line) for line in said[:WRITERS]]
    assert [line.count("\n") for line in said] == [1] * len(said)  # nobody said anything else
    with Registry(url) as registry:  # a machine that is busy may have left the last fold to it
        assert len({row.name for row in registry.listing()}) == WRITERS
        for run_id, count, _ in recorded:
            assert [event.seq for event in registry.log(run_id)] == list(range(count))
            assert count > 0
        assert registry.verify().findings == ()
    assert list(spool_folder(url).iterdir()) == []
    slowest = max(seconds for *_, seconds in recorded)
    print(f"{sum(count for _, count, _ in recorded)} events in {SECONDS:.0f} s; the slowest call took {slowest:.3f} s")


def test_eight_processes_make_a_registry_once(tmp_path: Path, start: Start, outputs: Outputs) -> None:
    """Recordings that start together where nothing is yet: one makes the registry, and all are in it."""
    path = tmp_path / "new" / "registry.db"
    recorded = [json.loads(line) for line in outputs([start(RECORD, path, 0.1) for _ in range(WRITERS)])]
    with Registry(path) as registry:
        assert sorted(row.id for row in registry.listing()) == sorted(run_id for run_id, *_ in recorded)
        assert registry.verify().whole
    assert sorted(file.name for file in path.parent.iterdir()) == ["registry.db", "registry.db.spool"]


@pytest.mark.parametrize("alive", [True, False], ids=["living", "silent"])
def test_an_upgrade_while_eight_write(tmp_path: Path, start: Start, outputs: Outputs, alive: bool) -> None:
    """It is refused while runs are alive. If they seem dead it goes through, and what they write waits in spools."""
    path = tmp_path / "old.db"
    scripts = next_scripts(tmp_path)
    Registry(path).close()
    writers = [start(WRITE_UNTIL_TOLD, path) for _ in range(WRITERS)]
    for process in writers:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
    upgrade = start(UPGRADE, path, scripts, "living" if alive else "silent", NEXT).communicate(timeout=60)[0].strip()
    printed = [process.communicate("\n", timeout=60)[0].split() for process in writers]
    assert [process.returncode for process in writers] == [0] * WRITERS
    assert upgrade == ("RegistryBusy" if alive else NEXT)
    assert {word for _, _, *refused in printed for word in refused} == (set() if alive else {"SchemaTooNew"})
    with Registry(path, mode="write") if alive else upgraded(path, scripts) as registry:
        for run_id, count, *_ in printed:
            assert [event.seq for event in registry.log(run_id)] == list(range(int(count)))
        assert registry.verify().whole


def upgraded(path: Path, scripts: str) -> Registry:
    """The registry as a cardgen of the next revision opens it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cardgen.registry.schema.REVISION", NEXT)
        patch.setattr("cardgen.registry.schema.SCRIPTS", scripts)
        return Registry(path)


def test_a_forked_child_uses_connections_of_its_own(url: str, make_run: MakeRun, make_events: MakeEvents) -> None:
    """A child may use the registry of its parent, and ends without a trace in its connections, locks or spool."""
    run = make_run(status="running")
    with Registry(url) as registry:
        writer = SpoolWriter(spool_folder(url), run.id)
        writer.snapshot(run)
        registry.fold(writer.path)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                registry.append(run.id, make_events(5))
                registry.close()
                writer.close()
                writer.event(make_events(1)[0])
            except OSError as error:
                code = 0 if "forked" in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert registry.append(run.id, make_events(8)) == 3
        assert registry.status().orphan_spools == 0
        writer.event(LogEvent(seq=8, kind="train", step=8, epoch=None))
        assert registry.status().orphan_spools == 0
        assert registry.status().pending_spools == 1
        assert registry.fold(writer.path) == 1
        assert writer.path.exists()  # its lock is the parent's still
        writer.close()
