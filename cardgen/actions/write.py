"""Write a run's card into a file, without losing what anybody wrote there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cardgen.actions.owner import rendered_before
from cardgen.actions.render import RUN_TARGET, Form, merged_card, settled, stored_card
from cardgen.card.merge import merge
from cardgen.errors import FileConflict, FileProblem
from cardgen.files import write_whole
from cardgen.record import Run

if TYPE_CHECKING:
    from cardgen.registry.store import Registry
    from cardgen.registry.texts import CardText


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing: the file, and whether it is new, was left as it was, replaced, or merged into."""

    path: Path
    outcome: Literal["created", "unchanged", "replaced", "merged"]


def write_card(
    run: Run | str, path: str | os.PathLike[str], *, registry: Registry, form: Form | None = None
) -> Written:
    """Write a card whole or not at all, as UTF-8 without a newline added.

    A file that was changed since it was last written from here is merged, see `cardgen.card.merge`; so is a generated
    card that somebody else wrote. `form.prefer` decides what neither side can.

    Args:
        run: a record or a reference.
        registry: an open registry. What is written is remembered in it, if it was opened for writing.

    Raises:
        CardConflict: a person's words and new facts meet in one place, and nothing is preferred.
        FileConflict: the file is there and is no card, and `ours` is not preferred.
        FileProblem: the file cannot be read or written.
        RunNotFound, AmbiguousRun, UnknownLayout, LayoutTooOld, TemplateFailed: see `render_card`.
    """
    form = form or Form()
    record = registry.run(run) if isinstance(run, str) else run
    target = file_target(path)
    new = stored_card(record, registry, form)
    there = _read(path)
    if there is None:
        return _finish(record, registry, target, path, base=new, text=new, there=None)
    if there == new:
        return _finish(record, registry, target, path, base=new, text=new, there=there)
    pair = registry.card_text(record.id, target) or registry.card_text(None, target)
    base = pair.base if pair is not None else rendered_before(record, there, registry)
    if base is None:
        if form.prefer != "ours":
            raise FileConflict(
                f"{path} is there and is no card that can be merged",
                hint="write to another file, or replace it with --conflict ours",
            )
        return _finish(record, registry, target, path, base=new, text=new, there=there)
    return _merge(record, registry, target, path, form, base=base, new=new, there=there, pair=pair)


def file_target(path: str | os.PathLike[str]) -> str:
    """The name under which the registry keeps the pair of a file."""
    return f"file:{os.path.realpath(path)}"


def _merge(
    run: Run,
    registry: Registry,
    target: str,
    path: str | os.PathLike[str],
    form: Form,
    *,
    base: str,
    new: str,
    there: str,
    pair: CardText | None,
) -> Written:
    deleted = pair.deleted if pair is not None else frozenset()
    if registry.card_text(run.id, RUN_TARGET) is None:
        # licence and language of the file's front matter reach its body
        new, merged = merged_card(run, registry.log(run.id), form, base=base, text=there, deleted=deleted)
    else:
        merged = merge(base, new, there, prefer=form.prefer, deleted=deleted)
    text = settled(merged, form, str(path))
    return _finish(run, registry, target, path, base=new, text=text, there=there, deleted=merged.deleted)


def _finish(
    run: Run,
    registry: Registry,
    target: str,
    path: str | os.PathLike[str],
    *,
    base: str,
    text: str,
    there: str | None,
    deleted: frozenset[str] = frozenset(),
) -> Written:
    outcome: Literal["created", "unchanged", "replaced", "merged"]
    if text == there:
        outcome = "unchanged"
    else:
        outcome = "created" if there is None else "replaced" if text == base else "merged"
        write_whole(path, text.encode())
    if registry.mode == "write":
        registry.save_card_text(run.id, target, base=base, text=text, deleted=deleted)
    return Written(Path(path), outcome)


def _read(path: str | os.PathLike[str]) -> str | None:
    try:
        return Path(path).read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FileConflict(
            f"{path} is there and is no UTF-8 text", hint="write to another file, or move it away"
        ) from error
