"""`cardgen runs edit`: a person's words in the card of a run."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cardgen.cli.options import open_registry, registry_option, run_argument
from cardgen.cli.output import Output
from cardgen.errors import CardgenError, FileProblem, SettingsError

if TYPE_CHECKING:
    from cardgen.registry import Registry


@click.command()
@run_argument
@click.option(
    "--section",
    metavar="NAME",
    help="Fill this section: direct use, downstream use, out-of-scope use, bias, recommendations, glossary, authors or "
    "contact.",
)
@click.option("--file", metavar="FILE", help="The words of the section; - reads them from stdin.")
@click.option("-q", "--quiet", is_flag=True, help="Print no hints.")
@registry_option
def edit(run: str, section: str | None, file: str | None, quiet: bool) -> None:
    """Write words into the card of a run; every later rendering keeps them.

    Without --section it opens the card in $VISUAL or $EDITOR.

    \b
    Examples:
      cardgen runs edit latest
      cardgen runs edit amber-otter-3 --section bias --file bias.md
      echo "Search in English manuals." | cardgen runs edit latest --section "direct use" --file -
    """
    from cardgen.actions.edit import fill_section

    out = Output(quiet=quiet)
    if (section is None) != (file is None):
        raise click.UsageError("--section and --file go together")
    with open_registry("write") as registry:
        found = registry.run(run)
        if section is not None and file is not None:
            changed = fill_section(registry, found.id, section, _words(file))
        else:
            changed = _edited(registry, found.id, out)
    out.hint(f"its card has your words: cardgen render {found.name}" if changed else "nothing was changed")


def _words(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise FileProblem(f"cannot read {file}: {error.strerror or error}") from error
    return _decoded(data, "stdin" if file == "-" else file)


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileProblem(f"{what} is no UTF-8 text (byte {error.start})") from error


def _edited(registry: Registry, run_id: str, out: Output) -> bool:
    """Have the card edited and keep what came of it; whether anything was changed."""
    from cardgen.actions.edit import open_text, save_text

    command = _editor()
    own = open_text(registry, run_id)
    if own.conflicts:
        out.hint(f"your words and new facts meet in: {', '.join(own.conflicts)}; decide between the markers")
    before = own.text.encode()
    with _temporary(before) as path:
        _call(command, path)
        text = _decoded(path.read_bytes(), "what the editor left")
        return bool(text.strip()) and save_text(registry, own, text)


def _editor() -> list[str]:
    name = next((name for name in ("VISUAL", "EDITOR") if os.environ.get(name, "").strip()), None)
    hint = "set EDITOR (EDITOR=nano), or use --section NAME --file FILE"
    if name is None:
        raise SettingsError("there is no editor: neither VISUAL nor EDITOR is set", hint=hint)
    try:
        return shlex.split(os.environ[name])
    except ValueError as error:
        raise SettingsError(f"{name} cannot be understood: {error}", hint=hint) from error


def _call(command: list[str], path: Path) -> None:
    import subprocess  # here and below: `runs list` needs none of them

    try:
        code = subprocess.run([*command, str(path)], check=False).returncode
    except OSError as error:
        raise CardgenError(f"the editor {command[0]} cannot be started: {error.strerror or error}") from error
    if code:
        raise CardgenError(f"the editor {command[0]} failed with exit code {code}; nothing was changed")


@contextmanager
def _temporary(data: bytes) -> Iterator[Path]:
    """A private file with this content; it is kept when something fails after somebody worked on it."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="cardgen-edit-"))
    path = folder / "README.md"
    try:
        path.write_bytes(data)
        yield path
    except BaseException:
        if path.exists() and path.read_bytes() != data:
            Output().hint(f"your text is kept in {path}")
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
