"""The texts of cards: for each run and place, what was last rendered there and what stands there.

The pair is what lets a person's words survive: the next rendering is merged into `text`, starting from `base`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from cardgen.registry import auditing, rows
from cardgen.registry.codec import decode_value, encode_value
from cardgen.registry.engine import Database
from cardgen.registry.tables import card_text, run

TARGET_LIMIT = 2000
"""Characters of the place where a card stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardText:
    """The pair of one run at one place. `deleted` are the headings of sections that the person took away for good."""

    run_id: str
    target: str
    base: str
    text: str
    deleted: frozenset[str]
    at: dt.datetime


def find(connection: sa.Connection, run_id: str | None, target: str) -> CardText | None:
    """The pair of a run at a place; without a run the newest one there, of whichever run."""
    select = sa.select(run.c.id, card_text).join(run, run.c.number == card_text.c.run)
    select = select.where(card_text.c.target == rows.searchable(target, TARGET_LIMIT))
    if run_id is not None:
        select = select.where(run.c.id == run_id)
    found = connection.execute(select.order_by(card_text.c.at.desc()).limit(1)).one_or_none()
    if found is None:
        return None
    return CardText(
        run_id=found.id,
        target=target,
        base=decode_value(found.base),
        text=decode_value(found.text),
        deleted=frozenset(decode_value(found.deleted)),
        at=rows.from_microseconds(found.at) or dt.datetime.now(dt.UTC),
    )


def put(
    database: Database,
    connection: sa.Connection,
    number: int,
    target: str,
    *,
    base: str,
    text: str,
    deleted: Iterable[str],
) -> None:
    """Insert or replace a pair."""
    from cardgen.registry.search import index

    columns = {
        "base": encode_value(base),
        "text": encode_value(text),
        "deleted": encode_value(sorted(deleted)),
        "at": auditing.now(),
    }
    target = rows.searchable(target, TARGET_LIMIT)
    insert = database.insert(card_text).values(run=number, target=target, **columns)
    connection.execute(insert.on_conflict_do_update(index_elements=["run", "target"], set_=columns))
    index.refresh(connection, number)
