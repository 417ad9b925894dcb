"""Check cards: a run's, a file's, a text's, or all in a folder. Offline; nothing is created, fetched or run."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cardgen.actions.check_policy import load_policy
from cardgen.actions.diff import compare_facts
from cardgen.actions.edit import standing_text
from cardgen.actions.folder import SIDECAR, facts_of_folder
from cardgen.actions.read import imported_id
from cardgen.actions.render import Recording, render_card
from cardgen.actions.write import file_target
from cardgen.card.layout import render
from cardgen.card.parse.document import undress
from cardgen.card.parse.read import parse
from cardgen.check import engine
from cardgen.check.policy import Policy
from cardgen.check.report import Report
from cardgen.check.subject import Changed, Subject
from cardgen.check.valid import LARGEST
from cardgen.errors import AmbiguousRun, CardgenError, FileProblem, RegistryError, RegistryNotFound, RunNotFound
from cardgen.files import read_limited
from cardgen.record import LogEvent, Run
from cardgen.standing import described_checkpoint

if TYPE_CHECKING:
    from cardgen.registry.store import Registry

_COMPARED = frozenset({"metrics", "arguments", "data", "architecture", "versions", "base_model"})
"""The facts that a card must have from its record; its words, licence, language and tags are a person's to choose."""

_START = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*---\s")


def check_card(
    card: Run | Recording | str | os.PathLike[str],
    *,
    registry: Registry | str | os.PathLike[str] | None = None,
    policy: Policy | None = None,
) -> Report:
    """Check one card against every rule, see `cardgen check --rules`.

    Args:
        card: a run (a record, one that is being recorded, or a reference to one), a file or a folder with a README.md,
            or the text of a card: a string with a line end in it.
        registry: where runs are, if not in the registry of the settings. Files and texts need none.
        policy: which rules count, and how much; None: as the configuration has it.

    Raises:
        RunNotFound, AmbiguousRun: neither a run nor a file, or several runs.
        FileProblem: the file cannot be read.
        RegistryError: the registry cannot be read.
        SettingsError: the configuration cannot be right.
    """
    policy = load_policy() if policy is None else policy
    if isinstance(card, str) and "\n" in card:
        return check_text(card, policy=policy)
    with _opened(registry) as opened:
        if isinstance(card, Run):
            found = opened.get()
            if found is not None and _stored(card.id, found) is not None:
                return _check_run(card, found, policy)
            return check_text(render(card, ()), run=card, file=card.name, policy=policy)
        if not isinstance(card, str | os.PathLike):
            return check_text(render_card(card), run=card.run, log=card.log, file=card.run.name, policy=policy)
        name = os.fspath(card)
        run = None if isinstance(card, os.PathLike) else _run(name, opened)
        if run is not None:
            return _check_run(run, opened.need(), policy)
        path = Path(name)
        return _check_file(path / "README.md" if path.is_dir() else path, opened, policy)


def check_all(
    names: Iterable[str],
    *,
    registry: Registry | str | os.PathLike[str] | None = None,
    policy: Policy | None = None,
) -> Iterator[Report]:
    """Check many: runs, files, and the cards in folders. One of several that cannot be read is a finding and stops no
    other.

    A card in a folder is each README.md, and each other `*.md` that begins with front matter, at any depth; hidden
    folders are left out and links are not followed.

    Raises:
        SettingsError: the configuration cannot be right.
        CardgenError: there is one name only, and what it names cannot be read, see `check_card`.
    """
    policy = load_policy() if policy is None else policy
    listed = list(names)
    with _opened(registry) as opened:
        for name in listed:
            try:
                run = _run(name, opened)
                if run is not None:
                    yield _check_run(run, opened.need(), policy)
                elif os.path.isdir(name):
                    yield from _check_folder(Path(name), opened, policy)
                else:
                    yield _check_file(Path(name), opened, policy)
            except CardgenError as error:
                if len(listed) == 1:
                    raise
                yield _failed(name, error, policy)


def check_text(
    text: str,
    *,
    run: Run | None = None,
    log: Sequence[LogEvent] = (),
    base: str | None = None,
    public: bool = True,
    known_public: Collection[str] | None = None,
    weights: str | None = None,
    damaged: int | None = None,
    file: str = "",
    path: str | None = None,
    policy: Policy | None = None,
) -> Report:
    """Check a text that is at hand. Reads nothing.

    Args:
        text: the card.
        run: the record that it was rendered from, if that is known.
        log: the run's events.
        base: what was rendered when the text was written: it tells what a person changed from what is out of date.
        public: whether everybody may read where the card goes; rows of private data may be in a private repository.
        known_public: the Hub ids of data sets that are known to be public; None: each id counts as public.
        weights: the hash of the weights that the card is published with.
        damaged: the line of the first byte that is no UTF-8.
        file: what a person calls the card.
        path: the file that it stands in, for the commands that mend it.
        policy: which rules count, and how much; None: all as they are.
    """
    readable = len(text) <= LARGEST and "\0" not in text
    card = Subject(
        text=text,
        run=run,
        changed=_changed(run, log, base, text) if run is not None and readable else (),
        public=public,
        known_public=known_public,
        weights=weights,
        damaged=damaged,
    )
    return engine.check(card, file=file, path=path, policy=policy)


