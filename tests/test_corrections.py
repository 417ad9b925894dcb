"""Facts that a person sets: read, checked, put over a record, and told apart from it again."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cardgen import corrections
from cardgen.errors import SettingsError
from cardgen.record import Dataset, Model, Run

RUN = Run(
    id="r",
    name="r",
    tags=("a", "b"),
    model=Model(
        type="SentenceTransformer", base_model="me/base", base_model_revision="abc", license="mit", dataset_ids=("x/y",)
    ),
    datasets=(
        Dataset(role="eval", name="dev"),
        Dataset(role="train", name="one", hub_id="x/y"),
        Dataset(role="train", name="two"),
    ),
)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("license=cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("language=en, pt,multilingual,en", ("en", "pt", "multilingual")),
        ("license_name=acme-research-1.0", "acme-research-1.0"),
        ("license_link=https://acme.org/license", "https://acme.org/license"),
        ("license_link=LICENSE", "LICENSE"),
        ("base_model=microsoft/mpnet-base", "microsoft/mpnet-base"),
        ("base_model=bert-base_uncased.v1", "bert-base_uncased.v1"),
        ("base_model_revision=refs/pr/1", "refs/pr/1"),
        ("title=A title = with = marks", "A title = with = marks"),
        ("tags=+new,-old", ("+new", "-old")),
        ("tags=one,two words", ("one", "two words")),
        ("dataset.train.0.hub_id=a/b", "a/b"),
        ("license=", None),
        ("license= ", None),
    ],
)
def test_a_word_is_read(word: str, value: Any) -> None:
    """KEY=VALUE gives a text, a list of texts, or nothing for an empty value."""
    assert corrections.read([word]) == {word.partition("=")[0]: value}


@pytest.mark.parametrize(
    "word",
    [
        "license",
        "license=m it",
        "license=mit\n---",
        "license=" + "x" * 101,
        "language=english",
        "language=pt-BR",
        "license_name=my licence",
        "license_link=javascript:x",
        "license_link=/home/me/LICENSE",
        "language=en,<b>",
        "base_model=/home/me/model",
        "base_model=./model",
        "base_model=../model",
        "base_model=~/model",
        "base_model=a/b/c",
        "base_model=C:\\models\\x",
        "base_model=models\\x",
        "base_model=a--b",
        "base_model=x](http://evil)",
        "base_model_revision=a --> b",
        "title=a\nb",
        "title=a\x1b[0m",
        "title=\ud800",
        "title=" + "x" * 501,
        "pipeline_tag=Sentence Similarity",
        "tags=+a,b",
        "tags=+",
        "name=latest",
        "dataset.train.x.name=a",
        "dataset.test.0.name=a",
        "dataset.train.0.size=1",
    ],
)
def test_what_cannot_be_right_is_refused(word: str) -> None:
    """A value that would break a link, a heading or front matter, or is a path, is an error with a hint."""
    with pytest.raises(SettingsError) as caught:
        corrections.read([word])
    assert caught.value.hint


def test_an_unknown_field_is_an_error_that_names_the_known() -> None:
    """A misspelt field says which was meant, and which there are."""
    with pytest.raises(SettingsError, match="licence") as caught:
        corrections.read(["licence=mit"])
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean license?")
    assert all(field in caught.value.hint for field in corrections.FIELDS)


def test_a_field_given_twice_is_an_error() -> None:
    """Which of two values is meant cannot be known."""
    with pytest.raises(SettingsError, match="twice"):
        corrections.read(["license=mit", "license="])


@pytest.mark.parametrize("facts", [{"license": 1}, {"language": ("en", None)}, {"title": ""}, {"tags": {"a": 1}}])
def test_values_of_other_types_are_refused(facts: dict[str, Any]) -> None:
    """From Python, too, a fact is a text or a list of texts."""
    with pytest.raises(SettingsError):
        corrections.check(facts)


def test_facts_go_before_the_record() -> None:
    """Each field lands in its place, and nothing else changes."""
    facts = corrections.check(
        {"license": "apache-2.0", "language": ["en", "nl"], "project": "p", "name": "n", "dataset.eval.0.name": "test"}
    )
    got = corrections.apply(RUN, corrections.combine({}, facts))
    model = dataclasses.replace(RUN.model, license="apache-2.0", language=("en", "nl"))
    assert got == dataclasses.replace(
        RUN,
        name="n",
        project="p",
        model=model,
        datasets=(dataclasses.replace(RUN.datasets[0], name="test"), *RUN.datasets[1:]),
    )


def test_another_base_model_has_no_recorded_revision() -> None:
    """The revision was the other model's: no card may show it beside this one."""
    other = corrections.apply(RUN, {"base_model": "me/other"})
    assert (other.model.base_model, other.model.base_model_revision) == ("me/other", None)
    same = corrections.apply(RUN, {"base_model": "me/base"})
    assert same.model.base_model_revision == "abc"
    both = corrections.apply(RUN, {"base_model_revision": "v2", "base_model": "me/other"})
    assert both.model.base_model_revision == "v2"


