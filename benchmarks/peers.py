"""Start-up against other tools, in an environment of their own (`benchmarks/.venv-peers`, made on demand)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from timing import Result, compared, medians, process

FOLDER = Path(__file__).parent / ".venv-peers"


def measure(rounds: int = 5) -> Iterator[Result]:
    """`cardgen --version` against `mlflow --version` and `hf version`, and `import cardgen` against `import mlflow`."""
    if not (FOLDER / "bin" / "mlflow").exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        subprocess.run([str(FOLDER / "bin" / "python"), "-m", "pip", "install", "-q", "mlflow"], check=True)
    here = Path(sys.executable).parent
    found = medians(
        {
            "version": process([str(here / "cardgen"), "--version"]),
            "import": process([sys.executable, "-c", "import cardgen"]),
            "mlflow version": process([str(FOLDER / "bin" / "mlflow"), "--version"]),
            "mlflow import": process([str(FOLDER / "bin" / "python"), "-c", "import mlflow"]),
            "hf version": process([str(here / "hf"), "version"]),
        },
        rounds,
    )
    yield compared("cardgen --version", found["version"], found["mlflow version"], 0.025, "mlflow --version")
    yield compared("cardgen --version", found["version"], found["hf version"], 0.4, "hf version")
    yield compared("import cardgen", found["import"], found["mlflow import"], 0.05, "import mlflow")