@dataclasses.dataclass
class _Opened:
    """The registry, which is opened when it is first needed. Files make do without one, unless it was named."""

    given: Registry | str | os.PathLike[str] | None
    found: Registry | None = None
    error: RegistryError | None = None

    def get(self) -> Registry | None:
        """The registry, or None."""
        from cardgen.registry.store import Registry

        if isinstance(self.given, Registry):
            return self.given
        if self.found is None and self.error is None:
            try:
                self.found = Registry(self.given, mode="read")
            except RegistryError as error:
                self.error = error
                if self.given is not None:
                    raise
        return self.found

    def need(self) -> Registry:
        """The registry, or why there is none."""
        found = self.get()
        if found is None:
            raise self.error or RegistryNotFound("there is no registry")
        return found


@contextmanager
def _opened(registry: Registry | str | os.PathLike[str] | None) -> Iterator[_Opened]:
    opened = _Opened(registry)
    try:
        yield opened
    finally:
        if opened.found is not None:
            opened.found.close()


def _run(name: str, opened: _Opened) -> Run | None:
    """The run of this reference; None for the name of a file. A run goes before a file of its name."""
    if os.sep in name or name in (".", "..") or name.endswith(".md"):
        return None
    try:
        return opened.need().run(name)
    except (RunNotFound, RegistryError):
        if not os.path.exists(name):
            raise
    return None


def _check_run(run: Run, registry: Registry, policy: Policy) -> Report:
    log = registry.log(run.id)
    point = described_checkpoint(run)
    return check_text(
        standing_text(registry, run, log),
        run=run,
        log=log,
        base=render(run, log),
        weights=None if point is None else point.weights,
        file=run.name,
        policy=policy,
    )


def _check_folder(folder: Path, opened: _Opened, policy: Policy) -> Iterator[Report]:
    found = False
    failed: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.lower().endswith(".md") or path.is_symlink():
                continue
            try:
                if name.lower() == "readme.md" or _begins_with_front_matter(path):
                    found = True
                    yield _check_file(path, opened, policy)
            except (CardgenError, OSError) as error:
                found = True
                yield _failed(str(path), error, policy)
    for problem in failed:
        yield _failed(str(problem.filename), problem, policy)
    if not found and not failed:
        yield engine.unreadable(str(folder), "there is no card in this folder", policy=policy)


def _begins_with_front_matter(path: Path) -> bool:
    with open(path, "rb") as file:
        return _START.match(file.read(200)) is not None


def _check_file(path: Path, opened: _Opened, policy: Policy) -> Report:
    if path.exists() and not path.is_file():
        raise FileProblem(f"{path} is no file")  # a pipe would block for ever
    data = read_limited(path, LARGEST)
    name = str(path)
    if data is None:
        return engine.too_large(name, path.stat().st_size, policy=policy)
    damaged = None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        damaged = data.count(b"\n", 0, error.start) + 1
        text = data.decode("utf-8", "replace")
    if "\0" in text:
        return check_text(text, file=name, path=name, policy=policy)
    run, log, base = _record_of(path, data, opened)
    return check_text(text, run=run, log=log, base=base, damaged=damaged, file=name, path=name, policy=policy)


def _record_of(path: Path, data: bytes, opened: _Opened) -> tuple[Run | None, Sequence[LogEvent], str | None]:
    """The run that a file is the card of, its log, and what was rendered into the file: from the registry, by the file,
    the `cardgen.json` beside it or its bytes; without a registry from the `cardgen.json` alone.
    """
    registry = opened.get()
    beside = path.parent / SIDECAR
    facts = facts_of_folder(path.parent) if beside.is_file() and not beside.is_symlink() else None
    if registry is not None:
        pair = registry.card_text(None, file_target(path))
        if pair is not None:
            return registry.run(pair.run_id), registry.log(pair.run_id), pair.base
        for run_id in (facts.run_id if facts is not None else None, imported_id(data)):
            if run_id is None:
                continue
            run = _stored(run_id, registry)
            if run is not None:
                return run, registry.log(run_id), None
    return (None if facts is None else facts.record), (), None


def _stored(run_id: str, registry: Registry) -> Run | None:
    try:
        run = registry.run(run_id)
    except (RunNotFound, AmbiguousRun):
        return None
    return run if run.id == run_id else None


def _changed(run: Run, log: Sequence[LogEvent], base: str | None, text: str) -> tuple[Changed, ...]:
    """The facts in which a card differs from its record.

    What only the record has was left out on purpose, unless it came after the card was rendered.
    """
    rendered = render(run, log)
    if undress(rendered).body == undress(text).body:
        return ()
    recorded, there = parse(rendered), parse(text)
    if recorded.run is None or there.run is None:
        return ()
    before = parse(base) if base is not None and base != rendered else recorded
    by_hand = None
    if base is not None and before.run is not None:
        by_hand = _differing(before.run, before.log, there.run, there.log)
    return tuple(
        Changed(
            kind=kind,
            key=key,
            card=card,
            record=record,
            by_hand=None if by_hand is None else (kind, key) in by_hand,
        )
        for (kind, key), (record, card) in _differing(recorded.run, recorded.log, there.run, there.log).items()
        if card is not None or (by_hand is not None and (kind, key) not in by_hand)
    )


def _differing(
    a: Run, a_log: Sequence[LogEvent], b: Run, b_log: Sequence[LogEvent]
) -> dict[tuple[str, str], tuple[object, object]]:
    return {
        (group.name, difference.key): (difference.a, difference.b)
        for group in compare_facts(a, a_log, b, b_log)
        for difference in group.differences
        if group.name in _COMPARED or difference.key in _COMPARED
    }


def _failed(name: str, error: CardgenError | OSError, policy: Policy) -> Report:
    if isinstance(error, CardgenError):
        return engine.unreadable(name, str(error), error.hint, policy=policy)
    return engine.unreadable(name, f"it cannot be read: {error.strerror or error}", policy=policy)
