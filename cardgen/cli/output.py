"""All that a command says goes through one `Output`: data to stdout, everything else to stderr.

Data is never markup: what came from outside is escaped for a terminal (`cardgen.cli.escape`). Tables fit the
terminal; into a pipe they are whole. Colour is for terminals only, and `NO_COLOR` turns it off.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from cardgen.cli.escape import spreadsheet_safe, visible
from cardgen.errors import FileProblem

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Format: TypeAlias = Literal["table", "json", "csv", "ids"]
FORMATS: tuple[Format, ...] = ("table", "json", "csv", "ids")
Section: TypeAlias = tuple[str, Sequence[tuple[str, str]]]

_PIPE_WIDTH = 100_000


class Output:
    """The voice of one command; `quiet` keeps hints and notes to itself."""

    def __init__(self, format: Format = "table", *, quiet: bool = False) -> None:
        self.format = format
        self.quiet = quiet

    def raw(self, data: bytes) -> None:
        """Write bytes to stdout exactly.

        Raises:
            FileProblem: stdout cannot be written (a full disk).
        """
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileProblem(f"the output cannot be written: {error.strerror}") from error

    def text(self, text: str) -> None:
        """Write a text made by cardgen to stdout, with a line end."""
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self.raw(f"{text}\n".encode(encoding, "backslashreplace"))

    def json(self, value: Any) -> None:
        """Write facts as JSON."""
        from cardgen.cli.plain import to_json

        self.text(to_json(value))

    def listing(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Write rows in the chosen format; each has an `id` and every column."""
        if self.format == "json":
            self.json([{column: row[column] for column in columns} for row in rows])
        elif self.format == "csv":
            self.raw(_csv(rows, columns))
        elif self.format == "ids":
            self.raw("".join(f"{row['id']}\n" for row in rows).encode())
        elif rows:
            self._table(
                [column.upper().replace("_", " ") for column in columns], [[r[c] for c in columns] for r in rows]
            )

    def sections(self, sections: Iterable[Section]) -> None:
        """Write facts for a person: a heading each, then label and value in two columns."""
        from rich.table import Table
        from rich.text import Text

        for number, (title, facts) in enumerate(sections):
            grid = Table.grid(padding=(0, 2))
            grid.add_column(no_wrap=True)
            grid.add_column(overflow="fold")
            for label, value in facts:
                grid.add_row(Text(visible(label), style="dim"), Text(visible(value)))
            if number:
                self.text("")
            self._render(Text(visible(title), style="bold"))
            self._render(grid)

    def markdown(self, text: str) -> None:
        """Show Markdown: laid out on a terminal, as it is in a pipe."""
        safe = visible(text, lines=True)
        if not sys.stdout.isatty():
            self.text(safe)
            return
        from rich.markdown import Markdown

        self._render(Markdown(safe, hyperlinks=False))

    def hint(self, text: str) -> None:
        """Say on stderr what a person may want to do next."""
        if not self.quiet:
            click.echo(visible(text, lines=True), err=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; without one there is nobody to ask, and that is a usage error."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError("nobody can be asked here: add --yes")
        return click.confirm(visible(question), err=True)

    def _table(self, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        from cardgen.cli.table import table_lines

        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        cells = [[visible(cell_text(value)) for value in row] for row in rows]
        lines = list(table_lines(headings, cells, width))
        if terminal and colour_wanted():
            lines[0] = click.style(lines[0], bold=True)
        self.text("\n".join(lines))

    def _render(self, renderable: RenderableType) -> None:
        console = _console()
        with console.capture() as capture:
            console.print(renderable, markup=False, highlight=False, emoji=False)
        lines = capture.get().split("\n")
        self.text("\n".join(line.rstrip(" ") for line in lines).rstrip("\n"))


def cell_text(value: Any) -> str:
    """A value as a table shows it: local time to the minute, six digits of a number, nothing for None."""
    import datetime as dt

    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list):
        return ", ".join(cell_text(item) for item in value)
    return str(value)


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    import csv
    import io

    from cardgen.cli.plain import plain

    def cell(value: Any) -> Any:
        value = plain(value)
        if isinstance(value, list):
            value = " ".join(str(item) for item in value)
        return spreadsheet_safe(visible(value)) if isinstance(value, str) else value

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row[column]) for column in columns] for row in rows)
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def colour_wanted() -> bool:
    """Whether a terminal may be given more than text: not with `NO_COLOR`, not where it is dumb."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _console() -> Console:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, width=None if terminal else _PIPE_WIDTH, force_terminal=terminal)
