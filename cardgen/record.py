"""The record of a training run: plain, frozen facts.

A `Run` is the only thing that crosses the borders between the packages of cardgen. It is captured from
a trainer or imported from a card; it is stored, rendered, published and exported. It holds facts, never
presentation: no markdown, no HTML. Nothing in here knows a database, a template or a model.

Identity: `Run.id` (a UUIDv7 for captured runs). Two runs are equal when all their facts are.
Beside the document of a run stands its log, a sequence of `LogEvent`, which grows while training and is
read only when asked for.

Values inside `dict` fields (hyperparameters, configurations, metrics) are *plain values*: None, bool, int,
float, str, bytes, list, tuple, dict, and the two marked kinds `Displayed` and `Opaque`. Their types and
their `repr` survive storing. Treat the dictionaries as immutable.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ModelType: TypeAlias = Literal["SentenceTransformer", "CrossEncoder", "SparseEncoder", "MultiVectorEncoder"]
"""The class of the model; it selects the kind of card."""

Status: TypeAlias = Literal["running", "finished", "failed", "interrupted"]
"""What is stored. `lost` is derived from the heartbeat when a run is read, and never stored."""

Origin: TypeAlias = Literal["captured", "imported"]
Role: TypeAlias = Literal["train", "eval"]
StatisticKind: TypeAlias = Literal["length", "number", "share", "size", "other"]
LogKind: TypeAlias = Literal["train", "eval", "evaluator"]

Plain: TypeAlias = Any
"""A plain value, see the module's docstring."""


@dataclass(frozen=True, slots=True)
class Displayed:
    """A number that is only known as somebody displayed it: search uses `value`, a card shows `text`."""

    text: str
    value: float | int | None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, repr=False)
