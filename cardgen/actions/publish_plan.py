"""What publishing would do, worked out before anything is sent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from cardgen.actions.check import check_text
from cardgen.actions.check_policy import load_policy
from cardgen.actions.publish_card import PublishedCard, card_for, private_rows, target_of, without_rows
from cardgen.actions.release import README, Release
from cardgen.actions.render import Form
from cardgen.actions.scanning import has_home, has_secret
from cardgen.check.report import Report
from cardgen.errors import CardConflict, HubAccessDenied, PublishRefused, RevisionNotFound, SettingsError, Undecided
from cardgen.hub.history import last_commit
from cardgen.hub.look import Account, RemoteFile, Repository, is_public_dataset, read_text, repository, whoami
from cardgen.hub.problems import host
from cardgen.record import LogEvent, Run

if TYPE_CHECKING:
    from cardgen.registry.publications import Publication
    from cardgen.registry.store import Registry

Samples = Literal["include", "omit", "ask"]
REDACTABLE = ("paths", "emails")
MAIN = "main"
_REPO_ID = re.compile(r"(?!.*(?:--|\.\.|\.git$))(?:[A-Za-z0-9][\w.-]{0,95}/)?\w[\w.-]{0,95}(?<![.-])", re.ASCII)
_REF = re.compile(
    r"(?!refs/)(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|[/.]$|/\.))[A-Za-z0-9_][^\s~^:?*\[\\\x00-\x20\x7f]{0,199}|refs/pr/[0-9]+"
)
_LOOK = "see `cardgen check --explain RULE`"
OURS = "Cardgen-Run: "
"""How the line of a commit's message begins by which a commit of ours is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a user wants of a publication; see `cardgen.actions.publish.publish`."""

    model: str | None = None
    card_only: bool = False
    private: bool | None = None
    revision: str | None = None
    create_pr: bool = False
    tag: str | None = None
    alias: str | None = None
    message: str | None = None
    samples: Samples = "ask"
    redact: tuple[str, ...] = ()
    allow_changed: bool = False
    include: tuple[str, ...] = ()
    form: Form = field(default_factory=Form)

    def __post_init__(self) -> None:
        unknown = set(self.redact) - set(REDACTABLE)
        if unknown or self.samples not in ("include", "omit", "ask"):
            raise SettingsError(
                f"{', '.join(sorted(unknown)) or self.samples!r} is not known",
                hint="redact takes paths and emails, samples is include, omit or ask",
            )
        if self.alias is not None:
            from cardgen.registry.models import check_alias

            check_alias(self.alias)
            if self.card_only or self.create_pr:
                raise SettingsError(
                    "an alias points at the version of a model, and this makes none",
                    hint="point it at one that is there: cardgen models alias",
                )

        if self.tag is not None and self.create_pr:
            raise SettingsError("a pull request gets no tag", hint="tag the commit when it is merged")
        if self.card_only and self.model is not None:
            raise SettingsError("there is a folder of a model, and the card only is wanted", hint="leave one out")
        for what, name in (("branch", self.revision), ("tag", self.tag)):
            if name is not None and not _REF.fullmatch(name):
                raise SettingsError(f"{name!r:.100} is no name of a {what}", hint="use letters, digits, . _ - and /")
        if self.message is not None and not self.message.strip():
            raise SettingsError("the commit's message is empty", hint="leave --message out, or say something")

    def plain(self) -> dict[str, Any]:
        """As plain values, for a publication that waits."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "form"}
        return {**values, "layout": self.form.layout, "prefer": self.form.prefer}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Wanted:
        """From what `plain` gave."""
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        form = Form(layout=given.pop("layout", None), prefer=given.pop("prefer", None))
        return cls(**given, form=form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done.

    `repository` is None where one would be made. `at` is the commit that the plan starts from. `removed` are files
    of our last release that this one lacks. `notes` are said to the user, `problems` stop the publication.
    """

    run: Run
    repo_id: str
    revision: str
    branch_is_new: bool
    target: str
    repository: Repository | None
    private: bool
    account: Account
    at: Repository | None
    card: PublishedCard
    release: Release | None
    removed: tuple[str, ...]
    report: Report
    notes: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]

    def refuse(self) -> None:
        """Stop here if something stands against it.

        Raises:
            PublishRefused: a check failed, or a secret would leave.
            CardConflict: the repository's text and new facts meet in one place.
        """
        if self.problems:
            (first, hint), *others = self.problems
            more = f" (and {len(others)} more)" if others else ""
            raise PublishRefused(f"{first}{more}", hint=hint)
        if self.card.conflicts:
            raise CardConflict(f"the card of {self.repo_id}", self.card.conflicts)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return len(self.card.text.encode()) + (sum(self.release.sizes.values()) if self.release else 0)


