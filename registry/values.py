"""Plain values as text, and back: ASCII-escaped, tagged JSON.

What JSON has is written as JSON. What it lacks is an object with one key that starts with `$`: `{"$tuple": […]}`,
`{"$float": "nan"}`, `{"$bytes": "…"}`. A dictionary that could be taken for such an object, or has keys that are no
strings, is itself written as `{"$dict": [[key, value], …]}`, so that no data can be mistaken for a tag. Types and
`repr` of plain values survive; a test with generated values proves it.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from cardgen.errors import DocumentError
from cardgen.record import Displayed, Opaque

MAX_DEPTH = 100
"""Containers nested deeper than this are stored as `Opaque("...")`, as Python prints what contains itself."""

DAMAGE = (TypeError, ValueError, LookupError, RecursionError)
"""What text of somebody else can make the parser or an unpacker raise."""

_PLAIN_INTEGER = 1 << 1024  # Python refuses to convert longer ones from decimal text; hexadecimal has no limit
_SPLIT_PAIR = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")  # JSON would join the two into one character


def encode_value(value: Any) -> str:
    """A plain value as ASCII text.

    A subclass of a plain type is written as that type, and any other object as `Opaque(repr(value))`: recording
    refuses nothing.
    """
    if type(value) is float and math.isfinite(value):
        return repr(value)  # as JSON has it; a log writes one with every event
    return dump(pack(value, 0))


def decode_value(text: str) -> Any:
    """The plain value that `encode_value` wrote.

    Raises:
        DocumentError: the text is not of this form.
    """
    return load(text)


def pack(value: Any, depth: int = 0) -> Any:
    """The value as the JSON writer takes it; `depth` is in containers around it."""
    packer = _PACKERS.get(type(value))
    return packer(value, depth) if packer is not None else _pack_other(value, depth)


def _pack_itself(value: Any, depth: int) -> Any:
    return value


def _pack_int(value: int, depth: int) -> Any:
    return value if -_PLAIN_INTEGER < value < _PLAIN_INTEGER else {"$int": hex(value)}


def _pack_float(value: float, depth: int) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _pack_str(value: str, depth: int) -> Any:
    if value.isascii():
        return value
    parts = _SPLIT_PAIR.split(value)
    return value if len(parts) == 1 else {"$str": parts}


def _pack_bytes(value: bytes, depth: int) -> Any:
    return {"$bytes": base64.b64encode(value).decode("ascii")}


def _pack_list(value: list[Any], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return {"$opaque": "..."}
    return [pack(item, depth + 1) for item in value]


def _pack_tuple(value: tuple[Any, ...], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return {"$opaque": "..."}
    return {"$tuple": [pack(item, depth + 1) for item in value]}


def _pack_dict(value: dict[Any, Any], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return {"$opaque": "..."}
    packed = {}
    for key, item in value.items():
        if type(key) is not str or key[:1] == "$" or not key.isascii():
            return {"$dict": [[pack(key, depth + 1), pack(item, depth + 1)] for key, item in value.items()]}
        packed[key] = item if type(item) is float and math.isfinite(item) else pack(item, depth + 1)
    return packed


def _pack_datetime(value: dt.datetime, depth: int) -> Any:
    utc = value if value.tzinfo is None else value.astimezone(dt.UTC)
    return {"$datetime": utc.isoformat()}


def _pack_displayed(value: Displayed, depth: int) -> Any:
    return {"$displayed": [pack(value.text, depth), pack(value.value, depth)]}


def _pack_opaque(value: Opaque, depth: int) -> Any:
    return {"$opaque": pack(value.text, depth)}


def _pack_other(value: Any, depth: int) -> Any:
    for kind, plain in _SUBCLASSES:
        if isinstance(value, kind):
            return pack(plain(value), depth)
    try:
        text = repr(value)
    except Exception:  # somebody else's __repr__
        text = f"<{type(value).__name__}>"
    return {"$opaque": _pack_str(str.__str__(text), depth)}


_PACKERS: dict[type, Callable[[Any, int], Any]] = {
    type(None): _pack_itself,
    bool: _pack_itself,
    int: _pack_int,
    float: _pack_float,
    str: _pack_str,
    bytes: _pack_bytes,
    list: _pack_list,
    tuple: _pack_tuple,
    dict: _pack_dict,
    dt.datetime: _pack_datetime,
    Displayed: _pack_displayed,
    Opaque: _pack_opaque,
}

_SUBCLASSES: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (str, str.__str__),  # not str(): an enumeration of strings prints its class
    (int, int.__index__),
    (float, float.__float__),
    ((bytes, bytearray), bytes),
    (list, list),
    (tuple, tuple),
    (dict, dict),
)


def _unpack_tagged(item: dict[str, Any]) -> Any:
    """`object_hook` of the parser: objects are seen from the inside out, so the content is unpacked already."""
    if len(item) == 1:
        [(key, content)] = item.items()
        if key[:1] == "$":
            return _UNPACKERS[key](content)
    return item


def _unpack_displayed(content: Any) -> Displayed:
    text, value = content
    if not isinstance(text, str) or not (value is None or isinstance(value, (int, float))):
        raise TypeError(f"{content!r} is no displayed number")
    return Displayed(text, value)


def _unpack_opaque(content: Any) -> Opaque:
    if not isinstance(content, str):
        raise TypeError(f"{content!r} is not text")
    return Opaque(content)


_UNPACKERS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda content: int(content, 16),
    "$float": float,
    "$str": "".join,
    "$bytes": lambda content: base64.b64decode(content, validate=True),
    "$tuple": tuple,
    "$dict": dict,
    "$datetime": dt.datetime.fromisoformat,
    "$displayed": _unpack_displayed,
    "$opaque": _unpack_opaque,
}

_ENCODER = json.JSONEncoder(ensure_ascii=True, check_circular=False, allow_nan=False, separators=(",", ":"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_hook=_unpack_tagged, parse_constant=_refuse_constant)


def dump(packed: Any) -> str:
    """What `pack` gave, as text."""
    return _ENCODER.encode(packed)


def load(text: str) -> Any:
    """Tagged JSON with every tag turned into its value; DocumentError for other text."""
    try:
        return _DECODER.decode(text)
    except DAMAGE as error:
        raise damaged(error) from error


def damaged(error: Exception) -> DocumentError:
    """The error to raise for a failure while decoding."""
    words = str(error)
    shown = words if len(words) <= 200 else words[:200] + "…"
    return DocumentError(f"a stored document cannot be decoded: {type(error).__name__}: {shown}")
