"""What the Hub says about contents: the metadata of a card, and secrets.

guess: the real rules for metadata are not public; these are those that its documentation and its answers show, as
strict or stricter. In particular duplicate keys, values of null and an unknown licence are errors here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

README_LIMIT = 10 * 1024 * 1024
"""Bytes of a file that is not stored with LFS."""
SECRET = re.compile(rb"hf_[A-Za-z0-9]{30,}")
_LICENSES = """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c
    ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0 openmdw-1.1 openrail++ osl-3.0 postgresql ofl-1.1
    ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3
    llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other
"""
LICENSES = frozenset(_LICENSES.split())
_LISTS = ("tags", "widget", "model-index", "metrics", "datasets", "library_tags")
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
_REPO_ID = re.compile(r"[\w.-]{1,96}(?:/[\w.-]{1,96})?")


@dataclass
class FrontMatter:
    """The metadata of a card, and what is wrong with it."""

    data: dict[Any, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """Refuses what is there twice, as the Hub's own parser does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"duplicated mapping key {key!r}", node.start_mark)
        return super().construct_mapping(node, deep)


def front_matter(readme: bytes) -> FrontMatter:
    """Read and check the metadata of a card."""
    found = FrontMatter()
    try:
        text = readme.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError:
        found.errors.append("README.md is not UTF-8")
        return found
    block = re.match(r"---[ \t]*\n(.*?)(?:\n)?^---[ \t]*$", text, re.DOTALL | re.MULTILINE)
    if block is None or not block[1].strip():
        found.warnings.append("empty or missing yaml metadata in repo card")
        return found
    try:
        data = yaml.load(block[1], _Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        found.errors.append(f"YAML Metadata Error: {error}")
        return found
    if not isinstance(data, dict):
        found.errors.append("YAML Metadata Error: the metadata is no mapping")
        return found
    found.data = data
    found.errors.extend(_problems(data))
    return found


def _problems(data: dict[Any, Any]) -> Iterator[str]:
    for key, value in data.items():
        if value is None:
            yield f'"{key}" must not be null'
    for key in _LISTS:
        if data.get(key) is not None and not isinstance(data[key], list):
            yield f'"{key}" must be an array'
    for key in ("tags", "metrics"):
        if any(not isinstance(entry, str) for entry in _listed(data.get(key), list)):
            yield f'"{key}" must be an array of strings'
    for value in _listed(data.get("license")):
        if value not in LICENSES:
            yield f'"license" must be one of the licenses of the Hub: {value!r}'
    if data.get("license") == "other" and not isinstance(data.get("license_name"), str):
        yield '"license_name" is required if license is other'
    for value in _listed(data.get("language")):
        if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
            yield f'"language" with value {value!r} is not valid: it must be an ISO 639-1, 639-2 or 639-3 code'
    for key in ("base_model", "datasets"):
        for value in _listed(data.get(key)):
            if not isinstance(value, str) or not _REPO_ID.fullmatch(value):
                yield f'"{key}" with value {value!r} is not valid: use an id from the Hub'
    for key in ("pipeline_tag", "library_name", "license_name", "license_link"):
        if data.get(key) is not None and not isinstance(data[key], str):
            yield f'"{key}" must be a string'
    for position, entry in enumerate(_listed(data.get("model-index"), list)):
        for problem in _index_problems(entry):
            yield f'"model-index[{position}]{problem}'


def _index_problems(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        yield '.name" is required'
        return
    results = entry.get("results", [])
    if not isinstance(results, list):
        yield '.results" must be an array'
        return
    for number, result in enumerate(results):
        here = f".results[{number}]"
        for path in ("task.type", "dataset.type", "dataset.name"):
            part, _, name = path.partition(".")
            holder = result.get(part) if isinstance(result, dict) else None
            if not isinstance(holder, dict) or not isinstance(holder.get(name), str):
                yield f'{here}.{path}" is required'
        metrics = result.get("metrics") if isinstance(result, dict) else None
        if not isinstance(metrics, list) or not metrics:
            yield f'{here}.metrics" is required'
            continue
        for metric in metrics:
            if not isinstance(metric, dict) or not isinstance(metric.get("type"), str) or metric.get("value") is None:
                yield f'{here}.metrics" need a type and a value'
        source = result.get("source")
        if source is not None and not (isinstance(source, dict) and isinstance(source.get("url"), str)):
            yield f'{here}.source.url" is required'


def _listed(value: Any, kind: type[list[Any]] | None = None) -> list[Any]:
    if value is None or (kind is not None and not isinstance(value, kind)):
        return []
    return value if isinstance(value, list) else [value]


def has_secret(data: bytes, tokens: Collection[str]) -> bool:
    """Whether a content has a token of this Hub.

    guess: anything that looks like one counts, the real Hub asks whether it is valid.
    """
    return SECRET.search(data) is not None or any(token.encode() in data for token in tokens if len(token) > 20)
