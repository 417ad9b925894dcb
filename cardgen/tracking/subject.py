"""The model of a run, held weakly, and what it tells when it is looked at."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from cardgen.capture.library import model_type
from cardgen.tracking.facts import Facts
from cardgen.tracking.guard import attempt
from cardgen.tracking.results import Results


class Subject:
    """The model; facts and results are renewed by looking at it. What cannot be had stays as it was."""

    def __init__(self, facts: Facts, results: Results) -> None:
        """Start without one."""
        self.problems = facts.problems
        self._facts, self._results = facts, results
        self._model: weakref.ReferenceType[Any] | None = None
        self._finalizer: Any = None

    @property
    def model(self) -> Any:
        """The model, if it still lives."""
        return None if self._model is None else self._model()

    @property
    def card(self) -> Any:
        """The library's card data of the model."""
        return getattr(self.model, "model_card_data", None)

    def hold(self, model: Any) -> None:
        """This is the model from now on."""
        self._model = weakref.ref(model)

    def watch(self, model: Any, gone: Callable[[], None]) -> None:
        """Have `gone` called by the garbage collector when the model is."""
        self.unwatch()
        self._finalizer = weakref.finalize(model, gone)
        self._finalizer.atexit = False

    def unwatch(self) -> None:
        """Nobody is to be called any more."""
        if self._finalizer is not None:
            self._finalizer.detach()

    def look(self, *, datasets: bool = False) -> None:
        """Look up everything that may have changed; data sets change with a trainer only."""
        attempt(self, "what the model knows", self._look_at_model)
        if datasets:
            attempt(self, "the data sets", self._look_at_datasets)
        attempt(self, "the results of evaluators", self._look_at_results)
        attempt(self, "the durations", self._facts.look_at_durations)

    def look_at_results(self) -> None:
        """Look up the results of evaluators alone."""
        attempt(self, "the result of an evaluator", self._look_at_results)

    def _look_at_model(self) -> None:
        model, card = self.model, self.card
        if card is not None and model_type(model) is not None:
            self._facts.look_at_model(model, card)

    def _look_at_datasets(self) -> None:
        if (card := self.card) is not None:
            self._facts.look_at_datasets(card)

    def _look_at_results(self) -> None:
        if (card := self.card) is not None:
            self._results.look(card)
