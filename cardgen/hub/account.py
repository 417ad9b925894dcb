"""Whose token this is and what it may do; the token itself is never returned."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cardgen.errors import HubError, HubUnreachable
from cardgen.hub.problems import host, hub_errors

ANSWER_SECONDS = 10.0
"""How long the Hub may take to say whose token it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the Hub. `role` is that of the token: `read`, `write`, `fineGrained`, or None if the Hub says none.

    `may_write` is whether the token may write to some repository; None where the Hub does not say.
    """

    name: str
    role: str | None
    may_write: bool | None


def has_token() -> bool:
    """Whether the Hub's client finds a token: `HF_TOKEN`, or that of `hf auth login`."""
    from huggingface_hub import get_token

    return get_token() is not None


def is_offline() -> bool:
    """Whether the settings forbid to reach the Hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def ask_account(seconds: float = ANSWER_SECONDS) -> Account:
    """Ask the Hub whose token it is.

    Raises:
        HubOffline, HubUnreachable: the Hub may not, or cannot, be reached, or does not answer in time.
        HubAccessDenied: the token is not, or no longer, good.
        HubError: it answers what cannot be understood.
    """
    answers: list[Any] = []

    def ask() -> None:
        from huggingface_hub import HfApi

        try:
            with hub_errors("your account"):
                answers.append(HfApi().whoami())
        except Exception as error:
            answers.append(error)

    # A thread, because not every version of the client has a time-out for this question.
    thread = threading.Thread(target=ask, name="cardgen-whoami", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise HubUnreachable(f"cannot reach {host()}: no answer in time", hint="is there a network, a proxy?")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return _account(answers[0])


def _account(answer: object) -> Account:
    if not isinstance(answer, Mapping) or not isinstance(answer.get("name"), str):
        raise HubError(f"{host()} answers what no Hub answers", hint="is HF_ENDPOINT right? is there a proxy?")
    token = _part(_part(answer, "auth"), "accessToken")
    role = token.get("role")
    if not isinstance(role, str):
        return Account(name=answer["name"], role=None, may_write=None)
    writes = role in ("write", "admin") or (role == "fineGrained" and _writes(_part(token, "fineGrained")))
    return Account(name=answer["name"], role=role, may_write=writes)


def _writes(rights: Mapping[Any, Any]) -> bool:
    scopes = rights.get("scoped")
    found = scopes if isinstance(scopes, list) else []
    return any("repo.write" in (scope.get("permissions") or ()) for scope in found if isinstance(scope, Mapping))


def _part(answer: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
    part = answer.get(name)
    return part if isinstance(part, Mapping) else {}
