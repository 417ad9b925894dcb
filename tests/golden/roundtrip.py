"""Golden runs through a registry and out of another process, in which torch cannot be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cardgen.registry import Registry
from tests.golden.facts import load

ELSEWHERE = """
import json, pathlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "sentence_transformers", "datasets", "numpy"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import cardgen

registry, runs, folder = sys.argv[1], json.load(sys.stdin), pathlib.Path(sys.argv[2])
folder.mkdir()
with cardgen.Registry(registry, mode="read") as opened:
    for run in runs:
        (folder / f"{run}.md").write_bytes(cardgen.render_card(run, registry=opened).encode())
"""


def store(found: Iterable[Path], registry: Path) -> dict[Path, str]:
    """Put golden runs into a registry; their ids."""
    ids = {}
    with Registry(registry) as opened:
        for folder in found:
            run, log = load(folder)
            opened.save(run)
            opened.append(run.id, log)
            ids[folder] = run.id
    return ids


def render_elsewhere(registry: Path, runs: Sequence[str], folder: Path) -> Mapping[str, bytes]:
    """The cards of runs, rendered from the registry alone by a new process without torch."""
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(registry), str(folder)],
        input=json.dumps(list(runs)),
        text=True,
        check=True,
    )
    return {run: (folder / f"{run}.md").read_bytes() for run in runs}
