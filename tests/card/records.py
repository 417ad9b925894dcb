"""Random records for property tests: every model type, each section there or not, and texts meant to break things.

What stands in a card without any escaping, the format itself loses in part: `TEXTS` and `NAMES` say what they leave
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from cardgen.card.eras import ALL, CE, FIRST, MV, RELEASES, SE, ST, Layout, layout_at, version_text
from cardgen.record import (
    Citation,
    Column,
    Dataset,
    Displayed,
    Durations,
    Emissions,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    LogKind,
    Loss,
    Matrix,
    Model,
    Role,
    Run,
    Statistics,
    Usage,
)

PIECES = (
    *"aZ09 .,:;|`*_#<>[](){}'\"\\/&%@!?=+-~$^",
    *("\u00e9", "\u00a0", "\u65e5\u672c", "\U0001f600", "\u0641", "\u202e", "\u200b"),
    *("</details>", "<!--", "-->", "---", "```", "**", "](", "</code>", "{{ x }}", "{% if %}", "|:--|", "\\|"),
    *("null", "1:30", "no", "- a", ": ", " #", "... ", "~"),
    *("The river answers before sunrise.", "x" * 90, "word " * 20),
)
BREAKS = ("\n", "\n\n", "\r", "\t", "\u2028", "\x0b", "\x85", "\x00", "\x1b[31m", "\ufeff")

TEXTS = st.lists(st.sampled_from((*PIECES, *BREAKS)), max_size=8).map("".join)
"""Cells of tables, examples, widgets, configurations: anything but `<br>`, which stands for a line break."""

YAML_TEXTS = TEXTS.map(lambda text: text.replace("\x85", ""))
"""Texts of the front matter: YAML itself reads a next-line character as a blank."""

LINES = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
"""Texts of one line."""

NAMES = st.text("abz09._-/ \u00e9\u65e5*'\"\\", min_size=1, max_size=8).map(lambda name: name.strip() or "x")
"""Names: no bars, backticks, brackets and angle brackets, which the tables, lists and links around them need."""

IDENTIFIERS = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.5, 5e-05, 1.0, 0.88299, 1e22, -0.0])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), FLOATS, TEXTS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LINES, inner, max_size=3), max_leaves=6
)
VERSIONS = st.dictionaries(st.sampled_from(["python", "torch", "transformers"]), st.sampled_from(["1.0", "2.13.0+cpu"]))


@st.composite
def runs(draw: st.DrawFn) -> tuple[Run, list[LogEvent], Layout]:
    """A run, its log, and the layout of its version."""
    type_ = draw(st.sampled_from(sorted(ALL)))
    versions = [(*key, patch) for key, patch in RELEASES.items() if (*key, patch) >= FIRST[type_]]
    layout = layout_at(type_, draw(st.sampled_from(versions)))
    evaluations = draw(_evaluations(layout))
    log = draw(_logs(evaluations))
    model = draw(_models(layout))
    run = Run(
        id="1",
        name="n",
        model=model,
        status="finished",
        datasets=(*draw(_datasets(layout, "train")), *draw(_datasets(layout, "eval"))),
        hyperparameters=draw(st.none() | _hyperparameters()),
        evaluations=tuple(evaluations),
        usage=draw(_usages(layout, retrieval=bool(model.information_retrieval))),
        citations=tuple(draw(st.lists(st.builds(Citation, heading=NAMES, bibtex=_bibtex()), max_size=2))),
        environment=Environment(versions={**draw(VERSIONS), "sentence_transformers": version_text(layout.version)}),
        durations=draw(st.none() | _durations()) if layout.training_time else None,
        emissions=draw(st.none() | _emissions(layout)),
        best_step=draw(st.sampled_from([None, *(event.step for event in log)])),
    )
    return run, log, layout


def _models(layout: Layout) -> st.SearchStrategy[Model]:
    none = st.none()
    scores, label = layout.type == CE, layout.type in (SE, MV)
    architectures = none | st.sampled_from(["Net(\n  (0): Layer()\n)", "# x", "a | b"])
    retrieval: st.SearchStrategy[bool | None] = none
    if layout.retrieval_snippet:
        retrieval = st.just(True) if layout.type == MV else st.booleans()
    return st.builds(
        Model,
        type=st.just(layout.type),
        title=NAMES,
        hub_id=none | st.just("org/model"),
        base_model=none | st.sampled_from(["org/base", "bert-base-uncased"]),
        architecture=architectures if layout.architecture else none,
        max_seq_length=st.integers(1, 10**6) | st.just(float("inf")),
        output_dimensionality=none if scores else st.integers(1, 10**5),
        label_count=st.integers(1, 9) if scores else none,
        similarity_function=none if scores else st.sampled_from(["cosine", "dot", "euclidean", "my_own"]),
        label=st.sampled_from(["SPLADE Sparse Encoder", "Cross Encoder", "X"]) if label else none,
        modalities=none | st.sampled_from([("text",), ("text", "image")]) if layout.modality_line else none,
        information_retrieval=retrieval,
        language=st.lists(st.sampled_from(["en", "no", "nl"]), unique=True, max_size=3).map(tuple),
        license=none | st.sampled_from(["mit", "apache-2.0", "no", "1.0"]),
        tags=st.lists(LINES, unique=True, max_size=4).map(tuple),
        pipeline_tag=none | st.just("feature-extraction"),
        library_name=st.just("sentence-transformers"),
        task=st.sampled_from(["search", "search, ranking, and more", "e.g. anything"]),
        dataset_ids=st.lists(st.sampled_from(["org/a", "org/b"]), unique=True).map(tuple),
    )


@st.composite
def _datasets(draw: st.DrawFn, layout: Layout, role: Role) -> list[Dataset]:
    found = []
    for number in range(draw(st.sampled_from([0, 1, 1, 2, 4]))):
        streaming = layout.version >= (3, 1, 0) and draw(st.sampled_from([False, False, True]))
        columns = draw(st.lists(_columns(layout), min_size=1, max_size=3, unique_by=lambda column: column.name))
        if streaming:
            columns = [Column(name=column.name) for column in columns]
        hub = draw(st.none() | st.just("org/data"))
        size = None if streaming else draw(st.integers(1, 10**7))
        found.append(
            Dataset(
                role=role,
                name=draw(NAMES) + str(number) if hub or draw(st.booleans()) else None,
                hub_id=hub,
                revision="0123456789abcdef" if hub and draw(st.booleans()) else None,
                size=size,
                streaming=streaming,
                columns=tuple(columns),
                sampled_rows=min(size, 1000) if size and any(column.statistics for column in columns) else None,
                samples=None if streaming else draw(st.lists(_rows(columns), min_size=1, max_size=3).map(tuple)),
                loss=draw(st.none() | _losses()),
            )
        )
    return found


def _columns(layout: Layout) -> st.SearchStrategy[Column]:
    lengths = st.builds(
        Statistics,
        kind=st.just("length"),
        unit=st.sampled_from(["tokens", "characters"]),
        minimum=st.integers(0, 99),
        mean=FLOATS.map(lambda mean: round(mean, 2)),
        maximum=st.integers(99, 999),
    )
    shares = st.just(Statistics(kind="share", shares=((0, 31.25), (1, 68.75))))
    texts = st.builds(
        Column, name=NAMES, dtype=st.just("string"), modality=_modality(layout, "text"), statistics=lengths
    )
    numbers = st.builds(Column, name=NAMES, dtype=st.just("int"), modality=_modality(layout, ""), statistics=shares)
    return texts | texts | numbers | st.builds(Column, name=NAMES)


def _modality(layout: Layout, name: str) -> st.SearchStrategy[str | None]:
    return st.just(name if layout.modality_row else None)


def _rows(columns: Sequence[Column]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*(st.integers(-9, 10**6) if column.dtype == "int" else TEXTS for column in columns))


def _losses() -> st.SearchStrategy[Loss]:
    name = st.sampled_from(["my.module.Loss", "sentence_transformers.losses.CoSENTLoss.CoSENTLoss"])
    printed = st.sampled_from(["{'scale': Net(x)}", "{   'a': <class 'x'>,\n    'b': 1}"])
    configurations = st.dictionaries(LINES, VALUES, min_size=1, max_size=3)
    return st.one_of(
        st.builds(Loss, name=name),
        st.builds(Loss, name=name, configuration=configurations),
        st.builds(Loss, name=name, configuration_text=printed),
    )


@st.composite
def _hyperparameters(draw: st.DrawFn) -> Hyperparameters:
    # an argument stands on one line: one whose text has a line break has no form
    values = (SCALARS | VALUES).filter(lambda value: "\n" not in str(value))
    arguments = draw(st.dictionaries(IDENTIFIERS, values, min_size=1, max_size=6))
    changed = draw(st.lists(st.sampled_from(sorted(arguments)), unique=True))
    return Hyperparameters(values=arguments, defaults={name: None for name in arguments if name in changed})


@st.composite
def _evaluations(draw: st.DrawFn, layout: Layout) -> list[Evaluation]:
    found = []
    names = st.lists(NAMES.map(lambda name: name.replace(" ", "-")), unique=True, min_size=1, max_size=3)
    for group in range(draw(st.sampled_from([0, 0, 1, 2]))):
        metrics = draw(st.lists(IDENTIFIERS, min_size=1, max_size=4, unique=True))
        primary = draw(st.none() | st.sampled_from(metrics))
        configuration = draw(st.none() | st.dictionaries(LINES, VALUES, min_size=1, max_size=2))
        for name in draw(st.just([""]) | names):
            prefix = f"{name}_" if name else ""
            found.append(
                Evaluation(
                    evaluator=f"my.module.Evaluator{group}",
                    description=f"My Evaluation {group}",
                    dataset_name=name or None,
                    primary_metric=prefix + primary if primary else None,
                    configuration=configuration if layout.configurations else None,
                    metrics={prefix + metric: draw(FLOATS) for metric in metrics},
                )
            )
    return found


@st.composite
def _usages(draw: st.DrawFn, layout: Layout, *, retrieval: bool) -> Usage:
    # two equal examples of a retrieval snippet look like one that is query and document
    texts = st.lists(TEXTS, min_size=2, max_size=4, unique=True)
    pairs = st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=3)
    examples: st.SearchStrategy[Any] = pairs if layout.type == CE else texts
    chosen = draw(st.none() | examples.map(tuple))
    widget = st.fixed_dictionaries({"source_sentence": YAML_TEXTS, "sentences": st.lists(YAML_TEXTS, max_size=3)})
    matrix = None
    if layout.type == ST and layout.similarities and not retrieval and draw(st.booleans()):
        count = 3 if chosen is None else len(chosen)
        cells = st.integers(0, 10000).map(lambda n: Displayed(f"{n / 10000:.4f}", n / 10000))
        rows = st.lists(cells, min_size=count, max_size=count).map(tuple)
        matrix = Matrix(source="torch", rows=draw(st.lists(rows, min_size=count, max_size=count).map(tuple)))
    return Usage(examples=chosen, widget=tuple(draw(st.lists(widget, max_size=2))), similarities=matrix)


def _bibtex() -> st.SearchStrategy[str]:
    lines = st.lists(LINES.filter(lambda line: "```" not in line), min_size=1, max_size=3)
    return lines.map(lambda lines: "@misc{" + "\n".join(lines) + "}")


def _durations() -> st.SearchStrategy[Durations]:
    seconds = st.floats(0, 10**6)
    return st.builds(
        lambda training, evaluation: Durations(total_seconds=training + evaluation, evaluation_seconds=evaluation),
        seconds,
        st.just(0.0) | seconds,
    )


def _emissions(layout: Layout) -> st.SearchStrategy[Emissions]:
    amount = st.floats(0, 1000)
    return st.builds(
        Emissions,
        emissions_kg=amount,
        energy_kwh=amount,
        on_cloud=st.booleans(),
        cpu_model=st.none() | LINES.map(str.strip).filter(bool),  # blanks at the end of a front matter are cut
        gpu_model=st.none() | st.just("1 x T4"),
        ram_gb=st.none() | amount,
        duration_seconds=st.floats(0, 10**6) if layout.hours_used else st.none(),
    )


@st.composite
def _logs(draw: st.DrawFn, evaluations: Sequence[Evaluation]) -> list[LogEvent]:
    kinds: list[tuple[LogKind, str]] = [("train", "loss"), ("eval", "eval_loss")]
    kinds += [("evaluator", evaluation.primary_metric) for evaluation in evaluations if evaluation.primary_metric]
    events: list[LogEvent] = []
    for step in sorted(draw(st.lists(st.integers(1, 500), max_size=6, unique=True))):
        epoch = draw(st.floats(0, 10))
        for kind, key in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True)):
            values = {key: draw(FLOATS)}
            events.append(LogEvent(seq=len(events), kind=kind, step=step, epoch=epoch, values=values))
    return events
