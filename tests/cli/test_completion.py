"""Shell completion: the script, and the names of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(call: Any, shell: str) -> None:
    """The script asks `cardgen` itself."""
    said = call("completion", shell)
    assert said.code == 0
    assert f"_CARDGEN_COMPLETE={shell}_complete" in said.text


def complete(*words: str) -> list[str]:
    """What bash offers for the last word."""
    environment = {
        **os.environ,
        "_CARDGEN_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("cardgen", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([sys.executable, "-m", "cardgen"], capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    return [line.split(",", 1)[1] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("words", [("render", "br"), ("runs", "show", "br")])
def test_names_of_runs_are_completed(registry: Path, words: tuple[str, ...]) -> None:
    """RUN completes to the names in the registry."""
    assert complete(*words) == ["brisk-heron"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("params.",), ["params.learning_rate", "params.seed"]),
        (("nli", "params.s"), ["params.seed"]),
        (("project", "=", "re"), ["rerankers", "retrieval"]),
        (("project", "in", "rer"), ["rerankers"]),
        (("tags", "~", ""), ["nli", "v1"]),
        (("status=fi",), ["status=finished"]),
        (("created", ">", "-7d", "status", "=", "fa"), ["failed"]),
        (("zebra", "=", ""), []),
        (("--sort", "crea"), ["created"]),
        (("--columns", "name,versions.s"), ["name,versions.sentence_transformers"]),
    ],
)
def test_keys_and_values_of_a_query_are_completed(registry: Path, words: tuple[str, ...], offered: list[str]) -> None:
    """A key, behind an operator the values that it has, and a key to sort by or to show."""
    assert complete("runs", "list", *words) == offered


def test_the_registry_that_was_named_is_asked(registry: Path, tmp_path: Path) -> None:
    """`--registry` before the word counts; a registry that is not there offers nothing and breaks nothing."""
    assert complete("--registry", str(tmp_path / "none.db"), "render", "br") == []
    assert "latest" in complete("--registry", str(registry), "render", "la")
