"""Fixtures of the tests that train."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cardgen
from cardgen.record import LogEvent
from cardgen.registry import Registry


@pytest.fixture(name="open_registry")
def _open_registry() -> Callable[[], Registry]:
    """Opens the registry of the test for reading."""
    return lambda: Registry(os.environ["CARDGEN_REGISTRY"], mode="read")


@pytest.fixture(name="spool")
def _spool() -> Path:
    """The folder of the spools of the test's registry."""
    return Path(os.environ["CARDGEN_REGISTRY"] + ".spool")


@pytest.fixture(name="rows")
def _rows() -> Callable[[list[LogEvent]], list[dict[str, Any]]]:
    """Rebuilds the rows of the log table from events, as the record's documentation says."""

    def rows(events: list[LogEvent]) -> list[dict[str, Any]]:
        table: list[dict[str, Any]] = []
        for event in events:
            if event.kind == "train":
                if "loss" not in event.values:
                    continue
                values = {"Training Loss": event.values["loss"]}
            elif event.kind == "eval":
                values = {
                    key[5:].replace("_", " "): value
                    for key, value in event.values.items()
                    if key.startswith("eval_") and key.endswith("_loss")
                }
                if list(values) == ["loss"]:
                    values = {"Validation Loss": values["loss"]}
            else:
                values = event.values
            if table and table[-1]["Step"] == event.step:
                table[-1].update(values)
            else:
                table.append({"Epoch": event.epoch, "Step": event.step, **values})
        return table

    return rows


@pytest.fixture(autouse=True)
def _autolog_off() -> Iterator[None]:
    """No test records for another one, or ends another one's runs."""
    yield
    cardgen.autolog(disable=True)
    while (run := cardgen.current_run()) is not None:
        run.finish()
