"""Rendering: run + log + layout -> text, through one kept, sandboxed template environment."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cardgen.card.eras import CE, MV, SE, ST, Layout, recorded_layout, requested_layout
from cardgen.card.format import LONE_SURROGATE
from cardgen.card.stubs import filled
from cardgen.card.view import build_view
from cardgen.errors import TemplateFailed
from cardgen.record import LogEvent, ModelType, Run

if TYPE_CHECKING:
    import jinja2

TEMPLATE: dict[ModelType, str] = {
    ST: "sentence_transformer.md.jinja",
    CE: "cross_encoder.md.jinja",
    SE: "sparse_encoder.md.jinja",
    MV: "multi_vector_encoder.md.jinja",
}


def render(run: Run, log: Sequence[LogEvent] = (), *, layout: str | None = None, templates: Path | None = None) -> str:
    """The text of a run's card: a pure function of its arguments (and of the files in `templates`).

    Args:
        run: the record.
        log: the run's events in order.
        layout: a library version (`6.2`, `5.1.2`); None is the version that the run was made with.
        templates: a folder whose templates stand in front of the built-in ones of the same name.

    Raises:
        UnknownLayout, LayoutTooOld: the layout cannot be had for this type of model.
        TemplateFailed: a template of the user's is wrong.
    """
    import jinja2

    form = choose_layout(run, layout)
    name = TEMPLATE[run.model.type]
    view = build_view(run, log, form)
    try:
        text = _environment(templates).get_template(name).render(card=view, layout=form)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateFailed(f"{error.filename or error.name}, line {error.lineno}: {error.message}") from error
    except (jinja2.TemplateError, AttributeError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        if templates is None:
            raise
        raise TemplateFailed(
            f"a template in {templates} failed: {error}", hint="a template may place the fields of CardView only"
        ) from error
    # half of a surrogate pair has no UTF-8; the character that stands for the unreadable does
    text = text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)
    return filled(text, run.notes)


def choose_layout(run: Run, layout: str | None) -> Layout:
    """The layout asked for, or the one of the library version that the run was made with."""
    if layout is not None:
        return requested_layout(run.model.type, layout)
    return recorded_layout(run.model.type, run.environment.versions.get("sentence_transformers") or run.layout)


@functools.lru_cache(maxsize=8)
def _environment(templates: Path | None) -> jinja2.Environment:
    import jinja2

    from cardgen.card.sandbox import Sandbox

    loader: jinja2.BaseLoader = jinja2.PackageLoader("cardgen.templates", "cards")
    if templates is not None:
        loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(templates), loader])
    return Sandbox(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=templates is not None,
        bytecode_cache=_bytecode_cache() if templates is None else None,
    )


def _bytecode_cache() -> jinja2.BytecodeCache | None:
    """A cache of compiled templates in a folder that only this user may write; None if there can be none.

    Compiled templates are code: a folder that others own or may write is not used.
    """
    import jinja2
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("cardgen")) / "templates"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        return None
    return jinja2.FileSystemBytecodeCache(str(folder))
