"""The documentation says what is there: every command, option, setting and field, and nothing that is not."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import click
import pytest

from cardgen import record, settings
from cardgen.cli.app import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()
COMMANDS: dict[str, click.Command] = dict(GENERATE.commands())


@pytest.mark.parametrize("page", GENERATE.PAGES)
def test_generated_pages_are_up_to_date(page: str) -> None:
    """`make docs` would change nothing."""
    assert (ROOT / "docs" / page).read_text("utf-8") == GENERATE.PAGES[page](), "run `make docs`"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_an_example(name: str) -> None:
    """Every command says what it does, shows how it is called, and explains each of its options."""
    command = COMMANDS[name]
    assert command.help
    assert "Examples:" in command.help
    assert name in command.help or f"{name.split()[0]} " in command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"


def test_every_setting_is_documented() -> None:
    """Each environment variable that the code reads stands in the table of settings, and in docs/settings.md."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    sources = [path.read_text("utf-8") for room in ("cardgen", "registry") for path in (ROOT / room).rglob("*.py")]
    used = set(re.findall(r"\bCARDGEN_[A-Z_]+[A-Z]\b", "\n".join(sources)))
    assert used == set(settings.ENVIRONMENT)
    assert all(f"`{name}`" in page for name in used)


def test_every_fact_of_a_run_is_documented() -> None:
    """docs/record.md names each field of a run."""
    page = (ROOT / "docs" / "record.md").read_text("utf-8")
    assert all(f"| `{field.name}` |" in page for field in dataclasses.fields(record.Run))


def _shown_commands() -> list[str]:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("cardgen ")]
    first = re.compile(r'(?:[^"#|> ]|"[^"]*"| (?! ))*')  # up to a comment, a pipe, a redirection or an explanation
    return sorted({match[0].strip() for line in lines if (match := first.match(line))})


@pytest.mark.parametrize("line", [line for line in _shown_commands() if "[OPTIONS]" not in line])
def test_each_command_that_is_shown_exists(line: str) -> None:
    """A command line in the documentation names a real command with real options."""
    command: click.Command = cli
    words = shlex.split(line)[1:]
    while words and words[0].startswith("--registry"):
        words = words[2:]
    context = click.Context(command, info_name="cardgen")
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
        context = click.Context(command)
    assert not (isinstance(command, click.Group) and words)
    command.make_parser(context).parse_args(words)  # raises on an option that is not there


def test_the_verbs_that_the_documentation_names_exist() -> None:
    """Every `make VERB` in the documentation is a verb of the Makefile, and the README names the two first ones."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    verbs = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`[^`]*`|^ {4}make.*|^make.*", README, re.M))))
    named |= set(re.findall(r"^ {4}make ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= named <= verbs
    assert "\nmake demo" in README
    assert "\nmake test" in README


def test_ci_runs_the_command_of_the_readme() -> None:
    """`.ci/run` calls `make test`, as the README tells a newcomer to."""
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link in a page names a file that is there."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target.split("#")[0]).exists(), target


def test_make_help_lists_every_verb() -> None:
    """`make` alone says which verbs there are."""
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {
        "install",
        "demo",
        "test",
        "lint",
        "bench",
        "docs",
    }


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_use_names_that_exist(path: Path) -> None:
    """An example is valid Python and uses public names only."""
    import cardgen

    source = path.read_text("utf-8")
    compile(source, str(path), "exec")
    assert set(re.findall(r"\bcardgen\.([A-Za-z_]+)\(", source)) <= set(cardgen.__all__)
