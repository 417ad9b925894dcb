"""Secrets, and paths of this machine's users, in the files of a model: in texts, in headers of weights, in names.

Nothing is loaded or run. Files of any size are read in pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cardgen.errors import FileProblem
from cardgen.personal import hide_homes
from cardgen.redaction import redact, redact_text

PIECE = 8 << 20
"""Bytes that are looked at at once; what is larger is looked at in pieces."""
OVERLAP = 64 << 10
"""Bytes of a piece that the next one begins with: the longest secret has less."""
LARGEST_CONFIGURATION = 1 << 20
"""Bytes up to which a JSON file is a configuration, in which names tell secrets; larger ones are vocabularies."""
LARGEST_HEADER = 100_000_000
"""Bytes that the header of a safetensors file may have, by its format."""
BEGINNING = 64 << 20
"""Bytes of a GGUF file that hold its texts."""

_NUMBERS = (".onnx_data", ".bin")
"""Weights without a text in them."""
_ESCAPED = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|(/))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A secret (`kind` is `secret`) or a path of a user (`path`) in a file that would be published."""

    path: str
    kind: str


def scan(files: Mapping[str, Path], *, redact_paths: bool = False) -> tuple[list[Finding], dict[str, bytes]]:
    """Look through the files of a model.

    Args:
        files: the files by their path in the repository.
        redact_paths: hide paths of users in small texts instead of finding them.

    Returns:
        what was found, and the content of the files in which something was hidden.

    Raises:
        FileProblem: a file cannot be read.
    """
    findings: list[Finding] = []
    replaced: dict[str, bytes] = {}
    for name, path in files.items():
        kinds = {"secret"} if redact_text(name) != name else set()
        size = 0
        for text in _texts(name, path):
            kinds |= _in_text(text)
            size += len(text)
        if name.endswith(".json") and size <= LARGEST_CONFIGURATION and _has_named_secret(path):
            kinds.add("secret")
        if "path" in kinds and redact_paths and (hidden := _without_homes(name, path)) is not None:
            replaced[name] = hidden
            kinds.remove("path")
        findings += (Finding(path=name, kind=kind) for kind in sorted(kinds))
    return findings, replaced


def has_secret(text: str) -> bool:
    """Whether a text has what looks like a token, password or private key."""
    return "secret" in _in_text(text)


def has_home(text: str) -> bool:
    """Whether a text has the path of somebody's home folder."""
    return "path" in _in_text(text)


def _in_text(text: str) -> set[str]:
    """What is in a text, as it is or as its escapes mean it."""
    found = set()
    for form in (text, _ESCAPED.sub(_unescaped, text)) if "\\u00" in text or "\\/" in text else (text,):
        if redact_text(form) != form:
            found.add("secret")
        if hide_homes(form) != form:
            found.add("path")
    return found


def _unescaped(match: re.Match[str]) -> str:
    return match[2] or chr(int(match[1], 16))


def _texts(name: str, path: Path) -> Iterator[str]:
    """The texts of a file, in pieces that overlap."""
    if name.endswith(_NUMBERS):
        return
    try:
        with open(path, "rb") as file:
            if name.endswith(".safetensors"):  # eight bytes of length, then a JSON text, then numbers
                left = min(int.from_bytes(file.read(8), "little"), LARGEST_HEADER)
            else:
                left = BEGINNING if name.endswith(".gguf") else -1
            yield from _pieces(file, left)
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror}", hint="is it there, and readable?") from error


def _pieces(file: IO[bytes], left: int) -> Iterator[str]:
    before = b""
    while left and (data := file.read(PIECE if left < 0 else min(PIECE, left))):
        left -= len(data) if left > 0 else 0
        piece = before + data
        yield piece.decode("utf-8", "replace")
        if b"\0" in piece:  # UTF-16 and UTF-32, as far as it is ASCII
            yield piece.replace(b"\0", b"").decode("utf-8", "replace")
        before = data[-OVERLAP:]


def _has_named_secret(path: Path) -> bool:
    """Whether a configuration has a secret that only its name tells."""
    try:
        return bool(redact(json.loads(path.read_bytes()))[1])
    except (ValueError, RecursionError):
        return False


def _without_homes(name: str, path: Path) -> bytes | None:
    """A small text with every home hidden; None for what is none, or where one would be left."""
    if name.endswith((".safetensors", ".onnx", ".gguf", ".model")) or path.stat().st_size > PIECE:
        return None
    try:
        hidden = hide_homes(path.read_bytes().decode())
    except UnicodeDecodeError:
        return None
    return None if has_home(hidden) else hidden.encode()
