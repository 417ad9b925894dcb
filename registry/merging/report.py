"""What came of a merge, or would come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

_LISTED = 1000
"""Of many things of one kind so many are listed; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A run that has another name than before: in this registry (`here`), or than it had in the other."""

    id: str
    old: str
    new: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something of the other registry that was not taken, and why; `id` and `name` are those of its run."""

    reason: str
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """An imported run whose words went to the run that its card was rendered from, and which is hidden now."""

    id: str
    name: str
    to: str
    to_name: str


@dataclass(slots=True, kw_only=True)
class MergeReport:
    """What was taken from `source` into `target`; with `dry_run`, what would be taken.

    `new` runs came, `changed` ones got something that the other knew, `unchanged` ones nothing; `removed` were purged
    there. `publications`, `versions`, `model_events`, `pending` and `audit` count rows that came or were changed.
    `renamed`, `skipped` and `joined` list the first thousand of each, the counts are of all. `unfolded` are spools
    beside the other registry: what is in them was not read.
    """

    source: str
    target: str
    dry_run: bool = False
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    renamed_count: int = 0
    skipped_count: int = 0
    joined_count: int = 0
    events: int = 0
    publications: int = 0
    versions: int = 0
    model_events: int = 0
    pending: int = 0
    audit: int = 0
    renamed: list[Renamed] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    unfolded: tuple[str, ...] = ()

    @property
    def changes(self) -> int:
        """How much of the registry is not as before."""
        rows = self.publications + self.versions + self.model_events + self.pending + self.audit
        return self.new + self.changed + self.removed + self.renamed_count + self.joined_count + rows

    def take(self, other: MergeReport) -> None:
        """Add what another report says of a part."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("renamed", "skipped", "joined"):
            listed = getattr(self, name)
            listed.extend(getattr(other, name)[: _LISTED - len(listed)])

    def rename(self, run_id: str, old: str, new: str, *, here: bool) -> None:
        """Note that a run has another name."""
        self.renamed_count += 1
        if len(self.renamed) < _LISTED:
            self.renamed.append(Renamed(id=run_id, old=old, new=new, here=here))

    def skip(self, reason: str, run_id: object = None, name: object = None) -> None:
        """Note that something was not taken."""
        self.skipped_count += 1
        if len(self.skipped) < _LISTED:
            shown = [value if isinstance(value, str) else None for value in (run_id, name)]
            self.skipped.append(Skipped(reason=reason[:500], id=shown[0], name=shown[1]))

    def join(self, one: Joined) -> None:
        """Note that an imported run found the run of its card."""
        self.joined_count += 1
        if len(self.joined) < _LISTED:
            self.joined.append(one)


_COUNTS = tuple(name for name, field_ in MergeReport.__dataclass_fields__.items() if field_.type == "int")
