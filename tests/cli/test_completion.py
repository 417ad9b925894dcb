"""Shell completion: the script, and the names of runs."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardgen.record import Hyperparameters, Model
from cardgen.registry import Registry


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(call: Any, shell: str) -> None:
    """The script asks `cardgen` itself."""
    said = call("completion", shell)
    assert said.code == 0
    assert f"_CARDGEN_COMPLETE={shell}_complete" in said.text


def complete(*words: str, word: str | None = None, line: str | None = None) -> list[str]:
    """What bash is offered for the last word; `word` is the part of it that bash would put it in the place of."""
    before = " ".join(shlex.quote(other) for other in words[:-1])
    environment = {
        **os.environ,
        "_CARDGEN_COMPLETE": "bash_complete",
        "COMP_LINE": f"cardgen {before} {words[-1]}" if line is None else line,
        "COMP_WORD": words[-1] if word is None else word,
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
        (("--sort", "-crea"), ["-created"]),
        (("project", "in", "(retrieval,", "rer"), ["rerankers"]),
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
        (("lineage", "oth"), ["other@latest", "other@1", "other"]),
        (("models", "show", "other@la"), ["other@latest"]),
        (("models", "alias", "me/model@1", "cha"), ["champion"]),
        (("models", "alias", "me/model", "champ"), ["champion"]),
        (("render", "none@x"), []),
    ],
)
def test_models_and_their_versions_are_completed(model: Path, words: tuple[str, ...], offered: list[str]) -> None:
    """Names of models; behind `@` aliases and numbers."""
    assert complete(*words) == offered


@pytest.mark.parametrize(
    ("line", "word", "offered"),
    [
        ("cardgen render me/model@ch", "@ch", ["@champion"]),
        ("cardgen render me/model@", "@", ["@champion", "@latest", "@2", "@1"]),
        ("cardgen runs list metrics.nano_cosine_ndcg@1", "@1", ["@10"]),
        ("cardgen runs list status=fi", "fi", ["finished"]),
        ("cardgen runs list status=", "", ["failed", "finished", "interrupted", "lost", "running"]),
        ("cardgen runs list project ", "", None),
        ("cardgen runs list 'params.s", "params.s", ["params.seed"]),
        ('cardgen runs list "nli status = fi', "nli status = fi", ["nli status = finished"]),
        (
            'cardgen runs list "nli and (params.s',
            "nli and (params.s",
            ["nli and (params.seed =", "nli and (params.seed !="],
        ),
        ("cardgen runs list 'project in (retrieval, re", "project in (retrieval, re", None),
        ("cardgen runs list \"title = 'Sentence par", "title = 'Sentence par", []),
        ("cardgen runs list a\\ b status=fi", "fi", ["finished"]),
    ],
)
def test_bash_gets_what_belongs_in_the_place_of_its_part_of_a_word(
    model: Path, line: str, word: str, offered: list[str] | None
) -> None:
    """bash ends words at `@`, `=` and `:`, but keeps an `@`; a query in quotes is completed at its last word."""
    found = complete("", line=line, word=word)
    if offered is None:
        assert found
        assert all(text.startswith(word) for text in found)
    else:
        assert found == offered


def test_nothing_is_offered_that_a_shell_would_run(registry: Path, new_run: Any) -> None:
    """A name, key or value of a stranger that is more than a word to a shell is left out; titles are made harmless."""
    hostile = [
        "$(id)",
        "`id`",
        "a;id",
        "a b",
        "-x",
        "=x",
        "a\nplain,b",
        "\x1b[2J",
        "~root",
        "{a,b}",
        "!x",
        "#x",
        "x*",
        "\u202ex",
    ]
    with Registry(registry) as opened:
        for number, name in enumerate(hostile):
            values = {name: name}
            run = new_run(1, name, id=f"hostile-{number}", project=name, hyperparameters=Hyperparameters(values=values))
            opened.save(dataclasses.replace(run, model=Model(type="CrossEncoder", title=name)))
    assert complete("runs", "show", "") == ["amber-otter", "brisk-heron", "calm-lynx", "latest"]
    assert complete("runs", "list", "project", "=", "") == ["rerankers", "retrieval"]
    offered = set(complete("runs", "list", "params."))
    assert {"params.learning_rate", "params.seed"} <= offered
    assert offered <= {f"params.{name}" for name in ("learning_rate", "seed", "-x", "~root", "#x")}
    environment = {
        **os.environ,
        "_CARDGEN_COMPLETE": "zsh_complete",
        "COMP_WORDS": "cardgen runs show ",
        "COMP_CWORD": "3",
    }
    done = subprocess.run([sys.executable, "-m", "cardgen"], capture_output=True, text=True, env=environment)
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
