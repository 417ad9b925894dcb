"""Whether there is a token, and whose it is; the token itself is never returned."""

from __future__ import annotations

from cardgen.hub.look import Account, whoami
from cardgen.hub.retry import Policy, connection

ANSWER_SECONDS = 10.0
"""How long the Hub may take to say whose token it is."""


def has_token() -> bool:
    """Whether the Hub's client finds a token: `HF_TOKEN`, or that of `hf auth login`."""
    from huggingface_hub import get_token

    return get_token() is not None


def is_offline() -> bool:
    """Whether the settings forbid to reach the Hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def ask_account(seconds: float = ANSWER_SECONDS) -> Account:
    """Ask the Hub whose token it is, once and not for long.

    Raises:
        HubError: see `cardgen.hub.look.whoami`.
    """
    with connection(Policy(tries=1, connect=seconds, silence=seconds, deadline=seconds)):
        return whoami()
