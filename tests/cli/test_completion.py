"""Shell completion: the script, and the names of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen.registry import Registry


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


@pytest.fixture
def model(registry: Path) -> Path:
    """A model with an alias."""
    with Registry(registry) as opened:
        opened.models.register("amber-otter", "me/model", aliases=["champion"])
        opened.models.register("brisk-heron", "me/model")
        opened.models.register("brisk-heron", "other")
    return registry


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("models", "show", "me"), ["me/model"]),
        (("models", "register", "brisk-heron", "o"), ["other"]),
        (("render", "me"), ["me/model@champion", "me/model@latest", "me/model@2", "me/model@1"]),
        (("render", "me/model@ch"), ["me/model@champion"]),
        (("render", "me/model", "@", "ch"), ["champion"]),  # as bash cuts it
        (("render", "me/model", "@"), ["champion", "latest", "2", "1"]),
        (("models", "show", "other", "@", "la"), ["latest"]),
        (("models", "alias", "me/model", "@", "1", "cha"), ["champion"]),
        (("models", "alias", "me/model", "champ"), ["champion"]),
        (("render", "none@x"), []),
    ],
)
def test_models_and_their_versions_are_completed(model: Path, words: tuple[str, ...], offered: list[str]) -> None:
    """Names of models; behind `@` aliases and numbers, where bash has cut the word there, too."""
    assert complete(*words) == offered
