"""Any record: rendered, read and rendered again it gives the same text, and the fields that a card shows."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardgen.card.eras import Layout
from cardgen.card.layout import render
from cardgen.card.log import log_rows
from cardgen.card.parse.document import undress
from cardgen.card.parse.read import parse
from cardgen.card.parse.values import exact
from cardgen.card.yaml_text import dump, load
from cardgen.record import LogEvent, Run
from tests.card.comparing import alike, as_shown, leaves, shown
from tests.card.records import LINES, TEXTS, YAML_TEXTS, runs

PROFILE = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), max_examples=100
)
UNSHOWN = ("id", "name", "origin", "log_columns", "durations.training_seconds", "emissions.emissions_kg")
"""Fields given at import, or compared apart: a card has grams, and more than one number of kilograms may fit."""


@PROFILE
@given(runs())
def test_a_record_comes_back_from_its_card(example: tuple[Run, list[LogEvent], Layout]) -> None:
    """Importing what was rendered gives the same text again, and every field that the card shows."""
    run, log, layout = example
    text = render(run, log)
    parsed = parse(text)
    assert parsed.run is not None
    assert not parsed.inferred
    assert parsed.text.restore(render(parsed.run, parsed.log)) == text
    wanted = as_shown(run, layout)
    if wanted.hyperparameters is not None:  # a text that looks like a number is one for its reader
        arguments = {name: exact(str(value)) for name, value in wanted.hyperparameters.values.items()}
        wanted = dataclasses.replace(
            wanted,
            hyperparameters=dataclasses.replace(wanted.hyperparameters, values=arguments) if arguments else None,
        )
    found = dict(leaves(parsed.run))
    differing = {
        path: (value, found.get(path))
        for path, value in leaves(wanted)
        if path not in UNSHOWN and not (path in found and alike(found[path], value))
    }
    assert differing == {}
    if run.emissions is not None:
        assert parsed.run.emissions is not None
        assert parsed.run.emissions.emissions_kg * 1000 == run.emissions.emissions_kg * 1000
    rows, expected = log_rows(parsed.log, layout), log_rows(log, layout)
    assert [row.keys() for row in rows] == [row.keys() for row in expected]
    for one, other in zip(rows, expected, strict=True):
        assert all(shown(one[column]) & shown(other[column]) for column in one)


@settings(PROFILE, max_examples=200)
@given(st.lists(st.sampled_from(["\n", "\r\n", "\r", "\ufeff", "a", "---", " ", "# x"]), max_size=12).map("".join))
def test_a_text_is_undressed_without_loss(text: str) -> None:
    """Mark, line ends and final newlines come back with the body, whatever the text is."""
    dress = undress(text)
    assert dress.restore(dress.body) == text


WIDGETS = st.recursive(
    st.one_of(YAML_TEXTS, TEXTS, st.text(max_size=100), st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LINES | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(PROFILE, max_examples=400)
@given(st.dictionaries(st.sampled_from(["tags", "widget", "x"]), WIDGETS, max_size=3))
def test_the_fast_yaml_is_what_the_slow_emitter_writes(data: dict[str, Any]) -> None:
    """Whatever the texts, however deep: the bytes are those of PyYAML's pure Python emitter."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    assert dump(data) == yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True).strip()


@settings(PROFILE, max_examples=150)
@given(st.dictionaries(st.sampled_from(["tags", "widget", "x"]), WIDGETS, max_size=3))
def test_yaml_is_read_as_pyyaml_reads_it(data: dict[str, Any]) -> None:
    """The data of a front matter is what PyYAML's safe loader gives."""
    text = dump(data)
    try:
        wanted = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # half a surrogate pair, a key that is no plain value
        return
    assert alike(load(text), wanted)
