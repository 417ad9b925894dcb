"""What a start may load: a person who asks for the version does not wait for a database or for torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = {"accelerate", "datasets", "numpy", "pandas", "sentence_transformers", "tokenizers", "torch", "transformers"}
HEAVY = TRAINING | {"alembic", "huggingface_hub", "jinja2", "psycopg", "rich", "sqlalchemy", "yaml"}

_LOADED = "import json, sys; json.dump(sorted({name.split('.')[0] for name in sys.modules}), sys.stderr)"


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after this code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{_LOADED}"], capture_output=True, text=True, check=True)
    found = set(json.loads(done.stderr.splitlines()[-1]))
    assert "cardgen" in found
    return found


def command(*arguments: str) -> str:
    """Code that runs one command and ignores its exit code."""
    return f"from cardgen.cli import main\ntry:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass"


def test_importing_cardgen_loads_no_library() -> None:
    """`import cardgen` loads nothing that is not in the standard library."""
    assert not loaded("import cardgen") & (HEAVY | {"click", "platformdirs"})


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("runs", "--help"), ("render", "--help")])
def test_version_and_help_load_click_only(arguments: tuple[str, ...]) -> None:
    """Version and help need no database, template or terminal library."""
    found = loaded(command(*arguments))
    assert "click" in found
    assert not found & HEAVY


def test_listing_runs_loads_no_training_library(tmp_path: Path) -> None:
    """`cardgen runs list` opens a registry and needs neither templates nor training."""
    registry = str(tmp_path / "registry.db")
    subprocess.run([sys.executable, "-m", "cardgen", "--registry", registry, "registry", "init"], check=True)
    found = loaded(command("--registry", registry, "runs", "list"))
    assert "sqlalchemy" in found
    assert not found & (TRAINING | {"alembic", "huggingface_hub", "jinja2", "lark", "psycopg", "tomllib", "yaml"})


def test_listing_runs_loads_what_it_needs(tmp_path: Path) -> None:
    """Of our own and of the database library: neither another command nor another engine's dialect."""
    registry = str(tmp_path / "registry.db")
    subprocess.run([sys.executable, "-m", "cardgen", "--registry", registry, "registry", "init"], check=True)
    others = ["sqlalchemy.dialects.postgresql", "cardgen.cli.runs_edit", "cardgen.cli.runs_compare", "cardgen.cli.show"]
    code = command("--registry", registry, "runs", "list")
    asked = f"import sys; print([name for name in {others} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{asked}"], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "module", ["cardgen.card.layout", "cardgen.registry", "cardgen.actions.render", "cardgen.tracking"]
)
def test_rooms_load_no_training_library(module: str) -> None:
    """Rendering and the registry work where no training library is installed; tracking loads it when used."""
    assert not loaded(f"import cardgen, {module}") & TRAINING
