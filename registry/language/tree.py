"""The syntax tree of a query, as the grammar reads it: nothing is looked up yet.

Each leaf knows where it stands (`at`, in characters from 0), so that an error can point at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "~", "in"]
Function: TypeAlias = Literal["best", "last", "min", "max"]
Direction: TypeAlias = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Text:
    """A word or a quoted text, on its own or as what a key is compared with. Quoted, it is text and nothing else."""

    text: str
    quoted: bool
    at: int


@dataclass(frozen=True, slots=True)
class Key:
    """The name of a fact, such as `params.seed`. `function` is over its history, `direction` says what is best."""

    name: str
    at: int
    function: Function | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A key, an operator and what it is compared with: one text, or several for `in`."""

    key: Key
    operator: Operator
    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The complement."""

    item: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of the items; none is everything."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the items."""

    items: tuple[Node, ...]


Node: TypeAlias = Text | Comparison | Not | And | Or
