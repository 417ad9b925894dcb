"""What is a Hub id, whose class an object is, what is said once."""

from __future__ import annotations

import pytest

from cardgen.capture.library import full_name, is_a, library_version, model_type
from cardgen.capture.model import capture_model, hub_id
from cardgen.capture.problems import MAX_LENGTH, MAX_PROBLEMS, Problems
from cardgen.capture.trainer import capture_hyperparameters, changed_arguments


@pytest.mark.parametrize("name", ["bert-base-uncased", "sentence-transformers/all-MiniLM-L6-v2", "a/b.c_d"])
def test_a_hub_id_is_one_name_or_two(name: str) -> None:
    """With or without the owner."""
    assert hub_id(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "/home/me/bert",
        "./bert",
        "../a/b",
        "a/b/c",
        "C:\\bert",
        "~/bert",
        "a//b",
        "",
        None,
        5,
        "a b",
        "bert/",
        "out/run\n",
    ],
)
def test_a_path_is_no_hub_id(name: object) -> None:
    """Neither an absolute nor a relative one, nor anything that is no text."""
    assert hub_id(name) is None


def test_classes_of_the_library_are_known_by_their_bases() -> None:
    """A subclass of the user's counts as what it comes from; a class of the same name from elsewhere does not."""
    from sentence_transformers import CrossEncoder, SentenceTransformer

    class Mine(CrossEncoder):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            pass

    assert model_type(Mine()) == "CrossEncoder"
    assert model_type(SentenceTransformer.__new__(SentenceTransformer)) == "SentenceTransformer"
    assert model_type(type("CrossEncoder", (), {})()) is None
    assert is_a(CrossEncoder.__new__(CrossEncoder), "CrossEncoder")
    assert full_name(Mine) == f"{__name__}.Mine"
    assert full_name(5) == "int"
    assert library_version() >= (4, 1)
    with pytest.raises(TypeError):
        capture_model(object(), object(), Problems())


def test_problems_are_said_once_and_bounded() -> None:
    """The same sentence is kept once, long ones are cut, secrets in them are not kept."""
    problems = Problems()
    assert problems.note("a")
    assert not problems.note("a")
    assert problems.failed("x", ValueError("hf" + "_" + "a1B2c3D4e5F6g7H8" * 2))
    assert problems.texts[1] == "x: ValueError: [redacted]"
    for number in range(100):
        problems.note(f"{number} " + "y" * 1000)
    assert len(problems.texts) == MAX_PROBLEMS
    assert max(map(len, problems.texts)) == MAX_LENGTH + 1
    assert problems.attempt("z", lambda: 1 // 0, "default") == "default"


def test_defaults_are_those_that_differ() -> None:
    """In the order of the arguments; a value without a known default, or that cannot be compared, raises nothing."""

    class Stubborn:
        def __ne__(self, other: object) -> bool:
            raise RuntimeError

        def __repr__(self) -> str:
            return "stubborn"

    found = capture_hyperparameters(
        {"b": 1, "a": 2, "new": 3, "s": Stubborn()}, defaults={"a": 1, "b": 1, "s": Stubborn()}
    )
    assert list(found.values) == ["b", "a", "new", "s"]
    assert found.defaults == {"a": 1}
    assert capture_hyperparameters({"a": 1}, args=object(), changed=["a"]).defaults == {"a": None}


def test_changed_arguments_have_another_value_or_type() -> None:
    """One and one point zero print differently."""
    assert changed_arguments({"a": 1, "b": 2, "c": 3}, {"a": 1.0, "b": 2, "c": 4, "d": 5}) == {"a": 1.0, "c": 4, "d": 5}
