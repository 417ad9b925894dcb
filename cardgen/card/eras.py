"""What the layouts of the library versions differ in: one table of named switches, by model type and version.

A *layout* is one model type at one library version. Adding a library version means adding it to `RELEASES`
and, where its output differs, a row to `SWITCHES`. Data that changes with the version (tags, tasks, units,
the argument list) is not layout: it comes from the record.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

from cardgen.errors import LayoutTooOld, UnknownLayout
from cardgen.record import ModelType

Version: TypeAlias = tuple[int, int, int]

ST: ModelType = "SentenceTransformer"
CE: ModelType = "CrossEncoder"
SE: ModelType = "SparseEncoder"
MV: ModelType = "MultiVectorEncoder"
ALL = frozenset((ST, CE, SE, MV))

FIRST: dict[ModelType, Version] = {ST: (3, 0, 0), CE: (4, 0, 0), SE: (5, 0, 0), MV: (6, 0, 0)}
"""The first version that wrote cards for a model type."""

RELEASES: dict[tuple[int, int], int] = {
    (3, 0): 1,
    (3, 1): 1,
    (3, 2): 1,
    (3, 3): 1,
    (3, 4): 1,
    (4, 0): 2,
    (4, 1): 0,
    (5, 0): 0,
    (5, 1): 2,
    (5, 2): 3,
    (5, 3): 0,
    (5, 4): 1,
    (5, 5): 1,
    (5, 6): 1,
    (5, 7): 0,
    (6, 0): 1,
    (6, 1): 0,
    (6, 2): 0,
}
"""The last patch of each minor version whose layout is known."""

NEWEST: Version = (*max(RELEASES), RELEASES[max(RELEASES)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The form of one model type's card at one library version: a version and its switches.

    The comment at each field says what is true when it is on; `SWITCHES` says when.
    """

    type: ModelType
    version: Version

    # front matter
    empty_lists: bool  # empty lists are dumped, not left out
    float_results: bool  # every value of the model-index is a float; strings count with their leading number

    # introduction and description
    inputs: bool  # "It maps inputs to a", not "sentences & paragraphs"
    long_names: bool  # names that join to more than 200 characters become a count
    dimensions: bool  # output dimensionality in "dimensions", not "tokens"
    modality_line: bool  # "Supported Modality" in the description
    length_lines: bool  # query and document length in the description
    new_repository: bool  # the repository link names huggingface, not UKPLab
    architecture: bool  # the section "Full Model Architecture"

    # usage
    default_size: bool  # the snippet shows 1024 dimensions where none are known, not "None"
    similarities: bool  # the snippet prints the scores, not their shape
    retrieval_snippet: bool  # queries and documents apart, for retrieval models
    json_query: bool  # the query of that snippet is JSON
    tight_usage: bool  # no blank lines around the snippet
    inputs_comment: bool  # "pairs of inputs", not "pairs of texts"

    # evaluation
    configurations: bool  # evaluators show their configuration
    merged_evaluators: bool  # evaluators of one class and the same metrics share a table
    blank_description: bool  # a blank line under the evaluator's heading
    long_anchors: bool  # links name the package of the evaluator in full

    # data sets
    fixed_sample_size: bool  # the statistics always claim 1000 rows
    double_blank: bool  # two blank lines under the heading of an unnamed data set
    collapsed_datasets: bool  # more than three data sets are collapsed
    modality_row: bool  # the table of statistics has a row "modality"
    bool_columns: bool  # bool columns are typed "bool", not "int"
    cut_samples: bool  # texts longer than 1000 characters are cut
    escaped_pipes: bool  # "|" in a cell is escaped
    raw_cut_texts: bool  # a text that was cut is not escaped at all
    raw_cut_lists: bool  # a list that was cut is not escaped at all
    bare_details: bool  # a column without statistics has an empty cell, not an empty list

    # training
    hidden_eval_strategy: bool  # eval_strategy is not listed
    named_validation_loss: bool  # a lone validation loss is headed "Validation Loss", not "loss"
    sorted_columns: bool  # the log's columns are sorted by name, not in first-seen order
    hours_used: bool  # the hours of CodeCarbon are shown
    training_time: bool  # the section "Training Time"
    resources: bool  # the section "Additional Resources"


@dataclass(frozen=True, slots=True)
class Switch:
    """On for `types` from version `since` (included) to `until` (excluded); None is without bound."""

    name: str
    since: Version | None = None
    until: Version | None = None
    types: frozenset[ModelType] = ALL

    def on(self, type_: ModelType, version: Version) -> bool:
        """Whether the switch is on for a layout."""
        return (
            type_ in self.types
            and (self.since is None or version >= self.since)
            and (self.until is None or version < self.until)
        )


