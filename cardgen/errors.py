"""Every error that cardgen raises on purpose.

    CardgenError                     exit code 1
    ├── SettingsError                2  (ValueError)   a setting or argument that cannot be right
    ├── QueryError                   2  (ValueError)   a search that cannot be understood
    ├── RunNotFound                  3  (LookupError)  no run answers to that reference
    │   └── ModelNotFound            3                 no model, version, alias or tag does
    ├── AmbiguousRun                 2  (LookupError)  several runs do
    ├── CardError                       a card cannot be rendered or read
    │   ├── UnknownLayout            2  (ValueError)   no such library version
    │   ├── LayoutTooOld             2  (ValueError)   the model type is younger than the layout
    │   ├── TemplateFailed                             a user's template is wrong
    │   ├── CardConflict             4                 a person's words and new facts meet in one place
    │   └── EditConflict             4                 an edited text cannot be kept
    ├── RegistryError                   the registry cannot be used
    │   ├── RegistryNotFound         3                 nothing is there (readers never create one)
    │   ├── RegistryNotEmpty         4                 something is there already, where nothing may be
    │   ├── NotARegistry                               a file or database of somebody else, or damaged
    │   │   └── NotAnExport                            a folder that is no export, or is not as it was written
    │   ├── SchemaTooNew, SchemaTooOld                 written by another version of cardgen
    │   ├── RegistryReadOnly, RegistryFull, RegistryBusy, RegistryUnreachable
    │   └── DocumentError                              a stored document cannot be decoded
    ├── RecordingError                  what `track` refuses before training starts
    │   └── OtherWeights                               a model is no checkpoint of the run it is to be evaluated for
    ├── PublishRefused               6  something must not leave as it is
    │   └── Undecided                6                 the user has to say something first
    ├── HubError                     5  the Hub cannot be used, or answers nonsense
    │   ├── RepositoryNotFound       3  (LookupError)  there is none, or it is private
    │   ├── RevisionNotFound         3  (LookupError)  the repository has no such branch, tag or commit
    │   ├── CardNotFound             3  (LookupError)  the repository has no README.md
    │   ├── HubAccessDenied          5                 gated, disabled, or not for this token
    │   ├── HubRefused               5                 the Hub does not take a content, and says why
    │   ├── HeadMoved                5                 somebody committed in the meantime
    │   ├── HubOffline               5                 the settings forbid to reach the Hub
    │   └── HubUnreachable           5                 no connection, no answer in time, or the Hub is down
    ├── FileProblem                     a file cannot be read or written  (OSError)
    │   └── FileConflict             4                 a file is there that says something else
    └── MissingExtra                    (ImportError)  an optional dependency is not installed

Each error carries its data as attributes, says what is wrong in its text, and what to do in `hint`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class CardgenError(Exception):
    """Base of all errors of cardgen: the text says what is wrong, `hint` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes with all that they carry."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[CardgenError], args: tuple[Any, ...], data: dict[str, Any]) -> CardgenError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(data)
    return error


class SettingsError(CardgenError, ValueError):
    """A setting, environment variable or argument that cannot be right."""

    exit_code = 2


