"""Keep the client from writing to the terminal: we say what matters ourselves."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def without_progress_bars(name: str | None = None) -> Iterator[None]:
    """Keep the client from drawing bars (all, or those of this name), unless the user wants every bar."""
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if constants.HF_HUB_DISABLE_PROGRESS_BARS is not None or are_progress_bars_disabled(name):
        yield
        return
    disable_progress_bars(name)
    try:
        yield
    finally:
        enable_progress_bars(name)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Keep the client's log to errors: it would tell of tries and of empty commits in its own words."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(max(before, logging.ERROR))
    try:
        yield
    finally:
        logger.setLevel(before)
