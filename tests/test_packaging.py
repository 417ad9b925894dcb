"""The wheel holds every package and template, and works beside a user's own `registry.py` and `templates/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

import cardgen

ROOT = Path(__file__).parent.parent
MAPPED = {"cardgen": "cardgen", "cardgen.registry": "registry", "cardgen.templates": "templates"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINKS = {"cardgen/registry": "../registry", "cardgen/templates": "../templates"}


def packages_on_disk() -> set[str]:
    """Every folder with an `__init__.py`, under the name it is imported by."""
    found = set()
    for package, folder in MAPPED.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            if package == "cardgen" and parts[:1] in (("registry",), ("templates",)):
                continue
            found.add(".".join((package, *parts)))
    return found


def files_on_disk() -> set[str]:
    """Every file of the packages that is no cache, under its path in a wheel."""
    found = set()
    for package, folder in MAPPED.items():
        for path in (ROOT / folder).rglob("*"):
            parts = path.relative_to(ROOT / folder).parts
            if package == "cardgen" and parts[0] in ("registry", "templates"):
                continue
            if path.is_file() and "__pycache__" not in parts:
                found.add("/".join((*package.split("."), *parts)))
    return found


def test_declared_packages_are_the_ones_on_disk() -> None:
    """A package that is not listed in pyproject.toml works here and is missing from the wheel."""
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages_on_disk()


@pytest.mark.parametrize(("link", "target"), LINKS.items())
def test_the_links_lead_to_the_rooms_at_the_top(link: str, target: str) -> None:
    """Type checkers and editors find the mapped packages through two relative links."""
    assert os.readlink(ROOT / link) == target
    assert (ROOT / link / "__init__.py").samefile(ROOT / target.removeprefix("../") / "__init__.py")


def test_the_mapped_packages_are_never_imported_by_their_folder() -> None:
    """`registry` and `templates` are names of the user's; ours begin with `cardgen.`."""
    code = (
        "import sys, cardgen.registry, cardgen.templates, cardgen.cli.app, cardgen.cli.runs, cardgen.cli.registry\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('registry', 'templates')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_constraints_pin_every_dependency() -> None:
    """Each requirement and extra is pinned, and no index is named: that is the machine's business."""
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "://" not in line and "+" not in line for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(item for extra in extras for item in extra)]
    names = {item.split(">")[0].split("[")[0].strip().lower().replace("_", "-") for item in wanted}
    assert names <= pinned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy so that nothing is left in the checkout."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    source.mkdir()
    for name in ("cardgen", "registry", "templates"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(work), str(source))
    (found,) = work.glob("*.whl")
    return found


def pip(*arguments: str) -> None:
    """Run pip without an index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_every_file_as_a_file(wheel: Path) -> None:
    """All sources, templates and migrations are in the wheel, under `cardgen/`, and no link."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if ".dist-info/" not in name} == files_on_disk()
    assert any(name.endswith("/LICENSE") for name in names)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it, which borrows the dependencies of this one. Returns its Python."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    (packages,) = folder.glob("lib/python*/site-packages")
    # A plain path in a .pth file: the editable installation of this checkout, itself a .pth file, stays out.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


SCRIPT = """
import sys
import registry, templates
import cardgen
from cardgen.record import Model, Run

assert registry.MINE and templates.MINE
assert sys.prefix in cardgen.__file__, cardgen.__file__
run = Run(id="0193b5b0-0000-7000-8000-000000000001", name="amber-otter", model=Model(type="SentenceTransformer"))
with cardgen.Registry("cards.db") as cards:
    cards.save(run)
print(cardgen.render_card("amber-otter", registry="cards.db", layout="5.1").splitlines()[0])
"""


def test_the_wheel_works_beside_a_users_own_names(installed: Path, tmp_path: Path) -> None:
    """A script beside its own `registry.py` and `templates/` records and renders; the command works there too."""
    (tmp_path / "registry.py").write_text("MINE = True\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "script.py").write_text(SCRIPT)

    def run(*command: str) -> str:
        command = (str(installed), "-E", *command)  # a PYTHONPATH would put a checkout before the wheel
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("script.py") == "---\n"
    assert run("-m", "cardgen", "--version") == f"cardgen {cardgen.__version__}\n"
    assert run("-m", "cardgen", "--registry", "cards.db", "runs", "list", "-q").split() == [
        "0193b5b0-0000-7000-8000-000000000001"
    ]
    assert run("-m", "cardgen", "--registry", "cards.db", "render", "amber-otter", "--layout", "5.1")[:4] == "---\n"
