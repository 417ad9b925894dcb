"""Where the run is made: versions, hardware, code, job. Nothing here starts a device or uses the network."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardgen.capture.problems import Problems
from cardgen.jobs import job_ids
from cardgen.record import Emissions, Environment

PACKAGES = ("sentence_transformers", "transformers", "torch", "accelerate", "datasets", "tokenizers")
GIT_SECONDS = 2.0
"""How long each of the two questions to git may take."""


def capture_environment(card: Any, args: Any, problems: Problems) -> Environment:
    """The environment of this process. `args` are the training arguments, or None before training."""
    look = problems.attempt
    commit, dirty = look("the git commit", git_state, (None, None))
    world_size = getattr(args, "world_size", None)
    return Environment(
        versions=look("the versions", lambda: _versions(card), {}),
        platform=look("the platform", platform.platform, None),
        hostname=look("the host name", lambda: platform.node() or None, None),
        cpu=look("the processor", _cpu, None),
        cpu_count=look("the number of processors", _cpu_count, None),
        memory_bytes=look("the memory", _memory, None),
        accelerators=look("the accelerators", _accelerators, ()),
        git_commit=commit,
        git_dirty=dirty,
        command_line=tuple(str(word) for word in sys.argv),
        scheduler=look("the job", lambda: job_ids(os.environ), {}),
        world_size=None if world_size is None else int(world_size),
    )


def emissions_tracker(card: Any) -> Any:
    """The tracker of CodeCarbon, if the trainer has one."""
    return getattr(getattr(card, "code_carbon_callback", None), "tracker", None)


def capture_emissions(card: Any, *, ask: bool = True) -> Emissions | None:
    """What CodeCarbon measured so far, if its callback is there and was started.

    A tracker that runs is asked as the library asks it; without `ask` only the result of one that was stopped counts.
    """
    tracker = emissions_tracker(card)
    if getattr(tracker, "_start_time", None) is None:
        data = getattr(tracker, "final_emissions_data", None)
    else:
        data = tracker._prepare_emissions_data() if ask else None
    if data is None:
        return None
    ram, duration = getattr(data, "ram_total_size", None), getattr(data, "duration", None)
    return Emissions(
        emissions_kg=float(data.emissions),
        energy_kwh=float(data.energy_consumed),
        on_cloud=data.on_cloud == "Y",
        cpu_model=str(data.cpu_model) if data.cpu_model else None,
        gpu_model=str(data.gpu_model) if data.gpu_model else None,
        ram_gb=None if ram is None else float(ram),
        duration_seconds=None if duration is None else float(duration),
    )


def git_state(folder: Path | None = None) -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the repository around a folder (default: the working directory); None without one."""
    folder = Path.cwd() if folder is None else folder
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None, None
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit.strip(), None if status is None else bool(status.strip())


def _git(folder: Path, *words: str) -> str | None:
    # a repository may name programs to run in its configuration: fsmonitor is one, and not asked for
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            env=environ,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _versions(card: Any) -> dict[str, str]:
    """The versions that the library notes for its card; those it does not know, from the installed packages."""
    noted = getattr(card, "version", None)
    if isinstance(noted, Mapping) and noted:
        return {str(name): str(version) for name, version in noted.items()}
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is not None:
            versions[name] = str(version)
    return versions


def _cpu() -> str | None:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip() or None
    except OSError:
        pass
    return platform.processor() or platform.machine() or None


def _cpu_count() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _accelerators() -> tuple[str, ...]:
    """Names of the devices that are in use already; asking must not start one."""
    import torch

    if torch.cuda.is_initialized():
        return tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    if torch.backends.mps.is_available():
        return ("Apple MPS",)
    return ()
