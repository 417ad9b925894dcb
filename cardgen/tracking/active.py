"""The live handle of a run that is being recorded."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from cardgen.errors import RecordingError
from cardgen.record import LogEvent, Run, Status
from cardgen.tracking.guard import say

if TYPE_CHECKING:
    from cardgen.actions.publish import Published
    from cardgen.tracking.recording import Recording


class ActiveRun:
    """A run that is being recorded, as `track` gives it.

    Where nothing is recorded (`CARDGEN_MODE=disabled`, every process but the first) it has the same methods, and they
    do nothing.
    """

    def __init__(self, recording: Recording) -> None:
        """A handle of this recording; use `track`."""
        self._recording = recording

    def __repr__(self) -> str:
        return f"ActiveRun({self.name!r})"

    @property
    def id(self) -> str:
        """The run's id. A resumed run gets its former id when training begins."""
        return self._recording.id

    @property
    def name(self) -> str:
        """The run's name; the registry may add a number to it if it is taken."""
        return self._recording.name

    @property
    def run(self) -> Run:
        """The record as it is now."""
        return self._recording.current()

    @property
    def log(self) -> list[LogEvent]:
        """The log events so far, in order."""
        return list(self._recording.log)

    def evaluate(self, evaluator: Any) -> Any:
        """Run an evaluator on the model and keep its result; returns what the evaluator returns.

        After the end of the run the evaluator runs all the same, and its result is not kept.

        Raises:
            RecordingError: the model is gone, or was never there.
        """
        model = self._recording.model()
        if model is None:
            raise RecordingError("the model of this run is gone", hint="keep a reference to the model or the trainer")
        start = dt.datetime.now(dt.UTC)
        result = evaluator(model)
        if self._recording.phase == "closed":
            say(f"{self.name} has ended: this result does not belong to it")
        elif not self._recording.has_result_of(evaluator, start):
            self._recording.add_evaluation(evaluator, result)
        return result

    def note(self, section: str, text: str) -> None:
        """Write words into a section of the card, as `cardgen runs edit --section` does; later ones replace them.

        They are on disk when this returns, and every rendering has them. Nothing is raised: what cannot be kept is
        said. What is said before training begins waits for that.

        Args:
            section: direct use, downstream use, out-of-scope use, bias, recommendations, glossary, authors or contact.
            text: Markdown.
        """
        self._recording.note(section, text)

    def tag(self, *tags: str) -> None:
        """Add tags to the run. They are kept as `note` keeps words, and nothing is raised."""
        self._recording.tag(tags)

    def set(self, **facts: Any) -> None:
        """Set facts that you know better than the record, as `cardgen runs set` does; None takes one back.

            run.set(license="apache-2.0", language=["en", "nl"])

        They go before what is recorded, also later. They are kept as `note` keeps words, and nothing is raised.
        """
        self._recording.set(facts)

    def finish(self, status: Status = "finished") -> None:
        """End the run: nothing that happens from now on belongs to it. Ending it again does nothing.

        Raises:
            RecordingError: the status is none that a run can end with.
        """
        if status not in ("finished", "failed", "interrupted"):
            raise RecordingError(f"status is {status!r:.80}", hint="use one of: finished, failed, interrupted")
        self._recording.finish(status)
        self._recording.push()

    def publish(self, repo_id: str, **options: Any) -> Published | None:
        """Publish the model and the card to the Hub, in one commit, as `cardgen publish` does.

            run.publish("me/my-model", private=True)

        The last folder that this run saved is published; the live model is saved for it if there is none.

        Args:
            repo_id: the repository.
            options: `private` (needed for a new repository), `card_only`, `model` (a folder), `revision`, `create_pr`,
                `tag`, `message`, `samples` (include, omit), `redact` (paths, emails), `include`, `allow_changed`,
                `layout`, `prefer` (ours, theirs).

        Returns:
            what was published, with its `url`; None where nothing is recorded.

        Raises:
            PublishRefused: something must not leave as it is; the hint says what to do.
            CardConflict: the repository's text and new facts meet in one place.
            HubError, RegistryError, SettingsError: as their names say.
        """
        return self._recording.publish(repo_id, options)
