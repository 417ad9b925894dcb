"""A lineage as text: the lines of a tree, and a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cardgen.registry.lineage import Lineage, LineageData, LineageRelease, LineageRun

SHORT = 7
"""Letters of a commit that are shown."""

LONGEST = 100
"""Characters of a text in a node."""

_PLAIN = frozenset(" -_./@,+=()")
_FORKS = ("├─ ", "└─ ", "│  ", "   ")
_ASCII_FORKS = ("+- ", "`- ", "|  ", "   ")


@dataclass(slots=True)
class Branch:
    """A line of a tree, and what hangs from it."""

    words: str
    branches: list[Branch] = field(default_factory=list)


def tree(lineage: Lineage, *, ascii_only: bool = False) -> Iterator[tuple[str, str]]:
    """The lines of a tree, base models first, each as what is drawn and what is said.

    What is said holds texts of others as they are: a terminal must get them escaped.
    """
    fork, last, pipe, blank = _ASCII_FORKS if ascii_only else _FORKS
    roots = _branches(lineage, mark=" <-" if ascii_only else " ←")
    stack = [("", "", root) for root in reversed(roots)]
    while stack:
        drawn, below, branch = stack.pop()
        yield drawn, branch.words
        for number, child in enumerate(reversed(branch.branches)):
            ends = number == 0
            stack.append((below + (last if ends else fork), below + (blank if ends else pipe), child))


def _branches(lineage: Lineage, mark: str) -> list[Branch]:
    """What stands at the left: base models, and runs without one."""
    asked = set(lineage.asked)
    bases: dict[str, Branch] = {}
    roots: list[Branch] = []
    path: list[Branch] = []
    for depth, run in lineage.walk():
        branch = Branch(_run_words(run) + (mark if run.id in asked else ""))
        branch.branches += [Branch(_data_words(data)) for data in run.datasets]
        branch.branches += [Branch(_release_words(release)) for release in run.releases]
        del path[depth:]
        base = _base(run)
        if path:
            path[-1].branches.append(branch)
        elif base is None:
            roots.append(branch)
        else:
            if base not in bases:
                bases[base] = Branch(base)
                roots.append(bases[base])
            bases[base].branches.append(branch)
        path.append(branch)
    return roots


def mermaid(lineage: Lineage) -> str:
    """The lineage as a Mermaid flowchart: base models and data sets lead to runs, runs to runs and to what they became.

    Every text of others is encoded, so that nothing in it is read as a part of the chart.
    """
    lines = ["flowchart LR"]
    numbers: dict[tuple[object, ...], str] = {}

    def node(identity: tuple[object, ...], shape: tuple[str, str], *texts: str | None) -> str:
        if identity not in numbers:
            numbers[identity] = f"n{len(numbers)}"
            label = "<br/>".join(_encoded(text) for text in texts if text)
            lines.append(f'    {numbers[identity]}{shape[0]}"{label}"{shape[1]}')
        return numbers[identity]

    asked = set(lineage.asked)
    for run in lineage.runs:
        shape = ("[[", "]]") if run.id in asked else ("[", "]")
        node(("run", run.id), shape, run.name or run.id, _about(run))
    for run in lineage.runs:
        me = numbers["run", run.id]
        base = _base(run)
        if ("run", run.parent) in numbers:
            through = "" if run.through is None else f'|"{_encoded(_place(*_halves(run.through)))}"|'
            lines.append(f"    {numbers['run', run.parent]} -->{through} {me}")
        elif base is not None:
            begun = node(("base", base), ("([", "])"), base)
            lines.append(f"    {begun} --> {me}")
        for data in dict.fromkeys(run.datasets):
            where = _place(data.hub_id, data.revision)
            known = ("data", data.name, where) if data.name or where else ("data", run.id)
            stored = node(known, ("[(", ")]"), data.name or ("unnamed" if where is None else None), where)
            lines.append(f'    {stored} -.->|"{_encoded(data.role)}"| {me}')
        for release in run.releases:
            identity = ("release", release.model, release.version, release.commit)
            made = node(identity, ("{{", "}}"), _version(release), _release_state(release))
            lines.append(f"    {me} ==> {made}")
    return "\n".join(lines) + "\n"


# Words -----------------------------------------------------------------------------------------------------------


def _base(run: LineageRun) -> str | None:
    return None if run.base_model is None else _place(run.base_model, run.base_revision)


def _run_words(run: LineageRun) -> str:
    words = [run.name or run.id, _about(run)]
    if run.through is not None:
        words.append(f"from {_place(*_halves(run.through))}")
    return "  ".join(word for word in words if word)


def _about(run: LineageRun) -> str:
    title = run.title if run.title != run.model_type else None
    return ", ".join(text for text in (_cut(title), run.model_type, run.status) if text)


def _data_words(data: LineageData) -> str:
    where = _place(data.hub_id, data.revision)
    name = _cut(data.name)
    named = f"{name} ({where})" if name and where and name != data.hub_id else where or name or "unnamed"
    return f"{data.role} data: {named}"


def _release_words(release: LineageRelease) -> str:
    return f"{_version(release)}  {_release_state(release)}, {release.at:%Y-%m-%d}"


def _version(release: LineageRelease) -> str:
    return release.model if release.version is None else f"{release.model}@{release.version}"


def _release_state(release: LineageRelease) -> str:
    way = {"card": "card published", "proposed": "pull request"}.get(release.way, release.way)
    commit = "" if release.commit is None else f" in {release.commit[:SHORT]}"
    return ", ".join([*release.aliases, f"{way}{commit}"])


def _place(hub_id: str | None, revision: str | None) -> str | None:
    if hub_id is None:
        return None
    return _cut(hub_id if revision is None else f"{hub_id}@{revision[:SHORT] if len(revision) == 40 else revision}")


def _halves(through: str) -> tuple[str, str | None]:
    name, mark, revision = through.partition("@")
    return name, revision if mark else None


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _encoded(text: str | None) -> str:
    """A text as a label takes it: all but letters, digits and a few signs as the number of the character.

    A colon is encoded, too: Mermaid looks for `style …: …#…;` in whole lines and takes the last sign away.
    """
    shown = " ".join((_cut(text) or "").split())
    found = "".join(sign if sign.isalnum() or sign in _PLAIN else f"#{ord(sign)};" for sign in shown if _safe(sign))
    return found.strip() or "?"  # an empty label is an error there


def _safe(sign: str) -> bool:
    return sign.isprintable() or sign in "\u200c\u200d"  # joiners: scripts and emoji need them
