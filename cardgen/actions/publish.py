"""Publish a run: its model and its card, in one commit that loses nothing."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cardgen.actions.publish_plan import MAIN, OURS, Plan, Wanted, content_id, make_plan, refuse_words
from cardgen.actions.release import README, Release, find_folder, release_of
from cardgen.errors import CardgenError, HeadMoved, HubError
from cardgen.hub.commit import Commit, commit
from cardgen.hub.look import repository
from cardgen.hub.problems import host
from cardgen.hub.repos import create_branch, create_repo, create_tag
from cardgen.hub.retry import Policy, connection
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.publications import Publication
    from cardgen.registry.store import Registry

TRIES = 5
"""Commits that are tried while others commit to the same branch."""

Progress = Callable[[int, int], None]
"""Called while files are hashed, with the bytes that are done and the bytes that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What came of it: the plan that was carried out, the address, and what the registry keeps of it.

    `changed` is False if the repository had all of it already.
    """

    plan: Plan
    url: str
    publication: Publication
    changed: bool = True


def publish(
    run: Run | str,
    repo_id: str,
    *,
    registry: Registry,
    wanted: Wanted | None = None,
    confirm: Callable[[Plan], bool] = lambda plan: True,
    progress: Progress | None = None,
    policy: Policy | None = None,
) -> Published | None:
    """Check, merge, commit, and remember.

    Args:
        run: a record or a reference.
        repo_id: the repository; without a namespace it is the user's.
        registry: open for writing.
        wanted: what is published, and how.
        confirm: asked once, with the plan; where it gives False nothing is done. The plan may have conflicts or
            problems: those are raised after it.
        progress: told of files being hashed; with it the Hub's client draws its own bars of what is sent.
        policy: time-outs, tries and an end.

    Returns:
        what was published; None where `confirm` said no.

    Raises:
        PublishRefused: something must not leave as it is; `Undecided` where the user has to say something first.
        CardConflict: the repository's text and new facts meet in one place.
        HubError, RegistryError, CardError, FileProblem: as their names say.
    """
    wanted = wanted or Wanted()
    record = registry.run(run) if isinstance(run, str) else run
    refuse_words(record, repo_id, wanted)
    log = registry.log(record.id)
    release = None if wanted.card_only else _release(record, wanted, progress)
    with connection(policy):
        return _publish(record, log, repo_id, registry, wanted, release, confirm, progress is not None)


def _publish(
    run: Run,
    log: list[LogEvent],
    repo_id: str,
    registry: Registry,
    wanted: Wanted,
    release: Release | None,
    confirm: Callable[[Plan], bool],
    progress: bool,
) -> Published | None:
    asked = False
    for _ in range(TRIES):
        plan = make_plan(run, log, repo_id, registry=registry, wanted=wanted, release=release)
        if not asked and not confirm(plan):
            return None
        asked = True
        plan.refuse()
        if plan.repository is None:
            made = create_repo(plan.repo_id, private=plan.private)
            wanted = dataclasses.replace(wanted, private=plan.private)
            plan = dataclasses.replace(plan, repository=made, at=made)
            if README in made.files or made.private != plan.private:
                continue  # somebody was quicker, or the Hub made another one: it is looked at first
        if plan.branch_is_new and not wanted.create_pr:
            create_branch(plan.repo_id, plan.revision, sha=plan.at.sha if plan.at is not None else "")
        try:
            done = _commit(plan, wanted, progress)
        except HeadMoved:
            continue
        return _remember(plan, wanted, done, registry)
    raise HubError(
        f"{repo_id} changed {TRIES} times meanwhile", repo_id=repo_id, hint="try again later, or --create-pr"
    )


def _release(run: Run, wanted: Wanted, progress: Progress | None) -> Release:
    folder = find_folder(run, wanted.model)
    total = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, max(done, total))

    return release_of(
        run,
        folder,
        include=wanted.include,
        redact_paths="paths" in wanted.redact,
        allow_changed=wanted.allow_changed,
        done=advance,
    )


def _commit(plan: Plan, wanted: Wanted, progress: bool) -> Commit:
    files: dict[str, Path | bytes] = {}
    if plan.release is not None:
        files.update(plan.release.files)
        files.update(plan.release.replaced)
    files[README] = plan.card.text.encode()
    assert plan.at is not None
    return commit(
        plan.repo_id,
        revision=MAIN if wanted.create_pr and plan.branch_is_new else plan.revision,
        parent=plan.at.sha,
        there=plan.at,
        message=wanted.message or f"Publish {plan.run.name}",
        description=f"{OURS}{plan.run.id}",
        add=files,
        seen=plan.release.seen if plan.release is not None else None,
        delete=plan.removed,
        create_pr=wanted.create_pr,
        progress=progress,
    )


def _remember(plan: Plan, wanted: Wanted, done: Commit, registry: Registry) -> Published:
    """Keep what is there now; a pull request is not what stands yet."""
    from cardgen.registry.publications import Publication

    release, pull_request = plan.release, done.pr_url is not None
    with _already_there(done, "the registry does not know of it"):
        there = repository(plan.repo_id, done.oid) if release is not None and not pull_request else None
        step = None
        if release is not None:
            step = next((point.step for point in plan.run.checkpoints if point.weights == release.weights), None)
        text = plan.card.text
        publication = registry.publications.add(
            Publication(
                run_id=plan.run.id,
                run_name=plan.run.name,
                repo_id=plan.repo_id,
                endpoint=host(),
                revision=plan.revision,
                commit=done.oid,
                pull_request=done.pr_url,
                card=hashlib.sha256(text.encode()).hexdigest(),
                weights=release.weights if release is not None else None,
                step=step,
                files={
                    path: content_id(there.files[path])
                    for path in (release.files if release is not None else ())
                    if there is not None and path in there.files
                },
                user=plan.account.name,
            ),
            alias=wanted.alias,
            target=None if pull_request else plan.target,
            base=plan.card.base,
            text=text,
            deleted=plan.card.merged.deleted if plan.card.merged else (),
        )
    if wanted.tag is not None:
        with _already_there(done, "it has no tag"):
            create_tag(plan.repo_id, wanted.tag, sha=done.oid)
    return Published(plan=plan, url=done.pr_url or done.url, publication=publication, changed=done.changed)


@contextmanager
def _already_there(done: Commit, but: str) -> Iterator[None]:
    """Have an error say that the commit is made."""
    try:
        yield
    except CardgenError as error:
        error.message = f"{done.pr_url or done.url} is published, but {but}: {error.message}"
        error.hint = f"{error.hint or 'see what is wrong'}; then publish again: nothing is sent twice"
        raise
