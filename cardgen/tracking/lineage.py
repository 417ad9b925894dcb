"""Second stages: which run made the weights that a training starts from.

A model that was trained in this process is known. A model that was loaded from a folder is known by the `cardgen.json`
that lies there, else by the hash of its weights, which a run of the registry may have saved: that is looked up in the
background, and no training waits for it.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cardgen.checkpoint import OURS, hash_files, is_weights, list_files, weights_hash
from cardgen.errors import CardgenError
from cardgen.files import JSON_LIMIT, read_limited
from cardgen.identity import is_run_id
from cardgen.tracking.options import Options

MOST_CANDIDATES = 20
"""Runs with the same weights that are looked at."""

_trained: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


class Lineage:
    """Finds the parent of one run. `parent` is its id, as far as it is known."""

    def __init__(self, options: Options) -> None:
        """Nothing is looked up yet."""
        self.parent: str | None = None
        self._options = options
        self._folder: Path | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def look(self, model: Any) -> None:
        """See what can be seen at once: before training, for it may save into the folder that the model is from."""
        self.parent = _trained.get(model)
        self._folder = None
        if self.parent is None and (folder := loaded_from(model)) is not None:
            self.parent = run_of_folder(folder)
            self._folder = folder

    def search(self, own_id: str, found: Callable[[str], None]) -> None:
        """Look for a run that saved these weights; `found` is called from a thread with its id."""
        if self.parent is not None or self._folder is None or self._options.settings.mode != "normal":
            return
        folder = self._folder

        def search() -> None:
            parent = self._of_weights(folder, own_id)
            if parent is not None and not self._stop.is_set():
                self.parent = parent
                found(parent)

        self._thread = threading.Thread(target=search, name="cardgen-parent", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Wait for the search, at most so long, then give it up."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)
        self._stop.set()

    def _of_weights(self, folder: Path, own_id: str) -> str | None:
        from cardgen.registry import Registry

        try:
            files = tuple(file for file in list_files(folder) if is_weights(file.path))
            weights = weights_hash(hash_files(folder, files, self._stop.is_set))
            if weights is None:
                return None
            with Registry(self._options.settings.registry, mode="read") as registry:
                ids = [run_id for run_id in registry.having("run", "weights", weights) if run_id != own_id]
                for run_id in ids[:MOST_CANDIDATES]:
                    if any(Path(point.path) == folder for point in registry.recorded(run_id).checkpoints):
                        return run_id
                return ids[-1] if ids else None  # whoever saved them first
        except Exception:  # any driver may fail in any way, and a parent that is not found is no problem of the run
            return None


def remember(model: Any, run_id: str) -> None:
    """From now on the weights of this model are of this run."""
    _trained[model] = run_id


def loaded_from(model: Any) -> Path | None:
    """The local folder that a model's weights were loaded from; None if it is from the Hub or was made on the spot."""
    names = [getattr(getattr(module, "config", None), "_name_or_path", None) for module in model.modules()]
    for name in [*names, getattr(getattr(model, "tokenizer", None), "name_or_path", None)]:
        if isinstance(name, str) and name and os.path.isdir(name):
            folder = Path(os.path.realpath(name))
            in_module = not (folder / "modules.json").is_file() and (folder.parent / "modules.json").is_file()
            return folder.parent if in_module else folder
    return None


def run_of_folder(folder: Path) -> str | None:
    """The id of the run that left its `cardgen.json` in a folder; None without one that can be understood."""
    try:
        data = read_limited(folder / OURS, JSON_LIMIT)
        run_id = json.loads(data)["run_id"] if data is not None else None
    except (CardgenError, OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return run_id if isinstance(run_id, str) and is_run_id(run_id) else None
