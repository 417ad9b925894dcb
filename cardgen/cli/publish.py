"""`cardgen publish`: model and card of a run, in one commit."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import click

from cardgen.cli.escape import visible
from cardgen.cli.options import open_registry, registry_option, run_argument, view_options
from cardgen.cli.output import Output, Section
from cardgen.cli.render import PREFERENCES

if TYPE_CHECKING:
    from cardgen.actions.publish import Published
    from cardgen.actions.publish_plan import Plan, Wanted
    from cardgen.errors import Undecided

MOST_SHOWN = 40
"""Files of one kind that a plan lists."""


@click.command()
@run_argument
@click.argument("repo_id", metavar="REPO_ID")
@click.option("--model", metavar="DIR", help="The folder of the model.  [default: the last that the run saved]")
@click.option("--card-only", is_flag=True, help="Publish the card and no model.")
@click.option("--private/--public", "private", default=None, help="What a new repository is.")
@click.option("--revision", metavar="BRANCH", help="The branch; a new one is made.  [default: main]")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing.")
@click.option("--tag", metavar="TAG", help="Tag the commit.")
@click.option("--alias", metavar="NAME", help="Point this alias of the model at the new version, see `cardgen models`.")
@click.option("-m", "--message", metavar="TEXT", help="The commit's title.")
@click.option(
    "--samples",
    type=click.Choice(("include", "omit", "ask")),
    default="ask",
    help="Rows of data sets that are not known to be public.  [default: ask, if the repository is public]",
)
@click.option("--redact", metavar="KINDS", default="", help="Hide in facts and small files: paths,emails.")
@click.option("--include", metavar="PATTERN", multiple=True, help="Publish further files, such as '*.py'.")
@click.option("--allow-changed", is_flag=True, help="Publish weights that were changed since they were recorded.")
@click.option("--layout", metavar="VERSION", help="The card in the form of this sentence-transformers version.")
@click.option(
    "--conflict",
    type=click.Choice(PREFERENCES[:2]),
    help="Where the repository's text and new facts meet: the new facts (ours), or what stands (theirs).",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Accept the plan. A failed check stays one.")
@view_options
@registry_option
def publish(run: str, repo_id: str, dry_run: bool, yes: bool, out: Output, **options: Any) -> None:
    """Publish the model and the card of a run to the Hub, in one commit.

    The plan is shown first. What people wrote into the repository's README.md stays, files of others are left alone.
    Training state, pickles, caches, links and unknown files stay home.

    \b
    Examples:
      cardgen publish latest me/my-reranker --private
      cardgen publish amber-otter-3 me/my-reranker --dry-run
      cardgen publish latest me/my-reranker --card-only --yes
      cardgen publish latest org/model --create-pr --samples omit --redact paths
    """
    from cardgen.errors import CardConflict

    wanted = _wanted(options)
    shown: list[Plan] = []

    def confirm(plan: Plan) -> bool:
        shown[:] = [plan]
        if out.format != "json":
            out.sections(plan_sections(plan, wanted))
            _show_texts(plan, out)
        plan.refuse()
        return not dry_run and (yes or out.confirm(f"Publish to {plan.repo_id}?"))

    try:
        with open_registry("read" if dry_run else "write") as registry, bars(out) as progress:
            done = _with_questions(run, repo_id, registry, wanted, confirm, progress, out)
    except CardConflict as error:
        for place, ours, theirs in error.conflicts:
            out.hint(f"{place}\n<<<<<<< new facts\n{ours}\n=======\n{theirs}\n>>>>>>> what stands")
        raise
    if out.format == "json":
        out.json(_facts(shown[0], done))
    if done is None:
        out.hint("nothing was published" if dry_run else "nothing was changed")
        if not dry_run:
            click.get_current_context().exit(1)
        return
    if out.format != "json":
        out.text(done.url)
    if not done.changed:
        out.hint(f"{done.plan.repo_id} had all of it already")


def _wanted(options: dict[str, Any]) -> Wanted:
    from cardgen.actions.publish_plan import Wanted
    from cardgen.actions.render import wanted as form

    layout, prefer = options.pop("layout"), options.pop("conflict")
    redact = tuple(kind.strip() for kind in options.pop("redact").split(",") if kind.strip())
    return Wanted(**options, redact=redact, form=form(layout, None, prefer))


def _with_questions(
    run: str,
    repo_id: str,
    registry: Any,
    wanted: Wanted,
    confirm: Callable[[Plan], bool],
    progress: Callable[[int, int], None] | None,
    out: Output,
) -> Published | None:
    """Publish; what has to be said first is asked on a terminal, and an error elsewhere."""
    from cardgen.actions.publish import publish as carry_out
    from cardgen.errors import Undecided

    while True:
        try:
            return carry_out(run, repo_id, registry=registry, wanted=wanted, confirm=confirm, progress=progress)
        except Undecided as question:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            wanted = _asked(question, wanted, out)


def _asked(question: Undecided, wanted: Wanted, out: Output) -> Wanted:
    out.hint(str(question))
    if question.question == "visibility":
        answer = click.prompt("private or public", type=click.Choice(("private", "public")), err=True)
        return dataclasses.replace(wanted, private=answer == "private")
    answer = click.prompt("include or omit them", type=click.Choice(("include", "omit")), err=True)
    return dataclasses.replace(wanted, samples=cast(Any, answer))


def plan_sections(plan: Plan, wanted: Wanted) -> Iterator[Section]:
    """The plan for a person."""
    where = "private" if plan.private else "public"
    state = f"new, {where}" if plan.repository is None else where
    how = "a pull request" if wanted.create_pr else f"one commit on {plan.revision}"
    how += f", tagged {wanted.tag}" if wanted.tag else ""
    facts = [
        ("Repository", f"{plan.repo_id} ({state})"),
        ("As", f"{how}, by {plan.account.name}"),
        *([("Message", wanted.message)] if wanted.message else []),
        ("Card", _card_words(plan)),
    ]
    if plan.report.score is not None:
        facts.append(("Complete", f"{plan.report.score} of 100"))
    facts.append(("Size", _size(plan.size)))
    yield f"Publish {plan.run.name}", facts
    if plan.release is not None:
        sizes = plan.release.sizes
        yield f"Files of {plan.release.folder}", _some([(path, _size(sizes[path])) for path in plan.release.files])
        if plan.release.stays_home:
            yield "Stay home", _some(list(plan.release.stays_home))
    if plan.removed:
        yield "Removed, as our last release had them", _some([(path, "") for path in plan.removed])
    said = [("", note) for note in plan.notes]
    said += [(found.severity, found.message) for found in plan.report.findings]
    if said:
        yield "Notes", _some(said)


def _card_words(plan: Plan) -> str:
    there = plan.card.there
    if there is None:
        return "new"
    if there == plan.card.text:
        return "unchanged"
    return f"{len(plan.card.conflicts)} conflicts" if plan.card.conflicts else "merged with what stands there"


def _some(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    more = len(pairs) - MOST_SHOWN
    return [*pairs[:MOST_SHOWN], ("…", f"{more} more")] if more > 0 else pairs


def _show_texts(plan: Plan, out: Output) -> None:
    """What changes of a card that stands."""
    from difflib import unified_diff

    there = plan.card.there
    if there is None or there == plan.card.text:
        return
    now, then = there.splitlines(), plan.card.text.splitlines()
    lines = unified_diff(now, then, "README.md as it stands", "README.md as it will be", lineterm="")
    out.text("\n" + visible("\n".join(lines), lines=True))


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _facts(plan: Plan, done: Published | None) -> dict[str, Any]:
    release = plan.release
    return {
        "run": plan.run.name,
        "repo_id": plan.repo_id,
        "revision": plan.revision,
        "new": plan.repository is None,
        "private": plan.private,
        "card": _card_words(plan),
        "files": dict(release.sizes) if release else {},
        "stays_home": dict(release.stays_home) if release else {},
        "removed": list(plan.removed),
        "notes": list(plan.notes),
        "findings": list(plan.report.findings),
        "score": plan.report.score,
        "published": None
        if done is None
        else {
            "url": done.url,
            "commit": done.publication.commit,
            "pull_request": done.publication.pull_request,
            "version": done.publication.version,
            "changed": done.changed,
        },
    }


@contextmanager
def bars(out: Output) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr while files are hashed; the Hub's client draws its own. None where nobody looks."""
    if out.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Hashing", total=None, visible=False)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=done < total)

        yield advance