def refuse_words(run: Run, repo_id: str, wanted: Wanted) -> None:
    """See that what names things in requests holds nothing that must not leave.

    Raises:
        PublishRefused: it does.
        SettingsError: the repository cannot be one.
    """
    if not _REPO_ID.fullmatch(repo_id) and not has_home(repo_id):
        raise SettingsError(
            f"{repo_id!r:.120} is no repository id", hint="it is NAME or OWNER/NAME, such as me/my-model"
        )
    message = wanted.message or f"Publish {run.name}"
    for what, text in (("repository", repo_id), ("branch", wanted.revision), ("tag", wanted.tag), ("message", message)):
        if text is not None and has_secret(text):
            raise PublishRefused(f"the {what} holds what looks like a token", hint="take it out")
        if text is not None and has_home(text):
            raise PublishRefused(f"the {what} holds the path of somebody's home", hint="take it out")


def make_plan(
    run: Run,
    log: Sequence[LogEvent],
    repo_id: str,
    *,
    registry: Registry,
    wanted: Wanted,
    release: Release | None,
) -> Plan:
    """Look at the repository and work out the plan; nothing is changed.

    Raises:
        Undecided: the user must say something first: whether a new repository is private, or whether rows go out.
        PublishRefused: the repository is not as it was said to be.
        HubError: the Hub cannot be asked, or the token may not write.
    """
    account = whoami()
    if "/" not in repo_id:
        repo_id = f"{account.name}/{repo_id}"
    here = repository(repo_id)
    notes: list[str] = []
    if here is not None and here.id != repo_id:
        notes.append(f"{repo_id} is now {here.id}")
        repo_id = here.id
    if not wanted.create_pr and not account.may_write(repo_id):
        raise HubAccessDenied(
            f"the token of {account.name} may not write to {repo_id}",
            repo_id=repo_id,
            hint="log in with one that may, or --create-pr",
        )
    private = _private(here, repo_id, wanted)
    if here is not None and wanted.tag is not None:
        _see_tag(here, wanted.tag)
    revision = wanted.revision or MAIN
    at, branch_is_new = _branch(here, repo_id, revision)
    shown, public = _with_rows_decided(run, repo_id, private=private, wanted=wanted, notes=notes)
    target = target_of(repo_id, revision)
    there = read_text(repo_id, README, at.sha) if at is not None and README in at.files else None

    # in a pull request people see both texts and choose
    form = wanted.form
    if wanted.create_pr and form.prefer is None:
        form = dataclasses.replace(form, prefer="ours")

    ours = _Ours(registry, repo_id, MAIN if branch_is_new else revision)
    card = card_for(
        shown,
        log,
        registry,
        repo_id=repo_id,
        target=target,
        form=form,
        redact=wanted.redact,
        there=there,
        last=ours.text,
        elsewhere=ours.target,
    )
    last = ours.model(revision) if at is not None else None
    weights = release.weights if release is not None else last.weights if last is not None else None
    policy = load_policy()
    report = check_text(
        card.text,
        run=card.run,
        log=log,
        base=card.base,
        public=not private,
        known_public=public,
        weights=weights,
        file=f"the card of {repo_id}",
        policy=policy,
    )
    return Plan(
        run=run,
        repo_id=repo_id,
        revision=revision,
        branch_is_new=branch_is_new,
        target=target,
        repository=here,
        private=private,
        account=account,
        at=at,
        card=card,
        release=release,
        removed=_removed(at, release, last),
        report=report,
        notes=(*notes, *([release.note] if release is not None and release.note else [])),
        problems=tuple(_problems(report, release, strict=policy.strict)),
    )


