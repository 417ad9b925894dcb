"""Facts that a person knows better than the record, and how they are put over it.

A field has a name (`license`, `dataset.train.0.hub_id`) and a value: a text, or a tuple of texts for `language` and
the tags. A value goes before what was recorded; None takes it away again, and the recorded fact is back.
Tags that all begin with `+` or `-` are added to the recorded ones and taken from them; other tags take their place.

Whether a value can be right is checked here, character by character, because it ends in front matter, links and
headings.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from cardgen.errors import SettingsError
from cardgen.record import Dataset, Run

Value: TypeAlias = str | tuple[str, ...]
"""What a person says a fact is."""

LONGEST = 500
"""Characters of one text."""

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?"
_HUB_ID = re.compile(rf"(?!.*(?:\.\.|--|\.git$))(?:{_NAME}/)?{_NAME}")
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}")
_LICENSE_LINK = re.compile(r"https?://[^\s\"'<>\\]{1,400}|[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_PIPELINE = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_DATASET = re.compile(r"dataset\.(train|eval)\.(0|[1-9][0-9]{0,3})\.(name|hub_id)")


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        return pattern.fullmatch(text) is not None

    check.__doc__ = what
    return check


def is_line(text: str) -> bool:
    """one line of text"""
    return 0 < len(text) <= LONGEST and text == text.strip() and _UNSAFE.search(text) is None


def _run_name(text: str) -> bool:
    """one line of at most 200 characters, and not `latest`"""
    return is_line(text) and len(text) <= 200 and text != "latest"


def _tag(text: str) -> bool:
    """one line of text without a comma"""
    return is_line(text) and "," not in text


_hub_id = _matching(_HUB_ID, "a Hub id such as microsoft/mpnet-base, never a path")
_language = _matching(
    _LANGUAGE, "multilingual, or a small code of ISO 639 such as pt; a region as in pt-BR is language_bcp47"
)

_MODEL: dict[str, Callable[[str], bool]] = {
    "license": _matching(_LICENSE, "a licence identifier such as apache-2.0"),
    "license_name": _matching(_LICENSE, "the name of a licence that is `other`, such as acme-research-1.0"),
    "license_link": _matching(_LICENSE_LINK, "a URL, or a file of the repository such as LICENSE"),
    "language": _language,
    "base_model": _hub_id,
    "base_model_revision": _matching(_REVISION, "a commit, branch or tag"),
    "title": is_line,
    "hub_id": _hub_id,
    "task": is_line,
    "pipeline_tag": _matching(_PIPELINE, "a pipeline tag such as sentence-similarity"),
    "card_tags": _tag,
}
_RUN: dict[str, Callable[[str], bool]] = {"name": _run_name, "project": is_line, "group": is_line, "tags": _tag}
_OF_DATASET: dict[str, Callable[[str], bool]] = {"name": is_line, "hub_id": _hub_id}
_LISTS = frozenset({"language", "tags", "card_tags"})
_TAGS = frozenset({"tags", "card_tags"})

FIELDS = (*_MODEL, *_RUN, *(f"dataset.{role}.N.{name}" for role in ("train", "eval") for name in _OF_DATASET))
"""The names of all fields; N is the position of a data set in its role, from 0."""


def read(words: Iterable[str]) -> dict[str, Value | None]:
    """Read KEY=VALUE words: lists have commas between their items, and an empty value takes the fact away.

    Raises:
        SettingsError: a word of another form, a field that there is not, or a value that cannot be right.
    """
    facts: dict[str, Value | None] = {}
    for word in words:
        field, mark, text = word.partition("=")
        field, text = field.strip(), text.strip()
        if not mark:
            raise SettingsError(f"{word!r:.100} is not KEY=VALUE", hint=_known())
        _checker(field)
        if field in facts:
            raise SettingsError(f"{field} is given twice")
        facts[field] = (_items(text) if field in _LISTS else text) if text else None
    return check(facts)


def check(facts: Mapping[str, Any]) -> dict[str, Value | None]:
    """The facts in the form in which they are kept.

    Raises:
        SettingsError: a field that there is not, or a value that cannot be right.
    """
    return {field: None if value is None else _checked(field, value) for field, value in facts.items()}


def value(run: Run, field: str) -> Value | None:
    """What a run says of a field; None for a data set that it has not.

    Raises:
        SettingsError: there is no such field.
    """
    _checker(field)
    if field.startswith("dataset."):
        found, attribute = _dataset(run, field)
        return None if found is None else getattr(run.datasets[found], attribute)
    if field in _RUN:
        return _plain(getattr(run, field))
    return _plain(getattr(run.model, _attribute(field)))


def has(run: Run, field: str) -> bool:
    """Whether a run has the place that a field names: every run has all but data sets."""
    return not field.startswith("dataset.") or _dataset(run, field)[0] is not None


def apply(run: Run, facts: Mapping[str, Value]) -> Run:
    """The run with a person's facts over its own. What has no place in it (a data set that it has not) is passed over.

    The recorded revision belongs to the recorded base model: with another base model it goes.
    """
    other_base = facts.get("base_model", run.model.base_model) != run.model.base_model
    if other_base and "base_model_revision" not in facts:
        run = _with(run, "base_model_revision", None)
    for field, given in facts.items():
        run = _with(run, field, _over(value(run, field), given) if field in _TAGS else given)
    return run


def combine(facts: Mapping[str, Value], changes: Mapping[str, Value | None]) -> dict[str, Value]:
    """The facts with changes: None takes one away, and tags to add and to remove join those that are there."""
    combined = dict(facts)
    for field, change in changes.items():
        if change is None:
            combined.pop(field, None)
        elif field in _TAGS and _is_delta(change) and field in combined:
            combined[field] = _joined(combined[field], change)
        else:
            combined[field] = change
    return combined


def without(run: Run, facts: Mapping[str, Value], recorded: Run) -> Run:
    """The run as recorded, where it was read with a person's facts over it and comes back to be saved.

    A field that still says what the facts made of `recorded` gets its recorded value back.
    """
    seen = apply(recorded, facts)
    fields = [*facts, *(["base_model_revision"] if "base_model" in facts else [])]
    for field in dict.fromkeys(fields):
        if field != "name" and has(recorded, field) and value(run, field) == value(seen, field):
            run = _with(run, field, value(recorded, field))
    if run.model.dataset_ids == seen.model.dataset_ids:
        run = _with_model(run, dataset_ids=recorded.model.dataset_ids)
    return run


def text(value: Value | None) -> str:
    """A value as a person writes it."""
    return "" if value is None else value if isinstance(value, str) else ",".join(value)


# Values


def _checker(field: str) -> Callable[[str], bool]:
    found = _DATASET.fullmatch(field)
    checker = _OF_DATASET[found[3]] if found else _MODEL.get(field) or _RUN.get(field)
    if checker is None:
        near = difflib.get_close_matches(field, FIELDS, n=1)
        raise SettingsError(f"there is no fact {field!r:.100} to set", hint=_known(near[0] if near else None))
    return checker


def _checked(field: str, given: Any) -> Value:
    checker = _checker(field)
    wanted = " ".join((checker.__doc__ or "").split())
    if field not in _LISTS:
        if not isinstance(given, str) or not checker(given):
            raise SettingsError(f"{field} is {given!r:.100}", hint=f"it takes {wanted}")
        return given
    items = (given,) if isinstance(given, str) else given
    if not isinstance(items, (tuple, list)) or not all(isinstance(item, str) and checker(item) for item in items):
        raise SettingsError(f"{field} is {given!r:.100}", hint=f"each of its items takes {wanted}")
    signed = [item for item in items if item.startswith(("+", "-"))]
    if field in _TAGS and signed and (len(signed) < len(items) or any(len(item) < 2 for item in signed)):
        raise SettingsError(
            f"{field} is {text(tuple(items))!r:.100}", hint="give every tag with + or -, or none: +new,-old or one,two"
        )
    return tuple(dict.fromkeys(items))


def _known(near: str | None = None) -> str:
    return (f"did you mean {near}? " if near else "") + f"known: {', '.join(FIELDS)}"


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _plain(found: Any) -> Value | None:
    return tuple(found) if isinstance(found, (tuple, list)) else found


def _is_delta(tags: Value) -> bool:
    return bool(tags) and all(tag.startswith(("+", "-")) for tag in tags)


def _over(recorded: Value | None, given: Value) -> Value:
    if not _is_delta(given):
        return given
    gone = {tag[1:] for tag in given if tag.startswith("-")}
    new = [tag[1:] for tag in given if tag.startswith("+")]
    return tuple(dict.fromkeys([*(tag for tag in recorded or () if tag not in gone), *new]))


def _joined(there: Value, change: Value) -> Value:
    if not _is_delta(there):
        return _over(there, change)
    named = {tag[1:] for tag in change}
    return (*(tag for tag in there if tag[1:] not in named), *change)


# Places


def _attribute(field: str) -> str:
    return "tags" if field == "card_tags" else field


def _dataset(run: Run, field: str) -> tuple[int | None, str]:
    """The index of the data set that a field names, None if the run has it not, and the attribute."""
    found = _DATASET.fullmatch(field)
    assert found is not None
    indexes = [index for index, dataset in enumerate(run.datasets) if dataset.role == found[1]]
    position = int(found[2])
    return (indexes[position] if position < len(indexes) else None), found[3]


def _with(run: Run, field: str, given: Any) -> Run:
    if field.startswith("dataset."):
        index, attribute = _dataset(run, field)
        return run if index is None else _with_dataset(run, index, attribute, given)
    if field in _RUN:
        return dataclasses.replace(run, **{field: given})
    return _with_model(run, **{_attribute(field): given})


def _with_model(run: Run, **facts: Any) -> Run:
    return dataclasses.replace(run, model=dataclasses.replace(run.model, **facts))


def _with_dataset(run: Run, index: int, attribute: str, given: Any) -> Run:
    before: Dataset = run.datasets[index]
    after = dataclasses.replace(before, **{attribute: given})
    datasets = (*run.datasets[:index], after, *run.datasets[index + 1 :])
    run = dataclasses.replace(run, datasets=datasets)
    if attribute != "hub_id" or before.hub_id == after.hub_id:
        return run
    # the front matter lists the ids: the new one stands where the old one stood
    used = {dataset.hub_id for dataset in datasets}
    ids = [after.hub_id if listed == before.hub_id else listed for listed in run.model.dataset_ids]
    if before.hub_id in used and before.hub_id in run.model.dataset_ids:
        ids = [*run.model.dataset_ids, after.hub_id]
    if after.role == "train" and after.hub_id not in ids:
        ids.append(after.hub_id)
    return _with_model(run, dataset_ids=tuple(dict.fromkeys(listed for listed in ids if listed)))
