"""Training and evaluation sets, from what the library noted about them when the trainer was built.

The library keeps presentation: `9 tokens`, `~31.25%`, `<code>anchor</code>`. Here it is read back into values.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from cardgen.capture.library import library_version
from cardgen.capture.model import hub_id
from cardgen.capture.problems import Problems
from cardgen.capture.values import exact_json, plain, text_of
from cardgen.record import Column, Dataset, Displayed, Loss, Opaque, Role, Statistics

_MEASURE = re.compile(r"(-?[0-9.]+|inf|-inf|nan) (tokens|characters|elements)")
_SHARE = re.compile(r"~?([0-9.]+)%")


def capture_datasets(card: Any, *, samples: bool, problems: Problems) -> tuple[Dataset, ...]:
    """The sets of both roles in order; `samples=False` keeps no row."""
    result: list[Dataset] = []
    roles: tuple[Role, ...] = ("train", "eval")
    for role in roles:
        for position, entry in enumerate(getattr(card, f"{role}_datasets", None) or ()):
            look = functools.partial(_dataset, role, entry, samples, problems)
            result.append(problems.attempt(f"{role} data set {position + 1}", look, Dataset(role=role)))
    return tuple(result)


def capture_loss(entry: Any) -> Loss | None:
    """Name and configuration of a set's loss."""
    if not isinstance(entry, Mapping) or not entry.get("fullname"):
        return None
    name = str(entry["fullname"])
    code = entry.get("config_code")
    if not code:
        return Loss(name=name)
    text = inside_fence(str(code))
    configuration = exact_json(text)
    return Loss(name=name, configuration=configuration, configuration_text=text if configuration is None else None)


def inside_fence(code: str) -> str:
    """The text between the fences of an indented block."""
    lines = [line.removeprefix("  ") for line in code.split("\n")]
    if lines and lines[0].startswith("```"):
        lines = lines[1:]
    if lines and lines[-1] == "```":
        lines = lines[:-1]
    return "\n".join(lines)


def capture_statistics(dtype: Any, data: Any) -> Statistics:
    """The statistics of one column as values; what is worded in an unknown way is kept as worded."""
    data = data if isinstance(data, Mapping) else {}
    other = Statistics(kind="other", details=tuple((text_of(k), text_of(v)) for k, v in data.items()))
    if not data:
        return other
    if dtype in ("int", "bool"):
        shares = [(plain(value), _SHARE.fullmatch(str(share))) for value, share in data.items()]
        found = tuple((value, float(match[1])) for value, match in shares if match)
        return Statistics(kind="share", shares=found) if len(found) == len(shares) else other
    if set(data) == {"min", "mean", "max"} and all(_is_number(value) for value in data.values()):
        low, mean, high = (plain(data[key]) for key in ("min", "mean", "max"))
        return Statistics(kind="number", minimum=low, mean=mean, maximum=high)
    measures = {key: _MEASURE.fullmatch(str(value)) for key, value in data.items()}
    if not all(measures.values()):
        return other
    values = {key: _number(match[1]) for key, match in measures.items() if match}
    units = {match[2] for match in measures.values() if match}
    if set(values) == {"size"} and units == {"elements"}:
        return Statistics(kind="size", minimum=values["size"], maximum=values["size"])
    if set(values) != {"min", "mean", "max"} or len(units) != 1:
        return other
    unit = units.pop()
    return Statistics(
        kind="size" if unit == "elements" else "length",
        unit=None if unit == "elements" else unit,
        minimum=values["min"],
        mean=values["mean"],
        maximum=values["max"],
    )


def _dataset(role: Role, entry: Mapping[str, Any], samples: bool, problems: Problems) -> Dataset:
    size = entry.get("size")
    stats = entry.get("stats") or {}
    names = [_bare(name) for name in entry.get("columns") or ()]
    columns = tuple(_column(name, stats.get(name)) for name in names)
    rows = None
    if samples:
        rows = problems.attempt(f"the samples of a {role} set", lambda: _rows(entry.get("examples"), names), None)
    claimed = 100 if library_version() >= (5, 5) else 1000
    name, split, revision = entry.get("name"), entry.get("split"), entry.get("revision")
    return Dataset(
        role=role,
        name=None if name is None else str(name),
        hub_id=hub_id(entry.get("id")),
        revision=None if revision is None else str(revision),
        split=None if split in (None, "None") else str(split),
        size=None if size is None else int(size),
        streaming=bool(names) and not stats,
        columns=columns,
        sampled_rows=min(int(size), claimed) if size is not None and stats else None,
        samples=rows,
        loss=problems.attempt(f"the loss of a {role} set", lambda: capture_loss(entry.get("loss")), None),
    )


def _bare(name: Any) -> str:
    return str(name).removeprefix("<code>").removesuffix("</code>")


def _column(name: str, stats: Mapping[str, Any] | None) -> Column:
    if stats is None:
        return Column(name=name)
    dtype = stats.get("dtype")
    modality = stats.get("modality")
    return Column(
        name=name,
        dtype=None if dtype is None else str(dtype),
        modality=None if modality is None else str(modality),
        statistics=capture_statistics(dtype, stats.get("data")),
    )


def _rows(examples: Any, names: list[str]) -> tuple[tuple[Any, ...], ...] | None:
    """The first rows, from a dictionary of columns."""
    if not examples or not names:
        return None
    count = len(examples[names[0]])
    return tuple(tuple(cell(examples[name][row]) for name in names) for row in range(count))


def cell(value: Any) -> Any:
    """A cell of a row as a plain value; media become what the library's table of samples shows for them."""
    if isinstance(value, dict | list | tuple) or value is None or isinstance(value, str | int | float | bytes):
        if not (isinstance(value, dict) and "array" in value):
            return plain(value)
    elif hasattr(value, "dtype"):
        found = plain(value)
        return Opaque(found.text) if isinstance(found, Displayed) else found  # a cell is shown, never compared
    shown = _library_words(value)
    return plain(value) if shown is None else Opaque(shown)


def _library_words(value: Any) -> str | None:
    try:
        from sentence_transformers.base.model_card import BaseModelCardData

        text = BaseModelCardData._format_example_value(value)
    except Exception:
        return None
    return text if isinstance(text, str) and text.startswith("&lt;") else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
