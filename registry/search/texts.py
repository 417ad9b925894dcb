"""Which texts of a run are searched, the weightiest part first.

`names` are what somebody calls it, `about` is what it was made with and for, `cards` is what stands in its cards, a
person's words among it, `samples` are rows of its data sets, its examples and its architecture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from cardgen.record import Dataset, Run
from cardgen.registry.search.languages import LANGUAGES

Part: TypeAlias = Literal["names", "about", "cards", "samples"]
PARTS: tuple[Part, ...] = get_args(Part)

OWN_CARD = "run"
"""The target of a run's own text."""

_LETTER = re.compile(r"[^\W\d_]")
_NOT_LINE_END = re.compile(r"[^\n]")


class Text(NamedTuple):
    """A text of a run; `field` is what a person calls the place."""

    part: Part
    field: str
    text: str


def of_run(run: Run) -> Iterator[Text]:
    """The texts of a record."""
    model = run.model
    named = [("name", run.name), ("title", model.title), ("base model", model.base_model), ("project", run.project)]
    named += [("repository", model.hub_id), ("group", run.group), *(("tag", tag) for tag in run.tags)]
    yield from (Text("names", field, text) for field, text in named if text)
    yield Text("about", "model type", model.type)
    about = [("kind", model.label), ("task", model.task), ("task", model.pipeline_tag), ("license", model.license)]
    about += [("tag", tag) for tag in model.tags] + [("language", language(code)) for code in model.language]
    about += [("modality", modality) for modality in model.modalities or ()]
    seen = set()
    for dataset in run.datasets:
        about += _of_dataset(dataset)
    for evaluation in run.evaluations:
        about += [("evaluator", _last_name(evaluation.evaluator)), ("evaluation", evaluation.description)]
        about += [("evaluation", evaluation.dataset_name), ("metric", evaluation.primary_metric)]
    for field, text in about:
        if text and text not in seen:
            seen.add(text)
            yield Text("about", field, text)
    yield from (Text("cards", f"note {section}", words) for section, words in run.notes.items())
    for dataset in run.datasets:
        for row in dataset.samples or ():
            yield from (Text("samples", "samples", text) for text in _strings(row))
    yield from (Text("samples", "usage", text) for text in _strings(run.usage.examples))
    yield from (Text("samples", "widget", text) for text in _strings(run.usage.widget))
    if model.architecture:
        yield Text("samples", "architecture", model.architecture)


def of_cards(cards: Iterable[tuple[str, str]]) -> Iterator[Text]:
    """The texts of cards, given as target and text, without what is commented out; offsets stay as they are."""
    for target, text in sorted(cards, key=lambda card: (card[0] != OWN_CARD, card[0])):
        yield Text("cards", "card" if target == OWN_CARD else f"card {target}", _without_comments(text))


def of_cards_once(cards: Iterable[tuple[str, str]]) -> Iterator[Text]:
    """The same for an index: each line once, though it stands in several cards, and none without a letter in it.

    Lines without letters are numbers: a log of a training has hundreds.
    """
    seen: set[str] = set()
    for text in of_cards(cards):
        kept: list[str] = []
        for line in text.text.split("\n"):
            if line in seen:
                if kept:
                    yield text._replace(text="\n".join(kept))
                kept = []
            elif _LETTER.search(line):
                seen.add(line)
                kept.append(line)
        if kept:
            yield text._replace(text="\n".join(kept))


def language(code: str) -> str:
    """A language with its English name, so that `arabic` finds `ar`."""
    name = LANGUAGES.get(re.split("[-_]", code.lower(), maxsplit=1)[0])
    return f"{name} ({code})" if name else code


def _of_dataset(dataset: Dataset) -> Iterator[tuple[str, str | None]]:
    yield "data set", dataset.name
    yield "data set", dataset.hub_id
    if dataset.loss is not None:
        yield "loss", _last_name(dataset.loss.name)
    for column in dataset.columns:
        yield "column", column.name


def _last_name(path: str) -> str:
    """The name of a class without the modules that it is in."""
    return path.rpartition(".")[2]


def _strings(value: Any) -> Iterator[str]:
    """Every text in a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _without_comments(text: str) -> str:
    """The text with blanks in the place of HTML comments: cards have sections for people to fill in there."""
    start = text.find("<!--")
    if start < 0:
        return text
    pieces, done = [], 0
    while start >= 0:
        end = text.find("-->", start + 4)
        end = len(text) if end < 0 else end + 3
        pieces += [text[done:start], _NOT_LINE_END.sub(" ", text[start:end])]
        done, start = end, text.find("<!--", end)
    return "".join([*pieces, text[done:]])
