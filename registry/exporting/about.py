"""What an export says of itself: `export.json` for programs, and a README.md that `datasets` reads as a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cardgen.registry.exporting.columns import Type
from cardgen.registry.exporting.kinds import KINDS

FORMAT = "cardgen export"
VERSION = 1
"""Of the format: greater for one that this cannot read. A key or file that is added is no new version."""

MANIFEST = "export.json"
README = "README.md"

_SQL: Mapping[Type, str] = {
    "string": "STRING",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "time": "STRING",
    "strings": "ARRAY<STRING>",
}
_FEATURES: Mapping[Type, str] = {"string": "string", "int64": "int64", "float64": "float64", "time": "string"}


class Written(NamedTuple):
    """A file that was written: its lines and the sha256 of its bytes."""

    lines: int
    sha256: str


def manifest(written: Mapping[str, Written], schema: str) -> str:
    """The text of `export.json`: format and version, the registry's schema, and each file with its columns.

    `ddl` are the columns as Spark takes them. There is no time and no place in it: equal registries have equal exports.
    """
    files = {
        kind.file: {
            "lines": written[kind.name].lines,
            "sha256": written[kind.name].sha256,
            "derived": kind.back is None,
            "columns": {column.name: column.type for column in kind.columns},
            "ddl": ", ".join(f"`{column.name}` {_SQL[column.type]}" for column in kind.columns),
        }
        for kind in KINDS.values()
        if kind.name in written
    }
    content = {"format": FORMAT, "version": VERSION, "schema": schema, "files": files}
    return json.dumps(content, indent=2) + "\n"


def readme(written: Mapping[str, Written]) -> str:
    """The card of the export as a data set: its front matter tells `datasets` the types, whatever comes first."""
    kinds = [kind for kind in KINDS.values() if kind.name in written and written[kind.name].lines]  # it takes no others
    lines = ["---", "configs:"] if kinds else ["---"]
    for kind in kinds:
        lines += [f"- config_name: {kind.name}", f"  data_files: {kind.file}"]
    lines += ["dataset_info:"] if kinds else []
    for kind in kinds:
        lines += [f"- config_name: {kind.name}", "  features:"]
        for column in kind.columns:
            lines += _feature(column.name, column.type)
    lines += ["---", "", "# An export of a cardgen registry", ""]
    lines += [f"- `{kind.file}`: {kind.about}" for kind in KINDS.values() if kind.name in written]
    return "\n".join([*lines, ""])


def _feature(name: str, type: Type) -> list[str]:
    if type == "strings":
        return [f"  - name: {name}", "    sequence: string"]
    return [f"  - name: {name}", f"    dtype: {_FEATURES[type]}"]


def read_manifest(text: str) -> dict[str, Any]:
    """The content of `export.json`.

    Raises:
        ValueError: it is none, or of a newer version.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("it is of no export of a registry")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise ValueError("its version is no number")
    if version > VERSION:
        raise ValueError(f"it has version {version}, this cardgen reads up to {VERSION}")
    files = content.get("files")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise ValueError("it lists no files")
    return content
