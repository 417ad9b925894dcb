"""How the bytes of large files go: by Xet, which the client prefers, or by plain LFS, which every Hub takes.

Xet is a library of its own that asks for its token by itself, tries for ever where it gets none, knows of no deadline
and cannot be stopped. So we ask first, by our own policy, whether a Hub has it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from cardgen.errors import HubUnreachable


@contextlib.contextmanager
def plain_transfer(wanted: bool) -> Iterator[None]:
    """Have the client send large files by plain LFS until the block ends, if that is wanted."""
    from huggingface_hub import constants

    before = constants.HF_HUB_DISABLE_XET
    if wanted:
        constants.HF_HUB_DISABLE_XET = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = before


def lacks_xet(repo_id: str, revision: str, *, create_pr: bool) -> bool:
    """Whether the client would send large files by Xet, and the Hub gives no token for that.

    Whoever may not write gets none either, and is told by the next request.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session
    from huggingface_hub.utils._runtime import is_xet_available

    if not is_xet_available():
        return False
    url = f"{constants.ENDPOINT}/api/models/{repo_id}/xet-write-token/{quote(revision, safe='')}"
    try:
        answer: Any = get_session().get(url + "?create_pr=1" * create_pr, headers=build_hf_headers())
    except HubUnreachable:
        return True
    return answer.status_code != 200 or not _is_token(answer)


def _is_token(answer: Any) -> bool:
    if answer.headers.get("X-Xet-Cas-Url") and answer.headers.get("X-Xet-Access-Token"):
        return True
    try:
        return bool(answer.json()["casUrl"] and answer.json()["accessToken"])
    except (ValueError, KeyError, TypeError):
        return False