class Opaque:
    """A value that is no plain data, known by the text that Python prints for it."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The model and what its card says about it.

    `max_seq_length`, `query_length`, `document_length` are in tokens (`inf` for a model without limit),
    `output_dimensionality` and `max_active_dims` in dimensions. `similarity_function` is the library's raw
    name (`cosine`, `dot`, `max_sim`). `label` is the library's words for the kind of a sparse or
    multi-vector model (`SPLADE Sparse Encoder`). `information_retrieval` says whether the usage
    snippet separates queries from documents (None: the library version did not have the notion).
    `dataset_ids` are the Hub ids that were confirmed, in the order of the front matter.
    `base_model` is a Hub id, never a local path. `license_name` and `license_link` (a URL, or a file of the repository)
    tell of a license that is `other`.
    """

    type: ModelType
    title: str | None = None
    hub_id: str | None = None
    base_model: str | None = None
    base_model_revision: str | None = None
    parent_run: str | None = None
    architecture: str | None = None
    max_seq_length: int | float | Displayed | None = None
    query_length: int | None = None
    document_length: int | None = None
    output_dimensionality: int | Displayed | None = None
    max_active_dims: int | None = None
    similarity_function: str | None = None
    label_count: int | None = None
    label: str | None = None
    modalities: tuple[str, ...] | None = None
    information_retrieval: bool | None = None
    language: tuple[str, ...] = ()
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    tags: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    library_name: str | None = None
    task: str | None = None
    dataset_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Statistics of one column, as values read off what the library computed.

    `kind` says how the numbers are meant: `length` of texts in `unit` (tokens or characters), `number`
    (the values themselves), `share` (percent of rows per value), `size` of lists in elements, `other`
    (only `details`, as the library words them: images, audio, video).
    `minimum`, `mean` and `maximum` are rounded to two decimals by the library.
    `shares` are pairs (value, percent of the sampled rows).
    A list column whose rows all have one size has `minimum == maximum` and no `mean`.
    """

    kind: StatisticKind
    unit: str | None = None
    minimum: int | float | None = None
    mean: int | float | None = None
    maximum: int | float | None = None
    shares: tuple[tuple[Plain, float], ...] = ()
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a data set; `dtype` is the Python type of its first value (`string`, `int`, `bool`, `list` …)."""

    name: str
    dtype: str | None = None
    modality: str | None = None
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A loss function. `configuration_text` is set where JSON cannot hold the configuration."""

    name: str
    configuration: dict[str, Plain] | None = None
    configuration_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A training or evaluation set.

    `size` is in rows (None for a streaming set). `sampled_rows` is the number of rows that the library says
    its statistics cover (from 5.5 on it says 100 and covers up to 104). `samples` are the first rows, each a
    tuple of cells in the order of `columns`; None means that none were kept. `name` is None for an unnamed set.
    """

    role: Role
    name: str | None = None
    hub_id: str | None = None
    revision: str | None = None
    split: str | None = None
    size: int | None = None
    streaming: bool = False
    columns: tuple[Column, ...] = ()
    sampled_rows: int | None = None
    samples: tuple[tuple[Plain, ...], ...] | None = None
    loss: Loss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """Every training argument in the trainer's order, with exact type and value.

    `defaults` holds, for each argument that differs, the default that it differs from: its keys are the
    non-default arguments, in their order.
    """

    values: dict[str, Plain] = field(default_factory=dict)
    defaults: dict[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The latest result of one evaluator.

    `evaluator` is the full class name, `dataset_name` the evaluator's own name (None and "" differ),
    `metrics` keep the evaluator's full keys and order. `greater_is_better` is what the evaluator says of its primary
    metric. `weights` is the sha256 of the weights it was made on,
    where that is known. A result that was made later on a checkpoint, in any process, has the `step` of that, a time
    and no `epoch`; there may be several of one evaluator, on different weights.
    """

    evaluator: str
    description: str | None = None
    dataset_name: str | None = None
    primary_metric: str | None = None
    configuration: dict[str, Plain] | None = None
    configuration_text: str | None = None
    metrics: dict[str, Plain] = field(default_factory=dict)
    greater_is_better: bool | None = None
    epoch: int | float | None = None
    step: int | None = None
    weights: str | None = None
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Numbers as torch or numpy printed them in the usage snippet, row by row.

    `vector` is True for a one-dimensional array, which then is the only row. `dtype` is set where torch prints it
    behind the numbers (`torch.bfloat16`).
    """

    source: Literal["torch", "numpy"]
    rows: tuple[tuple[Displayed, ...], ...]
    vector: bool = False
    dtype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Example inputs and outputs as the card shows them.

    `examples` are texts, or pairs of texts for a CrossEncoder; None stands for the library's built-in ones.
    `widget` entries are the ones of the front matter. The shapes are those of the first query and the first
    document of a MultiVectorEncoder, (tokens, dimensions).
    """

    examples: tuple[Plain, ...] | None = None
    similarities: Matrix | None = None
    query_shape: tuple[int, ...] | None = None
    document_shape: tuple[int, ...] | None = None
    widget: tuple[dict[str, Plain], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A BibTeX entry and the heading it stands under."""

    heading: str
    bibtex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where and with what the run was made.

    `versions` maps the names `python`, `sentence_transformers`, `transformers`, `torch`, `accelerate`,
    `datasets`, `tokenizers` to versions; a package that was not installed is absent. `command_line` is redacted.
    """

    versions: dict[str, str] = field(default_factory=dict)
    platform: str | None = None
    hostname: str | None = None
    cpu: str | None = None
    cpu_count: int | None = None
    memory_bytes: int | None = None
    accelerators: tuple[str, ...] = ()
    git_commit: str | None = None
    git_dirty: bool | None = None
    command_line: tuple[str, ...] = ()
    scheduler: dict[str, str] = field(default_factory=dict)
    world_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Emissions:
    """What CodeCarbon measured: kg CO2eq, kWh, GB, seconds."""

    emissions_kg: float
    energy_kwh: float
    on_cloud: bool
    cpu_model: str | None = None
    gpu_model: str | None = None
    ram_gb: float | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One start or resume of the training process. `changed` are the arguments that differ from the segment before.

    It takes the place of what earlier segments did after its `start_step`, see `cardgen.standing`. `index` is its
    number, from 0; a segment that resumed a run without reaching the registry has its time in seconds instead. A child
    run begins with the segments of its parent, the last of them cut at the step of the checkpoint; what was emitted up
    to there is not known. `emissions` are those of this segment, where they were measured.
    """

    index: int
    started: dt.datetime
    ended: dt.datetime | None = None
    start_step: int | None = None
    end_step: int | None = None
    training_seconds: float | None = None
    evaluation_seconds: float | None = None
    changed: dict[str, Plain] = field(default_factory=dict)
    emissions: Emissions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Wall-clock seconds of all segments: `total` from the start of training to its end, `evaluation` of it.

    `training_seconds`, which otherwise is the difference, is known apart only where a card displayed it.
    """

    total_seconds: float | Displayed
    evaluation_seconds: float | Displayed = 0.0
    training_seconds: Displayed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a checkpoint; `size` in bytes."""

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A folder that the run saved. `weights` is the sha256 over its weight files, `best` the library's best model.

    `saved` is None for a folder that was evaluated later and became a checkpoint thereby.
    """

    path: str
    step: int | None = None
    files: tuple[File, ...] = ()
    weights: str | None = None
    best: bool = False
    saved: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All facts of one training run but its log.

    Times are aware and in UTC. `best_step` is the step of the saved best model (None unless the trainer loads
    the best model at its end). `log_columns` is the order of the log table's columns where the library drew it
    at random (3.0 and 3.1). `layout` is the library version that a card's form tells, where its text tells none.
    `emissions` add up those of the segments.
    `notes` are a person's words for sections of the card, in Markdown, as the training script gave them.
    `redactions` are the places whose value was replaced because it is a secret,
    `problems` what could not be recorded, in words for a person.
    """

    id: str
    name: str
    model: Model
    project: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    status: Status = "running"
    origin: Origin = "captured"
    created: dt.datetime | None = None
    started: dt.datetime | None = None
    ended: dt.datetime | None = None
    datasets: tuple[Dataset, ...] = ()
    hyperparameters: Hyperparameters | None = None
    evaluations: tuple[Evaluation, ...] = ()
    usage: Usage = field(default_factory=Usage)
    citations: tuple[Citation, ...] = ()
    environment: Environment = field(default_factory=Environment)
    segments: tuple[Segment, ...] = ()
    durations: Durations | None = None
    emissions: Emissions | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    best_step: int | None = None
    log_columns: tuple[str, ...] = ()
    layout: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    redactions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One event of a run's log.

    `seq` counts up within a run from 0, with gaps where parts were recorded apart, and is its identity there. `kind`
    is `train` (the trainer's own logs: `loss`, `grad_norm`, `learning_rate` …), `eval` (`eval_loss`, `eval_NAME_loss`,
    `eval_runtime` …) or `evaluator` (the metrics that one evaluator call put in the log). An evaluator called outside
    training has epoch -1 and step -1. `values` keep their keys' order and their types.
    """

    seq: int
    kind: LogKind
    step: int
    epoch: int | float | Displayed | None = None
    segment: int = 0
    values: dict[str, Plain] = field(default_factory=dict)
    at: dt.datetime | None = None
