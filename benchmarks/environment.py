"""The environment of the tools to compare with, made from nothing: `benchmarks/.venv-peers`.

What they need is installed into it; cardgen, torch and the trainer are borrowed from the environment that runs this,
so that all are measured with the same ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE / ".venv-peers"
PINS = HERE / "peers.txt"
PYTHON = FOLDER / "bin" / "python"


def install() -> None:
    """Make the environment, unless it is there with these pins.

    Raises:
        CalledProcessError: pip failed.
    """
    stamp, wanted = FOLDER / ".installed", f"{sysconfig.get_path('purelib')}\n{PINS.read_text('utf-8')}"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    print(f"installing {PINS.name} into {FOLDER} …", file=sys.stderr, flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv.create(FOLDER, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "-r", str(PINS)]
    subprocess.run(pip, cwd=FOLDER, check=True)
    (packages,) = FOLDER.glob("lib/python*/site-packages")
    # behind its own packages; addsitedir also finds what is installed editable
    (packages / "borrowed.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", "utf-8"
    )
    stamp.write_text(wanted, "utf-8")


def environ(folder: Path) -> dict[str, str]:
    """Environment variables under which every tool keeps its data in the folder and to itself."""
    return {
        **os.environ,
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hf"),
        "CARDGEN_REGISTRY": str(folder / "cardgen.db"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "TRACKIO_DIR": str(folder / "trackio"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent),
    }


def measured(script: str, *arguments: str) -> dict[str, Any]:
    """What a script of this folder prints as its last line, run with the tools in an empty folder.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="cardgen-bench-") as folder:
        command = [str(PYTHON), str(HERE / script), *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environ(Path(folder)), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{script} {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
