"""Facts that a person set in the front matter of a card and that stand in its body as well."""

from __future__ import annotations

import dataclasses
from typing import Any

from cardgen.card.parse.document import split_front_matter, undress
from cardgen.card.yaml_text import Unreadable, load
from cardgen.record import Model


def carried(model: Model, base: str, text: str) -> Model:
    """The model with the licence and the languages that a person changed in a card's front matter.

    `base` is what was rendered, `text` what stands; what the person did not touch stays as recorded.
    """
    was, stands = _front_matter(base), _front_matter(text)
    license_ = stands.get("license")
    if license_ != was.get("license") and (license_ is None or isinstance(license_, str)):
        model = dataclasses.replace(model, license=license_)
    languages = stands.get("language")
    if languages != was.get("language"):
        listed = [languages] if isinstance(languages, str) else languages or []
        if isinstance(listed, list) and all(isinstance(language, str) for language in listed):
            model = dataclasses.replace(model, language=tuple(listed))
    return model


def _front_matter(card: str) -> dict[str, Any]:
    _, text, _ = split_front_matter(undress(card).body)
    try:
        data = load(text or "", plain=True)
    except Unreadable:
        return {}
    return data if isinstance(data, dict) else {}
