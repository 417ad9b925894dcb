"""The table "Training Logs", worked out from the log's events.

One row per step that had a training loss, a validation or an evaluator call: an event of the same step as the
*last* row updates that row, every other makes a new one. Evaluator calls outside training have step -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cardgen.card.eras import Layout
from cardgen.card.format import markdown_table, rounded_text
from cardgen.record import LogEvent, Run

COLLAPSED_FROM = 101
"""Rows from which the table is collapsed."""

EPOCH, STEP, TRAINING, VALIDATION = "Epoch", "Step", "Training Loss", "Validation Loss"


@dataclass(frozen=True, slots=True)
class LogView:
    """The table, whether a row in it is bold, and whether it is collapsed."""

    table: str
    bold: bool
    collapsed: bool


def log_view(run: Run, events: Sequence[LogEvent], layout: Layout) -> LogView | None:
    """The table of a run's log; None if nothing in the log makes a row."""
    rows = log_rows(events, layout)
    if not rows:
        return None
    columns = _columns(run, rows, layout)
    cells = [
        {column: f"**{rounded_text(row.get(column, '-'))}**" for column in columns}
        if row[STEP] == run.best_step
        else {column: row.get(column, "-") for column in columns}
        for row in rows
    ]
    table = markdown_table(columns, cells, centred=True)
    return LogView(table=table, bold="**" in table, collapsed=len(rows) >= COLLAPSED_FROM)


def log_rows(events: Sequence[LogEvent], layout: Layout) -> list[dict[str, Any]]:
    """The rows of the table, keys in first-seen order."""
    rows: list[dict[str, Any]] = []
    for event in events:
        values = _row_values(event, layout)
        if values is None:
            continue
        if rows and rows[-1][STEP] == event.step:
            rows[-1].update(values)
        else:
            rows.append({EPOCH: event.epoch, STEP: event.step, **values})
    return rows


def _row_values(event: LogEvent, layout: Layout) -> dict[str, Any] | None:
    """What an event adds to its row; None for an event that makes none."""
    if event.kind == "train":
        return {TRAINING: event.values["loss"]} if "loss" in event.values else None
    if event.kind == "evaluator":
        return event.values
    losses = {
        key.removeprefix("eval_").replace("_", " "): value
        for key, value in event.values.items()
        if key.startswith("eval_") and key.endswith("_loss")
    }
    if layout.named_validation_loss and list(losses) == ["loss"]:
        return {VALIDATION: losses["loss"]}
    return losses


def _columns(run: Run, rows: Sequence[dict[str, Any]], layout: Layout) -> list[str]:
    seen = list(dict.fromkeys(column for row in rows for column in row))
    if layout.sorted_columns:
        if set(run.log_columns) == set(seen):
            return list(run.log_columns)
        fixed = {EPOCH: "0", STEP: "1", TRAINING: "2"}
        return sorted(seen, key=lambda column: fixed.get(column) or ("3" if column.endswith("loss") else column))
    fixed_order = {EPOCH: 0, STEP: 1, TRAINING: 2, VALIDATION: 3}
    return sorted(
        seen, key=lambda column: fixed_order.get(column, 4 if column.endswith("loss") else 5 + seen.index(column))
    )
