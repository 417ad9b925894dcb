"""What goes wrong at the Hub, in our words: the client's exceptions become a `HubError` with a hint.

The client's versions differ in the library below them (requests up to 0.36, httpx after it), so connection errors are
known by the library that they come from, not by their class.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from cardgen.errors import (
    CardgenError,
    FileProblem,
    HubAccessDenied,
    HubError,
    HubOffline,
    HubRefused,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
)

TRANSPORTS = frozenset(("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"))
"""Libraries whose errors mean that no answer came."""
TRANSIENT = frozenset(
    ("TimeoutException", "NetworkError", "RemoteProtocolError", "Timeout", "ConnectionError", "ChunkedEncodingError")
)
"""Classes of theirs that another try may get over."""
LOCAL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT))
"""Errors of this machine's disk."""
TOKEN_HINT = "log in with `hf auth login`, or set HF_TOKEN"
LONGEST_QUOTE = 300
"""Characters of what the Hub says that we repeat."""


@contextlib.contextmanager
def hub_errors(repo_id: str | None, revision: str | None = None) -> Iterator[None]:
    """Translate what the client raises inside; what is no trouble of the Hub stays as it is.

    Raises:
        HubError: its subclass for what happened.
        FileProblem: this machine has no room for what was fetched.
    """
    try:
        yield
    except HubError as error:
        error.repo_id = error.repo_id or repo_id
        raise
    except CardgenError:
        raise
    except Exception as error:
        known = translated(error, repo_id, revision)
        if known is None:
            raise
        raise known from error


def translated(error: BaseException, repo_id: str | None, revision: str | None) -> CardgenError | None:
    """The error in our words; None for one that has nothing to do with the Hub."""
    from huggingface_hub import errors

    match error:
        case CardgenError():
            return error
        case errors.OfflineModeIsEnabled():
            return HubOffline(
                f"cannot reach {repo_id or host()}: HF_HUB_OFFLINE is set",
                repo_id=repo_id,
                hint="unset it to reach the Hub",
            )
        case errors.LocalTokenNotFoundError():
            return _denied("there is no token", repo_id, TOKEN_HINT)
        case errors.LocalEntryNotFoundError() if error.__cause__ is not None:
            return translated(error.__cause__, repo_id, revision)  # says that a file could not be had, not why
        case errors.GatedRepoError():  # a subclass of the next one
            return _denied(f"{repo_id} is gated", repo_id, f"ask for access on its page, and {TOKEN_HINT}")
        case _ if isinstance(error, errors.RepositoryNotFoundError) or _hides_a_repository(error):
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
        case _ if status_of(error) is not None:
            return _status(error, repo_id)
        case RuntimeError() if error.__cause__ is not None:
            return translated(error.__cause__, repo_id, revision)  # a large file could not be sent, without the reason
        case errors.HFValidationError():
            return HubError(f"{repo_id!r} is no repository id: {error}", repo_id=repo_id)
        case ValueError() if str(error).startswith(("Invalid metadata in README.md", "LFS batch API returned errors")):
            return HubRefused(f"{host()} does not take it: {_quoted(str(error))}", repo_id=repo_id)
        case ValueError() | KeyError() | TypeError() | AttributeError():
            return HubError(
                f"{host()} answers what no Hub answers", repo_id=repo_id, hint="is HF_ENDPOINT right? is there a proxy?"
            )
        case OSError() if error.errno in LOCAL:
            return FileProblem(f"cannot keep what was fetched from {repo_id}: {error.strerror}", hint="see TMPDIR")
    library = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) or library in TRANSPORTS:
        return no_answer(error, repo_id)
    if library == "hf_xet" or type(error).__name__.startswith("Xet") or isinstance(error, RuntimeError):
        return HubUnreachable(
            f"the large files of {repo_id} could not be sent: {_quoted(str(error))}",
            repo_id=repo_id,
            hint="HF_HUB_DISABLE_XET=1 sends them another way",
        )
    return None


def status_of(error: BaseException | None) -> int | None:
    """The status of the answer that an error is about; None if there was none."""
    return getattr(getattr(error, "response", None), "status_code", None)


_REPOSITORY = re.compile(r"/api/(?:models|datasets)/[^/?]+(?:/[^/?]+)?(/revision/[^/?]+)?(?:\?.*)?$")


def _hides_a_repository(error: BaseException) -> bool:
    """Whether an answer without a code of the Hub's own says that there is no such repository for us.

    To whoever looks at one, a 401 means that; the client reads it so for addresses with https alone. A 404 means that
    where nothing but the repository is asked for.
    """
    response = getattr(error, "response", None)
    status, headers = status_of(error), getattr(response, "headers", {})
    found = _REPOSITORY.search(str(getattr(response, "url", "")))
    if found is None or headers.get("X-Error-Code"):
        return False
    if status == 401:
        return "invalid credentials" not in (headers.get("X-Error-Message") or "").lower()
    return status == 404 and found[1] is None


def is_transient(error: BaseException) -> bool:
    """Whether no answer came, and another try may bring one."""
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.partition(".")[0] in TRANSPORTS}
    return bool(names & TRANSIENT) and status_of(error) is None


def is_unavailable(status: int) -> bool:
    """Whether an answer only says that there is none now."""
    return status in (408, 429) or (status >= 500 and status != 501)


def no_answer(error: BaseException, repo_id: str | None = None) -> HubUnreachable:
    """The error for a request without an answer."""
    reason = "no answer in time" if "Timeout" in type(error).__name__ else "no connection"
    return HubUnreachable(
        f"cannot reach {host()}: {reason}",
        repo_id=repo_id,
        hint="is there a network, a proxy, a right HF_ENDPOINT?",
    )


def unavailable(status: int, repo_id: str | None = None) -> HubUnreachable:
    """The error for an answer that is none."""
    said = f"{host()} answers {status}"
    if status == 429:
        return HubUnreachable(
            f"{said}: too many requests", repo_id=repo_id, hint="wait some minutes; with a token more are allowed"
        )
    return HubUnreachable(f"{said}: it is down or overloaded", repo_id=repo_id, hint="try again later")


def host() -> str:
    """The Hub that the client talks to, without credentials."""
    from huggingface_hub import constants

    try:
        parts = urlsplit(constants.ENDPOINT)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the Hub"
    except ValueError:
        return "the Hub"


def _status(error: BaseException, repo_id: str | None) -> HubError:
    status = status_of(error) or 0
    if is_unavailable(status):
        return unavailable(status, repo_id)
    said = f"{host()} answers {status}" + (f" for {repo_id}" if repo_id else "")
    if status in (401, 403):
        return _denied(f"{said}: the token is not good for it", repo_id, TOKEN_HINT)
    reason = _quoted(getattr(error, "server_message", None) or "")
    if status in (400, 409, 413, 422):
        return HubRefused(f"{said}: {reason}" if reason else said, repo_id=repo_id)
    return HubError(said, repo_id=repo_id)


def _quoted(text: str) -> str:
    """What somebody else says, in one line that a terminal may show."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]} …"


def _denied(message: str, repo_id: str | None, hint: str) -> HubAccessDenied:
    return HubAccessDenied(message, repo_id=repo_id, hint=hint)
