"""The methods of the library's models that show what no callback sees, wrapped once on their classes.

`set_evaluation_metrics` of the card data (every evaluator result, in order) and `_create_model_card` of the model (a
save; examples and their results are final). A third, `push_to_hub` of the model, only tells that the saves inside it
are uploaded. `trainers` has those of the trainers.

Which run a model belongs to is kept here, weakly, so that models stay picklable and a copy of a model is another model.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cardgen.tracking.guard import say

if TYPE_CHECKING:
    from cardgen.tracking.recording import Recording

_recordings: weakref.WeakKeyDictionary[Any, Recording] = weakref.WeakKeyDictionary()
_calls = threading.local()
MARK = "__cardgen_wrapped__"


def attach(model: Any, recording: Recording) -> None:
    """From now on, what happens to this model belongs to this run; an earlier run of the model ends."""
    earlier = recording_of(model)
    if earlier is not None and earlier is not recording:
        earlier.finish()
    _recordings[model] = recording


def detach(recording: Recording) -> None:
    """This run sees nothing any more."""
    for model in [model for model, other in _items() if other is recording]:
        _recordings.pop(model, None)


def recording_of(model: Any) -> Recording | None:
    """The run that a model belongs to."""
    try:
        return _recordings.get(model)
    except TypeError:  # neither hashable nor weakly referable, so no model
        return None


def recording_of_card(card: Any) -> Recording | None:
    """The run of the model that this card data belongs to."""
    recording = recording_of(getattr(card, "model", None))
    if recording is None:
        # card data that replaced the model's own after the model was made does not know its model
        for model, other in _items():
            if getattr(model, "model_card_data", None) is card:
                return other
    return recording


def live_recordings() -> list[Recording]:
    """The runs that are attached to a model."""
    return list(dict.fromkeys(recording for _, recording in _items()))


def _items() -> list[tuple[Any, Recording]]:
    while True:
        try:
            return list(_recordings.items())
        except RuntimeError:  # another thread attached a model meanwhile
            continue


def install(model: Any) -> None:
    """Wrap the classes that this model and its card data come from."""
    wrap(type(model), "_create_model_card", _saved)
    wrap(type(model.model_card_data), "set_evaluation_metrics", _evaluated)
    for kind in type(model).__mro__:
        if "push_to_hub" in vars(kind) and kind.__module__.startswith("sentence_transformers"):
            _wrap_push(kind)


def wrap(kind: type, name: str, after: Callable[..., None]) -> None:
    """Have `after(object, *args, **kwargs)` called when the method has returned, wherever in the bases it is defined.

    A method that raises is not reported. Where an override calls the wrapped method of its base, the outer call is
    reported, once.
    """
    home = next((base for base in kind.__mro__ if name in vars(base)), None)
    if home is None:
        raise AttributeError(f"{kind.__name__} has no {name}")
    method = vars(home)[name]
    if getattr(method, MARK, False):
        return

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _call(name, self) as outermost:
            result = method(self, *args, **kwargs)
        if outermost:
            try:
                after(self, *args, **kwargs)
            except Exception as error:  # a library that calls it with other arguments
                say(f"{name} was not understood ({type(error).__name__}: {error}); training goes on")
        return result

    setattr(wrapper, MARK, True)
    setattr(home, name, wrapper)


@contextlib.contextmanager
def _call(name: str, target: Any) -> Iterator[bool]:
    running: set[tuple[str, int]] = vars(_calls).setdefault("running", set())
    key = (name, id(target))
    outermost = key not in running
    running.add(key)
    try:
        yield outermost
    finally:
        if outermost:
            running.discard(key)


def _wrap_push(kind: type) -> None:
    method = vars(kind)["push_to_hub"]
    if getattr(method, MARK, False):
        return

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = recording_of(self)
        if recording is None:
            return method(self, *args, **kwargs)
        with recording.saves.upload():
            return method(self, *args, **kwargs)

    setattr(wrapper, MARK, True)
    setattr(kind, "push_to_hub", wrapper)  # noqa: B010 - mypy knows no such attribute


def _evaluated(card: Any, evaluator: Any, metrics: Any, epoch: Any = 0, step: Any = 0) -> None:
    recording = recording_of_card(card)
    if recording is not None:
        recording.evaluated(evaluator, metrics, epoch, step)


def _saved(model: Any, path: Any, *args: Any, **kwargs: Any) -> None:
    recording = recording_of(model)
    if recording is not None:
        recording.saved(path)
