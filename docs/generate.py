"""Write the pages of this folder that are made from the code: the command line, the settings and the record."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from cardgen import record, settings
from cardgen.cli.app import cli

NOTE = "<!-- Made by `make docs` from the code; change it there. -->\n"


def command_line() -> str:
    """Every command with its arguments and options."""
    parts = ["# Command line\n", NOTE]
    for path, command in commands():
        context = click.Context(command, info_name=path)
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        parts.append(f"\n## {path}\n\n```\n{usage}\n```\n")
        parts.append(f"\n{_prose(command.help or '')}")
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        if options:
            parts.append("\n| option | |\n| --- | --- |\n")
            parts.extend(f"| {_option(option)} | {_cell(option.help or '')} |\n" for option in options)
    return "".join(parts)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command under its full name, groups first."""

    def walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from walk(f"{path} {name}", child)

    return walk("cardgen", cli)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.is_flag:
        return names
    value = option.metavar or ("|".join(option.type.choices) if isinstance(option.type, click.Choice) else "TEXT")
    return f"{names} `{_cell(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _prose(text: str) -> str:
    """A help text as Markdown: what click keeps as it is (`\\b`) is a code block."""
    paragraphs = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            heading, _, block = paragraph.removeprefix("\b\n").partition("\n")
            paragraphs.append(f"{heading}\n\n```\n{inspect.cleandoc(block)}\n```")
        else:
            paragraphs.append(" ".join(paragraph.split()))
    return "\n\n".join(paragraphs) + "\n"


def settings_page() -> str:
    """The environment variables and the user's configuration file."""
    rows = "".join(f"| `{name}` | {_cell(text)} |\n" for name, text in settings.ENVIRONMENT.items())
    return (
        f"# Settings\n{NOTE}\n"
        "An argument or option goes before the environment, the environment before the user's configuration,\n"
        "that before the default. Nothing is read from the folder that a script or a command runs in.\n\n"
        f"## Environment\n\n| variable | |\n| --- | --- |\n{rows}"
        "\n`NO_COLOR` turns colours off. `HF_HUB_OFFLINE` and the other `HF_*` variables mean what they mean\n"
        "everywhere; recording and rendering use no network with or without them.\n"
        "\n## Configuration file\n\n"
        "`config.toml` in the user's configuration folder (`~/.config/cardgen` on Linux), with any of these keys:\n\n"
        '```toml\nregistry = "/home/me/cards.db"\nproject = "rerankers"\nmode = "normal"    # or offline, disabled\n'
        "samples = true     # false stores no rows of any data set\n```\n"
        "\n## Default registry\n\n"
        "`registry.db` in the user's data folder (`~/.local/share/cardgen` on Linux).\n"
    )


def record_page() -> str:
    """Every class of the record with its fields."""
    parts = [f"# The record of a run\n{NOTE}\n", _paragraphs(record.__doc__ or "")]
    kinds = [
        kind
        for kind in vars(record).values()
        if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and kind.__module__ == record.__name__
    ]
    for kind in sorted(kinds, key=lambda kind: (kind is not record.Run, kind.__name__)):
        parts.append(f"\n## {kind.__name__}\n\n{_paragraphs(kind.__doc__ or '')}\n| field | type |\n| --- | --- |\n")
        parts.extend(f"| `{field.name}` | `{_cell(str(field.type))}` |\n" for field in dataclasses.fields(kind))
    return "".join(parts)


def _paragraphs(docstring: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(docstring).split("\n\n")) + "\n"


PAGES = {"command-line.md": command_line, "settings.md": settings_page, "record.md": record_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (Path(__file__).parent / name).write_text(make(), "utf-8")
