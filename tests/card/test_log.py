"""The log table, worked out from events."""

from __future__ import annotations

from typing import Any

import pytest

from cardgen.card.eras import Layout, layout_at
from cardgen.card.log import log_rows, log_view
from cardgen.record import LogEvent, LogKind, Model, Run

NEW = layout_at("SentenceTransformer", (6, 2, 0))
OLD = layout_at("SentenceTransformer", (3, 1, 1))
RUN = Run(id="1", name="n", model=Model(type="SentenceTransformer"), best_step=2)


def events(*parts: tuple[LogKind, int, dict[str, Any]]) -> list[LogEvent]:
    """Events in order."""
    return [
        LogEvent(seq=seq, kind=kind, step=step, epoch=step / 10, values=values)
        for seq, (kind, step, values) in enumerate(parts)
    ]


def test_events_of_one_step_share_a_row() -> None:
    """Evaluator, loss and validation of a step are one row; keys stay in first-seen order."""
    rows = log_rows(
        events(
            ("evaluator", 2, {"a": 1.0}), ("train", 2, {"loss": 0.5, "grad_norm": 1}), ("eval", 2, {"eval_loss": 0.25})
        ),
        NEW,
    )
    assert rows == [{"Epoch": 0.2, "Step": 2, "a": 1.0, "Training Loss": 0.5, "Validation Loss": 0.25}]


def test_only_the_last_row_is_updated() -> None:
    """A step that comes back after another one gets a new row."""
    rows = log_rows(events(("train", 1, {"loss": 1.0}), ("train", 2, {"loss": 2.0}), ("train", 1, {"loss": 3.0})), NEW)
    assert [row["Step"] for row in rows] == [1, 2, 1]


def test_logs_without_a_loss_make_no_row() -> None:
    """The summary at the end of training is no row, an evaluator without its metric is one."""
    rows = log_rows(events(("train", 3, {"train_runtime": 1.0}), ("evaluator", 4, {})), NEW)
    assert rows == [{"Epoch": 0.4, "Step": 4}]


@pytest.mark.parametrize(("layout", "name"), [(NEW, "Validation Loss"), (OLD, "loss")])
def test_a_lone_validation_loss_has_a_name(layout: Layout, name: str) -> None:
    """It was headed `loss` in the first layouts."""
    assert name in log_rows(events(("eval", 1, {"eval_loss": 1.0})), layout)[0]


def test_several_losses_are_named_by_their_sets() -> None:
    """`eval_NAME_loss` is headed `NAME loss`, before the metrics; other keys make no column."""
    view = log_view(
        RUN,
        events(("evaluator", 1, {"m": 0.5}), ("eval", 1, {"eval_my_set_loss": 1.0, "eval_runtime": 2.0})),
        NEW,
    )
    assert view is not None
    assert view.table.split("\n")[0] == "| Epoch | Step | my set loss | m   |"


def test_the_best_row_is_bold_and_rounded() -> None:
    """Every cell of the saved checkpoint's row is bold, dashes too; NaN and infinity are shown."""
    view = log_view(
        RUN,
        events(
            ("train", 1, {"loss": float("nan")}),
            ("train", 2, {"loss": 0.123456}),
            ("evaluator", 3, {"m": float("inf")}),
        ),
        NEW,
    )
    assert view is not None
    assert view.bold
    assert view.table.split("\n")[2:5] == [
        "| 0.1     | 1     | nan           | -     |",
        "| **0.2** | **2** | **0.1235**    | **-** |",
        "| 0.3     | 3     | -             | inf   |",
    ]
