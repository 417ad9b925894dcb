"""Real trainings: our card, rendered from the registry, is the card that the library saves, byte for byte."""

from __future__ import annotations

import os
import types
from pathlib import Path

import pytest
import sentence_transformers.base.model_card as library

import cardgen
from tests.live.scenarios import SCENARIOS

pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


@pytest.mark.parametrize("name", SCENARIOS)
def test_our_card_is_the_librarys(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, evaluate, save: the folder's README.md and the card from the registry are the same bytes."""
    scenario = SCENARIOS[name]
    trainer = scenario.trainer(tmp_path)
    model = trainer.model
    for make in scenario.before:
        make()(model)
    with cardgen.track(trainer) as run:
        trainer.train()
        for make in scenario.after:
            make()(model)
        # the library reads the duration off a clock at each save: let it read the one that was recorded
        durations = run.run.durations
        assert durations is not None
        end = model.model_card_data._training_start_time + durations.total_seconds
        monkeypatch.setattr(library, "time", types.SimpleNamespace(time=lambda: end))
        model.save_pretrained(str(tmp_path / "final"))
    card = cardgen.render_card(run.id, registry=os.environ["CARDGEN_REGISTRY"])
    assert run.run.problems == ()
    assert card.encode().decode() == (tmp_path / "final" / "README.md").read_bytes().decode()
