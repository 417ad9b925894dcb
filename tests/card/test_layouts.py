"""Any run in any layout, and the templates of users."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cardgen.card.eras import RELEASES
from cardgen.card.layout import render
from cardgen.card.parse.read import parse
from cardgen.card.view import CardView
from cardgen.errors import LayoutTooOld, TemplateFailed
from cardgen.record import (
    Column,
    Dataset,
    Displayed,
    Environment,
    Evaluation,
    Hyperparameters,
    LogEvent,
    Loss,
    Model,
    Opaque,
    Run,
    Statistics,
)
from tests.golden.facts import folders, load

GOLDEN = folders(Path(__file__).parents[1] / "golden")
LAYOUTS = [f"{major}.{minor}" for major, minor in RELEASES]
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# what a layout may say that another one leaves out: hours, floats of whole numbers, the shape of the scores
DERIVED = re.compile(r"hours|^      value: \d+\.0$|^# \(\d+(, \d+|,)\)$|^# \[\d+, \d+\]$")


@pytest.mark.parametrize("folder", GOLDEN[::3], ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_any_run_in_any_layout(folder: Path) -> None:
    """No layout fails, shows a `None` that is no value, or a number that the run's own card does not have."""
    run, log = load(folder)
    own = render(run, log)
    numbers = set(NUMBER.findall(own))
    rendered = 0
    for layout in LAYOUTS:
        try:
            card = render(run, log, layout=layout)
        except LayoutTooOld:
            continue
        rendered += 1
        for line in card.split("\n"):
            if not DERIVED.search(line):
                assert set(NUMBER.findall(line)) <= numbers, (layout, line)
            if "None" in line and line not in own:
                assert "NoneType" in line, (layout, line)
    assert rendered


@pytest.mark.parametrize("layout", [*LAYOUTS, None])
@pytest.mark.parametrize("model_type", ["SentenceTransformer", "CrossEncoder", "SparseEncoder", "MultiVectorEncoder"])
def test_a_run_that_knows_nothing_has_a_card(model_type: str, layout: str | None) -> None:
    """What the record lacks is left out; nothing is invented and no `None` printed."""
    run = Run(
        id="1",
        name="bare",
        model=Model(type=model_type),  # type: ignore[arg-type]
        datasets=(Dataset(role="train"), Dataset(role="eval", samples=())),
    )
    try:
        card = render(run, (), layout=layout)
    except LayoutTooOld:
        return
    assert "None" not in card
    assert "nan" not in card
    assert card.startswith("---\n")


def test_a_card_is_the_same_in_every_process() -> None:
    """Rendering depends on nothing but its arguments: not on hashing, locale, time zone or the folder."""
    folder = GOLDEN[0].parents[1] / "6.2.0" / "st_five_datasets"
    code = (
        "import hashlib, pathlib, sys; from tests.golden.facts import load; from cardgen.card.layout import render;"
        "print(hashlib.sha256(render(*load(pathlib.Path(sys.argv[1]))).encode()).hexdigest())"
    )
    root = str(Path(__file__).parents[2])
    seen = set()
    for seed, zone, locale in (("0", "UTC", "C"), ("1", "Asia/Tokyo", "C.UTF-8")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "PYTHONPATH": root}
        output = subprocess.run(
            [sys.executable, "-c", code, str(folder)], env=env, check=True, capture_output=True, text=True
        )
        seen.add(output.stdout.strip())
    assert seen == {hashlib.sha256(render(*load(folder)).encode()).hexdigest()}


def test_hostile_cells_leave_the_table_whole() -> None:
    """CR, NUL, U+2028, right-to-left text, emoji and half surrogates are content of their cell."""
    run, log = load(GOLDEN[0].parents[1] / "6.2.0" / "st_unnamed")
    (dataset, *rest) = run.datasets
    cells = ("a\rb\x00c\u2028d", "مرحبا 👍 | x\ny \ud800")
    dataset = dataclasses.replace(dataset, columns=dataset.columns[:2], samples=(cells, cells[:1], (*cells, "more")))
    changed = dataclasses.replace(run, datasets=(dataset, *rest))
    card = render(changed, log)
    line = next(line for line in card.split("\n") if "مرحبا" in line)
    # what Python takes for a line's end is followed by the table's indentation, as the library has it
    assert "<code>a\r  b\x00c\u2028  d</code>" in line
    assert "<code>مرحبا 👍 \\| x<br>y \ufffd</code>" in line
    assert card.encode()