class QueryError(CardgenError, ValueError):
    """A search that cannot be understood; `position` is the character of `query` that is pointed at, from 0."""

    exit_code = 2

    def __init__(
        self, message: str, *, hint: str | None = None, query: str | None = None, position: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.query = query
        self.position = position


class RunNotFound(CardgenError, LookupError):
    """No run has this id, name, prefix or suffix."""

    exit_code = 3

    def __init__(self, reference: str, *, hint: str | None = None) -> None:
        super().__init__(f"no run {reference!r}", hint=hint or "see `cardgen runs list`")
        self.reference = reference


class ModelNotFound(RunNotFound):
    """There is no such model, or it has no such version, alias or tag; `reference` is what was asked for."""

    def __init__(self, message: str, *, reference: str, hint: str | None = None) -> None:
        CardgenError.__init__(self, message, hint=hint or "see `cardgen models list`")
        self.reference = reference


class AmbiguousRun(CardgenError, LookupError):
    """Several runs answer to one prefix or suffix."""

    exit_code = 2

    def __init__(self, reference: str, names: Sequence[str]) -> None:
        shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        super().__init__(f"{reference!r} could be {shown}", hint="give more letters of the id, or the whole name")
        self.reference = reference
        self.names = tuple(names)


class CardError(CardgenError):
    """A card cannot be rendered or read."""


class UnknownLayout(CardError, ValueError):
    """No library version of this name has a card layout."""

    exit_code = 2

    def __init__(self, layout: str, *, hint: str | None = None) -> None:
        super().__init__(f"unknown layout {layout!r}", hint=hint)
        self.layout = layout


class LayoutTooOld(CardError, ValueError):
    """The library version had no cards for this type of model yet."""

    exit_code = 2

    def __init__(self, model_type: str, layout: str, first: str) -> None:
        super().__init__(
            f"sentence-transformers {layout} had no {model_type} cards", hint=f"use --layout {first} or newer"
        )
        self.model_type = model_type
        self.layout = layout
        self.first = first


class TemplateFailed(CardError):
    """A template is missing, wrong, or uses what the view does not have."""


class CardConflict(CardError):
    """A person's words and new facts meet in one place: `conflicts` are triples (place, ours, theirs)."""

    exit_code = 4

    def __init__(self, what: str, conflicts: Sequence[tuple[str, str, str]]) -> None:
        places = ", ".join(dict.fromkeys(place for place, _, _ in conflicts))
        super().__init__(
            f"{what} was changed where the facts changed too: {places}",
            hint="choose with --conflict ours (new facts), theirs (what stands) or markers (both)",
        )
        self.conflicts = tuple(conflicts)


class EditConflict(CardError):
    """An edited text cannot be kept: it has markers of a conflict, or somebody else changed it in the meantime."""

    exit_code = 4


class RegistryError(CardgenError):
    """The registry cannot be used."""


class RegistryNotFound(RegistryError):
    """There is no registry at this place; reading never creates one."""

    exit_code = 3


class RegistryNotEmpty(RegistryError):
    """There is something already where a whole registry is to be put."""

    exit_code = 4


class NotARegistry(RegistryError):
    """The file or database belongs to somebody else, or is damaged."""


class NotAnExport(NotARegistry):
    """The folder is no export of a registry, or something in it cannot be right."""


class SchemaTooNew(RegistryError):
    """The registry was written by a newer cardgen."""


class SchemaTooOld(RegistryError):
    """The registry was written by an older cardgen and may not be upgraded from here."""


class RegistryReadOnly(RegistryError):
    """The registry, or its folder, may not be written."""


class RegistryFull(RegistryError):
    """No space is left where the registry lives."""


class RegistryBusy(RegistryError):
    """Another process keeps the registry locked."""


class RegistryUnreachable(RegistryError):
    """The database server does not answer."""


class DocumentError(RegistryError):
    """A stored document cannot be decoded."""


class RecordingError(CardgenError):
    """What `track` and `CardCallback` refuse before training starts."""


class PublishRefused(CardgenError):
    """A model or card must not be published as it is; the hint is the remedy."""

    exit_code = 6


class Undecided(PublishRefused):
    """The user has to say something first; `question` is `visibility` or `samples`."""

    def __init__(self, question: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.question = question


class OtherWeights(RecordingError):
    """A model is no checkpoint of the run that it is to be evaluated for."""


class HubError(CardgenError):
    """The Hub cannot be used; `repo_id` is what was asked for."""

    exit_code = 5

    def __init__(self, message: str, *, repo_id: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.repo_id = repo_id


class RepositoryNotFound(HubError, LookupError):
    """There is no such repository, or it is private: the Hub does not tell which."""

    exit_code = 3


class RevisionNotFound(HubError, LookupError):
    """The repository has no such branch, tag or commit."""

    exit_code = 3


class CardNotFound(HubError, LookupError):
    """The repository has no README.md."""

    exit_code = 3


class HubAccessDenied(HubError):
    """The repository is gated or disabled, or the token is not good for it."""


class HubRefused(HubError):
    """The Hub does not take what was sent: its metadata, size or content."""


class HeadMoved(HubError):
    """Somebody committed since the head was looked at: look, merge and commit again."""


class HubOffline(HubError):
    """The settings forbid to reach the Hub."""


class HubUnreachable(HubError):
    """There is no connection, no answer in time, or the Hub is down."""


class FileProblem(CardgenError, OSError):
    """A file cannot be read or written."""


class FileConflict(FileProblem):
    """A file is there that says something else, and is not overwritten."""

    exit_code = 4


class MissingExtra(CardgenError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}", hint=f"pip install 'cardgen[{extra}]'")
        self.package = package
        self.extra = extra
