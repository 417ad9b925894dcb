"""The files of an export: one of each kind, each line an object with the same keys, each key of one type.

A key is never left out; what is not known is null. What JSON or its readers lack (infinities, NaN, bytes, NUL, lone
surrogates) stands in texts of the registry's own form (`cardgen.registry.values`), beside a number or text that anyone
can use. `docs/export.md` describes every file and key from what stands here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cardgen.registry import rows
from cardgen.registry.codec import decode_value, encode_value
from cardgen.registry.exporting.columns import Column, Kind, Line, Row, back_of, finite, of_runs, plain, time_text
from cardgen.registry.tables import (
    audit,
    card_text,
    document,
    fact,
    human_fact,
    key,
    log_event,
    model_event,
    model_version,
    pending,
    publication,
    run,
)

RUN_ID = Column("run_id", "string", "the run's id")

# Runs

_RUN = (
    Column("id", "string", "the run's id, unique everywhere"),
    Column("name", "string", "its name, unique in a registry"),
    Column("asked_name", "string", "the name that its recorder asked for"),
    Column("project", "string", "", null=True),
    Column("group", "string", "", null=True),
    Column("tags", "strings", ""),
    Column("status", "string", "`running`, `finished`, `failed` or `interrupted`"),
    Column("origin", "string", "`captured` or `imported`"),
    Column("model_type", "string", ""),
    Column("title", "string", "", null=True),
    Column("base_model", "string", "", null=True),
    Column("created", "time", "", null=True),
    Column("started", "time", "", null=True),
    Column("ended", "time", "", null=True),
    Column("seconds", "float64", "wall-clock time of training", null=True),
    Column("metric_name", "string", "full key of the primary metric of the last evaluation", null=True),
    Column("metric", "float64", "its value; null also for one that is not finite", null=True),
    Column("heartbeat", "time", "when its recorder was last heard of", null=True),
    Column("deleted", "time", "when it was hidden; null for one that is shown", null=True),
    Column("revision", "int64", "counts the saves"),
    Column("folded", "int64", "the number of the last spool entry that is in, -1 for none"),
    Column("document", "string", "the whole record as tagged JSON, without what people set; the truth about the run"),
)
_RUN_OWN = ("id", "name", "asked_name", "heartbeat", "deleted", "revision", "folded")
"""What does not follow from the document and from what people set."""


def _run_line(row: Row) -> Line:
    return {**plain(row, _RUN), "tags": json.loads(row["tags"])}


def _run_back(line: Line) -> dict[str, Any]:
    own = {column.name: column for column in _RUN if column.name in _RUN_OWN}
    return back_of(tuple(own.values()))(line)


RUNS = Kind(
    name="runs",
    about="A run with what a listing shows of it, as people see it, and its whole record.",
    columns=_RUN,
    select=sa.select(run, document.c.text.label("document"))
    .join_from(run, document, document.c.run == run.c.number)
    .order_by(run.c.id),
    line=_run_line,
    table=run,
    back=_run_back,
    of_run=False,
)

_FACT = (
    RUN_ID,
    Column("kind", "string", "`params`, `metrics`, `dataset`, `versions` or `run`: the word before the dot of a query"),
    Column("name", "string", "the argument, metric … as a query names it"),
    Column("position", "int64", "counts the values of one name, from 0"),
    Column("number", "float64", "the value if it is a finite number", null=True),
    Column("text", "string", "the value if it is none, or as it was displayed; at most 500 characters", null=True),
)


def _fact_line(row: Row) -> Line:
    number = row["number"]
    text = row["text"]
    if number is not None and not math.isfinite(number):
        number, text = None, repr(number) if text is None else text
    return {
        "run_id": row["run_id"],
        "kind": row["kind"],
        "name": row["name"],
        "position": row["position"],
        "number": finite(number),
        "text": text,
    }


FACTS = Kind(
    name="facts",
    about="Arguments, metrics, data sets and versions in long form, as a search looks at them. Made from the records.",
    columns=_FACT,
    select=sa.select(run.c.id.label("run_id"), key.c.kind, key.c.name, fact.c.position, fact.c.number, fact.c.text)
    .select_from(run.join(fact, fact.c.run == run.c.number).join(key, key.c.number == fact.c.key))
    .order_by(run.c.id, key.c.kind, key.c.name, fact.c.position),
    line=_fact_line,
)

# Logs

_LOG = (
    RUN_ID,
    Column("seq", "int64", "the event's number in its run"),
    Column("kind", "string", "`train`, `eval` or `evaluator`"),
    Column("step", "int64", ""),
    Column("epoch", "float64", "", null=True),
    Column("segment", "int64", "which start or resume of the training it belongs to"),
    Column("at", "time", "", null=True),
    Column("values", "string", "a JSON object: what was logged, by name; tagged where JSON lacks a value"),
    Column("exact_epoch", "string", "the epoch as tagged JSON where `epoch` is not all of it", null=True),
)


def _log_line(row: Row) -> Line:
    epoch, exact = _epoch(row["epoch"])
    return {
        "run_id": row["run_id"],
        "seq": row["seq"],
        "kind": row["kind"],
        "step": row["step"],
        "epoch": epoch,
        "segment": row["segment"],
        "at": time_text(row["at"]),
        "values": row["values"],
        "exact_epoch": exact,
    }


def _epoch(text: str | None) -> tuple[float | None, str | None]:
    if text is None:
        return None, None
    number = finite(rows.number(decode_value(text)))
    return number, None if number is not None and repr(number) == text else text


def _log_back(line: Line) -> dict[str, Any]:
    row = back_of(_LOG, "run_id", "exact_epoch", "epoch")(line)
    epoch = line["exact_epoch"]
    row["epoch"] = repr(line["epoch"]) if epoch is None and line["epoch"] is not None else epoch
    return row


LOG_EVENTS = Kind(
    name="log_events",
    about="The logs, event by event.",
    columns=_LOG,
    select=of_runs(log_event).order_by(run.c.id, log_event.c.seq),
    line=_log_line,
    table=log_event,
    back=_log_back,
)

# What people say

_HUMAN = (
    RUN_ID,
    Column("field", "string", "what is said, such as `license`"),
    Column("text", "string", "the value, a list with commas; null: it was taken back", null=True),
    Column("value", "string", "the value as tagged JSON: a text, a tuple of texts, or null"),
    Column("at", "time", "when it was said, or taken back"),
)


def _human_line(row: Row) -> Line:
    value = decode_value(row["value"])
    text = value if isinstance(value, str) else ",".join(map(str, value)) if isinstance(value, tuple) else None
    return {
        "run_id": row["run_id"],
        "field": row["field"],
        "text": text,
        "value": row["value"],
        "at": time_text(row["at"]),
    }


HUMAN_FACTS = Kind(
    name="human_facts",
    about="What people know better than the record; it goes before what `document` has.",
    columns=_HUMAN,
    select=of_runs(human_fact).order_by(run.c.id, human_fact.c.field),
    line=_human_line,
    table=human_fact,
    back=back_of(_HUMAN, "run_id", "text"),
)

_TEXT = (
    RUN_ID,
    Column("target", "string", "where the card stands: `run` (the run's own text), `file:PATH`, `hf://REPO`"),
    Column("base", "string", "what was rendered there last"),
    Column("text", "string", "what stands there, with what people wrote"),
    Column("deleted", "strings", "the headings of sections that people took away"),
    Column("at", "time", ""),
    Column("exact", "string", "all three as tagged JSON where readers of JSON cannot take them", null=True),
)


def _text_line(row: Row) -> Line:
    values = [decode_value(row[name]) for name in ("base", "text", "deleted")]
    base, text, deleted = values
    shown = [_readable(base), _readable(text), [_readable(heading) for heading in deleted]]
    return {
        "run_id": row["run_id"],
        "target": row["target"],
        "base": shown[0],
        "text": shown[1],
        "deleted": shown[2],
        "at": time_text(row["at"]),
        "exact": None if shown == values else encode_value(values),
    }


def _readable(text: str) -> str:
    return rows.searchable(text, len(text) * 6)


def _text_back(line: Line) -> dict[str, Any]:
    row = back_of(_TEXT, "run_id", "exact")(line)
    values = [line["base"], line["text"], line["deleted"]] if line["exact"] is None else decode_value(line["exact"])
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError("exact is no list of three")
    row.update(zip(("base", "text", "deleted"), map(encode_value, values), strict=True))
    return row


CARD_TEXTS = Kind(
    name="card_texts",
    about="What cards were rendered as and how they stand, by place.",
    columns=_TEXT,
    select=of_runs(card_text).order_by(run.c.id, card_text.c.target),
    line=_text_line,
    table=card_text,
    back=_text_back,
)

# Of the registry


def _of_registry(name: str, about: str, table: sa.Table, columns: tuple[Column, ...], *order: sa.Column[Any]) -> Kind:
    """A file of a table's own columns."""
    return Kind(
        name=name,
        about=about,
        columns=columns,
        select=sa.select(*(table.c[column.name] for column in columns)).order_by(*order),
        line=lambda row: plain(row, columns),
        table=table,
        back=back_of(columns),
        of_run=False,
    )