def test_displayed_numbers_stand_in_cells_and_configurations() -> None:
    """Each as its text, wherever a record holds one; none is printed as Python has it."""
    number = Displayed("0.50", 0.5)
    dataset = Dataset(
        role="train",
        columns=(
            Column(name="a", statistics=Statistics(kind="share", shares=((number, 100.0),))),
            Column(name="b", statistics=Statistics(kind="length", unit="tokens", mean=1.5)),
        ),
        samples=((number, [number, number]), ("x", [number] * 9)),
        loss=Loss(name="L", configuration={"scale": number, "inner": [Opaque("X()")]}),
        sampled_rows=3,
        size=3,
    )
    evaluation = Evaluation(evaluator="E", metrics={"m": number}, configuration={"at": [number]})
    arguments = Hyperparameters(values={"betas": (number, 1), "by": {"lr": number}})
    model = Model(type="SentenceTransformer", max_seq_length=Displayed("inf", None))
    run = Run(id="1", name="n", model=model, datasets=(dataset,), evaluations=(evaluation,), hyperparameters=arguments)
    card = render(run)
    assert "Displayed(" not in card
    for text in (
        "<code>[0.50, 0.50]</code>",
        "<li>0.50: 100.00%</li>",
        '"scale": "0.50"',
        '"X()"',
        "`betas`: (0.50, 1)",
        "`by`: {'lr': 0.50}",
        "inf tokens",
    ):
        assert text in card


def test_a_long_log_is_collapsed_from_the_101st_row() -> None:
    """A hundred rows stand open, more are folded away."""
    run = Run(id="1", name="n", model=Model(type="SentenceTransformer"))
    log = [LogEvent(seq=i, kind="train", step=i, epoch=i / 10, values={"loss": 0.5}) for i in range(101)]
    assert "<summary>Click to expand</summary>\n\n| Epoch" in render(run, log)
    assert "<summary>Click to expand</summary>\n\n| Epoch" not in render(run, log[:100])


def test_a_users_template_stands_in_front(tmp_path: Path) -> None:
    """A template folder may replace a type's template, or one block of it."""
    (tmp_path / "sentence_transformer.md.jinja").write_text(
        '{% extends "base.md.jinja" %}{% block introduction %}Ours: {{ card.title }}\n{% endblock %}'
    )
    run = Run(id="1", name="n", model=Model(type="SentenceTransformer", title="Mine"))
    card = render(run, (), templates=tmp_path)
    assert "Ours: Mine\n## Model Details" in card
    assert "Ours" not in render(run, ())


@pytest.mark.parametrize(
    "source",
    [
        "{{ card.nothing }}",
        "{% if %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ 1 / 0 }}",
        '{% include "missing" %}',
        "{{ card.log.table }}",
        "{{ card.title() }}",
    ],
)
def test_a_wrong_template_is_a_clear_error(tmp_path: Path, source: str) -> None:
    """What a user's template does wrong is one error that names the template or its folder."""
    (tmp_path / "sentence_transformer.md.jinja").write_text(source)
    run = Run(id="1", name="n", model=Model(type="SentenceTransformer"))
    with pytest.raises(TemplateFailed) as caught:
        render(run, (), templates=tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_the_view_is_frozen() -> None:
    """No template can change what another one sees."""
    assert CardView.__dataclass_params__.frozen  # type: ignore[attr-defined]


@pytest.mark.parametrize(("version", "size"), [("5.1.2", "1024"), ("5.7.0", "None"), ("6.2.0", "None")])
def test_a_model_without_a_known_dimensionality(version: str, size: str) -> None:
    """It is `None` where the library says so, and comes back from the card; other layouts leave it out."""
    model = Model(type="SentenceTransformer", title="T", task="search", max_seq_length=12)
    run = Run(id="1", name="n", model=model, environment=Environment(versions={"sentence_transformers": version}))
    card = render(run)
    assert "to a None-dimensional dense" in card
    assert "- **Output Dimensionality:** None dimensions" in card
    assert f"# [3, {size}]" in card
    found = parse(card)
    assert found.run is not None
    assert render(found.run, found.log) == card
    assert "None" not in render(run, layout="5.0")