@dataclass
class _Ours:
    """Our last commit on a branch, which is asked for once, and only where it is needed."""

    registry: Registry
    repo_id: str
    revision: str

    @cached_property
    def commit(self) -> str | None:
        """Its id."""
        return last_commit(self.repo_id, self.revision, OURS)

    @cached_property
    def publication(self) -> Publication | None:
        """What the registry knows of it, by whatever name the repository had."""
        return self.registry.publications.of_commit(self.commit, endpoint=host()) if self.commit else None

    def text(self) -> str | None:
        """Its README."""
        return None if self.commit is None else read_text(self.repo_id, README, self.commit)

    def target(self) -> str | None:
        """The name of the pair that it left."""
        made = self.publication
        return None if made is None else target_of(made.repo_id, made.revision)

    def model(self, revision: str) -> Publication | None:
        """The last publication of a model there."""
        publications = self.registry.publications
        last = publications.last_model(self.repo_id, endpoint=host(), revision=revision)
        if last is None and (made := self.publication) is not None:
            last = publications.last_model(made.repo_id, endpoint=host(), revision=made.revision)
        return last


def _private(here: Repository | None, repo_id: str, wanted: Wanted) -> bool:
    if here is None:
        if wanted.private is None:
            raise Undecided("visibility", f"{repo_id} does not exist yet", hint="say --private or --public")
        return wanted.private
    if wanted.private is not None and wanted.private != here.private:
        found, asked = ("private", "--public") if here.private else ("public", "--private")
        raise PublishRefused(
            f"{repo_id} is {found}, and {asked} was asked for", hint=f"leave {asked} out, or change it on the Hub"
        )
    return here.private


def _see_tag(here: Repository, tag: str) -> None:
    try:
        there = repository(here.id, tag)
    except RevisionNotFound:
        return
    if there is not None and there.sha != here.sha:
        raise PublishRefused(
            f"{here.id} has {tag!r} on another commit", hint="choose another tag, or remove that one there"
        )


def _branch(here: Repository | None, repo_id: str, revision: str) -> tuple[Repository | None, bool]:
    """What the commit starts from, and whether the branch has to be made."""
    if here is None or revision == MAIN:
        return here, here is None and revision != MAIN
    try:
        return repository(repo_id, revision), False
    except RevisionNotFound:
        return here, True


def _with_rows_decided(
    run: Run, repo_id: str, *, private: bool, wanted: Wanted, notes: list[str]
) -> tuple[Run, frozenset[str] | None]:
    """The record as it may be shown, and the ids of data sets that everybody may read (None: it was not asked)."""
    if private and wanted.samples != "omit":
        return run, None
    asked: dict[str, bool | None] = {}

    def ask(hub_id: str) -> bool | None:
        asked[hub_id] = is_public_dataset(hub_id)
        return asked[hub_id]

    rows = private_rows(run, ask)
    public = frozenset(hub_id for hub_id, known in asked.items() if known)
    if not rows:
        return run, public
    named = ", ".join(rows.names[:5])
    if wanted.samples == "omit":
        notes.append(f"rows of {named} are left out")
        return without_rows(run, rows), public
    if wanted.samples == "ask":
        raise Undecided(
            "samples",
            f"the card shows rows of data sets that are not known to be public ({named}), and {repo_id} is public",
            hint="say --samples include or --samples omit",
        )
    notes.append(f"rows of {named} go out")
    return run, None


def _removed(at: Repository | None, release: Release | None, last: Publication | None) -> tuple[str, ...]:
    """Files of our last release that this one lacks and that nobody has changed since."""
    if at is None or release is None or last is None:
        return ()
    gone = set(last.files) - set(release.files)
    return tuple(sorted(path for path in gone if path in at.files and content_id(at.files[path]) == last.files[path]))


def content_id(file: RemoteFile) -> str:
    """What tells a file's content: its sha256 where the Hub says it, else the id that git gives it."""
    return file.sha256 or file.blob


def _problems(report: Report, release: Release | None, *, strict: bool) -> list[tuple[str, str]]:
    problems = [
        (f"{found.rule}: {found.message}" + (f" (line {found.line})" if found.line else ""), found.remedy or _LOOK)
        for found in report.stopping(strict=strict)
    ]
    for each in release.findings if release is not None else ():
        if each.kind == "secret":
            problems.append((f"{each.path} holds what looks like a token", "take it out of the file"))
        else:
            problems.append((f"{each.path} holds the path of somebody's home", "hide it: --redact paths"))
    return problems
