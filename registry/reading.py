"""What can be asked of a registry: runs, logs, listings, texts. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

from cardgen.corrections import Value
from cardgen.errors import QueryError
from cardgen.record import LogEvent, Run
from cardgen.registry import auditing, facts, keys, listing, query, texts
from cardgen.registry.engine import Database
from cardgen.registry.keys import KeyUse
from cardgen.registry.language.keys import metrics_ending
from cardgen.registry.language.stored import StoredKeys
from cardgen.registry.pages import Asked, Filters, Page
from cardgen.registry.query import RunRow, RunState
from cardgen.registry.texts import CardText

if TYPE_CHECKING:
    from cardgen.registry.lineage import Lineage
    from cardgen.registry.search.find import Hit


class Readable:
    """The reading half of a `Registry`."""

    _database: Database

    def run(self, reference: str) -> Run:
        """The run of this id or name, or whose id or name alone starts or ends so, or the `latest`.

        `latest` is the newest finished run that was recorded, not imported.

        Raises:
            RunNotFound: there is none.
            AmbiguousRun: there are several.
            DocumentError: its document cannot be decoded.
        """
        with self._database.read() as connection:
            return query.stored_run(connection, query.find(connection, reference))

    def log(self, run_id: str) -> list[LogEvent]:
        """The log of a run, in order; `run_id` may be any reference that `run` takes, and raises as that."""
        with self._database.read() as connection:
            return query.events(connection, query.find(connection, run_id).number)

    def recorded(self, reference: str) -> Run:
        """The run as it was recorded, without what people set; raises as `run` does."""
        with self._database.read() as connection:
            return query.recorded_run(connection, query.find(connection, reference))

    def human_facts(self, reference: str) -> dict[str, Value]:
        """What people set of a run, by field; raises as `run` does."""
        with self._database.read() as connection:
            return facts.of(connection, query.find(connection, reference).number)

    def is_deleted(self, run_id: str) -> bool:
        """Whether there was a run of this id that somebody hid or purged: what is recorded under it is not shown."""
        with self._database.read() as connection:
            return query.is_hidden(connection, run_id) or auditing.is_purged(connection, run_id)

    def having(self, kind: str, name: str, text: str, *, limit: int = 100) -> list[str]:
        """The ids of the newest runs with a fact of this text, such as `run`, `weights`, SHA256 (see `rows.facts`)."""
        with self._database.read() as connection:
            return query.having(connection, kind, name, text, limit)

    def state(self, run_id: str) -> RunState:
        """Status, heartbeat and counts of a run; `run_id` may be any reference that `run` takes."""
        with self._database.read() as connection:
            return query.state(self._database, connection, query.find(connection, run_id).number)

    def card_text(self, run_id: str | None, target: str) -> CardText | None:
        """The pair of a run at a place; without a run the newest one there, of whichever run. None if there is none."""
        with self._database.read() as connection:
            return texts.find(connection, run_id, target)

    def runs(
        self,
        query: str = "",
        *,
        order_by: str = "-created",
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[Run]:
        """The runs that a query finds, whole.

        Args:
            query: in the language of docs/queries.md: `metrics.ndcg@10 > 0.88 and loss ~ ranking nli`. Empty is all.
            order_by: any key, with `-` descending; what lacks it comes last, equals are in the order of saving.
            limit: at most so many.
            after: the `next` of the page before, asked with the same query and order.
            filters: `project`, `group`, `status`, `since`, see `cardgen.registry.pages.Filters`.

        Returns:
            a list with `next`, the cursor of the following page, None at the end.

        Raises:
            QueryError: a query, key, filter, limit or cursor that cannot be right; `position` is its character.
            DocumentError: a document cannot be decoded; `listing` does not need it.
        """
        return listing.runs(self._database, Asked(query, filters, order_by, limit, after))

    @overload
    def listing(
        self,
        query: str = "",
        *,
        columns: None = None,
        order_by: str = "-created",
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[RunRow]: ...

    @overload
    def listing(
        self,
        query: str = "",
        *,
        columns: Sequence[str],
        order_by: str = "-created",
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[dict[str, Any]]: ...

    def listing(
        self,
        query: str = "",
        *,
        columns: Sequence[str] | None = None,
        order_by: str = "-created",
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[RunRow] | Page[dict[str, Any]]:
        """What `runs` finds, without reading the documents: rows, or with `columns` the values of any keys.

        With `columns` each row is a dictionary with `id` and these keys. None is a missing value, a tuple several; a
        number that is only known as it was displayed is a `Displayed`.
        """
        asked = Asked(query, filters, order_by, limit, after)
        if columns is None:
            return listing.run_rows(self._database, asked)
        return listing.shown(self._database, asked, columns)

    def iterate(
        self,
        query: str = "",
        *,
        columns: Sequence[str],
        order_by: str = "-created",
        after: str | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[dict[str, Any]]:
        """What `listing` with `columns` finds, however much, read page after page while it is asked for."""
        return listing.stream(self._database, Asked(query, filters, order_by, after=after), columns)

    def metric_names(self, metric: str) -> tuple[list[str], list[str]]:
        """The full names of evaluators' metrics that a name means: itself, else all that end so; and what else ends so.

        Raises:
            QueryError: there is none; the hint has the nearest.
        """
        if not metric.strip():
            raise QueryError("no metric is named", hint="cardgen runs keys metrics. lists them")
        with self._database.read() as connection:
            return metrics_ending(metric, StoredKeys(connection))

    def results(self, metrics: Sequence[str], query: str = "", **filters: Unpack[Filters]) -> Iterator[tuple[str, Run]]:
        """The runs of a query that have one of these metrics, by full name, newest first, each with its status.

        However many there are, they are read page after page while they are asked for.

        Raises:
            QueryError: a query or filter that cannot be right.
            DocumentError: a document cannot be decoded.
        """
        return listing.results(self._database, Asked(query, filters, measured=metrics))

    def lineage(self, reference: str) -> Lineage:
        """Where a run comes from and where it went: parents, base model, children, data sets, publications.

        Args:
            reference: any that `run` takes; or a repository or model: then all runs that were published or registered
                there, and those whose base model it is.

        Raises:
            RunNotFound: it is neither.
            AmbiguousRun: it is the start or end of several runs.
        """
        from cardgen.registry.lineage import trace

        with self._database.read() as connection:
            return trace(connection, reference, query.status_column(self._database))

    def search(self, text: str, *, limit: int = 20, **filters: Unpack[Filters]) -> list[Hit]:
        """The runs whose names, facts, cards and samples have these words, the best first.

        Args:
            text: words that all must be there, `"a phrase"`, `-without`, `begin*`; see docs/search.md.
            limit: at most so many. Of many runs those saved last are ranked, see `find.RANKED`.
            filters: as `runs` takes them.

        Raises:
            QueryError: there is no word to look for, it is too long, or a filter or limit cannot be right.
        """
        from cardgen.registry.search import find

        return find.search(self._database, text, limit, filters)

    def key_uses(self, prefix: str = "") -> list[KeyUse]:
        """The keys that can be asked and begin so, with what their values are and how many runs have them."""
        with self._database.read() as connection:
            return keys.used(connection, prefix)

    def key_names(self, prefix: str = "") -> list[str]:
        """The keys that begin so, without a look at the runs: for a shell that completes."""
        with self._database.read() as connection:
            return keys.names(connection, prefix)

    def key_values(self, key: str, prefix: str = "", *, limit: int = 100) -> list[str]:
        """The texts of a key that begin so, as a query takes them; QueryError if there is no such key."""
        with self._database.read() as connection:
            return keys.values(connection, key, prefix, limit)
