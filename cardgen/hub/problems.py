"""What goes wrong at the Hub, in our words: the client's exceptions become a `HubError` with a hint.

The client's versions differ in the library below them (requests up to 0.36, httpx after it), so connection errors are
known by the library that they come from, not by their class.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from urllib.parse import urlsplit

from cardgen.errors import (
    CardgenError,
    FileProblem,
    HubAccessDenied,
    HubError,
    HubOffline,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
)

TRANSPORTS = frozenset(("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"))
"""Libraries whose errors mean that no answer came."""
LOCAL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT))
"""Errors of this machine's disk."""
TOKEN_HINT = "log in with `hf auth login`, or set HF_TOKEN"


@contextlib.contextmanager
def hub_errors(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Translate what the client raises inside; what is no trouble of the Hub stays as it is.

    Raises:
        HubError: its subclass for what happened.
        FileProblem: this machine has no room for what was fetched.
    """
    try:
        yield
    except CardgenError:
        raise
    except Exception as error:
        known = translated(error, repo_id, revision)
        if known is None:
            raise
        raise known from error


def translated(error: BaseException, repo_id: str, revision: str | None) -> CardgenError | None:
    """The error in our words; None for one that has nothing to do with the Hub."""
    from huggingface_hub import errors

    match error:
        case errors.OfflineModeIsEnabled():
            return HubOffline(
                f"cannot fetch {repo_id}: HF_HUB_OFFLINE is set", repo_id=repo_id, hint="unset it to reach the Hub"
            )
        case errors.LocalEntryNotFoundError() if error.__cause__ is not None:
            return translated(error.__cause__, repo_id, revision)  # says that a file could not be had, not why
        case errors.GatedRepoError():  # a subclass of the next one
            return _denied(f"{repo_id} is gated", repo_id, f"ask for access on its page, and {TOKEN_HINT}")
        case errors.RepositoryNotFoundError():
            return RepositoryNotFound(
                f"no repository {repo_id} on {host()}, or it is private and not yours",
                repo_id=repo_id,
                hint=f"check the name; for a private one {TOKEN_HINT}",
            )
        case errors.RevisionNotFoundError():
            return RevisionNotFound(
                f"{repo_id} has no revision {revision!r}", repo_id=repo_id, hint="give a branch, a tag or a commit"
            )
        case errors.DisabledRepoError():
            return _denied(f"{repo_id} is disabled", repo_id, "its page says why")
        case errors.HfHubHTTPError() if error.response is not None:
            return _status(error, repo_id)
        case errors.HFValidationError():
            return HubError(f"{repo_id!r} is no repository id: {error}", repo_id=repo_id)
        case ValueError() | KeyError() | TypeError() | AttributeError():
            return HubError(
                f"{host()} answers what no Hub answers", repo_id=repo_id, hint="is HF_ENDPOINT right? is there a proxy?"
            )
        case OSError() if error.errno in LOCAL:
            return FileProblem(f"cannot keep what was fetched from {repo_id}: {error.strerror}", hint="see TMPDIR")
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in TRANSPORTS:
        reason = "no answer in time" if "Timeout" in type(error).__name__ else "no connection"
        return HubUnreachable(
            f"cannot reach {host()}: {reason}",
            repo_id=repo_id,
            hint="is there a network, a proxy, a right HF_ENDPOINT?",
        )
    return None


def host() -> str:
    """The Hub that the client talks to, without credentials."""
    from huggingface_hub import constants

    try:
        parts = urlsplit(constants.ENDPOINT)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the Hub"
    except ValueError:
        return "the Hub"


def _status(error: BaseException, repo_id: str) -> HubError:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    said = f"{host()} answers {status}"
    if status in (401, 403):
        return _denied(f"{said} for {repo_id}: the token is not good for it", repo_id, TOKEN_HINT)
    if status == 429:
        return HubUnreachable(
            f"{said}: too many requests", repo_id=repo_id, hint="wait some minutes; with a token more are allowed"
        )
    if status >= 500:
        return HubUnreachable(f"{said}: it is down or overloaded", repo_id=repo_id, hint="try again later")
    return HubError(f"{said} for {repo_id}", repo_id=repo_id)


def _denied(message: str, repo_id: str, hint: str) -> HubAccessDenied:
    return HubAccessDenied(message, repo_id=repo_id, hint=hint)
