"""What reaches a terminal, a pipe and a spreadsheet."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from cardgen.cli.escape import spreadsheet_safe, visible
from cardgen.registry import Registry

COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def on_terminal(*arguments: str, columns: int = 80, answer: bytes = b"", **environment: str) -> tuple[int, bytes]:
    """Exit code and screen of `cardgen`, run on a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "cardgen", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    os.write(ours, answer)
    screen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not data:
            break
        screen += data
    os.close(ours)
    return process.wait(), screen


@pytest.mark.usefixtures("registry")
class TestTerminal:
    """On a terminal."""

    @pytest.mark.parametrize("columns", [40, 80, 200])
    def test_a_table_fits(self, columns: int) -> None:
        """No line is wider than the terminal, and the names are whole."""
        code, screen = on_terminal("runs", "list", columns=columns)
        assert code == 0
        lines = COLOUR.sub(b"", screen).decode().splitlines()
        assert max(len(line) for line in lines) <= columns
        assert [line.split()[0] for line in lines[1:]] == ["amber-otter", "brisk-heron", "calm-lynx"]

    def test_columns_without_room_are_left_out(self) -> None:
        """However many are asked for, each that is shown says something, and the rest is named."""
        columns = "name,status," + ",".join(["metrics.nano_cosine_ndcg@10"] * 3 + ["created", "started", "ended"] * 9)
        code, screen = on_terminal("runs", "list", "--columns", columns, NO_COLOR="1")
        assert code == 0
        hint, *lines = COLOUR.sub(b"", screen).decode().splitlines()
        assert hint.startswith("no room for ")
        assert max(len(line) for line in lines[-4:]) <= 80
        assert [line.split()[0] for line in lines[-3:]] == ["amber-otter", "brisk-heron", "calm-lynx"]
        assert all(len(cell) >= 5 for line in lines[-3:] for cell in line.split())

    def test_wide_names_fit(self, new_run: Any) -> None:
        """Chinese, emoji of several parts and combining marks are measured as a terminal shows them."""
        with Registry(os.environ["CARDGEN_REGISTRY"]) as opened:
            for number, text in enumerate(["日本語" * 20, "👩‍💻🏳️‍🌈" * 20, "e\u0301" * 90, "ไทยนี้" * 20]):
                opened.save(new_run(number + 3, f"wide-{number}", project=text))
        code, screen = on_terminal("runs", "list", NO_COLOR="1")
        assert code == 0
        lines = COLOUR.sub(b"", screen).decode().splitlines()
        assert max(cell_len(line) for line in lines) <= 80
        starts = {cell_len(line[: line.index("SentenceTransf")]) for line in lines[1:] if "SentenceTransf" in line}
        assert len(starts) <= 1

    def test_colour_is_for_terminals_and_no_color_is_obeyed(self) -> None:
        """There is colour or bold on a terminal, and no colour with NO_COLOR."""
        assert COLOUR.search(on_terminal("runs", "show", "latest")[1])
        _, screen = on_terminal("runs", "show", "zebra", NO_COLOR="1")
        assert not COLOUR.search(screen)
        assert not re.search(rb"\x1b\[(3|4|9|10)[0-9]", on_terminal("runs", "list", NO_COLOR="1")[1])

    def test_deleting_asks(self) -> None:
        """No keeps the run, yes hides it."""
        code, screen = on_terminal("runs", "delete", "calm", answer=b"n\n")
        assert code == 1
        assert b"calm-lynx" in screen
        assert on_terminal("runs", "delete", "calm", answer=b"y\n")[0] == 0
        assert b"calm-lynx" not in on_terminal("runs", "list")[1]


def test_a_pipe_gets_whole_lines_without_colour(call: Any, empty: Path, new_run: Any) -> None:
    """Nothing is cut for a pipe, no line ends with spaces, and there is no escape sequence."""
    with Registry(empty) as registry:
        registry.save(new_run(1, "long", project="p" * 300))
    text = call("runs", "list").text
    assert "p" * 300 in text
    assert "\x1b" not in text
    assert not re.search(r" $", text, re.MULTILINE)


def test_wide_characters_keep_the_columns_straight(call: Any, empty: Path, new_run: Any) -> None:
    """Columns are measured in cells, not in characters."""
    with Registry(empty) as registry:
        registry.save(new_run(1, "one", project="日本"))
        registry.save(new_run(2, "two", project="abcd"))
    lines = call("runs", "list", "--columns", "project,name").text.splitlines()
    assert lines[1].index("one") + 2 == lines[2].index("two")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 🙂 👩‍💻", "plain ü 🙂 👩‍💻"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b1m\x00\x7f", "\\x9b1m\\x00\\x7f"),
        ("\u202eabc\u2066\u200f", "\\u202eabc\\u2066\\u200f"),
        ("a\u2028b\ufeff\ud800", "a\\u2028b\\ufeff\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    """Controls, bidirectional marks, separators and lone surrogates become escapes; words and emoji stay."""
    assert visible(text) == shown


def test_line_ends_may_be_kept() -> None:
    """Texts of several lines keep LF and nothing else."""
    assert visible("a\nb\rc\x1b", lines=True) == "a\nb\\rc\\x1b"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_sees_no_formula(text: str) -> None:
    """What a spreadsheet would run is text for it."""
    assert spreadsheet_safe(text) == f"'{text}"
    assert spreadsheet_safe(f"a{text}") == f"a{text}"