PUBLICATIONS = _of_registry(
    "publications",
    "Commits that put a card, and with it perhaps a model, into a repository of the Hub.",
    publication,
    (
        Column("repo_id", "string", ""),
        Column("endpoint", "string", "the Hub's address"),
        Column("commit", "string", ""),
        Column("revision", "string", "the branch"),
        Column("pull_request", "string", "its address, if it was one", null=True),
        RUN_ID,
        Column("run_name", "string", "the run's name at that time"),
        Column("card", "string", "sha256 of the README"),
        Column("weights", "string", "sha256 of the weights; null: the card only", null=True),
        Column("step", "int64", "of the checkpoint", null=True),
        Column("files", "string", "a JSON object: our files there, each with the id that the Hub gives its content"),
        Column("user", "string", "", null=True),
        Column("version", "int64", "the model's version that it made", null=True),
        Column("at", "time", ""),
    ),
    publication.c.repo_id,
    publication.c.endpoint,
    publication.c.commit,
)

PENDING = _of_registry(
    "pending",
    "Publications that wait.",
    pending,
    (
        RUN_ID,
        Column("repo_id", "string", ""),
        Column("run_name", "string", ""),
        Column("options", "string", "those of `publish`, as tagged JSON"),
        Column("reason", "string", "why it waits"),
        Column("tries", "int64", ""),
        Column("at", "time", ""),
    ),
    pending.c.run_id,
    pending.c.repo_id,
)