def test_data_sets_are_counted_in_their_role() -> None:
    """`dataset.train.1` is the second training set; the id of one reaches the front matter where the old one stood."""
    got = corrections.apply(RUN, {"dataset.train.1.name": "second", "dataset.train.0.hub_id": "a/b"})
    assert [dataset.name for dataset in got.datasets] == ["dev", "one", "second"]
    assert got.model.dataset_ids == ("a/b",)
    new = corrections.apply(RUN, {"dataset.train.1.hub_id": "a/b"})
    assert new.model.dataset_ids == ("x/y", "a/b")
    assert corrections.apply(RUN, {"dataset.train.7.name": "gone"}) == RUN
    assert not corrections.has(RUN, "dataset.train.2.name")


def test_tags_are_added_and_removed() -> None:
    """Tags with signs change the recorded ones, whatever these become; changes add up."""
    facts = corrections.combine({}, {"tags": ("+c", "-a")})
    assert corrections.apply(RUN, facts).tags == ("b", "c")
    assert corrections.apply(dataclasses.replace(RUN, tags=("a", "z")), facts).tags == ("z", "c")
    facts = corrections.combine(facts, {"tags": ("-c", "+a", "+d")})
    assert corrections.apply(RUN, facts).tags == ("a", "b", "d")
    facts = corrections.combine(corrections.combine(facts, {"tags": ("x",)}), {"tags": ("+y", "-x")})
    assert facts == {"tags": ("y",)}
    assert corrections.combine(facts, {"tags": None}) == {}


FACTS = [
    {"license": "apache-2.0"},
    {"base_model": "me/other"},
    {"tags": ("+c", "-a")},
    {"tags": ("z",)},
    {"dataset.train.0.hub_id": "a/b", "dataset.train.1.name": "second"},
    {"dataset.train.9.hub_id": "a/b", "language": ("en",)},
]


@pytest.mark.parametrize("facts", FACTS)
def test_what_a_person_set_does_not_become_recorded(facts: dict[str, Any]) -> None:
    """A run that was read with facts over it, changed elsewhere and saved is again what was recorded."""
    read = corrections.apply(RUN, facts)
    assert corrections.without(read, facts, RUN) == RUN
    changed = dataclasses.replace(read, status="failed", group="g")
    assert corrections.without(changed, facts, RUN) == dataclasses.replace(RUN, status="failed", group="g")


def test_what_the_recorder_learns_is_kept() -> None:
    """A new recorded value below a person's fact is taken up, and comes forth when the fact is taken away."""
    facts = {"license": "apache-2.0"}
    later = dataclasses.replace(RUN, model=dataclasses.replace(RUN.model, license="gpl-3.0"))
    assert corrections.without(later, facts, RUN).model.license == "gpl-3.0"


def test_every_field_can_be_read_off_a_run() -> None:
    """`value` knows each field, and what a person would write for it."""
    shown = {field: corrections.text(corrections.value(RUN, field.replace("N", "0"))) for field in corrections.FIELDS}
    assert (shown["license"], shown["tags"], shown["dataset.train.N.hub_id"], shown["title"]) == (
        "mit",
        "a,b",
        "x/y",
        "",
    )
