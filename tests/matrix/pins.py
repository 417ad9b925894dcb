"""The versions that recording is tried with: what differs from `constraints.txt`.

Transformers 4 comes with version 0 of huggingface_hub, whose client is another one.
"""

from __future__ import annotations

import re

_TRANSFORMERS_4 = """
aiohappyeyeballs==2.7.1
aiohttp==3.14.5
aiosignal==1.4.0
attrs==26.1.0
certifi==2026.10.18
charset-normalizer==3.5.2
datasets==5.0.1
frozenlist==1.8.0
fsspec==2026.6.0
httpcore==1.0.9
httpx==0.28.1
huggingface_hub==0.36.2
multidict==7.2.1
pillow==13.0.0
propcache==0.5.4
requests==2.34.2
tokenizers==0.22.2
transformers==4.57.6
urllib3==2.8.0
yarl==1.25.1
"""
_TRANSFORMERS_5 = """
datasets==5.2.0
huggingface_hub==2.4.0
transformers==5.23.0
"""
PINS = {
    "4.1.0": _TRANSFORMERS_4,
    "5.1.2": _TRANSFORMERS_4,
    "5.7.0": _TRANSFORMERS_5,
    "6.2.0": _TRANSFORMERS_5,
}
"""What goes with each version of sentence-transformers, as lines of a constraints file."""


def constraints(version: str, base: str) -> str:
    """The constraints of an environment: those of the project, but for what is pinned here.

    Raises:
        KeyError: there is no such version.
    """
    pins = f"sentence-transformers=={version}\n{PINS[version].strip()}\n"
    pinned = {_name(line) for line in pins.splitlines()}
    return pins + "".join(f"{line}\n" for line in base.splitlines() if _name(line) not in pinned)


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
