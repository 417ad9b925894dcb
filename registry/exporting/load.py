"""An export read back into a registry file of one's own. The export may be a stranger's: nothing in it is believed."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from cardgen.errors import CardgenError, NotAnExport
from cardgen.registry.engine import Database
from cardgen.registry.exporting.about import MANIFEST, read_manifest
from cardgen.registry.exporting.columns import Column, Kind, Line
from cardgen.registry.exporting.kinds import KINDS, RUNS
from cardgen.registry.location import parse_location
from cardgen.registry.schema import ensure_schema
from cardgen.registry.tables import document, run

LINE_LIMIT = 1 << 28
"""Bytes of a line: far more than any record has, and few enough to be held in memory."""

_MANIFEST_LIMIT = 1 << 20
_LINES_AT_ONCE = 500
_INTEGER_LIMIT = 1 << 63
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def is_export(folder: Path) -> bool:
    """Whether a folder looks like an export."""
    return folder.is_dir() and os.path.lexists(folder / MANIFEST)


def load(folder: Path, target: Path) -> None:
    """Write what an export holds into a new registry file, without what only searching needs.

    Raises:
        NotAnExport: it is none, of a newer version, or something in it cannot be right.
    """
    try:
        with closing(_opened(folder / MANIFEST)) as file:
            files = read_manifest(file.read(_MANIFEST_LIMIT).decode())["files"]
    except (ValueError, RecursionError) as error:
        raise NotAnExport(f"{folder / MANIFEST} cannot be read: {error}", hint="make the export again") from error
    with closing(Database(parse_location(target), mode="write", create=True)) as database:
        ensure_schema(database, create=True)
        for kind in KINDS.values():
            if kind.back is not None and kind.file in files:
                _Loader(kind, folder / kind.file, files[kind.file]).load(database)


class _Loader:
    """Reads one file."""

    def __init__(self, kind: Kind, path: Path, entry: dict[str, Any]) -> None:
        self._kind, self._path, self._entry = kind, path, entry
        self._types = {column.name: column for column in kind.columns}

    def load(self, database: Database) -> None:
        """Put all lines into their table, and compare them with what the export says of itself."""
        digest, count = hashlib.sha256(), 0
        with closing(_opened(self._path)) as file:
            lines = self._lines(file, digest)
            while some := list(itertools.islice(lines, _LINES_AT_ONCE)):
                rows = [self._row(count + index, line) for index, line in enumerate(some, 1)]
                with database.write() as connection:
                    try:
                        self._insert(connection, rows)
                    except sa.exc.IntegrityError:
                        raise self._wrong(count + len(some), "it says something twice, or lacks its run") from None
                count += len(some)
        if self._entry.get("lines") != count or self._entry.get("sha256") != digest.hexdigest():
            raise NotAnExport(
                f"{self._path} is not the file that was exported: {count} lines", hint="make the export again"
            )

    def _lines(self, file: BinaryIO, digest: Any) -> Iterator[bytes]:
        number = 0
        while line := file.readline(LINE_LIMIT):
            number += 1
            if not line.endswith(b"\n"):
                raise self._wrong(number, "it has no end, or is far too long")
            digest.update(line)
            yield line

    def _row(self, number: int, data: bytes) -> dict[str, Any]:
        try:
            line = json.loads(data)
            self._check(line)
            row = {"run_id": line.get("run_id")} if self._kind.of_run else {}
            if self._kind is RUNS:
                row["document"] = line["document"]
            assert self._kind.back is not None
            return {**row, **self._kind.back(line)}
        except (ValueError, TypeError, RecursionError, OverflowError, CardgenError) as error:
            raise self._wrong(number, str(error)[:200]) from error

    def _check(self, line: Line) -> None:
        if type(line) is not dict:
            raise ValueError("it is no object")
        if line.keys() != self._types.keys():
            odd = sorted(map(str, line.keys() ^ self._types.keys()))
            raise ValueError(f"it has other keys than this file has: {', '.join(odd)[:100]}")
        for name, column in self._types.items():
            if not _fits(line[name], column):
                raise ValueError(f"{name} is no {column.type}")

    def _insert(self, connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
        kind = self._kind
        assert kind.table is not None
        if kind is RUNS:
            for row in rows:
                text = row.pop("document")
                number = connection.execute(_NEW_RUN, {**_EMPTY_RUN, **row}).scalar_one()
                connection.execute(document.insert(), {"run": number, "text": text})
            return
        if not kind.of_run:
            connection.execute(kind.table.insert(), rows)
            return
        wanted = {row["run_id"] for row in rows}
        query = sa.select(run.c.id, run.c.number).where(run.c.id.in_(wanted))
        numbers = {found.id: found.number for found in connection.execute(query)}
        # without a number the column refuses the row
        connection.execute(kind.table.insert(), [{"run": numbers.get(row.pop("run_id")), **row} for row in rows])

    def _wrong(self, number: int, why: str) -> NotAnExport:
        return NotAnExport(f"{self._path}, line {number}: {why}", hint="make the export again")


_NEW_RUN = run.insert().returning(run.c.number)
_EMPTY_RUN = {"tags": "[]", "status": "", "origin": "", "model_type": "", "words": ""}
"""What follows from the document: it is made when the run is merged."""


def _fits(value: Any, column: Column) -> bool:
    if value is None:
        return column.null
    if column.type == "int64":
        return type(value) is int and -_INTEGER_LIMIT <= value < _INTEGER_LIMIT
    if column.type == "float64":
        return type(value) is float and math.isfinite(value)
    if column.type == "strings":
        return type(value) is list and all(_is_text(item) for item in value)
    return _is_text(value) and (column.type != "time" or _TIME.fullmatch(value) is not None)


def _is_text(value: Any) -> bool:
    return type(value) is str and _UNSTORABLE.search(value) is None


def _opened(path: Path) -> BinaryIO:
    """A file of the export: no link, no device.

    Raises:
        NotAnExport: it cannot be read.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise NotAnExport(f"{path} cannot be read: {error.strerror}", hint="make the export again") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAnExport(f"{path} is no file", hint="make the export again")
    return open(descriptor, "rb", buffering=1 << 20)
