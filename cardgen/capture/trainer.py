"""The training arguments, and the defaults that they differ from."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Mapping
from typing import Any

from cardgen.capture.values import plain
from cardgen.record import Hyperparameters

_MISSING = object()


def capture_hyperparameters(
    arguments: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    args: Any = None,
    changed: Collection[str] | None = None,
) -> Hyperparameters:
    """Every argument in the trainer's order, with its exact value.

    Args:
        arguments: `args.to_dict()`.
        defaults: the same of an untouched instance, as the library made it when the trainer was built.
        args: the arguments object; where `defaults` are unknown, the defaults of its fields are used.
        changed: names of the arguments that the library found to differ, for use with `args`.
    """
    if defaults is not None:
        differing = {
            name: defaults[name]
            for name, value in arguments.items()
            if name in defaults and _differs(value, defaults[name])
        }
    else:
        differing = _field_defaults(args, [name for name in arguments if name in (changed or ())])
    return Hyperparameters(
        values={str(name): plain(value) for name, value in arguments.items()},
        defaults={str(name): plain(value) for name, value in differing.items()},
    )


def changed_arguments(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments whose value is another one than before, with the new value."""
    return {
        name: value
        for name, value in after.items()
        if name not in before or type(value) is not type(before[name]) or _differs(value, before[name])
    }


def _differs(value: Any, default: Any) -> bool:
    try:
        return bool(value != default)
    except Exception:  # values that cannot be compared, such as arrays
        return repr(value) != repr(default)


def _field_defaults(args: Any, names: list[str]) -> dict[str, Any]:
    fields = {field.name: field for field in dataclasses.fields(args)} if dataclasses.is_dataclass(args) else {}
    result = {}
    for name in names:
        default: Any = _MISSING
        if (field := fields.get(name)) is not None:
            if field.default is not dataclasses.MISSING:
                default = field.default
            elif field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
        if default is _MISSING:
            default = None
        result[name] = default.value if isinstance(default, enum.Enum) else default
    return result
