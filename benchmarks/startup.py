"""Start-up, against a bare start of the same Python.

Measured in an environment with cardgen's wheel, as a user has it: the hooks of a development environment (an editable
installation, coverage) would slow the bare start, too, and flatter every ratio.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from timing import Result, compared, medians, process

from cardgen import Registry
from cardgen.record import Model, Run

RUNS = 100


def measure(folder: Path, rounds: int = 15) -> Iterator[Result]:
    """`--version`, `import cardgen`, and a listing of a registry with 100 runs."""
    registry = folder / "startup.db"
    with Registry(registry) as opened:
        for number in range(RUNS):
            created = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=number)
            run_id = f"0193b5b0-0000-7000-8000-{number:012x}"
            model = Model(type="SentenceTransformer")
            opened.save(Run(id=run_id, name=f"run-{number}", model=model, status="finished", created=created))
    python, command = installed(folder / "installed")
    found = medians(
        {
            "bare": process([python, "-c", "pass"]),
            "version": process([command, "--version"]),
            "import": process([python, "-c", "import cardgen"]),
            "list": process([command, "--registry", str(registry), "runs", "list"]),
        },
        rounds,
    )
    bare = found["bare"]
    yield compared("cardgen --version", found["version"], bare, 7, "bare Python")
    yield compared("import cardgen", found["import"], bare, 6, "bare Python")
    yield compared(f"cardgen runs list ({RUNS} runs)", found["list"], bare, 35, "bare Python")


def installed(folder: Path) -> tuple[str, str]:
    """Python and `cardgen` of an environment with the wheel, which borrows the dependencies of this one."""
    root = Path(__file__).parent.parent
    source, pip = folder / "source", [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    source.mkdir(parents=True)
    for name in ("cardgen", "registry", "templates"):
        shutil.copytree(root / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = str(folder / "venv" / "bin" / "python")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python, str(folder / "venv" / "bin" / "cardgen")
