"""The public names of `cardgen`: few, sorted, lazy, real."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import cardgen

EXPECTED = [
    "ActiveRun",
    "CardCallback",
    "CardgenError",
    "ImportedCard",
    "OpenRun",
    "Registry",
    "Run",
    "RunNotFound",
    "__version__",
    "autolog",
    "check_card",
    "compare_runs",
    "current_run",
    "import_card",
    "leaderboard",
    "open_run",
    "render_card",
    "track",
]


def test_all_is_sorted_and_complete() -> None:
    """`__all__` is sorted and names what is promised, nothing else."""
    assert cardgen.__all__ == sorted(cardgen.__all__) == EXPECTED


@pytest.mark.parametrize("name", EXPECTED)
def test_each_public_name_can_be_had(name: str) -> None:
    """Every public name resolves, and `dir()` shows it."""
    assert getattr(cardgen, name) is not None
    assert name in dir(cardgen)


def test_nothing_else_is_visible() -> None:
    """In a fresh process only public names, private names and sub-packages stand in the package."""
    code = (
        "import cardgen, types; from cardgen import *\n"
        "print([n for n, v in vars(cardgen).items() if not n.startswith('_') and n not in cardgen.__all__"
        " and not isinstance(v, types.ModuleType) and n not in ('annotations', 'TYPE_CHECKING', 'Any')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_the_installed_one() -> None:
    """The constant is what the installation says; else it is time for `make install`."""
    assert cardgen.__version__ == importlib.metadata.version("cardgen")


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'trak'"):
        cardgen.trak  # noqa: B018
