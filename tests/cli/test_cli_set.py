"""`cardgen runs set`: the plan, the question, and what is set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardgen.registry import Registry


def facts(path: Path, run: str) -> dict[str, Any]:
    """What people set of a run."""
    with Registry(path, mode="read") as opened:
        return opened.human_facts(run)


def test_a_run_is_corrected_and_its_card_follows(call: Any, registry: Path) -> None:
    """The plan shows old and new; listing, record and card have the new facts."""
    said = call("runs", "set", "amber-otter", "license=mit", "language=en,nl", "tags=+good,-v1", "--yes")
    assert said.code == 0
    lines = [line.split() for line in said.text.splitlines()]
    assert lines[0] == ["RUN", "FACT", "NOW", "THEN"]
    assert ["amber-otter", "license", "mit"] in lines
    assert ["amber-otter", "tags", "nli,v1", "nli,good"] in lines
    card = call("render", "amber-otter").text
    assert "- **License:** mit" in card
    assert "\nlicense: mit\n" in card
    assert "- **Languages:** en, nl" in card
    assert json.loads(call("runs", "list", "good", "--json").out)[0]["tags"] == ["nli", "good"]
    assert "Set by hand\nlanguage  en,nl\nlicense   mit\n" in call("runs", "show", "amber-otter").text
    assert json.loads(call("runs", "show", "amber-otter", "--json").out)["set_by_hand"]["license"] == "mit"
    assert call("runs", "set", "amber-otter", "license=", "--yes").code == 0
    assert "\nlicense: mit\n" not in call("render", "amber-otter").text


def test_many_runs_are_not_changed_without_a_yes(call: Any, registry: Path) -> None:
    """`--dry-run` shows the plan only; without a terminal and `--yes` it is a usage error. A named run needs none."""
    dry = call("runs", "set", "amber-otter", "license=mit", "--dry-run")
    assert (dry.code, "mit" in dry.text, "nothing was changed" in dry.err) == (0, True, True)
    unasked = call("runs", "set", "--query", "amber", "license=mit")
    assert unasked.code == 2
    assert "license" in unasked.text
    assert "--yes" in unasked.err
    assert facts(registry, "amber-otter") == {}
    assert call("runs", "set", "amber-otter", "license=mit").code == 0
    assert facts(registry, "amber-otter") == {"license": "mit"}


def test_a_dry_run_needs_no_right_to_write(call: Any, registry: Path) -> None:
    """The plan is made by reading."""
    registry.chmod(0o400)
    assert call("runs", "set", "amber-otter", "license=mit", "--dry-run", "-q").err == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--query", "OTTER"), ["amber-otter"]),
        (("--query", "sentencetransformer", "--status", "failed"), ["calm-lynx"]),
        (("--since", "3d"), ["amber-otter", "brisk-heron"]),
        (("--project", "rerankers"), ["brisk-heron"]),
        (("--query", "zebra"), []),
    ],
)
def test_many_runs_are_chosen_by_words_and_filters(
    call: Any, registry: Path, options: tuple[str, ...], expected: list[str]
) -> None:
    """The filters of `runs list` choose; the others are left alone. JSON has every change with its values."""
    said = call("runs", "set", *options, "language=en", "group=g", "--yes", "--json")
    assert said.code == 0
    changes = json.loads(said.out)
    assert [change["name"] for change in changes if change["field"] == "language"] == expected
    assert all(change["new"] == (["en"] if change["field"] == "language" else "g") for change in changes)
    for name in ("amber-otter", "brisk-heron", "calm-lynx"):
        assert bool(facts(registry, name)) == (name in expected)


def test_saying_the_same_again_changes_nothing(call: Any, registry: Path) -> None:
    """A fact that was set already is not in the plan, and nobody is asked."""
    call("runs", "set", "amber-otter", "license=mit", "-y")
    said = call("runs", "set", "amber-otter", "license=mit")
    assert (said.code, said.text, said.err) == (0, "", "nothing to change\n")


def test_a_run_is_renamed(call: Any, registry: Path) -> None:
    """A name that is taken gets a number, and the answer says which."""
    said = call("runs", "set", "amber-otter", "name=brisk-heron", "-y")
    assert said.code == 0
    assert "brisk-heron-2" in said.err
    assert call("runs", "show", "brisk-heron-2").code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("amber-otter",), "KEY=VALUE"),
        (("license=mit", "task=x"), "RUN"),
        (("amber-otter", "licence=mit"), "did you mean license?"),
        (("amber-otter", "license"), "KEY=VALUE"),
        (("amber-otter", "base_model=/home/me/model"), "never a path"),
        (("amber-otter", "dataset.train.3.name=x", "--yes"), "dataset.train.3"),
        (("--query", " ", "license=mit"), "empty"),
        (("--query", "otter", "name=x", "--yes"), "one run"),
        (("--query", "otter", "amber-otter", "license=mit"), "KEY=VALUE"),
    ],
)
def test_what_cannot_be_right_exits_with_2(call: Any, registry: Path, words: tuple[str, ...], expected: str) -> None:
    """A usage error says what is meant, and nothing is changed."""
    said = call("runs", "set", *words)
    assert said.code == 2
    assert expected in said.err
    assert facts(registry, "amber-otter") == {}


def test_one_run_without_the_place_keeps_all_as_they_are(call: Any, registry: Path) -> None:
    """The whole plan is checked before the first run is changed."""
    said = call("runs", "set", "--since", "30d", "dataset.train.0.hub_id=a/b", "--yes")
    assert said.code == 2
    assert "brisk-heron has no dataset.train.0" in said.err
    assert facts(registry, "amber-otter") == {}


def test_an_unknown_run_exits_with_3(call: Any, registry: Path) -> None:
    """The message names what was asked for."""
    assert call("runs", "set", "zebra", "license=mit", "-y").code == 3


def test_a_license_of_ones_own_has_a_name(call: Any, registry: Path, tmp_path: Path) -> None:
    """`license: other` alone stops a card; its name and link are facts, in the card and back from it."""
    assert call("runs", "set", "amber-otter", "license=other").code == 0
    refused = call("check", "amber-otter")
    assert refused.code == 6
    assert "cardgen runs set amber-otter license_name=NAME" in refused.text
    named = ("license_name=acme-research-1", "license_link=LICENSE")
    assert call("runs", "set", "amber-otter", *named).code == 0
    assert "license" not in call("check", "amber-otter").text
    card = call("render", "amber-otter")
    assert "\nlicense: other\nlicense_name: acme-research-1\nlicense_link: LICENSE\n" in card.text
    (tmp_path / "README.md").write_bytes(card.out)
    other = ("--registry", tmp_path / "other.db")
    assert call(*other, "registry", "init").code == 0
    assert call(*other, "import", tmp_path / "README.md").text.startswith("exact")
    assert "license_name" not in call("render", "calm-lynx").text


def test_a_region_is_no_language(call: Any, registry: Path) -> None:
    """The Hub refuses `pt-BR`, so it is refused where it is said, with what to say instead."""
    said = call("runs", "set", "amber-otter", "language=pt-BR")
    assert said.code == 2
    assert "language_bcp47" in said.err