MODEL_VERSIONS = _of_registry(
    "model_versions",
    "Versions of models: a run's weights and card, under a name.",
    model_version,
    (
        Column("model", "string", ""),
        Column("version", "int64", "its number, from 1"),
        Column("id", "string", "the version's id, unique everywhere"),
        RUN_ID,
        Column("run_name", "string", ""),
        Column("weights", "string", "sha256", null=True),
        Column("step", "int64", "", null=True),
        Column("card", "string", "sha256 of the README", null=True),
        Column("commit", "string", "", null=True),
        Column("at", "time", ""),
    ),
    model_version.c.model,
    model_version.c.version,
)

MODEL_EVENTS = _of_registry(
    "model_events",
    "What was done to models: where aliases point and which tags there are follows from it, in the order of at and id.",
    model_event,
    (
        Column("model", "string", ""),
        Column("at", "time", ""),
        Column("id", "string", "the event's id, unique everywhere"),
        Column("actor", "string", "user and machine"),
        Column("action", "string", "`register`, `alias`, `unalias`, `tag` or `untag`"),
        Column("version_id", "string", "the version that it is about", null=True),
        Column("value", "string", "the alias or tag", null=True),
    ),
    model_event.c.model,
    model_event.c.at,
    model_event.c.id,
)

_AUDIT = (
    Column("at", "time", ""),
    Column("actor", "string", "user and machine"),
    Column("action", "string", ""),
    Column("run_id", "string", "", null=True),
    Column("name", "string", "the run's name at that time", null=True),
    Column("detail", "string", "", null=True),
)

LOCAL_ACTIONS = ("merge", "verify", "copy", "backup", "upgrade")
"""What the audit says of one registry as a whole: it stays there."""


def is_shared() -> sa.ColumnElement[bool]:
    """Whether a line of the audit tells of something that other registries may know, too."""
    own = sa.and_(audit.c.run_id.is_(None), audit.c.action.in_(LOCAL_ACTIONS))
    return sa.not_(sa.or_(audit.c.action == "merge", own))


AUDIT = Kind(
    name="audit",
    about="Who did what when. What was done to one registry as a whole (merged, verified …) stays in that one.",
    columns=_AUDIT,
    select=sa.select(*(audit.c[column.name] for column in _AUDIT))
    .where(is_shared())
    .distinct()
    .order_by(*(audit.c[column.name].nulls_first() for column in _AUDIT)),
    line=lambda row: plain(row, _AUDIT),
    table=audit,
    back=back_of(_AUDIT),
    of_run=False,
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        RUNS,
        LOG_EVENTS,
        FACTS,
        HUMAN_FACTS,
        CARD_TEXTS,
        PUBLICATIONS,
        PENDING,
        MODEL_VERSIONS,
        MODEL_EVENTS,
        AUDIT,
    )
}
"""All files of an export, those that others refer to first."""
