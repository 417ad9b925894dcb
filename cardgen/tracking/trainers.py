"""The methods of the library's trainers that tell which trainings there are, wrapped once on their classes.

`add_model_card_callback` (a trainer was made, also inside both `fit()`s, where no callback list reaches the user),
`train` (for trainers from before, for exceptions, and for the trial of a search), `hyperparameter_search`, and
`old_fit` of the models, of which only the call can be seen. From here hooks are put on trainers and taken off.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cardgen.tracking import live, patches
from cardgen.tracking.guard import say
from cardgen.tracking.options import Options

if TYPE_CHECKING:
    from cardgen.tracking.callback import CardCallback

TRAINERS = ("SentenceTransformerTrainer", "CrossEncoderTrainer", "SparseEncoderTrainer", "MultiVectorEncoderTrainer")
MODELS = ("SentenceTransformer", "CrossEncoder")
"""The types of model that have an `old_fit`."""

OLD_FIT = "old_fit() has a training loop of its own, of which losses and arguments cannot be recorded"

_automatic: Options | None = None
_disabled = False


def record_all(options: Options | None) -> None:
    """Give every trainer that has no hook one with these options; None: no more, and not those that were given one."""
    global _automatic, _disabled
    _automatic, _disabled = options, options is None
    for recording in patches.live_recordings():
        if recording.options.automatic and recording.phase == "before":
            recording.discard()


def install() -> None:
    """Wrap the library's classes.

    Raises:
        ModuleNotFoundError: sentence-transformers is not installed.
    """
    import sentence_transformers

    for name in TRAINERS:
        if isinstance(kind := getattr(sentence_transformers, name, None), type):
            patches.wrap(kind, "add_model_card_callback", _made)
            patches.wrap(kind, "create_model_card", _card_made)
            around(kind, "train", _training)
            around(kind, "hyperparameter_search", _searching)
    for name in MODELS:
        if hasattr(kind := getattr(sentence_transformers, name), "old_fit"):
            around(kind, "old_fit", _old_fit)


def around(kind: type, name: str, context: Callable[..., contextlib.AbstractContextManager[None]]) -> None:
    """Have a method run inside `context(object, *args, **kwargs)`.

    Only classes of sentence-transformers are changed: a method of a base class from elsewhere is called from a new one
    on the lowest class that is the library's own.
    """
    own = [base for base in kind.__mro__ if base.__module__.partition(".")[0] == "sentence_transformers"]
    home = next((base for base in own if name in vars(base)), own[-1])
    method, inherited = getattr(home, name), name not in vars(home)
    if not inherited and getattr(method, patches.MARK, False):
        return

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with context(self, *args, **kwargs):
            return getattr(super(home, self), name)(*args, **kwargs) if inherited else method(self, *args, **kwargs)

    setattr(wrapper, patches.MARK, True)
    setattr(home, name, wrapper)


def hooks_of(trainer: Any) -> list[CardCallback]:
    """The hooks that a trainer has."""
    from cardgen.tracking.callback import CardCallback

    return [callback for callback in trainer.callback_handler.callbacks if isinstance(callback, CardCallback)]


def take_off(trainer: Any, hook: CardCallback) -> None:
    """Remove a hook from a trainer, if it is there."""
    if hook in trainer.callback_handler.callbacks:
        trainer.remove_callback(hook)


def leave(trainer: Any) -> None:
    """Take the hooks of `autolog` off a trainer that somebody else records."""
    for hook in hooks_of(trainer):
        if hook.options.automatic:
            take_off(trainer, hook)
            hook.let_go()


def default_arguments(trainer: Any) -> Mapping[str, Any] | None:
    """The arguments of an untouched instance, as the library made them when the trainer was made."""
    found = (getattr(callback, "default_args_dict", None) for callback in trainer.callback_handler.callbacks)
    return next((defaults for defaults in found if defaults is not None), None)


def _made(trainer: Any, *args: Any, **kwargs: Any) -> None:
    """A trainer is complete."""
    given = hooks_of(trainer)
    for hook in given:
        hook.meet(trainer, args[0] if args else kwargs.get("default_args_dict"))
    if not given:
        _hooks(trainer)


def _card_made(trainer: Any, *args: Any, **kwargs: Any) -> None:
    """A push wrote its card and is about to upload; transformers 4 has no event for that."""
    for hook in hooks_of(trainer):
        hook.on_push_begin(trainer.args, trainer.state, trainer.control)


def _hooks(trainer: Any) -> list[CardCallback]:
    """The hooks of a trainer, after those that it should have were put on and others taken off."""
    from cardgen.tracking.callback import CardCallback

    found = hooks_of(trainer)
    block = live.block_of(trainer.model)
    if block is not None and all(hook.options.automatic for hook in found):
        leave(trainer)
        _put_on(trainer, block)
    elif _disabled or any(not hook.options.automatic for hook in found):
        leave(trainer)
    elif _automatic is not None and not any(hook.recording and hook.options == _automatic for hook in found):
        leave(trainer)
        _put_on(trainer, CardCallback.of(_automatic))
    return hooks_of(trainer)


def _put_on(trainer: Any, hook: CardCallback) -> None:
    trainer.add_callback(hook)
    hook.meet(trainer, default_arguments(trainer))


def _hooks_or_none(trainer: Any) -> list[CardCallback]:
    try:
        return _hooks(trainer)
    except Exception as error:
        say(f"this training cannot be recorded ({type(error).__name__}: {error}); it goes on")
        return []


@contextlib.contextmanager
def _training(
    trainer: Any, resume_from_checkpoint: Any = None, trial: Any = None, *_: Any, **__: Any
) -> Iterator[None]:
    hooks = _hooks_or_none(trainer)
    for hook in hooks:
        hook.trial = trial
    try:
        yield
    except BaseException as error:
        for hook in hooks:
            hook.broke_off(error)
        raise
    finally:
        for hook in hooks:
            hook.trial = None


@contextlib.contextmanager
def _searching(trainer: Any, *_: Any, **__: Any) -> Iterator[None]:
    for hook in _hooks_or_none(trainer):
        hook.search_begins()
    yield


@contextlib.contextmanager
def _old_fit(model: Any, *_: Any, **__: Any) -> Iterator[None]:
    with contextlib.suppress(Exception):
        recording = patches.recording_of(model)
        if live.block_of(model) is not None and recording is not None:
            if recording.armed and recording.problems.note(OLD_FIT):
                say(f"{OLD_FIT}; evaluations and saves are")
        elif _automatic is not None and _automatic.enabled:
            say(f"{OLD_FIT}: this training is not; use fit() or a trainer")
    yield
