"""The order of versions, as PEP 440 has it: `2.10` after `2.9`, `2.1rc1` before `2.1`, `2.1` and `2.1.0` the same."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

Version: TypeAlias = tuple[tuple[int, ...], tuple[tuple[int, int], ...], tuple[tuple[int, int | str], ...]]
"""Epoch and release, then what comes before or after a release, then the local part; they compare as they stand."""

_NUMBER = r"[0-9]{1,18}"
_PATTERN = re.compile(
    rf"""v?(?:(?P<epoch>{_NUMBER})!)?(?P<release>{_NUMBER}(?:\.{_NUMBER}){{0,20}})
    (?:[._-]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[._-]?(?P<pre_number>{_NUMBER})?)?
    (?P<post>-(?P<post_bare>{_NUMBER})|[._-]?(?:post|rev|r)[._-]?(?P<post_number>{_NUMBER})?)?
    (?P<dev>[._-]?dev[._-]?(?P<dev_number>{_NUMBER})?)?
    (?:\+(?P<local>[a-z0-9]*(?:[._-][a-z0-9]+)*))?""",
    re.VERBOSE | re.IGNORECASE,
)
_STAGES = {"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
_DEV, _END, _FINAL, _POST = 0, 1, 4, 5


@lru_cache(maxsize=4096)
def version(text: str) -> Version | None:
    """A text as a version; None for one that is none."""
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        return None
    release = [int(part) for part in found["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    stages: list[tuple[int, int]] = []
    if found["pre"]:
        stages.append((_STAGES[found["pre"].lower()], int(found["pre_number"] or 0)))
    elif found["post"] or not found["dev"]:
        stages.append((_FINAL, 0))
    if found["post"]:
        stages.append((_POST, int(found["post_bare"] or found["post_number"] or 0)))
    stages.append((_DEV, int(found["dev_number"] or 0)) if found["dev"] else (_END, 0))
    parts = re.split("[._-]", found["local"].lower()) if found["local"] else []
    local = tuple((1, int(part)) if part.isdigit() else (0, part) for part in parts if part)
    return (int(found["epoch"] or 0), *release), tuple(stages), local


def without_local(given: Version) -> Version:
    """The version without its local part (`+cu121`), which a query that names none does not look at."""
    return given[0], given[1], ()
