"""Completion in real shells: what stands in the command line after TAB."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Evaluation
from cardgen.registry import Registry

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(cardgen completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u; eval "$(cardgen completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "cardgen completion fish | source"),
}
CONTROLS = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[()].|\x1b[=>]", re.DOTALL)
_WRAPPER = """\
#!/bin/sh
if [ -n "$_CARDGEN_COMPLETE" ] || [ "$1" = completion ]; then exec "{python}" -m cardgen "$@"; fi
printf "{{{{%s}}}}" "$@"
echo "<<ran>>"
"""
"""Called by a person, it prints its arguments as the shell understood them."""


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        command, setup = SHELLS[name]
        wrapper = folder / "bin" / "cardgen"
        wrapper.parent.mkdir()
        wrapper.write_text(_WRAPPER.format(python=sys.executable))
        wrapper.chmod(0o700)
        environment = {
            **os.environ,
            "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "TERM": "xterm" if name == "fish" else "dumb",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
        }
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self._ask(f"{setup}; cardgen")

    def complete(self, line: str) -> list[str]:
        """The arguments of the command line after TAB at its end, as the shell then runs it."""
        os.write(self._terminal, line.encode())
        self._read(0.3)
        os.write(self._terminal, b"\t")
        self._read(5, quiet=0.3)
        return self._ask("")

    def _ask(self, line: str) -> list[str]:
        os.write(self._terminal, f"{line}\n".encode())
        found = b""
        limit = time.monotonic() + 30
        while b"<<ran>>" not in found:
            assert time.monotonic() < limit, found
            found += self._read(0.2)
        text = CONTROLS.sub(b"", found).decode(errors="replace")
        return re.findall(r"\{\{(.*?)\}\}", text[: text.index("<<ran>>")].splitlines()[-1])

    def _read(self, seconds: float, quiet: float | None = None) -> bytes:
        """What comes within some seconds; with `quiet` no longer than until nothing more comes for so long."""
        found = b""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], quiet if found and quiet else left)[0]:
                some = os.read(self._terminal, 65536)
                if b"\x1b[c" in some or b"\x1b[0c" in some:  # fish asks what the terminal is
                    os.write(self._terminal, b"\x1b[?62c")
                found += some
            elif found:
                break
        return found

    def close(self) -> None:
        """End it."""
        os.close(self._terminal)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, registry: Path, new_run: Any, tmp_path: Path) -> Iterator[Shell]:
    """Each shell that is installed, with the completion of cardgen."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    with Registry(registry) as opened:
        metrics = {"dev_ndcg@10": 0.5, "dev_ndcg@5": 0.25, "dev:map": 0.5}
        opened.save(new_run(3, "dusky-hare", evaluations=(Evaluation(evaluator="x.E", metrics=metrics),)))
    folder = tmp_path / "shell"
    folder.mkdir()
    started = Shell(request.param, folder)
    yield started
    started.close()


LINES = {
    "params.le": ["params.learning_rate"],
    "metrics.dev_ndcg@1": ["metrics.dev_ndcg@10"],
    "metrics.dev:": ["metrics.dev:map"],
    "status=fi": ["status=finished"],
    "nli project = ret": ["nli", "project", "=", "retrieval"],
    '"metrics.dev_ndcg@10 > 0.4 and status = fi': ["metrics.dev_ndcg@10 > 0.4 and status = finished"],
    "--sort -crea": ["--sort", "-created"],
    "--columns name,params.s": ["--columns", "name,params.seed"],
}
"""What is written behind `cardgen runs list`, and the arguments that TAB makes of it."""


def test_keys_and_values_are_completed(shell: Shell) -> None:
    """TAB writes what belongs there, and the shell understands it as it is meant."""
    found = {line: shell.complete(f"cardgen runs list {line}")[2:] for line in LINES}
    assert found == LINES


def test_runs_and_metrics_are_completed(shell: Shell) -> None:
    """Names of runs and metrics stand in the command line whole."""
    assert shell.complete("cardgen runs compare amber-otter du") == ["runs", "compare", "amber-otter", "dusky-hare"]
    assert shell.complete("cardgen runs leaderboard dev_ndcg@1") == ["runs", "leaderboard", "dev_ndcg@10"]
