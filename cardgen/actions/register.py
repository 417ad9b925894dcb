"""Register a run's model as a version, with the card that it has now."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cardgen.actions.render import Form, stored_card
from cardgen.errors import CardConflict

if TYPE_CHECKING:
    from cardgen.registry.model_rows import ModelVersion
    from cardgen.registry.store import Registry


def register(
    run: str,
    name: str,
    *,
    registry: Registry,
    checkpoint: int | str | None = None,
    aliases: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> ModelVersion:
    """Make a run's model the next version of a model; raises as `cardgen.registry.models.Models.register` does.

    A card that has conflicts to settle is no reason against it: then the version knows no card.
    """
    record = registry.run(run)
    card = None
    with contextlib.suppress(CardConflict):
        card = hashlib.sha256(stored_card(record, registry, Form()).encode("utf-8", "surrogatepass")).hexdigest()
    return registry.models.register(record.id, name, checkpoint=checkpoint, card=card, aliases=aliases, tags=tags)
