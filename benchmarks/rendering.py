"""A warm render from the registry, against the library's own function on the same card."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from timing import Result, compared, medians

import cardgen
from cardgen.actions.demo import hush, make_trainer, read_pairs, tiny_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def measure(folder: Path, rounds: int = 30) -> Iterator[Result]:
    """Train the demo's model, then render its card both ways."""
    hush()
    pairs = read_pairs(Path(sysconfig.get_path("stdlib")))[:1200]
    model = tiny_model([text for pair in pairs for text in pair])
    trainer = make_trainer(model, pairs, folder / "output", lambda *_: None)
    with cardgen.track(trainer, registry=folder / "rendering.db") as run:
        trainer.train()
        model.save_pretrained(str(folder / "model"))
    with cardgen.Registry(folder / "rendering.db", mode="read") as registry:
        found = medians(
            {
                "ours": lambda: cardgen.render_card(run.id, registry=registry),
                "library": lambda: _library_card(model),
            },
            rounds,
        )
        size = len(cardgen.render_card(run.id, registry=registry))
    yield compared(f"warm render of {size / 1000:.0f} kB", found["ours"], found["library"], 0.1, "generate_model_card")


def _library_card(model: SentenceTransformer) -> str:
    from sentence_transformers.base.model_card import generate_model_card

    return str(generate_model_card(model))
