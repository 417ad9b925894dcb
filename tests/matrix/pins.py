"""The versions that recording and publishing are tried with: what differs from `constraints.txt`.

Transformers 4 comes with version 0 of huggingface_hub, whose client is another one (by requests, not by httpx).
"""

from __future__ import annotations

import re

_HUB_0 = """
certifi==2026.10.18
charset-normalizer==3.5.2
huggingface_hub==0.36.2
requests==2.34.2
urllib3==2.8.0
"""
_HUB_1 = """
certifi==2026.10.18
httpcore==1.0.9
httpx==0.28.1
huggingface_hub==1.33.0
"""
_TRANSFORMERS_4 = f"""{_HUB_0}
aiohappyeyeballs==2.7.1
aiohttp==3.14.5
aiosignal==1.4.0
attrs==26.1.0
datasets==5.0.1
frozenlist==1.8.0
fsspec==2026.6.0
httpcore==1.0.9
httpx==0.28.1
multidict==7.2.1
pillow==13.0.0
propcache==0.5.4
tokenizers==0.22.2
transformers==4.57.6
yarl==1.25.1
"""
_TRANSFORMERS_5 = """
datasets==5.2.0
huggingface_hub==2.4.0
transformers==5.23.0
"""
_BESIDE = """
colorlog==6.12.0
optuna==5.0.0
peft==0.21.2
"""
"""What some trainings use, and the project itself does not."""

PINS = {
    "4.1.0": _TRANSFORMERS_4,
    "5.1.2": _TRANSFORMERS_4,
    "5.7.0": _TRANSFORMERS_5,
    "6.2.0": _TRANSFORMERS_5,
    "hub-0.36.2": _HUB_0,
    "hub-1.33.0": _HUB_1,
}
"""What goes with each version of sentence-transformers, or with each of the Hub's client alone (`hub-…`), as lines of a
constraints file."""


def is_client(version: str) -> bool:
    """Whether a version is one of the Hub's client: without any training library."""
    return version.startswith("hub-")


def constraints(version: str, base: str) -> str:
    """The constraints of an environment: those of the project, but for what is pinned here.

    Raises:
        KeyError: there is no such version.
    """
    given = PINS[version] if is_client(version) else PINS[version] + _BESIDE
    pins = "\n".join(given.split()) + "\n"
    if not is_client(version):
        pins = f"sentence-transformers=={version}\n{pins}"
    pinned = {_name(line) for line in pins.splitlines()}
    return pins + "".join(f"{line}\n" for line in base.splitlines() if _name(line) not in pinned)


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
