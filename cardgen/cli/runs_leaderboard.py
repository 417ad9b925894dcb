"""`cardgen runs leaderboard`: runs ranked by a metric, apart by what its values were made with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from cardgen.cli.complete_query import complete_metric, complete_query
from cardgen.cli.escape import visible
from cardgen.cli.facts import code_span, fact_text, fact_texts
from cardgen.cli.filters import Filters, filter_options
from cardgen.cli.options import chosen_registry, registry_option, report_options
from cardgen.cli.output import Output, cell_text
from cardgen.cli.runs_list import QueryCommand, joined_query

if TYPE_CHECKING:
    from cardgen.actions.leaderboard import Leaderboard, Ranked, Ranking

TABLE_LIMIT = 20
COLUMNS = ("rank", "run", "value", "step", "checkpoint", "status", "created")
KEPT = 3
CSV_COLUMNS = (
    *("metric", "evaluator", "dataset", "configuration", "configuration_known", "direction"),
    *("rank", "uncertain", "run", "run_id", "value", "approximate", "step", "epoch", "checkpoint", "status", "project"),
    "created",
)


@click.command(cls=QueryCommand)
@click.argument("metric", metavar="METRIC", shell_complete=complete_metric)
@click.argument("query", nargs=-1, metavar="[QUERY]...", shell_complete=complete_query)
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="At most N of each ranking; 0 is all.  [default: 20 in a table, else all]",
)
@click.option("--ascending", "direction", flag_value="min", help="The least is the best, whatever the metric is.")
@click.option("--descending", "direction", flag_value="max", help="The greatest is the best.")
@report_options
@registry_option
def leaderboard(
    metric: str,
    query: tuple[str, ...],
    filters: Filters,
    limit: int | None,
    direction: Literal["min", "max"] | None,
    format_: str,
    out: Output,
) -> None:
    """Rank the runs that QUERY finds by METRIC, best first; without a query, all.

    METRIC is the full name of a metric of evaluators or an end of one; each full name that ends so is ranked apart.
    So are results of different evaluators, data sets and configurations: they are never in one ranking. A ≈ stands
    before a number that is known only as a card displays it, a ? behind a rank that may be another one for that.

    \b
    Examples:
      cardgen runs leaderboard ndcg@10
      cardgen runs leaderboard sts-dev_spearman_cosine project = retrieval --limit 5
      cardgen runs leaderboard cosine_accuracy "created > -30d" --format md > leaderboard.md
    """
    from cardgen.actions.leaderboard import leaderboard as rank

    if limit is None:
        limit = TABLE_LIMIT if format_ in ("table", "md") else 0
    text = joined_query(query)
    found = rank(
        metric,
        text,
        limit=limit or None,
        direction=direction,
        registry=chosen_registry(),
        **filters.arguments,
    )
    if format_ == "json":
        out.json(plain_leaderboard(found))
    elif format_ == "csv":
        out.listing(_rows(found), CSV_COLUMNS)
    elif format_ == "md":
        out.text("\n".join(_markdown(found)))
    else:
        _table(found, out)
    _hints(found, out)


def _hints(found: Leaderboard, out: Output) -> None:
    if not found.rankings:
        out.hint("no run matches")
    if found.others:
        more = f" and {len(found.others) - 3} more" if len(found.others) > 3 else ""
        out.hint(f"not asked for, with the same end: {', '.join(found.others[:3])}{more}")
    if any(result.uncertain for ranking in found.rankings for result in ranking.results):
        out.hint("? the rank may be another: ≈ is rounded, as a card shows it")
    hidden = sum(ranking.total - len(ranking.results) for ranking in found.rankings)
    if hidden:
        out.hint(f"{hidden} more are not shown: --limit 0 shows all")


def plain_leaderboard(found: Leaderboard) -> dict[str, Any]:
    """The form of JSON, see docs/compare.md."""
    rankings = []
    for ranking in found.rankings:
        fields = {name: getattr(ranking, name) for name in ranking.__dataclass_fields__}
        results = [{name: _fact(result, name) for name in RESULT_FIELDS} for result in ranking.results]
        rankings.append({**fields, "results": results})
    return {"metrics": found.metrics, "others": found.others, "rankings": rankings}


RESULT_FIELDS = (
    *("rank", "uncertain", "run", "run_id", "value", "approximate", "step", "epoch", "checkpoint", "weights", "at"),
    *("status", "project", "created"),
)


def _fact(result: Ranked, name: str) -> Any:
    from cardgen.record import Displayed

    return isinstance(result.value, Displayed) if name == "approximate" else getattr(result, name)


def _rows(found: Leaderboard) -> Iterator[dict[str, Any]]:
    from cardgen.cli.plain import to_json

    for ranking in found.rankings:
        made = {name: getattr(ranking, name) for name in CSV_COLUMNS[:6]}
        if ranking.configuration is not None and not isinstance(ranking.configuration, str):
            made["configuration"] = " ".join(to_json(ranking.configuration).split())
        for result in ranking.results:
            yield {**made, **{name: _fact(result, name) for name in CSV_COLUMNS[6:]}}


def _heading(ranking: Ranking) -> list[str]:
    """What the results of a ranking were made with, in parts."""
    parts = [ranking.metric, ranking.evaluator.rpartition(".")[2]]
    if ranking.dataset is not None:
        parts.append(ranking.dataset)
    if not ranking.configuration_known:
        parts.append("configuration not known")
    elif isinstance(ranking.configuration, dict):
        parts += [f"{name}={fact_text(value)}" for name, value in ranking.configuration.items()]
    elif ranking.configuration is not None:
        parts.append(fact_text(ranking.configuration))
    return parts


def _cells(ranking: Ranking, columns: Sequence[str]) -> Iterator[list[str]]:
    values = fact_texts([result.value for result in ranking.results], digits=6)
    for result, value in zip(ranking.results, values, strict=True):
        rank = "—" if result.rank is None else f"{result.rank}{'?' if result.uncertain else ''}"
        rest = [cell_text(getattr(result, name)) for name in columns[KEPT:]]
        yield [rank, result.run, value, *rest]


def _columns(found: Leaderboard) -> list[str]:
    """The columns that any result has something in."""
    results = [result for ranking in found.rankings for result in ranking.results]
    return [
        *COLUMNS[:KEPT],
        *(name for name in COLUMNS[KEPT:] if any(getattr(one, name) is not None for one in results)),
    ]


def _table(found: Leaderboard, out: Output) -> None:
    columns = _columns(found)
    for number, ranking in enumerate(found.rankings):
        if number:
            out.text("")
        out.heading("  ".join(_heading(ranking)))
        out.table([name.upper() for name in columns], list(_cells(ranking, columns)), kept=KEPT)


def _markdown(found: Leaderboard) -> Iterator[str]:
    columns = _columns(found)
    for number, ranking in enumerate(found.rankings):
        if number:
            yield ""
        metric, *made = _heading(ranking)
        yield f"### {code_span(metric)}\n"
        yield ", ".join(code_span(part) for part in made) + "\n"
        yield f"| {' | '.join(columns)} |"
        yield f"|{' --- |' * len(columns)}"
        for rank, run, value, *rest in _cells(ranking, columns):
            best = rank in ("1", "1?")
            cells = [rank, code_span(run), f"**{code_span(value)}**" if best else code_span(value)]
            yield f"| {' | '.join([*cells, *(code_span(visible(cell)) for cell in rest)])} |"
    if not found.rankings:
        yield "No run has such a result."
