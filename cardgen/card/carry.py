"""Facts that a person set in the front matter of a card and that stand in its body as well."""

from __future__ import annotations

import dataclasses
from typing import Any

from cardgen.card.parse.document import split_front_matter, undress
from cardgen.card.yaml_text import Unreadable, load
from cardgen.record import Model


def carried(model: Model, base: str, text: str) -> Model:
    """The model with the licence and the languages that a person changed in a card's front matter.

    `base` is what was rendered, `text` what stands; what the person did not touch stays as recorded. Where the fact
    itself is another one by now, both changed, and nothing is carried: this is for the merge to find. Nor is anything
    carried from a text without a front matter that can be read.
    """
    was, stands = _front_matter(base), _front_matter(text)
    if was is None or stands is None:
        return model
    license_ = stands.get("license")
    if license_ != was.get("license") == model.license and (license_ is None or isinstance(license_, str)):
        model = dataclasses.replace(model, license=license_)
    languages = _languages(stands)
    if languages is not None and languages != _languages(was) == model.language:
        model = dataclasses.replace(model, language=languages)
    return model


def _languages(front_matter: dict[str, Any]) -> tuple[str, ...] | None:
    """The languages; None where they are none that a record can hold."""
    listed = front_matter.get("language") or []
    listed = [listed] if isinstance(listed, str) else listed
    return tuple(listed) if isinstance(listed, list) and all(isinstance(item, str) for item in listed) else None


def _front_matter(card: str) -> dict[str, Any] | None:
    """The data; None where there are none."""
    _, text, _ = split_front_matter(undress(card).body)
    if text is None:
        return None
    try:
        data = load(text, plain=True)
    except Unreadable:
        return None
    return {} if data is None else data if isinstance(data, dict) else None
