"""Any Python value as a plain value (see `cardgen.record`), printed the same.

Cards print values with `str`, and what is nested with `repr`. A value becomes a plain one only if that prints the same
text; a number that does not (`np.float32(0.1)`) becomes `Displayed`, everything else `Opaque`. So does such a number
within a container, for only `Opaque` prints there as its text.
"""

from __future__ import annotations

import json
from typing import Any

from cardgen.record import Displayed, Opaque

MAX_DEPTH = 60
"""Containers nested deeper than this become `Opaque`."""


def plain(value: Any) -> Any:
    """The plain value that prints as this value does."""
    return _plain(value, 0)


def text_of(value: Any) -> str:
    """The value as Python prints it, or its class where printing fails."""
    return _shown(value, 0)


def pure_number(value: Any) -> Any:
    """A metric's value: numpy and torch scalars as pure Python, whatever they print; the rest as `plain` has it."""
    if hasattr(value, "dtype"):
        try:
            return plain(value.item())
        except Exception:
            return plain(value)
    return plain(value)


def number_or_none(value: Any) -> int | float | None:
    """A pure int or float, or None, whatever kind of number it was."""
    if value is None or type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, int) else float(value)


def as_json(value: Any) -> dict[str, Any] | None:
    """A configuration as JSON holds it; None if JSON cannot hold it or would change its printed form."""
    try:
        return exact_json(json.dumps(value, indent=4))
    except (TypeError, ValueError, RecursionError):
        return None


def exact_json(text: str) -> dict[str, Any] | None:
    """The object that prints as this indented JSON text; None if no object does."""
    try:
        value = json.loads(text)
        same = isinstance(value, dict) and json.dumps(value, indent=4) == text
    except (ValueError, RecursionError):
        return None
    return value if same else None


def _shown(value: Any, depth: int) -> str:
    try:
        return str.__str__(repr(value) if depth else str(value))
    except Exception:
        return f"<{type(value).__name__}>"


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, Displayed, Opaque):
        return value
    if depth < MAX_DEPTH:
        if kind is list:
            return [_plain(entry, depth + 1) for entry in value]
        if kind is tuple:
            return tuple(_plain(entry, depth + 1) for entry in value)
        if kind is dict:
            return {_key(key): _plain(entry, depth + 1) for key, entry in value.items()}
    return _scalar(value, depth)


def _key(key: Any) -> Any:
    result = _plain(key, 1)
    try:
        hash(result)
    except TypeError:
        return Opaque(_shown(key, 1))
    return result


def _scalar(value: Any, depth: int) -> Any:
    shown = _shown(value, depth)
    raw = _raw(value)
    if raw is not None and _shown(raw, depth) == shown:
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool) and not depth:
        return Displayed(shown, raw)
    return Opaque(shown)


def _raw(value: Any) -> Any:
    """The plain value behind an instance of a subclass or behind a numpy or torch scalar; None without one."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        try:
            item = value.item()
        except Exception:
            return None
        return item if type(item) in (bool, int, float, str) else None
    return None
