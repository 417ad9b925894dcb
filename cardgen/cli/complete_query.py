"""What a shell offers while somebody writes a query: keys, and after an operator the values of the key."""

from __future__ import annotations

import re
from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from cardgen.cli.escape import is_shell_word
from cardgen.cli.options import Choice
from cardgen.errors import CardgenError

MOST = 200

_KEY = r"(?P<key>[^\s\"'=<>!~(),]+)"
_ASKED = re.compile(rf"{_KEY}\s*(?:(?:!=|[<>]=?|=|~)|\bin\b\s*\(?(?:[^()]*,)?)\s*$", re.IGNORECASE)
_TOGETHER = re.compile(rf"(?P<start>{_KEY}(?:!=|[<>]=?|=|~))(?P<value>.*)", re.DOTALL)
_LAST = re.compile(r"(?P<start>.*[\s(,])?(?P<word>.*)", re.DOTALL)
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", re.DOTALL)


def complete_query(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The next word of a query: a value after KEY OPERATOR, else a key; nothing if the registry cannot be read.

    A word of the shell may be a whole query, in quotes: then its last word is completed.
    """
    last = _LAST.fullmatch(incomplete)
    assert last is not None
    start, word = last["start"] or "", last["word"]
    if re.search("[\"']", _QUOTED.sub("", start)):
        return []  # inside of a text
    together = _TOGETHER.fullmatch(word)
    if together:
        values = _values(context, together["key"], together["value"])
        return [CompletionItem(start + together["start"] + value) for value in values]
    asked = _ASKED.search(" ".join([*(context.params.get("query") or ()), start]))
    if asked:
        return [CompletionItem(start + value) for value in _values(context, asked["key"], word)]
    names = _names(context, word)
    if start.strip() and len(names) == 1:  # so that a shell leaves the quotes open
        return [CompletionItem(f"{start}{names[0]} {operator}") for operator in ("=", "!=")]
    return [CompletionItem(start + name) for name in names]


def complete_columns(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A key, behind the minus of an order; the last, where several stand with commas between them."""
    start, comma, last = incomplete.lstrip(" ").rpartition(",")
    sign = "-" if last.startswith("-") else ""
    return [CompletionItem(start + comma + sign + name) for name in _names(context, last.removeprefix("-"))]


def complete_metric(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The full name of a metric of evaluators that begins so, or has this in it if none does."""
    start = "metrics." if incomplete.startswith("metrics.") else ""
    names = [name.removeprefix("metrics.") for name in _names(context, "metrics.")]
    wanted = incomplete.removeprefix(start)
    found = [name for name in names if name.startswith(wanted)] or [name for name in names if wanted in name]
    return [CompletionItem(start + name) for name in found]


def _names(context: click.Context, prefix: str) -> list[str]:
    return _words(context, lambda registry: registry.key_names(prefix))


def _values(context: click.Context, key: str, prefix: str) -> list[str]:
    return _words(context, lambda registry: registry.key_values(key, prefix, limit=MOST))


def _words(context: click.Context, ask: Callable[..., list[str]]) -> list[str]:
    """What the registry offers, without what a shell would have to quote."""
    from cardgen.registry import Registry

    try:
        with Registry(context.ensure_object(Choice).registry, mode="read") as registry:
            found = ask(registry)
    except CardgenError:
        return []
    return [word for word in found if is_shell_word(word)][:MOST]
