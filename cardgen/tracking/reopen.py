"""`open_run`: a run of the registry, to evaluate it, tag it and write about it, in any process and at any time."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cardgen.capture.evaluator import capture_evaluation, logged_metrics, single_evaluators
from cardgen.capture.problems import Problems
from cardgen.errors import EditConflict, RegistryReadOnly
from cardgen.record import Checkpoint, Evaluation, LogEvent, Run
from cardgen.redaction import redact
from cardgen.registry.location import parse_location
from cardgen.registry.store import Registry
from cardgen.settings import load_settings
from cardgen.standing import described_checkpoint, evaluation_key
from cardgen.tracking.facts import now
from cardgen.tracking.weights import checkpoint_of

if TYPE_CHECKING:
    from cardgen.actions.publish import Published

ATTEMPTS = 20
"""How often words are put into a card that somebody else changes at the same moment."""


def open_run(run: str, *, registry: Registry | str | os.PathLike[str] | None = None) -> OpenRun:
    """Open a recorded run, to add to it.

        run = cardgen.open_run("amber-otter-3")
        run.evaluate(test_evaluator, SentenceTransformer("final"))
        run.tag("released")
        run.set(license="apache-2.0")

    It may be open in several processes, and be recorded at the same time: nothing that one adds is lost. It works as a
    context manager, too; nothing needs to be closed.

    Args:
        run: id, name, unique start or end of one, or `latest`.
        registry: an open registry, a path or a URL; the default is the one that the settings name.

    Raises:
        RunNotFound, AmbiguousRun: no run answers to this, or several do.
        RegistryError, SettingsError: the registry cannot be used.
    """
    where = registry if isinstance(registry, Registry) else load_settings(registry=registry).registry
    if not isinstance(where, Registry):
        parse_location(where)
    opened = OpenRun(run, where)
    with opened._first() as found:
        opened._id = found.run(run).id
    return opened


class OpenRun:
    """A run of the registry, as `open_run` gives it. What it says is read anew each time."""

    def __init__(self, reference: str, registry: Registry | str) -> None:
        """See `open_run`."""
        self._id = reference
        self._where = registry

    def __repr__(self) -> str:
        return f"OpenRun({self._id!r})"

    def __enter__(self) -> OpenRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open between two calls."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self._id

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def run(self) -> Run:
        """The record as it stands in the registry."""
        with self._registry("read") as registry:
            return registry.run(self._id)

    @property
    def log(self) -> list[LogEvent]:
        """The log events, in order."""
        with self._registry("read") as registry:
            return registry.log(self._id)

    def evaluate(self, evaluator: Any, model: Any) -> Any:
        """Run an evaluator on a model and keep the result with the weights that it was made on.

        The model must be a checkpoint of the run; one that the run does not know yet, loaded from a folder, becomes
        one. The run's card shows the result if the card describes these weights: the best checkpoint where the trainer
        loads that at its end, else the last one saved.

        Returns:
            what the evaluator returns.

        Raises:
            OtherWeights: the model is no checkpoint of the run and in no folder; the evaluator is not called.
            RunNotFound: the run was deleted.
            FileProblem: there is no space to save the model, which its hash needs.
        """
        point = checkpoint_of(self.run, model)
        result = evaluator(model)
        at = now()
        problems = Problems()
        found = [
            redact(
                capture_evaluation(
                    single, metrics, problems, epoch=None, step=point.step, weights=point.weights, at=at
                ),
                "evaluations",
            )[0]
            for single, metrics in _results(evaluator, result, model)
        ]
        with self._registry("write") as registry:
            registry.change(self._id, lambda run: _with_results(run, point, found, problems))
            described = described_checkpoint(registry.run(self._id))
            if described is not None and described.weights == point.weights:
                _log(registry, self._id, evaluator, result)
        return result

    def note(self, section: str, text: str) -> None:
        """Write words into a section of the card, as `cardgen runs edit --section` does; later ones replace them.

        Args:
            section: direct use, downstream use, out-of-scope use, bias, recommendations, glossary, authors or contact.
            text: Markdown.

        Raises:
            SettingsError: there is no such section, or the words do not fit.
            EditConflict: others change the same text all the time.
        """
        from cardgen.actions.edit import fill_section

        with self._registry("write") as registry:
            for attempt in range(ATTEMPTS):
                try:
                    fill_section(registry, self._id, section, text)
                    return
                except EditConflict:
                    if attempt == ATTEMPTS - 1:
                        raise

    def tag(self, *tags: str) -> None:
        """Add tags to the run.

        Raises:
            SettingsError: a tag is no line of text, or has a comma.
        """
        self.set(tags=tuple(f"+{tag}" for tag in tags))

    def set(self, **facts: Any) -> None:
        """Set facts that you know better than the record, as `cardgen runs set` does; None takes one back.

            run.set(license="apache-2.0", language=["en", "nl"])

        Raises:
            SettingsError: there is no such fact, or the value cannot be right; then none is set.
        """
        from cardgen.actions.facts import set_facts

        with self._registry("write") as registry:
            set_facts(registry, [registry.run(self._id)], facts)

    def publish(self, repo_id: str, **options: Any) -> Published:
        """Publish the model and the card to the Hub, see `ActiveRun.publish`; a model that is gone cannot be saved.

        Raises:
            PublishRefused, CardConflict, HubError, SettingsError: as there.
        """
        from cardgen.tracking.publishing import publish_now

        with self._registry("write") as registry:
            return publish_now(registry, self._id, repo_id, options, None)

    @contextlib.contextmanager
    def _first(self) -> Iterator[Registry]:
        """Open it for writing where that can be: this folds what recorders left, so that the run is found."""
        with contextlib.ExitStack() as stack:
            try:
                registry = stack.enter_context(self._registry("write"))
            except RegistryReadOnly:
                registry = stack.enter_context(self._registry("read"))
            yield registry

    @contextlib.contextmanager
    def _registry(self, mode: Any) -> Iterator[Registry]:
        if isinstance(self._where, Registry):
            yield self._where
        else:
            with Registry(self._where, mode=mode, create=False) as registry:
                yield registry


def _results(evaluator: Any, result: Any, model: Any) -> list[tuple[Any, Mapping[Any, Any]]]:
    """The metrics of each single evaluator: as the library noted them, else what was returned."""
    noted = getattr(getattr(model, "model_card_data", None), "eval_results_dict", None) or {}
    singles = single_evaluators(evaluator)
    if singles and all(single in noted for single in singles):
        return [(single, noted[single]) for single in singles]
    values = result if isinstance(result, Mapping) else {type(evaluator).__name__: result}
    return [(evaluator, values)]


def _with_results(run: Run, point: Checkpoint, found: list[Evaluation], problems: Problems) -> Run:
    """The run with new results, each in the place of an older one of the same evaluator on the same weights."""

    def same(one: Evaluation, other: Evaluation) -> bool:
        return evaluation_key(one) == evaluation_key(other) and one.weights == other.weights

    kept = [old for old in run.evaluations if not any(same(old, new) for new in found)]
    known = any(other.weights == point.weights for other in run.checkpoints)
    others = tuple(p for p in run.checkpoints if not (p.path == point.path and p.weights is None))
    return dataclasses.replace(
        run,
        evaluations=(*kept, *found),
        checkpoints=run.checkpoints if known else (*others, point),
        problems=tuple(dict.fromkeys([*run.problems, *problems.texts])),
    )


def _log(registry: Registry, run_id: str, evaluator: Any, result: Any) -> None:
    """Add the row that the log has for an evaluator that is called after training.

    Its number is the time: that of an event to come from the run's recorder, should it live, must stay free.
    """
    values = logged_metrics(evaluator, result) if isinstance(result, Mapping) else None
    if values is None:
        return
    log = registry.log(run_id)
    last = log[-1] if log else None
    event = LogEvent(
        seq=0,
        kind="evaluator",
        step=-1,
        epoch=-1,
        segment=last.segment if last else 0,
        values=redact(values, "log")[0],
        at=now(),
    )
    while not registry.append(
        run_id, [dataclasses.replace(event, seq=max(time.time_ns() // 1000, last.seq + 1 if last else 0))]
    ):
        continue
