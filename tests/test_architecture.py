"""Who may import whom: rooms import downwards only, and heavy libraries stay in their rooms."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LEVELS = {
    "cli": 4,
    "server": 4,
    "tracking": 3,
    "actions": 2,
    "capture": 1,
    "registry": 1,
    "card": 1,
    "check": 1,
    "hub": 1,
    "templates": 1,
    "corrections": 0,
    "checkpoint": 0,
    "files": 0,
    "settings": 0,
    "identity": 0,
    "jobs": 0,
    "personal": 0,
    "standing": 0,
    "totals": 0,
    "matrix": 0,
    "measures": 0,
    "redaction": 0,
    "record": 0,
    "errors": 0,
}
SAME_LEVEL = {
    ("check", "card"),
    ("card", "templates"),
    ("corrections", "errors"),
    ("corrections", "record"),
    ("checkpoint", "record"),
    ("files", "errors"),
    ("matrix", "record"),
    ("measures", "record"),
    ("settings", "errors"),
    ("identity", "errors"),
    ("redaction", "record"),
    ("redaction", "errors"),
    ("standing", "record"),
    ("totals", "record"),
}

TRAINING = {"accelerate", "datasets", "sentence_transformers", "tokenizers", "torch", "transformers"}
HOMES = {
    **dict.fromkeys(TRAINING, ("capture/", "tracking/", "actions/demo.py")),
    "alembic": ("registry/",),
    "click": ("cli/",),
    "huggingface_hub": ("hub/",),
    "lark": ("registry/language/grammar.py",),
    "merge3": ("card/",),
    "jinja2": ("card/layout.py", "card/sandbox.py", "server/"),
    "platformdirs": ("settings.py", "card/layout.py"),
    "psycopg": ("registry/",),
    "rich": ("cli/",),
    "sqlalchemy": ("registry/",),
    "yaml": ("card/",),
}
"""Every library that cardgen uses, and the only places that may import it."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module of the package, as its path below `cardgen/`."""
    for folder, prefix in (
        (ROOT / "cardgen", ""),
        (ROOT / "registry", "registry/"),
        (ROOT / "templates", "templates/"),
    ):
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            if not prefix and inside.parts[0] in ("registry", "templates"):
                continue  # the links; newer Pythons follow them
            yield prefix + inside.as_posix(), ast.parse(path.read_text("utf-8"), str(path))


MODULES = dict(modules())


def imports(tree: ast.Module) -> Iterator[str]:
    """Every imported module; `from a import b` counts as `a.b`, a relative import as itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def room(path: str) -> str:
    """The room of a module: its folder, or its own name at the top."""
    return path.split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES)
def test_rooms_import_downwards_only(path: str) -> None:
    """A module imports its own room and rooms below, never a room above or beside."""
    here = room(path)
    if here in ("__init__", "__main__"):
        pytest.skip("the front door names every room")
    assert here in LEVELS, f"{path} is in a room that this test does not know"
    for name in imports(MODULES[path]):
        assert not name.startswith("."), f"{path} imports relatively: {name}"
        parts = name.split(".")
        if parts[0] in ("registry", "templates"):
            pytest.fail(f"{path} imports {name}: at a user's that is the user's own module")
        if parts[0] != "cardgen":
            continue
        there = parts[1] if len(parts) > 1 else ""
        if there not in LEVELS:  # `import cardgen`, `from cardgen import track`: the front door
            assert path in ("cli/app.py", "actions/demo.py"), f"{path} imports the front door: {name}"
        elif there != here:
            below = LEVELS[there] < LEVELS[here]
            assert below or (here, there) in SAME_LEVEL, f"{path} ({here}) may not import {there}"


@pytest.mark.parametrize("path", MODULES)
def test_libraries_stay_in_their_rooms(path: str) -> None:
    """A library is imported only where the table says, so that the rest works without it."""
    for name in imports(MODULES[path]):
        top = name.split(".")[0]
        if not top or top == "cardgen" or top in sys.stdlib_module_names:
            continue
        assert top in HOMES, f"{path} imports {top}, which has no home"
        assert path.startswith(HOMES[top]), f"{path} may not import {top}, only {', '.join(HOMES[top])} may"


def test_the_walk_sees_every_room() -> None:
    """The test above would pass on nothing: it reads modules of each kind of room."""
    seen = {room(path) for path in MODULES}
    assert {"cli", "actions", "tracking", "capture", "registry", "card", "record", "errors", "settings"} <= seen
