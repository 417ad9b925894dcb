"""Valid: what the Hub refuses or reads as something else.

The Hub's schema is not public; the rules follow its documentation and what it is known to have refused, and are
stricter rather than milder than it. It reads the YAML of a README.md as YAML 1.2, its Python client as YAML 1.1: what
the two read differently is an error, because the value is lost when a card is loaded and saved.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from cardgen import corrections
from cardgen.card.yaml_nodes import Listing, Mapping, Node, Scalar, leaves, mappings
from cardgen.check.hub_lists import LANGUAGES, LICENSES, PIPELINE_TAGS, RELATIONS
from cardgen.check.iso_639 import is_language
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Subject
from cardgen.errors import SettingsError

LARGEST = 10 * 1024 * 1024
"""Bytes above which the Hub refuses a README.md."""
LARGE = 1024 * 1024
"""Bytes above which nobody reads a card."""

TEXT, TEXTS, EITHER, LIST = "a text", "a list of texts", "a text or a list of texts", "a list"
FORMS = {
    "license": EITHER,
    "license_name": TEXT,
    "license_link": TEXT,
    "language": EITHER,
    "tags": TEXTS,
    "datasets": TEXTS,
    "metrics": TEXTS,
    "base_model": EITHER,
    "base_model_relation": TEXT,
    "new_version": TEXT,
    "pipeline_tag": TEXT,
    "library_name": TEXT,
    "widget": LIST,
    "model-index": LIST,
}
"""What the Hub expects in the fields that it looks at."""


@rule("valid", "not-text", "error", alone=True)
def not_text(card: Subject) -> Iterator[Hit]:
    """The file is text: no NUL characters."""
    place = card.dress.body.find("\0")
    if place >= 0:
        yield Hit(card.line_at(place), "it has a NUL character: this is no text file")


@rule("valid", "card-too-large", "error", alone=True)
def card_too_large(card: Subject) -> Iterator[Hit]:
    """The card has at most 10 MiB, the Hub's limit for a README.md. Nothing else is checked in a larger one."""
    size = _size(card)
    if size > LARGEST:
        yield Hit(None, too_large_words(size))


@rule("valid", "card-large", "warning")
def card_large(card: Subject) -> Iterator[Hit]:
    """The card has at most 1 MiB: browsers and readers give up on more."""
    size = _size(card)
    if LARGE < size <= LARGEST:
        yield Hit(None, f"it has {size:,} bytes")


@rule("valid", "not-utf8", "error")
def not_utf8(card: Subject) -> Iterator[Hit]:
    """The file is UTF-8, as the Hub reads it."""
    if card.damaged is not None:
        yield Hit(card.damaged, "it is not UTF-8 from here on")


