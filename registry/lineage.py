"""Where runs come from and where they went: parents up to the base model, children, data, publications.

A run has at most one parent: the run that it says it goes on from, else the one that published its base model. So a
lineage is a forest, whatever stands in the records: a parent that is gone is known by its id, a circle is cut.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from cardgen import corrections
from cardgen.errors import DocumentError, ModelNotFound, RunNotFound
from cardgen.record import Run
from cardgen.registry import facts, model_state, query, rows
from cardgen.registry.codec import decode_run
from cardgen.registry.parts import parts
from cardgen.registry.tables import document, fact, key, model_version, publication, run

MOST = 500
"""Runs that a lineage has at most."""

Way = Literal["published", "card", "proposed", "registered"]
"""published: with its model; card: the card alone; proposed: as a pull request; registered: without the Hub."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageData:
    """A data set of a run: its role, name, and where the Hub has it."""

    role: str
    name: str | None
    hub_id: str | None
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRelease:
    """Where a run went: a model or repository, the number and aliases of the version that it became, the commit."""

    model: str
    way: Way
    version: int | None
    aliases: tuple[str, ...]
    commit: str | None
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRun:
    """A run in a lineage.

    `status` is `deleted` for a hidden run, `gone` for one of which only the id is known, `damaged` for one whose
    record cannot be read. `parent` is the id of the run before it; `through` is REPOSITORY or REPOSITORY@COMMIT where
    the parent is known by having published it.
    """

    id: str
    name: str | None = None
    status: str = "gone"
    title: str | None = None
    model_type: str | None = None
    base_model: str | None = None
    base_revision: str | None = None
    created: dt.datetime | None = None
    parent: str | None = None
    through: str | None = None
    datasets: tuple[LineageData, ...] = ()
    releases: tuple[LineageRelease, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The runs around those that were `asked` for (ids), parents before children; `cut` says that there are more."""

    reference: str
    asked: tuple[str, ...]
    runs: tuple[LineageRun, ...]
    cut: bool = False

    def walk(self) -> Iterator[tuple[int, LineageRun]]:
        """Each run once, a parent right before its children, with its depth from 0."""
        children: dict[str | None, list[LineageRun]] = {}
        known = {one.id for one in self.runs}
        for one in self.runs:
            children.setdefault(one.parent if one.parent in known else None, []).append(one)
        seen: set[str] = set()
        for root in [*children.get(None, ()), *self.runs]:  # what is in a circle is under no root: it begins anywhere
            stack = [(0, root)]
            while stack:
                depth, one = stack.pop()
                if one.id not in seen:
                    seen.add(one.id)
                    yield depth, one
                    stack.extend((depth + 1, child) for child in reversed(children.get(one.id, ())))


def trace(connection: sa.Connection, reference: str, status: sa.ColumnElement[str]) -> Lineage:
    """The lineage of a run, or of all runs that a repository or model was made by or was the base of.

    Args:
        connection: to read.
        reference: any that `query.find` takes, or the name of a repository or model.
        status: the column that says how a run is.

    Raises:
        RunNotFound: it is neither.
        AmbiguousRun: it is the start or end of several runs.
    """
    asked, cut = _asked(connection, reference)
    walker = _Walker(connection, status)
    walker.up(asked)
    walker.down(asked)
    found = sorted(walker.nodes.values(), key=_age)
    lineage = Lineage(reference=reference, asked=tuple(asked), runs=tuple(found), cut=cut or walker.cut)
    return replace(lineage, runs=tuple(one for _, one in lineage.walk()))


def _asked(connection: sa.Connection, reference: str) -> tuple[list[str], bool]:
    """The ids of the runs that are meant, and whether there are more."""
    text = rows.searchable(reference)
    exact = connection.execute(sa.select(run.c.id).where(sa.or_(run.c.id == text, run.c.name == text))).first()
    if exact is None:
        selects = (
            sa.select(publication.c.run_id).where(publication.c.repo_id == text),
            sa.select(model_version.c.run_id).where(model_version.c.model == text),
            sa.select(run.c.id).where(run.c.base_model == text, run.c.deleted.is_(None)),
        )
        found: dict[str, None] = {}
        for select in selects:
            found.update(dict.fromkeys(connection.execute(select.distinct().limit(MOST + 1)).scalars()))
        if found:
            return list(found)[:MOST], len(found) > MOST
    try:
        return [query.find(connection, reference).id], False
    except ModelNotFound:
        raise
    except RunNotFound as error:
        raise RunNotFound(
            reference, hint="give a run, or a repository that a run was published to or begins from"
        ) from error


class _Walker:
    """Gathers runs by id, level by level, so many at most."""

    def __init__(self, connection: sa.Connection, status: sa.ColumnElement[str]) -> None:
        self._connection = connection
        self._status = status
        self.nodes: dict[str, LineageRun] = {}
        self.cut = False

    def up(self, ids: Sequence[str]) -> None:
        """These runs, and their parents."""
        new = list(ids)
        while new := self._add(new):
            parents = (self.nodes[run_id].parent for run_id in new)
            new = [parent for parent in dict.fromkeys(parents) if parent is not None and parent not in self.nodes]

    def down(self, ids: Sequence[str]) -> None:
        """The children of these runs, which are there."""
        new, seen = list(ids), set(ids)
        while new:
            children = [child for child in self._children(new, MOST - len(self.nodes) + 1) if child not in seen]
            above = [child for child in children if child in self.nodes and self.nodes[child].parent in seen]
            new = above + self._add([child for child in children if child not in self.nodes], only_of=set(new))
            seen.update(new)  # what is above and below is in a circle

    def _add(self, ids: Sequence[str], only_of: set[str] | None = None) -> list[str]:
        """Load runs, as many as there is room for; with `only_of` those alone whose parent is one of these."""
        room = MOST - len(self.nodes)
        self.cut = self.cut or len(ids) > room
        loaded = self._load(list(ids)[:room])
        added = [one for one in loaded if only_of is None or one.parent in only_of]
        self.nodes.update((one.id, one) for one in added)
        return [one.id for one in added]

    # Rows

    def _load(self, ids: list[str]) -> list[LineageRun]:
        found: dict[str, LineageRun] = {}
        names = ("number", "id", "name", "title", "model_type", "base_model", "created")
        status = sa.case((run.c.deleted.is_not(None), "deleted"), else_=self._status).label("status")
        columns: list[sa.ColumnElement[Any]] = [*(run.c[name] for name in names), status, document.c.text]
        select = sa.select(*columns).select_from(run.outerjoin(document))
        for some in parts(ids):
            for row in self._connection.execute(select.where(run.c.id.in_(some))):
                found[row.id] = self._node(row)
        loaded = [found.get(run_id, LineageRun(id=run_id)) for run_id in ids]
        return self._with_releases(self._with_publishers(loaded))

    def _node(self, row: sa.Row[Any]) -> LineageRun:
        node = LineageRun(
            id=row.id,
            name=row.name,
            status=row.status,
            title=row.title,
            model_type=row.model_type,
            base_model=row.base_model,
            created=rows.from_microseconds(row.created),
        )
        try:
            record: Run = corrections.apply(decode_run(row.text or ""), facts.of(self._connection, row.number))
        except DocumentError:
            return replace(node, status="damaged")
        parent = rows.searchable(record.model.parent_run or "") or None
        return replace(
            node,
            title=record.model.title,
            base_model=record.model.base_model,
            base_revision=record.model.base_model_revision,
            parent=parent if parent != row.id else None,
            datasets=tuple(
                LineageData(role=one.role, name=one.name, hub_id=one.hub_id, revision=one.revision)
                for one in record.datasets
            ),
        )

    def _with_publishers(self, nodes: list[LineageRun]) -> list[LineageRun]:
        """The runs with the parents that follow from their base models."""
        bases = sorted({rows.searchable(one.base_model) for one in nodes if one.parent is None and one.base_model})
        published: dict[str, list[sa.Row[Any]]] = {}
        for some in parts(bases):
            wanted = sa.and_(publication.c.repo_id.in_(some), *_WITH_MODEL)
            select = sa.select(publication).where(wanted).order_by(publication.c.at, publication.c.commit)
            for row in self._connection.execute(select):
                published.setdefault(row.repo_id, []).append(row)
        return [_with_publisher(one, published.get(rows.searchable(one.base_model or ""), ())) for one in nodes]

    def _with_releases(self, nodes: list[LineageRun]) -> list[LineageRun]:
        ids = [one.id for one in nodes]
        versions: list[sa.Row[Any]] = []
        publications: list[sa.Row[Any]] = []
        for some in parts(ids):
            versions += self._connection.execute(sa.select(model_version).where(model_version.c.run_id.in_(some)))
            publications += self._connection.execute(sa.select(publication).where(publication.c.run_id.in_(some)))
        pointed = model_state.pointed(self._connection, sorted({row.model for row in versions}))
        releases: dict[str, list[LineageRelease]] = {}
        commits = {(row.model, row.commit) for row in versions if row.commit is not None}
        for row in versions:
            releases.setdefault(row.run_id, []).append(_of_version(row, pointed.get(row.model, {})))
        for row in publications:
            if (row.repo_id, row.commit) not in commits:
                releases.setdefault(row.run_id, []).append(_of_publication(row))
        return [replace(one, releases=_by_time(releases.get(one.id, ()))) for one in nodes]

    def _children(self, ids: Sequence[str], limit: int) -> list[str]:
        """Runs that say that they go on from one of these, or that begin from what one of these published."""
        found: dict[str, None] = {}
        number = sa.select(key.c.number).where(key.c.kind == "run", key.c.name == "parent").scalar_subquery()
        for some in parts(ids):
            said = sa.select(run.c.id).join(fact, fact.c.run == run.c.number)
            said = said.where(fact.c.key == number, fact.c.text.in_(some), run.c.deleted.is_(None))
            repositories = sa.select(publication.c.repo_id).where(publication.c.run_id.in_(some), *_WITH_MODEL)
            names = list(self._connection.execute(repositories.distinct().limit(MOST)).scalars())
            begun = sa.select(run.c.id).where(run.c.base_model.in_(names), run.c.deleted.is_(None))
            for select in (said, begun):
                found.update(dict.fromkeys(self._connection.execute(select.limit(limit)).scalars()))
        return list(found)


_WITH_MODEL = (publication.c.weights.is_not(None), publication.c.pull_request.is_(None))
"""Publications that others can begin from."""


def _with_publisher(one: LineageRun, published: Sequence[sa.Row[Any]]) -> LineageRun:
    """The run with the parent that published its base model: that very commit, or what was there when it began."""
    if one.parent is not None or one.base_model is None:
        return one
    others = [row for row in published if row.run_id != one.id]
    if one.base_revision is not None and _COMMIT.fullmatch(one.base_revision):
        others = [row for row in others if row.commit == one.base_revision]
    elif one.created is not None:
        others = [row for row in others if row.at <= (rows.microseconds(one.created) or 0)]
    if not others:
        return one
    commit = f"@{one.base_revision}" if one.base_revision is not None else ""
    return replace(one, parent=others[-1].run_id, through=f"{one.base_model}{commit}")


def _of_version(row: sa.Row[Any], pointed: dict[str, str]) -> LineageRelease:
    return LineageRelease(
        model=row.model,
        way="registered" if row.commit is None else "published",
        version=row.version,
        aliases=tuple(alias for alias, version_id in pointed.items() if version_id == row.id),
        commit=row.commit,
        at=_time(row.at),
    )


def _of_publication(row: sa.Row[Any]) -> LineageRelease:
    way: Way = "proposed" if row.pull_request is not None else "card" if row.weights is None else "published"
    return LineageRelease(model=row.repo_id, way=way, version=None, aliases=(), commit=row.commit, at=_time(row.at))


def _age(one: LineageRun) -> tuple[bool, int, str]:
    return one.created is None, rows.microseconds(one.created) or 0, one.id


def _by_time(releases: Iterable[LineageRelease]) -> tuple[LineageRelease, ...]:
    return tuple(sorted(releases, key=lambda one: (one.at, one.model, one.version or 0)))


def _time(microseconds: int) -> dt.datetime:
    return rows.from_microseconds(microseconds) or dt.datetime.now(dt.UTC)
