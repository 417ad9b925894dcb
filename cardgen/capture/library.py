"""Which version of sentence-transformers this is, and which of its classes an object belongs to."""

from __future__ import annotations

import re
from typing import Any, get_args

from cardgen.record import ModelType

_TYPES: tuple[ModelType, ...] = get_args(ModelType)


def library_version() -> tuple[int, int]:
    """Major and minor version of the installed library; (0, 0) if it does not tell."""
    import sentence_transformers

    match = re.match(r"(\d+)\.(\d+)", str(getattr(sentence_transformers, "__version__", "")))
    return (int(match[1]), int(match[2])) if match else (0, 0)


def model_type(model: Any) -> ModelType | None:
    """The library's kind of a model, by its class or the nearest base class; None for any other object."""
    for kind in type(model).__mro__:
        if kind.__module__.partition(".")[0] == "sentence_transformers" and kind.__name__ in _TYPES:
            return next(name for name in _TYPES if name == kind.__name__)
    return None


def is_a(value: Any, *names: str) -> bool:
    """Whether a class of the library with one of these names is among the value's classes."""
    return any(
        kind.__name__ in names and kind.__module__.partition(".")[0] == "sentence_transformers"
        for kind in type(value).__mro__
    )


def full_name(value: Any) -> str:
    """Module and class of an object, as cards name losses and evaluators."""
    kind = value if isinstance(value, type) else type(value)
    return kind.__name__ if kind.__module__ in (None, "builtins") else f"{kind.__module__}.{kind.__name__}"
