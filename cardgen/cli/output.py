"""All that a command says goes through one `Output`: data to stdout, everything else to stderr.

Data is never markup: what came from outside is escaped for a terminal (`cardgen.cli.escape`). Tables fit the
terminal; into a pipe they are whole. Colour is for terminals only, and `NO_COLOR` turns it off.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import click

from cardgen.cli.escape import spreadsheet_safe, visible
from cardgen.errors import FileProblem
from cardgen.record import Displayed

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Format: TypeAlias = Literal["table", "json", "csv", "ids"]
FORMATS: tuple[Format, ...] = ("table", "json", "csv", "ids")
Section: TypeAlias = tuple[str, Sequence[tuple[str, str]]]
Row = TypeVar("Row")

_PIPE_WIDTH = 100_000
_AT_ONCE = 500


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

    def listing(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
        """Write rows in the chosen format; each has an `id` and every column. All but a table is written as it comes.

        Returns:
            how many rows there were.
        """
        if self.format == "table":
            cells = [[row[column] for column in columns] for row in rows]
            if cells:
                self.table([_heading(column) for column in columns], cells)
            return len(cells)
        if self.format == "json":
            return self._json_rows(rows, columns)
        if self.format == "csv":
            self.raw(_csv([columns]))
        count = 0
        for some in _batched(rows, _AT_ONCE):
            count += len(some)
            if self.format == "csv":
                self.raw(_csv([row[column] for column in columns] for row in some))
            else:
                self.raw("".join(f"{row['id']}\n" for row in some).encode())
        return count

    def _json_rows(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
        """One list, as `json` would write it."""
        from cardgen.cli.plain import to_json

        count = 0
        for some in _batched(rows, _AT_ONCE):
            texts = (to_json({column: row[column] for column in columns}).replace("\n", "\n  ") for row in some)
            self.raw((("," if count else "[") + ",".join(f"\n  {text}" for text in texts)).encode())
            count += len(some)
        self.raw(b"\n]\n" if count else b"[]\n")
        return count

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

    def heading(self, text: str) -> None:
        """Write a line above a table; on a terminal it is bold, and cut where it does not fit."""
        from cardgen.cli.table import cut

        text = visible(text)
        if sys.stdout.isatty():
            text = cut(text, shutil.get_terminal_size().columns)
            text = click.style(text, bold=True) if colour_wanted() else text
        self.text(text)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[Any]], *, kept: int = 1) -> None:
        """Write rows below headings; on a terminal the table fits, and the `kept` first columns give way last.

        Columns for which there is no room at all are left out, which is said.
        """
        from cardgen.cli.table import columns_that_fit, table_lines

        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        cells = [[visible(cell_text(value)) for value in row] for row in rows]
        headings = [visible(heading) for heading in headings]
        if width is not None and (count := columns_that_fit(headings, cells, width, kept)) < len(headings):
            self.hint(f"no room for {', '.join(headings[count:])}: --format csv or json has every column")
            headings, cells = headings[:count], [row[:count] for row in cells]
        lines = list(table_lines(headings, cells, width, kept=kept))
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
    if isinstance(value, Displayed):
        return f"≈ {value.text}"
    if isinstance(value, tuple | list):
        return ", ".join(cell_text(item) for item in value)
    return str(value)


def _batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """The rows in lists of at most `size`."""
    iterator = iter(rows)
    while some := list(itertools.islice(iterator, size)):
        yield some


def _heading(column: str) -> str:
    return column if "." in column else column.upper().replace("_", " ")


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    import csv
    import io

    from cardgen.cli.plain import plain

    def cell(value: Any) -> Any:
        value = plain(value)
        if isinstance(value, list):
            value = " ".join(str(item) for item in value)
        return spreadsheet_safe(visible(value)) if isinstance(value, str) else value

    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows([cell(value) for value in row] for row in rows)
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def colour_wanted() -> bool:
    """Whether a terminal may be given more than text: not with `NO_COLOR`, not where it is dumb."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _console() -> Console:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, width=None if terminal else _PIPE_WIDTH, force_terminal=terminal)