@rule("valid", "conflict-markers", "error", remedy="cardgen runs edit {run}")
def conflict_markers(card: Subject) -> Iterator[Hit]:
    """Nothing is left to decide: no line is the marker of a conflict that a merge left behind."""
    if "=======" not in card.dress.body:
        return
    for number, line in enumerate(card.lines, 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            yield Hit(number, "a merge left a marker of a conflict here")


@rule("valid", "front-matter-missing", "warning")
def front_matter_missing(card: Subject) -> Iterator[Hit]:
    """The card has front matter. Without it the Hub knows neither licence nor task nor base model."""
    if card.span is None and not _is_open(card):
        yield Hit(1, "it has no front matter")


@rule("valid", "front-matter-unclosed", "error")
def front_matter_unclosed(card: Subject) -> Iterator[Hit]:
    """The front matter ends with a line `---`; else all of it is shown as text and none of it counts."""
    if _is_open(card):
        yield Hit(1, "the front matter has no closing line ---")


@rule("valid", "front-matter-not-first", "warning")
def front_matter_not_first(card: Subject) -> Iterator[Hit]:
    """Nothing stands above the front matter, not even a byte-order mark: the Hub would not see it."""
    if card.span is None:
        return
    if card.dress.mark:
        yield Hit(1, "a byte-order mark stands above the front matter: the Hub does not see it")
    elif any(line.strip() for line in card.lines[: card.span[0]]):
        yield Hit(card.span[0] + 1, "text stands above the front matter: the Hub does not see it")


@rule("valid", "yaml-unreadable", "error")
def yaml_unreadable(card: Subject) -> Iterator[Hit]:
    """The front matter is plain YAML: no syntax errors, and none of what can run code or blow up (tags, aliases)."""
    if card.front_problem is not None:
        yield Hit(card.front_line(card.front_problem.line), f"the YAML cannot be read: {card.front_problem}")


@rule("valid", "yaml-no-mapping", "error")
def yaml_no_mapping(card: Subject) -> Iterator[Hit]:
    """The front matter is a mapping of names to values."""
    if card.front_node is not None and not isinstance(card.front_node, Mapping):
        yield Hit(card.front_line(card.front_node.line), "the front matter is no mapping of names to values")


@rule("valid", "duplicate-key", "error")
def duplicate_key(card: Subject) -> Iterator[Hit]:
    """No key stands twice in a mapping: the Hub refuses that, and other readers drop one of the two."""
    for mapping in mappings(card.front):
        for key, line in mapping.duplicates:
            yield Hit(card.front_line(line), f"the key {key!r:.80} is here a second time")


@rule("valid", "null-value", "error")
def null_value(card: Subject) -> Iterator[Hit]:
    """No field is empty (null), and nothing in those that the Hub looks at: `datasets: - null` and `config: null` were
    refused. Leave out what is not known.
    """
    for name, node in card.front.entries.items():
        looked_at = name in FORMS and name != "widget"
        for path, scalar in leaves(node, (name,)) if looked_at or isinstance(node, Scalar) else ():
            if scalar.kind == "null":
                yield Hit(card.front_line(scalar.line), f"{'.'.join(path)} is empty (null)")


@rule("valid", "field-type", "error")
def field_type(card: Subject) -> Iterator[Hit]:
    """Fields have the type that the Hub expects: `tags`, `widget` and `model-index` are lists, names are texts."""
    for name, form in FORMS.items():
        node = card.front.get(name)
        if node is None or (isinstance(node, Scalar) and node.kind == "null"):
            continue
        fits = {
            TEXT: isinstance(node, Scalar),
            LIST: isinstance(node, Listing),
            TEXTS: _texts(node),
            EITHER: isinstance(node, Scalar) or _texts(node),
        }
        if not fits[form]:
            yield Hit(card.front_line(card.front.keys[name]), f"{name} must be {form}")


@rule("valid", "yaml-surprise", "error")
def yaml_surprise(card: Subject) -> Iterator[Hit]:
    """A text means itself: `no` (Norwegian), `1:30`, `1e3` and `2024-01-01` without quotes are read as a truth value,
    numbers and a date by some readers. Put them in quotes.
    """
    for name, form in FORMS.items():
        node = card.front.get(name)
        if form == LIST or node is None:
            continue
        for _, scalar in leaves(node):
            if scalar.kind not in ("str", "null"):
                what = {"bool": "a truth value", "timestamp": "a date"}.get(scalar.kind, "a number")
                yield Hit(
                    card.front_line(scalar.line), f"{scalar.text} in {name} is read as {what}: write '{scalar.text}'"
                )


@rule("valid", "license-unknown", "error", remedy="cardgen runs set {run} license=LICENSE")
def license_unknown(card: Subject) -> Iterator[Hit]:
    """The licence is one of the Hub's identifiers, in small letters; `other` with a `license_name` is one of them."""
    for scalar in _scalars(card, "license"):
        if scalar.text not in LICENSES:
            yield Hit(
                card.front_line(scalar.line),
                f"{scalar.text!r:.80} is no licence that the Hub knows{_nearest(scalar.text, LICENSES)}",
            )


@rule("valid", "license-name-missing", "error", remedy="cardgen runs set {run} license_name=NAME")
def license_name_missing(card: Subject) -> Iterator[Hit]:
    """`license: other` comes with a `license_name`, which the Hub shows."""
    yield from _of_other_license(card, "license_name")


@rule("valid", "license-link-missing", "warning", remedy="cardgen runs set {run} license_link=LICENSE")
def license_link_missing(card: Subject) -> Iterator[Hit]:
    """`license: other` comes with a `license_link`: a URL, or `LICENSE` for a file of the repository."""
    yield from _of_other_license(card, "license_link")


@rule("valid", "language-unknown", "error", remedy="cardgen runs set {run} language=en")
def language_unknown(card: Subject) -> Iterator[Hit]:
    """Languages are codes of ISO 639 in small letters, `code` or `multilingual`. A region (`pt-BR`) has its place in
    `language_bcp47`.
    """
    for scalar in _scalars(card, "language"):
        if scalar.text not in LANGUAGES and not is_language(scalar.text):
            first = scalar.text.replace("_", "-").partition("-")[0].lower()
            known = f": did you mean {first}?" if is_language(first) else ""
            yield Hit(card.front_line(scalar.line), f"{scalar.text!r:.80} is no language code of ISO 639{known}")


@rule("valid", "pipeline-tag-unknown", "warning", remedy="cardgen runs set {run} pipeline_tag=sentence-similarity")
def pipeline_tag_unknown(card: Subject) -> Iterator[Hit]:
    """The task is one of the Hub's; with another the model is found under no task and has no widget."""
    for scalar in _scalars(card, "pipeline_tag"):
        if scalar.text not in PIPELINE_TAGS:
            yield Hit(
                card.front_line(scalar.line),
                f"{scalar.text!r:.80} is no task that the Hub knows{_nearest(scalar.text, PIPELINE_TAGS)}",
            )


@rule("valid", "base-model-id", "error", remedy="cardgen runs set {run} base_model=ORG/NAME")
def base_model_id(card: Subject) -> Iterator[Hit]:
    """The base model is the id of a model on the Hub, never a path of this machine."""
    for name in ("base_model", "new_version"):
        for scalar in _scalars(card, name):
            if not _is_id(scalar.text):
                yield Hit(card.front_line(scalar.line), f"{scalar.text!r:.120} in {name} is no id of a model")


@rule("valid", "dataset-id", "error", remedy="cardgen runs set {run} dataset.train.0.hub_id=ORG/NAME")
def dataset_id(card: Subject) -> Iterator[Hit]:
    """Data sets are ids of data sets on the Hub, never files or folders."""
    for scalar in _scalars(card, "datasets"):
        if not _is_id(scalar.text):
            yield Hit(card.front_line(scalar.line), f"{scalar.text!r:.120} in datasets is no id of a data set")


@rule("valid", "base-model-relation", "error")
def base_model_relation(card: Subject) -> Iterator[Hit]:
    """The relation to the base model is adapter, finetune, merge or quantized."""
    for scalar in _scalars(card, "base_model_relation"):
        if scalar.text not in RELATIONS:
            known = ", ".join(sorted(RELATIONS))
            yield Hit(card.front_line(scalar.line), f"{scalar.text!r:.80} is no relation; there are {known}")


RULES: tuple[Rule, ...] = (
    not_text,
    card_too_large,
    card_large,
    not_utf8,
    conflict_markers,
    front_matter_missing,
    front_matter_unclosed,
    front_matter_not_first,
    yaml_unreadable,
    yaml_no_mapping,
    duplicate_key,
    null_value,
    field_type,
    yaml_surprise,
    license_unknown,
    license_name_missing,
    license_link_missing,
    language_unknown,
    pipeline_tag_unknown,
    base_model_id,
    dataset_id,
    base_model_relation,
)


def too_large_words(size: int) -> str:
    """What is wrong with a card of so many bytes."""
    return f"it has {size:,} bytes; the Hub refuses more than {LARGEST:,}"


def _size(card: Subject) -> int:
    return len(card.text.encode("utf-8", "surrogatepass"))


def _is_open(card: Subject) -> bool:
    return card.span is None and card.lines[0].rstrip() == "---" and len(card.lines) > 1


def _texts(node: Node) -> bool:
    return isinstance(node, Listing) and all(isinstance(item, Scalar) for item in node.items)


def _scalars(card: Subject, name: str) -> Iterator[Scalar]:
    """The texts of a field that is a text or a list of them, but those that are read as something else."""
    node = card.front.get(name)
    items: Iterable[Node] = node.items if isinstance(node, Listing) else () if node is None else (node,)
    for item in items:
        if isinstance(item, Scalar) and item.kind == "str":
            yield item


def _of_other_license(card: Subject, field: str) -> Iterator[Hit]:
    for scalar in _scalars(card, "license"):
        value = card.front.get(field)
        if scalar.text == "other" and (not isinstance(value, Scalar) or not value.text.strip()):
            yield Hit(card.front_line(scalar.line), f"license: other without {field}")


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word[:100].lower(), known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def _is_id(text: str) -> bool:
    try:
        corrections.check({"hub_id": text})
    except SettingsError:
        return False
    return True
