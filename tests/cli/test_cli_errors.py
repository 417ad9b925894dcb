"""How commands fail: a message, a hint and an exit code; a traceback for defects only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from cardgen import errors
from cardgen.cli.errors import report

COMMAND = [sys.executable, "-m", "cardgen"]


ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CardgenError)]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_has_a_message_a_hint_and_its_code(
    kind: type[errors.CardgenError], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every error of cardgen is reported in the same form."""
    error = kind.__new__(kind)
    errors.CardgenError.__init__(error, "what went\x1b wrong", hint="what to do")
    assert report(error) == kind.exit_code
    assert capsys.readouterr().err == "Error: what went\\x1b wrong\nHint: what to do\n"


def test_an_unexpected_exception_is_not_dressed_up() -> None:
    """A defect is not in the table, so that `main` lets it keep its traceback."""
    assert report(ZeroDivisionError()) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C exits as shells expect, and says nothing."""
    assert report(error) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("rnus",), "rnus"),
        (("runs", "lsit"), "lsit"),
        (("render",), "RUN"),
        (("--registry", "", "runs", "list"), "empty"),
        (("--registry", "redis://x", "runs", "list"), "redis"),
        (("runs", "list", "--frobnicate"), "--frobnicate"),
        (("runs", "list", "--json", "--format", "csv"), "csv"),
        (("completion", "tcsh"), "tcsh"),
    ],
)
def test_wrong_arguments_exit_with_2(call: Any, arguments: tuple[str, ...], word: str) -> None:
    """A usage error names what is wrong."""
    said = call(*arguments)
    assert said.code == 2
    assert word in said.err
    assert said.out == b""
    assert "Traceback" not in said.err


def test_a_closed_pipe_is_silent(registry: Path) -> None:
    """`cardgen … | head -0` ends without a word."""
    for arguments in (["render", "latest"], ["runs", "list"], ["--help"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([*COMMAND, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        assert done.stderr == ""
        assert done.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(registry: Path) -> None:
    """Output that cannot be written is an error with a message."""
    for arguments in (["render", "latest"], ["runs", "list", "--json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: the output cannot be written: No space left")
        assert done.stderr.count("\n") == 1


def test_ctrl_c_leaves_no_traceback(registry: Path) -> None:
    """An interrupted command exits with 130 and says nothing."""
    code = (
        "import time; from cardgen.cli import app, main\n"
        "app.cli.callback = lambda: (print('ready', flush=True), time.sleep(60))\n"
        "print(main(['runs', 'list']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert out.split() == ["130"]
    assert "Traceback" not in err


def test_no_arguments_show_the_help(call: Any) -> None:
    """`cardgen` alone says what there is."""
    said = call()
    assert said.code == 2
    assert "Commands:" in said.err


def test_the_version_is_the_installed_one(call: Any) -> None:
    """`--version` prints one line."""
    import cardgen

    assert call("--version").text == f"cardgen {cardgen.__version__}\n"