SWITCHES: tuple[Switch, ...] = (
    Switch("empty_lists", until=(3, 1, 0)),
    Switch("float_results", since=(4, 0, 0)),
    Switch("inputs", since=(6, 0, 0)),
    Switch("long_names", since=(3, 4, 0)),
    Switch("dimensions", since=(3, 3, 0)),
    Switch("modality_line", since=(5, 4, 0)),
    Switch("length_lines", since=(6, 0, 0), types=frozenset((ST, SE, MV))),
    Switch("new_repository", since=(5, 1, 2)),
    Switch("architecture", types=frozenset((ST, SE, MV))),
    Switch("architecture", since=(5, 4, 0), types=frozenset((CE,))),
    # 5.1.2 has it, 5.7.0 has not; snippets were reworked in 5.4
    Switch("default_size", until=(5, 4, 0)),
    Switch("similarities", since=(5, 0, 0), types=frozenset((ST, SE, MV))),
    Switch("similarities", since=(5, 4, 0), types=frozenset((CE,))),
    Switch("retrieval_snippet", since=(5, 0, 0), types=frozenset((ST,))),
    Switch("retrieval_snippet", since=(5, 0, 0), until=(5, 4, 0), types=frozenset((SE,))),
    Switch("retrieval_snippet", types=frozenset((MV,))),
    Switch("json_query", until=(5, 4, 0)),
    Switch("tight_usage", since=(5, 4, 0), types=frozenset((ST, SE, MV))),
    Switch("inputs_comment", since=(5, 4, 0)),
    Switch("configurations", since=(4, 0, 0)),
    Switch("merged_evaluators", since=(3, 3, 0)),
    Switch("blank_description", since=(3, 3, 0)),
    Switch("long_anchors", since=(5, 4, 0)),
    Switch("fixed_sample_size", until=(3, 1, 0)),
    Switch("double_blank", until=(3, 4, 0)),
    Switch("collapsed_datasets", since=(3, 4, 0)),
    Switch("modality_row", since=(5, 5, 0)),
    Switch("bool_columns", since=(5, 5, 0)),
    Switch("cut_samples", since=(3, 3, 0)),
    Switch("escaped_pipes", since=(5, 1, 0)),
    Switch("raw_cut_texts", since=(5, 4, 0), until=(5, 5, 0)),
    Switch("raw_cut_lists", since=(5, 4, 0)),
    Switch("bare_details", since=(5, 5, 0)),
    Switch("hidden_eval_strategy", since=(5, 4, 1)),
    Switch("named_validation_loss", since=(3, 2, 0)),
    Switch("sorted_columns", until=(3, 2, 0)),
    Switch("hours_used", until=(5, 4, 0)),
    Switch("training_time", since=(5, 4, 0)),
    Switch("resources", since=(5, 5, 0), types=frozenset((CE, SE))),
    Switch("resources", since=(5, 7, 0), types=frozenset((ST,))),
)


@functools.cache
def layout_at(type_: ModelType, version: Version) -> Layout:
    """The layout of a model type at a version of the library.

    Raises:
        LayoutTooOld: that version had no cards for the type.
    """
    if version < FIRST[type_]:
        raise LayoutTooOld(type_, version_text(version), version_text(FIRST[type_]))
    names = [field.name for field in fields(Layout) if field.name not in ("type", "version")]
    switches = {name: any(s.on(type_, version) for s in SWITCHES if s.name == name) for name in names}
    return Layout(type=type_, version=version, **switches)


@functools.cache
def forms(type_: ModelType) -> tuple[Layout, ...]:
    """Every form that the cards of a type have had, newest first, each at the last known version that has it."""
    bounds = {bound for switch in SWITCHES for bound in (switch.since, switch.until) if bound is not None}
    versions = {FIRST[type_], *bounds, *((*minor, patch) for minor, patch in RELEASES.items())}
    known = sorted((version for version in versions if FIRST[type_] <= version <= NEWEST), reverse=True)
    found: dict[Layout, Layout] = {}
    for layout in (layout_at(type_, version) for version in known):
        found.setdefault(replace(layout, version=FIRST[type_]), layout)
    return tuple(found.values())


def requested_layout(type_: ModelType, text: str) -> Layout:
    """The layout that a person asked for: `5.1.2`, `5.1` (its last patch) or `5` (its last version).

    Raises:
        UnknownLayout: no such version has a known layout.
        LayoutTooOld: that version had no cards for the type.
    """
    hint = f"known: 3.0 to {NEWEST[0]}.{NEWEST[1]}, for example --layout {NEWEST[0]}.{NEWEST[1]}"
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}", text, re.ASCII):
        raise UnknownLayout(text, hint=hint)
    parts = [int(part) for part in text.split(".")]
    minors = [minor for major, minor in RELEASES if major == parts[0]]
    if len(parts) == 1 and minors:
        parts.append(max(minors))
    last = RELEASES.get((parts[0], parts[1])) if len(parts) > 1 else None
    if last is None or (len(parts) == 3 and parts[2] > last):
        raise UnknownLayout(text, hint=hint)
    return layout_at(type_, (parts[0], parts[1], parts[2] if len(parts) == 3 else last))


def recorded_layout(type_: ModelType, version: str | None) -> Layout:
    """The layout of the library version that a run was made with.

    A version that is unknown, or newer than all known ones, gets the newest layout; a version that had no
    cards for the type gets the first that had.
    """
    parsed = parse_version(version)
    if parsed is None or parsed > NEWEST:
        parsed = NEWEST
    return layout_at(type_, max(parsed, FIRST[type_]))


def parse_version(text: str | None) -> Version | None:
    """The release numbers of a version text (`5.1.0.dev0` is 5.1.0), or None."""
    match = re.match(r"([0-9]{1,6})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?", text or "", re.ASCII)
    if match is None:
        return None
    return int(match[1]), int(match[2]), int(match[3] or 0)


def version_text(version: Version) -> str:
    """`5.1.2` for (5, 1, 2)."""
    return ".".join(str(part) for part in version)
