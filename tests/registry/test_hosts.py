"""Two hosts and a file server, in network namespaces: a registry on a real network file system (sshfs).

Its hosts do not see each other's locks and remember what they have read, as those of any such file system may. Needs
root, `ip`, `unshare`, and what `apt-get install sshfs openssh-sftp-server` has.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardgen.registry import Registry

Host = Callable[..., "subprocess.Popen[str]"]
ROOT = Path(__file__).parents[2]
SFTP = "/usr/lib/openssh/sftp-server"
MISSING = [name for name in ("ip", "unshare", "sshfs", SFTP) if shutil.which(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"no {' and no '.join(MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/fuse").exists(), reason="needs root and /dev/fuse"),
]

SERVER = f"""
import socket, subprocess
server = socket.create_server(("0.0.0.0", 4000))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    subprocess.Popen([{SFTP!r}], stdin=connection.fileno(), stdout=connection.fileno())
    connection.close()
"""

MOUNTED = """
mount --make-rprivate / && hostname "host$1" && mount -t tmpfs none "$4" && mkdir "$4/mnt" &&
sshfs -o directport=4000 "10.77.$1.1:$2" "$4/mnt" && cd "$4/mnt" && exec "$3" -c "$5"
"""

WRITE = """
from pathlib import Path
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.registry import Registry, SpoolWriter, filesystem, spool_folder
path = Path("registry.db").absolute()
assert filesystem.network_type(path) == "fuse"
run = Run(id=new_run_id(), name="spooled", model=Model(type="CrossEncoder"), status="finished")
writer = SpoolWriter(spool_folder(path), run.id)
writer.snapshot(run)
for seq in range(10):
    writer.event(LogEvent(seq=seq, kind="train", step=seq, epoch=None))
writer.close()
with Registry(path, busy_seconds=100) as registry:
    registry.fold(writer.path)
    registry.save(Run(id=new_run_id(), name="saved", model=Model(type="CrossEncoder")))
    assert all(registry.run(row.id).name == row.name for row in registry.listing())
print("done")
"""

RECORD = """
import os, signal, sys
from pathlib import Path
from cardgen.identity import new_run_id
from cardgen.record import LogEvent, Model, Run
from cardgen.tracking.options import make_options
from cardgen.tracking.sink import Sink
path = Path("registry.db").absolute()
options = make_options(name=None, project=None, group=None, tags=(), registry=path)
run = Run(id="living", name="living", model=Model(type="CrossEncoder"), status="running")
sink = Sink(options, run.id, renamed=lambda name: None, released=lambda: None)
sink.snapshot(run)
for seq in range(100):
    if seq in (30, 60):
        print(seq, flush=True)
        sys.stdin.readline()
    sink.event(LogEvent(seq=seq, kind="train", step=seq, epoch=None))
os.kill(os.getpid(), signal.SIGKILL)
"""

FOLD = """
from pathlib import Path
from cardgen.registry import Registry
with Registry(Path("registry.db").absolute(), busy_seconds=100) as registry:
    print([item.state for item in registry.ingest()], len(registry.log("living")))
"""


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Path]:
    """A folder that a server of its own gives to two hosts."""
    folder = tmp_path / "share"
    folder.mkdir()
    names = {name: f"cg{os.getpid()}{name}" for name in ("server", "1", "2")}

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    server: subprocess.Popen[str] | None = None
    try:
        for name in names.values():
            ip("netns", "add", name)
        for host in ("1", "2"):
            near, far = f"cgs{host}", f"cgh{host}"
            pair = ("link", "add", near, "netns", names["server"], "type", "veth", "peer", "name", far)
            ip(*pair, "netns", names[host])
            for name, end, number in ((names["server"], near, 1), (names[host], far, 2)):
                ip("-n", name, "addr", "add", f"10.77.{host}.{number}/30", "dev", end)
                ip("-n", name, "link", "set", end, "up")
        inside = ["ip", "netns", "exec", names["server"], sys.executable, "-c", SERVER]
        server = subprocess.Popen(inside, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield folder
    finally:
        if server is not None:
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], check=False)


@pytest.fixture
def on_host(share: Path, tmp_path: Path) -> Iterator[Host]:
    """Run Python code on a host, in the folder that it has from the server."""
    place = tmp_path / "place"
    place.mkdir()
    started = []

    def run(host: int, code: str) -> subprocess.Popen[str]:
        prefix = ["ip", "netns", "exec", f"cg{os.getpid()}{host}", "unshare", "--mount", "--uts", "--pid", "--fork"]
        script = ["sh", "-c", MOUNTED, "sh", str(host), str(share), sys.executable, str(place), code]
        process = subprocess.Popen(
            [*prefix, "--kill-child", "--mount-proc", *script],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_two_hosts_write_at_once(share: Path, on_host: Host) -> None:
    """Two processes on each of two hosts make the registry once, lose nothing, and read only what is whole."""
    writers = [on_host(host, WRITE) for host in (1, 2, 1, 2)]
    assert [writer.communicate(timeout=300)[0] for writer in writers] == ["done\n"] * 4
    assert sorted(path.name for path in share.iterdir()) == ["registry.db", "registry.db.spool"]
    with Registry(share / "registry.db") as registry:
        runs = registry.listing()
        assert len({run.name for run in runs}) == 8
        assert sum(registry.state(run.id).events for run in runs) == 40
        assert registry.verify().findings == ()


def test_a_host_folds_what_the_other_one_records(share: Path, on_host: Host) -> None:
    """As far as it is; the spool of a living recorder stays, and after a kill all that was accepted is there once."""
    recorder = on_host(1, RECORD)
    assert recorder.stdout is not None
    assert recorder.stdin is not None
    for at in (30, 60):
        assert recorder.stdout.readline() == f"{at}\n"
        states, events = on_host(2, FOLD).communicate(timeout=120)[0].rsplit(maxsplit=1)
        assert states == "['recording']"
        assert 0 < int(events) <= at
        recorder.stdin.write("\n")
        recorder.stdin.flush()
    recorder.wait(timeout=60)
    [spool] = (share / "registry.db.spool").glob("*.jsonl")
    os.utime(spool, (time.time() - 4000,) * 2)  # silent for more than an hour
    assert on_host(2, FOLD).communicate(timeout=120)[0] == "[] 100\n"  # opening it has folded all
    assert not spool.exists()
