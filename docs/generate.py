"""Write the pages of this folder that are made from the code: command line, settings, record and checks."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from cardgen import record, settings
from cardgen.check.complete import PARTS
from cardgen.check.engine import RULES
from cardgen.check.rule import Rule
from cardgen.cli.app import cli
from cardgen.registry.exporting import kinds as exports

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
        "that before the default. Nothing is read from the folder that a script or a command runs in, but for rules\n"
        "that [`cardgen check`](checks.md) shall be stricter about.\n\n"
        f"## Environment\n\n| variable | |\n| --- | --- |\n{rows}"
        "\n`NO_COLOR` turns colours off. `HF_HUB_OFFLINE` and the other `HF_*` variables mean what they mean\n"
        "everywhere; recording and rendering use no network with or without them.\n"
        "\n## Configuration file\n\n"
        "`config.toml` in the user's configuration folder (`~/.config/cardgen` on Linux), with any of these keys:\n\n"
        '```toml\nregistry = "/home/me/cards.db"\nproject = "rerankers"\nmode = "normal"    # or offline, disabled\n'
        "samples = true     # false stores no rows of any data set\n```\n\n"
        "the table `facts`, which says what is so of each run that is recorded; what you say of a run goes\n"
        "before it:\n\n"
        '```toml\n[facts]\nlicense = "apache-2.0"\nlanguage = ["en"]\n```\n\n'
        "and the table `check`, see [the checks](checks.md).\n"
        "\n## Default registry\n\n"
        "`registry.db` in the user's data folder (`~/.local/share/cardgen` on Linux).\n"
    )


KINDS = {
    "valid": "Would the Hub take the card, and read it as it is meant?",
    "complete": "Does it say what a reader looks for? The parts have weights, which make the score.",
    "true": "Does it say what its run's record says, and the same in each place?",
    "private": "Is it free of what must not leave, and of what acts on those who look at it?",
}


def checks_page() -> str:
    """Every rule of `cardgen check` by kind, the score, and how rules are chosen."""
    parts = [
        f"# Checks\n{NOTE}\n"
        "`cardgen check RUN|FILE|DIR…` reads cards and says what is wrong with them; it fetches and runs nothing and\n"
        "needs no registry for files. An *error* stops a card (exit code 6), a *warning* does under `--strict`, a\n"
        "*note* never does. `cardgen check --explain RULE` shows a rule on the command line, and\n"
        "`cardgen.check_card(...)` is the same in Python. Names of rules do not change.\n"
    ]
    for kind, question in KINDS.items():
        parts.append(f"\n## {kind.capitalize()}\n\n{question}\n")
        parts.append("\n| rule | severity | what it wants | remedy |\n| --- | --- | --- | --- |\n")
        parts.extend(_rule(rule) for rule in RULES if rule.kind == kind)
    parts.append("\n## Score\n\nA card has the points of each part that it has, 100 in all.\n\n| part | points |\n")
    parts.append("| --- | --- |\n")
    parts.extend(f"| {part.name} | {part.weight} |\n" for part in PARTS)
    parts.append(
        "\nA section counts if it has words: comments, headings and placeholders are none. `--min-score N` makes a\n"
        "lower score an error.\n"
        "\n## Choosing rules\n\n"
        "In your own `config.toml` (see [the settings](settings.md)), or once with `--ignore RULE`:\n\n"
        '```toml\n[check]\nignore = ["language-missing"]\nmin-score = 60\nstrict = false\n\n'
        '[check.severity]\nemail-address = "error"       # or warning, note\n```\n\n'
        "A project may only be stricter, because it comes with the work of others: `[check]` in the `cardgen.toml` of\n"
        "the current folder, else `[tool.cardgen.check]` in its `pyproject.toml`, with `severity` (never below the\n"
        "one in the tables above), `min-score` and `strict`. It brings back what you ignore; only `--ignore` goes\n"
        "before it.\n"
        "Anything else in it is an error, and nothing is checked.\n"
    )
    return "".join(parts)


def _rule(rule: Rule) -> str:
    remedy = (rule.remedy or "").replace("{run}", "RUN").replace("{file}", "FILE")
    code = f"`{_cell(remedy)}`" if remedy else ""
    return f"| `{rule.name}` | {rule.severity} | {_cell(rule.explanation)} | {code} |\n"


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


EXPORTS = """
`cardgen registry export DIR` writes a registry as files of JSON lines, for tools that know nothing of cardgen, and
`cardgen registry merge DIR` reads them back, whole. Each line is an object; all lines of a file have the same keys,
each key has one type, and what is not known is null. Lines come in one order: equal registries have equal exports,
byte for byte. Text is ASCII, with JSON's escapes.

`export.json` has the format's version, the schema of the registry, and of each file the number of lines, the sha256 and
the columns, also as Spark takes them (`ddl`). `README.md` is a data card, from which `datasets` learns the types; it
offers no file without lines. `registry merge` refuses files that were changed since.

```python
duckdb.sql("select name, metric from read_json('exported/runs.jsonl') order by metric desc")
pandas.read_json("exported/facts.jsonl", lines=True)
datasets.load_dataset("exported", "log_events", split="train")
spark.read.schema(manifest["files"]["runs.jsonl"]["ddl"]).json("exported/runs.jsonl")
```

Types: `string`, `int64`, `float64`, `strings` (a list of them) and `time`, a string in ISO 8601, in UTC, with six
digits of the second. *Tagged JSON* is a string that holds a value exactly, types included: JSON, and where that lacks
something an object with one key, such as `{"$float":"nan"}`, `{"$tuple":[…]}`, `{"$bytes":"…"}`,
`{"$dict":[[key,value],…]}` or `{"$displayed":[text,number]}`.

An export holds everything, what is private, too: the folder is for its owner alone. Not in it are the spools beside a
registry and what its audit says of the registry itself.
"""


def export_page() -> str:
    """Every file of an export and every key of its lines."""
    parts = [f"# Exports\n{NOTE}{EXPORTS}"]
    for kind in exports.KINDS.values():
        parts.append(f"\n## {kind.file}\n\n{kind.about}\n\n| key | type | null | |\n| --- | --- | --- | --- |\n")
        for column in kind.columns:
            null = "yes" if column.null else ""
            parts.append(f"| `{column.name}` | {column.type} | {null} | {_cell(column.about)} |\n")
    return "".join(parts)


PAGES = {
    "command-line.md": command_line,
    "settings.md": settings_page,
    "record.md": record_page,
    "checks.md": checks_page,
    "export.md": export_page,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (Path(__file__).parent / name).write_text(make(), "utf-8")
