"""A syntax tree with its meaning: every key looked up, every value read as its key takes it.

`evaluate` and `compile` start here, so that they differ in nothing but the asking.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cardgen.registry import rows
from cardgen.registry.language.grammar import parse, parse_key
from cardgen.registry.language.keys import Catalog, Operand, resolve
from cardgen.registry.language.problems import nearest, problem
from cardgen.registry.language.terms import Term, term
from cardgen.registry.language.tree import And, Comparison, Node, Not, Or, Text

STATUSES = ("running", "finished", "failed", "interrupted", "lost")

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "~"]


@dataclass(frozen=True, slots=True)
class Words:
    """Free text that must stand in name, title, project, base model or a tag; `folded` is it without case."""

    folded: str


@dataclass(frozen=True, slots=True)
class Check:
    """A comparison of the values of an operand with terms, any of which will do for `=`; the others have one."""

    operand: Operand
    operator: Operator
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class No:
    """The complement of an item."""

    item: Bound


@dataclass(frozen=True, slots=True)
class All:
    """All of the items; none is everything."""

    items: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Any of the items."""

    items: tuple[Bound, ...]


Bound: TypeAlias = Words | Check | No | All | Some


@dataclass(frozen=True, slots=True)
class Order:
    """What sorts: numbers, then texts, then what has neither; `down` turns each part round."""

    operand: Operand
    down: bool


def bind(query: str, catalog: Catalog, now: dt.datetime) -> Bound:
    """The meaning of a query.

    Args:
        catalog: which facts there are.
        now: what `-7d` is before.

    Raises:
        QueryError: it is no query, or names a key that there is not; `position` says where.
    """
    return _bound(parse(query), query, catalog, now)


def bind_order(order_by: str, catalog: Catalog) -> Order:
    """The meaning of a sort key, with `-` before it for descending.

    Raises:
        QueryError: there is no such key.
    """
    return Order(bind_key(order_by.removeprefix("-"), catalog), order_by.startswith("-"))


def bind_key(text: str, catalog: Catalog) -> Operand:
    """What one key reads; raises as `bind_order` does."""
    return resolve(parse_key(text), text, catalog)


def _bound(node: Node, query: str, catalog: Catalog, now: dt.datetime) -> Bound:
    if isinstance(node, Text):
        return Words(rows.folded(node.text))
    if isinstance(node, Not):
        return No(_bound(node.item, query, catalog, now))
    if isinstance(node, (And, Or)):
        items = tuple(_bound(item, query, catalog, now) for item in node.items)
        return All(items) if isinstance(node, And) else Some(items)
    return _check(node, query, catalog, now)


def _check(node: Comparison, query: str, catalog: Catalog, now: dt.datetime) -> Check:
    operand = resolve(node.key, query, catalog)
    name, operator = node.key.name, node.operator
    if name == "status" and operator in ("=", "!=", "in"):
        for value in node.values:
            if value.text not in STATUSES:
                near = nearest(value.text, STATUSES, 1)
                hint = (f"did you mean {near[0]}? " if near else "") + f"use one of: {', '.join(STATUSES)}"
                raise problem(f"there is no status {value.text!r:.60}", query, value.at, hint)
    terms = tuple(term(value, operand.kind, operator, name, query, now) for value in node.values)
    return Check(operand, "=" if operator == "in" else operator, terms)
