"""Facts as JSON for scripts: plain values, times as ISO 8601, in ASCII."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from typing import Any

from cardgen.record import Displayed, Opaque


def plain(value: Any) -> Any:
    """Turn facts into what JSON has: a number that JSON lacks becomes `"nan"`, `"inf"` or `"-inf"`."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Displayed):
        return _displayed(value)
    if isinstance(value, Opaque):
        return value.text
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return repr(value) if isinstance(value, bytes) else str(value)


def _displayed(value: Displayed) -> Any:
    """The number as it is displayed; where words were, such as `1.5 minutes`, they and the number."""
    if value.value is None:
        return value.text
    try:
        if float(value.text) == value.value:
            return plain(value.value)
    except ValueError:
        pass
    return {"text": value.text, "value": plain(value.value)}


def to_json(value: Any) -> str:
    """Facts as indented JSON; ASCII only, so no terminal and no encoding can be harmed."""
    return json.dumps(plain(value), indent=2, allow_nan=False)
