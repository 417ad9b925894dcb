"""The usage snippet, read as Python but never run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from cardgen.card.eras import CE
from cardgen.card.parse.page import Page, fenced
from cardgen.card.parse.values import literal
from cardgen.card.usage import CALORIES, PLANETS, SENTENCES
from cardgen.matrix import read_matrix
from cardgen.record import Matrix, ModelType

PLACEHOLDERS = frozenset(
    (
        "sentence_transformers_model_id",
        "cross_encoder_model_id",
        "sparse_encoder_model_id",
        "multi_vector_encoder_model_id",
    )
)
LONGEST_WRAPPED = 100_000
"""Characters of a list that somebody wrapped otherwise up to which it is still read."""

_LIST = re.compile(r"(queries|documents|pairs|sentences|inputs) = \[(.*)", re.ASCII)
_MODEL = re.compile(r'model = \w+\("([^"]*)"\)', re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SIZE = re.compile("[0-9]{1,18}")
LONGEST_NUMBER = 100
"""Characters of a number in a printed result."""


def snippet(page: Page, type_: ModelType) -> dict[str, Any]:
    """What the snippet shows of examples, similarities, query_shape, document_shape, hub_id and retrieval."""
    section = page.section(3, "Direct Usage (Sentence Transformers)")
    code = _python(section.lines) if section else None
    if code is None:
        return {}
    lists, hub_id = _assignments(code)
    facts: dict[str, Any] = {"hub_id": hub_id, "similarities": _printed(code)}
    builtin: tuple[Any, ...]
    if "queries" in lists:
        queries, documents = lists["queries"], lists.get("documents", [])
        examples, builtin = queries if documents == queries else queries + documents, PLANETS
        facts["retrieval"] = True
        facts["query_shape"], facts["document_shape"] = _shapes(code)
    elif type_ == CE:
        examples, builtin = lists.get("pairs", []), tuple(list(pair) for pair in CALORIES)
    else:
        examples, builtin = lists.get("sentences") or lists.get("inputs") or [], SENTENCES
        facts["retrieval"] = False
    facts["examples"] = None if tuple(examples) == builtin else tuple(examples)
    return facts


def _python(lines: Sequence[str]) -> list[str] | None:
    position = 0
    while block := fenced(lines, position):
        code, position = block
        if any(line.startswith("from sentence_transformers import") for line in code):
            return code
    return None


def _assignments(code: Sequence[str]) -> tuple[dict[str, list[Any]], str | None]:
    """The lists of literals that names are set to, and the model's id."""
    lists: dict[str, list[Any]] = {}
    hub_id = None
    for number, line in enumerate(code):
        if found := _LIST.fullmatch(line):
            entries = _entries(code, number) if not found[2] else None
            if entries is None:
                entries = _wrapped_entries(code, number)
            if entries is not None:
                lists[found[1]] = entries
        elif found := _MODEL.fullmatch(line):
            hub_id = None if found[1] in PLACEHOLDERS else found[1]
    return lists, hub_id


def _entries(code: Sequence[str], start: int) -> list[Any] | None:
    """The literals of a list as it is rendered, one a line; None if one is no literal."""
    entries: list[Any] = []
    for number in range(start + 1, len(code)):
        line = code[number]
        if line == "]":
            return entries
        text = line.strip().removesuffix(",")
        value = _text(text)
        if value is None:
            value = literal(text)
            if value is text:
                return None
        entries.append(_whole(value))
    return None


def _text(text: str) -> str | None:
    """The string that a literal without escapes says."""
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0] and "\\" not in text and text.count(text[0]) == 2:
        return text[1:-1]
    return None


def _wrapped_entries(code: Sequence[str], start: int) -> list[Any] | None:
    """The literals of a list up to a line that ends in its bracket."""
    end = next((number for number in range(start, len(code)) if code[number].rstrip().endswith("]")), start)
    text = "\n".join(code[start : end + 1]).partition(" = ")[2]
    if len(text) > LONGEST_WRAPPED:
        return None
    value = literal(text.strip())
    return [_whole(entry) for entry in value] if isinstance(value, list) else None


def _whole(value: Any) -> Any:
    """A text whose surrogate pairs (JSON's way of writing astral characters) are characters again."""
    if isinstance(value, str) and _SURROGATE.search(value):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _printed(code: Sequence[str]) -> Matrix | None:
    """The result behind `print(similarities)` or `print(scores)`."""
    for index, line in enumerate(code):
        if line in ("print(similarities)", "print(scores)"):
            shown = itertools.takewhile(lambda line: line.startswith("# "), code[index + 1 :])
            text = "\n".join(line[2:] for line in shown)
            if max(map(len, text.split()), default=0) > LONGEST_NUMBER:
                return None
            try:
                return read_matrix(text)
            except ValueError:
                return None
    return None


def _shapes(code: Sequence[str]) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """`# (32, 128) (9, 128)` of a multi-vector model."""
    for index, line in enumerate(code[:-1]):
        if line.startswith("print(query_embeddings[0].shape"):
            parts = code[index + 1].removeprefix("# ").replace(") (", ")\n(").split("\n")
            if len(parts) == 2:
                return _shape(parts[0]), _shape(parts[1])
    return None, None


def _shape(text: str) -> tuple[int, ...] | None:
    parts = text.strip("()").split(", ")
    return tuple(int(part) for part in parts) if all(_SIZE.fullmatch(part) for part in parts) else None
