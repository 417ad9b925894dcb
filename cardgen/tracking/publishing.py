"""Publishing from a training script: on request, or at the end of the run.

A run that is to be published when it ends waits in the registry first, and is then pushed: whatever goes wrong, takes
too long or is for a person to decide leaves it waiting, and `cardgen pending push` goes on from there.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardgen.errors import FileProblem, SettingsError
from cardgen.tracking.guard import say

if TYPE_CHECKING:
    from cardgen.actions.publish import Published
    from cardgen.actions.publish_plan import Wanted
    from cardgen.registry import Registry
    from cardgen.tracking.options import Options

HOOK_SECONDS = 60.0
"""How long the end of a training waits for the Hub."""


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """The options of a publication, by name.

    Raises:
        SettingsError: there is no such option, or its value cannot be right.
    """
    from cardgen.actions.publish_plan import Wanted

    try:
        return Wanted.from_plain(options)
    except TypeError as error:
        raise SettingsError(f"this is no option of publishing: {error}", hint="see `cardgen publish --help`") from None


def check_wish(repo_id: str | None, options: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]] | None:
    """What a hook was asked to publish, as it is kept.

    Raises:
        SettingsError: it cannot be right.
    """
    if repo_id is None:
        if options:
            raise SettingsError("publish_options are for publish", hint='say where: publish="me/model"')
        return None
    if not isinstance(repo_id, str) or not repo_id.strip() or repo_id.count("/") > 1:
        raise SettingsError(f"publish is {repo_id!r:.80}", hint='give a repository: publish="me/model"')
    return repo_id, wanted_of(options or {}).plain()


def publish_now(registry: Registry, run_id: str, repo_id: str, options: Mapping[str, Any], model: Any) -> Published:
    """Publish a run of an open registry; the live model is saved for it if no saved one is there.

    Raises:
        PublishRefused, CardConflict, HubError, RegistryError: see `cardgen.actions.publish.publish`.
    """
    from cardgen.actions.publish import publish

    with _saved(registry.run(run_id).checkpoints, wanted_of(options), model) as wanted:
        done = publish(run_id, repo_id, registry=registry, wanted=wanted)
    assert done is not None
    return done


@contextlib.contextmanager
def _saved(points: Any, wanted: Wanted, model: Any) -> Iterator[Wanted]:
    import dataclasses

    there = any(Path(point.path).is_dir() for point in points)
    if there or wanted.card_only or wanted.model is not None or model is None:
        yield wanted
        return
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cardgen-model-"))
            model.save_pretrained(folder, create_model_card=False)
        except Exception as error:  # torch, safetensors and the disk have errors of their own
            raise FileProblem(
                f"the model cannot be saved to be published: {error}",
                hint="save it where there is room, and name that folder: model=…",
            ) from error
        yield dataclasses.replace(wanted, model=folder)


class Wish:
    """The publication that a hook was asked for, if it was."""

    def __init__(self, options: Options) -> None:
        """Nothing waits yet."""
        self._options = options
        self._waits = False

    def leave(self, run_id: str, name: str) -> None:
        """The run has ended well: from now on its publication waits."""
        if self._options.publish is not None:
            leave_pending(self._options, run_id, name)
            self._waits = True

    def push(self, run_id: str, name: str) -> None:
        """Publish what waits; nothing is raised."""
        waits, self._waits = self._waits, False
        if waits:
            push_pending(self._options, run_id, name)


def leave_pending(options: Options, run_id: str, name: str) -> None:
    """Have the publication of an ended run wait in the registry; without one, say how it is made by hand."""
    assert options.publish is not None
    repo_id, wanted = options.publish
    reason = "the registry is not there"
    if options.settings.mode == "normal":
        from cardgen.registry import Registry

        try:
            with Registry(options.settings.registry) as registry:
                registry.publications.wait(run_id, name, repo_id, wanted, "its training asked for it")
            return
        except Exception as error:  # any driver may fail in any way
            reason = str(error)
    say(f"{name} is not published ({reason}): {_command(options, 'publish', name, repo_id)}")


def push_pending(options: Options, run_id: str, name: str) -> None:
    """Publish what waits of a run, for at most `HOOK_SECONDS`; nothing is raised."""
    if options.publish is None or options.settings.mode != "normal":
        return
    later = f"it waits: {_command(options, 'pending', 'push')}"
    thread = threading.Thread(target=_push, args=(options, run_id, name, later), name="cardgen-publish", daemon=True)
    thread.start()
    thread.join(HOOK_SECONDS)
    if thread.is_alive():
        say(f"publishing {name} takes longer than {HOOK_SECONDS:.0f} s; {later}")


def _push(options: Options, run_id: str, name: str, later: str) -> None:
    from cardgen.actions.pending import StillPending, push
    from cardgen.hub.retry import Policy
    from cardgen.registry import Registry

    try:
        with Registry(options.settings.registry) as registry:
            mine = [one for one in registry.publications.waiting() if one.run_id == run_id]
            for result in push(registry, mine, policy=Policy(deadline=HOOK_SECONDS)):
                if isinstance(result, StillPending):
                    hint = f" ({result.error.hint})" if result.error.hint else ""
                    say(f"{name} is not published: {result.error}{hint}; {later}")
                else:
                    say(f"{name} is published: {result.url}")
    except Exception as error:  # nothing reaches the training
        say(f"{name} is not published: {error}; {later}")


def _command(options: Options, *words: str) -> str:
    where = ["--registry", options.location.url] if options.registry_given else []
    return shlex.join(["cardgen", *words, *where])
