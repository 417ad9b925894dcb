"""Runs and log events as text, and back: the dataclasses of the record in tagged JSON.

Dataclasses are written field by field as their type hints say, plain values as `cardgen.registry.values` does. A
field that has its default is left out, so a new field with a default needs no upcaster. A field that this version does
not know is refused and not ignored: reading would lose it and the next save would make the loss final. Whoever adds a
field raises `DOCUMENT_VERSION`.

The text is ASCII without line ends: it fits a line of a spool and any column of any database.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Hashable
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from cardgen.errors import DocumentError
from cardgen.record import Displayed, LogEvent, Opaque, Run
from cardgen.registry import ordinary
from cardgen.registry.values import DAMAGE, damaged, decode_value, dump, encode_value, load
from cardgen.registry.values import pack as pack_value

__all__ = [
    "DOCUMENT_VERSION",
    "UPCASTERS",
    "NewerDocument",
    "decode_event",
    "decode_run",
    "decode_value",
    "encode_event",
    "encode_run",
    "encode_value",
]

DOCUMENT_VERSION = 3

Document = dict[str, Any]
UPCASTERS: dict[int, Callable[[Document], Document]] = {1: lambda document: document, 2: lambda document: document}
"""From the version that is the key to the next one: pure functions of the whole document.

2 has `notes`, and segments with `emissions`; 3 has `license_name` and `license_link`."""


class NewerDocument(DocumentError):
    """The document was written by a newer cardgen: it is whole, but not for us."""


class _Form(NamedTuple):
    """How values of one type hint become JSON and come back; both raise TypeError for a value of another type."""

    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


_ANY = _Form(pack_value, lambda value: value)


@functools.cache
def _form(hint: Hashable) -> _Form:
    if hint is Any:
        return _ANY
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union_form(arguments)
    if origin is Literal:
        return _literal_form(arguments)
    if origin is tuple:
        return _tuple_form(arguments)
    if origin is dict:
        return _dict_form(arguments[1])
    if dataclasses.is_dataclass(hint) and hint not in (Displayed, Opaque):
        return _record_form(hint)
    return _scalar_form((cast(type, hint),))


def _scalar_form(kinds: tuple[type, ...]) -> _Form:
    allowed = (*kinds, int) if float in kinds else kinds  # as type checkers have it: an int is a float
    names = " | ".join(kind.__name__ for kind in kinds)
    exact = frozenset(allowed)

    def check(value: Any) -> Any:
        if not isinstance(value, allowed):
            raise TypeError(f"{value!r:.80} is not {names}")
        return value

    return _Form(lambda value: pack_value(value if type(value) in exact else check(value)), check)


def _union_form(arguments: tuple[Any, ...]) -> _Form:
    others = tuple(argument for argument in arguments if argument is not type(None))
    inner = _form(others[0]) if len(others) == 1 else _scalar_form(others)
    if len(others) == len(arguments):
        return inner
    pack, unpack = inner
    return _Form(
        lambda value: None if value is None else pack(value),
        lambda value: None if value is None else unpack(value),
    )


def _literal_form(words: tuple[Any, ...]) -> _Form:
    def check(value: Any) -> Any:
        if value not in words:
            raise TypeError(f"{value!r:.80} is not one of {', '.join(words)}")
        return value

    return _Form(check, check)


def _tuple_form(arguments: tuple[Any, ...]) -> _Form:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        pack, unpack = _form(arguments[0])
        if pack is pack_value:
            return _Form(lambda value: [pack_value(item) for item in _items(value)], lambda value: tuple(_items(value)))
        return _Form(
            lambda value: [pack(item) for item in _items(value)],
            lambda value: tuple([unpack(item) for item in _items(value)]),
        )
    forms = [_form(argument) for argument in arguments]
    return _Form(
        lambda value: [form.pack(item) for form, item in zip(forms, _items(value), strict=True)],
        lambda value: tuple([form.unpack(item) for form, item in zip(forms, _items(value), strict=True)]),
    )


def _items(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{value!r:.80} is not a sequence")
    return value


def _dict_form(of: Any) -> _Form:
    form = _form(of)

    def pack(value: Any) -> Any:
        return pack_value(check(value))

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"{value!r:.80} is not a dictionary")
        if form is not _ANY:
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"the key {key!r:.80} is not text")
                form.unpack(item)
        return value

    return _Form(pack, check)


def _record_form(kind: type) -> _Form:
    hints = get_type_hints(kind)
    fields = []
    for field in dataclasses.fields(kind):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        fields.append((field.name, default, *_form(hints[field.name])))
    packers = [(name, default, pack) for name, default, pack, _ in fields]
    unpackers = {name: unpack for name, _, _, unpack in fields}

    def pack(value: Any) -> Document:
        if type(value) is not kind:
            raise TypeError(f"{value!r:.80} is not a {kind.__name__}")
        packed = {}
        for name, default, pack_field in packers:
            item = getattr(value, name)
            # Identity, for 1 == 1.0 == True; an empty dictionary is made anew each time.
            if item is default or (type(item) is dict and not item and default == {}):
                continue
            try:
                packed[name] = pack_field(item)
            except DAMAGE as error:
                raise TypeError(f"{kind.__name__}.{name}: {error}") from error
        return packed

    def unpack(data: Any) -> Any:
        if type(data) is not dict:
            raise TypeError(f"{data!r:.80} is not a {kind.__name__}")
        values = {}
        for name, item in data.items():
            unpacker = unpackers.get(name)
            if unpacker is None:
                raise TypeError(f"{kind.__name__} has no field {name!r:.80}")
            try:
                values[name] = unpacker(item)
            except DAMAGE as error:
                raise TypeError(f"{kind.__name__}.{name}: {error}") from error
        return kind(**values)

    return _Form(pack, unpack)


def _encode(record: Any) -> str:
    try:
        return dump(_form(cast(Hashable, type(record))).pack(record))
    except DAMAGE as error:
        raise DocumentError(f"this cannot be stored: {error}") from error


def encode_run(run: Run) -> str:
    """A run as the text that is stored.

    Raises:
        DocumentError: a field holds what its type does not allow.
    """
    return f'{{"document_version":{DOCUMENT_VERSION},"run":{_encode(run)}}}'


def decode_run(text: str) -> Run:
    """The run in a stored document, of this or an older version.

    Raises:
        DocumentError: the text is no such document; `NewerDocument` if a newer cardgen wrote it.
    """
    document = load(text)
    version = document.get("document_version") if isinstance(document, dict) else None
    if type(version) is not int or version < 1:
        raise DocumentError("a stored document cannot be decoded: it has no document_version")
    if version > DOCUMENT_VERSION:
        raise NewerDocument(
            f"the document has version {version}, this cardgen reads up to {DOCUMENT_VERSION}",
            hint="upgrade cardgen: pip install --upgrade cardgen",
        )
    try:
        for older in range(version, DOCUMENT_VERSION):
            document = UPCASTERS[older](document)
        return cast(Run, _form(Run).unpack(document.get("run")))
    except DAMAGE as error:
        raise damaged(error) from error


def encode_event(event: LogEvent) -> str:
    """A log event as one line of text without its end.

    Raises:
        DocumentError: a field holds what its type does not allow.
    """
    return ordinary.to_text(event) or _encode(event)


def decode_event(text: str) -> LogEvent:
    """The log event that `encode_event` wrote.

    Raises:
        DocumentError: the text is not of this form.
    """
    data = load(text)
    try:
        return cast(LogEvent, _form(LogEvent).unpack(data))
    except DAMAGE as error:
        raise damaged(error) from error
