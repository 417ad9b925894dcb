"""Front matter with the place of every key and value, for those who tell a person where something is."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cardgen.card.yaml_text import DEEPEST, LONGEST, Unreadable


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as YAML has it. `kind` is what YAML 1.1 takes it for (`str`, `bool`, `int`, `float`, `null`,
    `timestamp` …); a text between quotes is always `str`. Lines count from 0, at LF only.
    """

    text: str
    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; of a key that is there twice the last value counts. `keys` are the lines of the keys."""

    entries: dict[str, Node]
    line: int
    keys: dict[str, int] = field(default_factory=dict)
    duplicates: tuple[tuple[str, int], ...] = ()

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        return self.entries.get(key)


Node: TypeAlias = Scalar | Listing | Mapping


class UnreadableAt(Unreadable):
    """This is no YAML, or none that a card may hold; `line` counts from 0."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def load_nodes(text: str) -> Node | None:
    """The nodes of a YAML text, None if it is empty. What is read and what is refused is as in `yaml_text.load`.

    Raises:
        UnreadableAt: see `Unreadable`.
    """
    import yaml

    if len(text) > LONGEST:
        raise UnreadableAt(f"it is longer than {LONGEST:,} characters", 0)
    starts = [0]
    while (found := text.find("\n", starts[-1])) >= 0:
        starts.append(found + 1)

    def line_of(index: int) -> int:
        return bisect.bisect_right(starts, index) - 1

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        try:
            return _Reader(loader, line_of).document()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableAt(_words(error), line_of(mark.index) if mark is not None else 0) from error
    except yaml.reader.ReaderError as error:
        before = text.encode("utf-8", "surrogatepass")[: error.position]
        raise UnreadableAt(str(error).partition("\n")[0], before.count(b"\n")) from error
    except UnicodeEncodeError as error:
        raise UnreadableAt("it has a surrogate, half of a character", text.count("\n", 0, error.start)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, UnreadableAt):
            raise
        raise UnreadableAt(str(error), 0) from error


def leaves(node: Node | None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Every scalar with the keys that lead to it; entries of lists have their list's."""
    if isinstance(node, Scalar):
        yield path, node
    elif isinstance(node, Listing):
        for item in node.items:
            yield from leaves(item, path)
    elif isinstance(node, Mapping):
        for key, value in node.entries.items():
            yield from leaves(value, (*path, key))


def mappings(node: Node | None) -> Iterator[Mapping]:
    """Every mapping, outer ones first."""
    if isinstance(node, Listing):
        for item in node.items:
            yield from mappings(item)
    elif isinstance(node, Mapping):
        yield node
        for value in node.entries.values():
            yield from mappings(value)


def _words(error: Any) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


class _Reader:
    """Nodes from the parser's events; see the reader in `yaml_text`, which keeps values only."""

    def __init__(self, loader: Any, line_of: Any) -> None:
        import yaml

        self.loader, self.next, self.events, self.line_of = loader, loader.get_event, yaml.events, line_of
        self.scalar_node = yaml.ScalarNode
        self.typed = loader.yaml_implicit_resolvers

    def document(self) -> Node | None:
        self.next()  # the stream starts
        if isinstance(self.next(), self.events.StreamEndEvent):
            return None
        node = self.node(self.next(), 0)
        self.next()  # the document ends
        event = self.next()
        if not isinstance(event, self.events.StreamEndEvent):
            raise UnreadableAt("it has more than one document", self.line_of(event.start_mark.index))
        return node

    def node(self, event: Any, depth: int) -> Node:
        line = self.line_of(event.start_mark.index)
        if isinstance(event, self.events.AliasEvent):
            raise UnreadableAt("it has an alias", line)
        if event.tag is not None:
            raise UnreadableAt("it has a tag", line)
        if isinstance(event, self.events.ScalarEvent):
            return self.scalar(event, line)
        if depth == DEEPEST:
            raise UnreadableAt(f"it is nested deeper than {DEEPEST} levels", line)
        if isinstance(event, self.events.SequenceStartEvent):
            items = []
            while not isinstance(event := self.next(), self.events.SequenceEndEvent):
                items.append(self.node(event, depth + 1))
            return Listing(tuple(items), line)
        entries: dict[str, Node] = {}
        keys: dict[str, int] = {}
        duplicates = []
        while not isinstance(event := self.next(), self.events.MappingEndEvent):
            here = self.line_of(event.start_mark.index)
            if not isinstance(event, self.events.ScalarEvent):
                raise UnreadableAt("it has a key that is no plain value", here)
            key = self.node(event, depth)
            assert isinstance(key, Scalar)
            if key.text in keys:
                duplicates.append((key.text, here))
            keys[key.text] = here
            entries[key.text] = self.node(self.next(), depth + 1)
        return Mapping(entries, line, keys, tuple(duplicates))

    def scalar(self, event: Any, line: int) -> Scalar:
        text = event.value
        kind = "str"
        if event.implicit[0] and text[:1] in self.typed:
            tag = self.loader.resolve(self.scalar_node, text, (True, False))
            kind = tag.rpartition(":")[2]
        return Scalar(text, kind, line)
