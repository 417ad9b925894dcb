"""What a shell offers for models: names, and behind `@` aliases, numbers and `latest`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from cardgen.cli.escape import is_shell_word
from cardgen.cli.options import Choice
from cardgen.errors import CardgenError

if TYPE_CHECKING:
    from cardgen.registry import Registry

NEWEST = 20
"""Numbers of versions that are offered of a model, and models whose versions are."""


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of models that begin so; behind `@` their versions."""
    return _asked(context, incomplete, names=True)


def complete_reference(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """`NAME@…` where a run is asked for: a name alone is none."""
    return _asked(context, incomplete, names=False)


def complete_alias(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The aliases of the model that stands before."""
    model = str(context.params.get("model") or "").partition("@")[0]
    return [CompletionItem(item.value.rpartition("@")[2]) for item in _asked(context, f"{model}@{incomplete}")]


def _asked(context: click.Context, incomplete: str, *, names: bool = False) -> list[CompletionItem]:
    from cardgen.registry import Registry

    try:
        with Registry(context.ensure_object(Choice).registry, mode="read") as registry:
            found = _offered(registry, incomplete, names=names)
    except CardgenError:
        return []
    return [CompletionItem(word) for word in found if is_shell_word(word)]


def _offered(registry: Registry, incomplete: str, *, names: bool) -> list[str]:
    models = registry.models
    name, mark, start = incomplete.rpartition("@")
    if not mark:
        if names:
            return models.names(incomplete)
        return [f"{model}@{end}" for model in models.names(incomplete, limit=NEWEST) for end in _ends(registry, model)]
    return [f"{name}@{end}" for end in _ends(registry, name) if end.startswith(start)]


def _ends(registry: Registry, name: str) -> list[str]:
    newest = registry.models.version(name).version
    numbers = [str(number) for number in range(newest, max(0, newest - NEWEST), -1)]
    return [*registry.models.aliases(name), "latest", *numbers]
