"""The card that is published: rendered for its repository, without private rows, merged with what stands there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.publish_card import PublishedCard, card_for, private_rows, target_of, without_rows
from cardgen.actions.render import Form
from cardgen.card.layout import render
from cardgen.card.merge import Prefer
from cardgen.personal import hide
from cardgen.record import Dataset, Hyperparameters, LogEvent, Run, Usage
from cardgen.registry import Registry
from tests.golden.facts import load

CARD = Path(__file__).parent.parent / "golden" / "6.2.0" / "st_ir_eval"
REPO = "me/model"


@pytest.fixture(name="recorded")
def _recorded() -> tuple[Run, list[LogEvent]]:
    run, log = load(CARD)
    model = dataclasses.replace(run.model, base_model="org/base")
    return dataclasses.replace(run, id="0198c1a0-0000-7000-8000-000000000001", name="amber-otter-3", model=model), log


@pytest.fixture(name="registry")
def _registry(tmp_path: Path, recorded: tuple[Run, list[LogEvent]]) -> Iterator[Registry]:
    with Registry(tmp_path / "cards.db") as registry:
        registry.save(recorded[0])
        yield registry


def published(
    recorded: tuple[Run, list[LogEvent]],
    registry: Registry,
    there: str | None,
    *,
    prefer: Prefer | None = None,
    last: str | None = None,
) -> PublishedCard:
    """The card for the repository, in which `there` stands."""
    return card_for(
        *recorded,
        registry,
        repo_id=REPO,
        target=target_of(REPO, None),
        form=Form(prefer=prefer),
        there=there,
        last=lambda: last,
    )


def changed(recorded: tuple[Run, list[LogEvent]]) -> tuple[Run, list[LogEvent]]:
    """The run with another base model."""
    run, log = recorded
    return dataclasses.replace(run, model=dataclasses.replace(run.model, base_model="org/other")), log


def test_the_snippet_names_the_repository(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """Whoever copies it gets this model."""
    card = published(recorded, registry, None)
    assert f'SentenceTransformer("{REPO}")' in card.text
    assert card.text == card.base
    assert not card.conflicts


def test_words_in_the_repository_stay(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """With the pair that the registry has, a new fact comes and a person's words stay."""
    first = published(recorded, registry, None)
    target = target_of(REPO, None)
    registry.save_card_text(recorded[0].id, target, base=first.base, text=first.text)
    there = first.text.replace("## Training Details", "## Our story\n\nAt night.\n\n## Training Details")
    card = published(changed(recorded), registry, there)
    assert "At night." in card.text
    assert "org/other" in card.text
    assert not card.conflicts


def test_without_a_registry_our_last_commit_is_the_base(
    recorded: tuple[Run, list[LogEvent]], registry: Registry
) -> None:
    """A number that a person corrected since then is known as theirs; without that commit it would be ours."""
    first = published(recorded, registry, None).text
    there = first.replace("base_model: org/base", "base_model: my/own")
    card = published(recorded, registry, there, last=first)
    assert card.text == there
    assert not card.conflicts


def test_words_that_our_last_commit_had_stay(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """They came from a person before it, and are in no rendering."""
    there = published(recorded, registry, None).text.replace("## Training Details", "Hello.\n\n## Training Details")
    card = published(changed(recorded), registry, there, last=there)
    assert "Hello.\n\n## Training" in card.text
    assert "org/other" in card.text


def test_both_changed_the_same(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """That is a conflict, unless one side is preferred."""
    first = published(recorded, registry, None)
    registry.save_card_text(recorded[0].id, target_of(REPO, None), base=first.base, text=first.text)
    run, log = changed(recorded)
    there = first.text.replace("base_model: org/base", "base_model: my/own")
    card = published((run, log), registry, there)
    assert len(card.conflicts) >= 1
    assert "base_model: org/other" in published((run, log), registry, there, prefer="ours").text
    assert "base_model: my/own" in published((run, log), registry, there, prefer="theirs").text


def test_a_readme_with_a_licence_alone_gives_it(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """The Hub makes such a file for a new repository."""
    card = published(recorded, registry, "---\nlicense: mit\n---\n")
    assert not card.conflicts
    assert "license: mit\n" in card.text
    assert card.text.endswith(card.base[-2000:])


def test_a_readme_by_hand_is_not_overwritten(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """What nobody generated is a person's, every line."""
    there = "# My model\n\nIt is good.\n"
    card = published(recorded, registry, there)
    assert card.conflicts
    assert "It is good." in card.text
    assert "It is good." not in published(recorded, registry, there, prefer="ours").text


def test_a_runs_own_words_are_published(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """What was edited in the registry goes to the repository."""
    base = render(*recorded)
    text = base.replace("## Training Details", "Hello.\n\n## Training Details")
    registry.save_card_text(recorded[0].id, "run", base=base, text=text)
    card = published(recorded, registry, None)
    assert "Hello." in card.text
    assert REPO in card.text


def _with(recorded: tuple[Run, list[LogEvent]], *datasets: Dataset, usage: Usage) -> Run:
    return dataclasses.replace(recorded[0], datasets=datasets, usage=usage)


ROWS = (("a secret row",),)


def test_rows_that_are_not_known_to_be_public_are_found(recorded: tuple[Run, list[LogEvent]]) -> None:
    """A local data set, a private one, and one that the Hub does not know; inputs come from any."""
    known = {"org/open": True, "org/closed": False, "org/unsure": None}
    data = [Dataset(role="train", hub_id=hub_id, samples=ROWS) for hub_id in (*known, None)]
    run = _with(recorded, *data, usage=Usage())
    assert private_rows(run, known.__getitem__).names == ("org/closed", "org/unsure", "an unnamed data set")
    assert not private_rows(_with(recorded, data[0], usage=Usage(examples=("a",))), known.__getitem__)
    without = dataclasses.replace(data[3], samples=None)
    assert not private_rows(_with(recorded, without, usage=Usage()), known.__getitem__)
    assert private_rows(_with(recorded, without, usage=Usage(examples=("a",))), known.__getitem__)
    assert private_rows(_with(recorded, usage=Usage(widget=({"text": "a"},))), known.__getitem__)


def test_rows_are_omitted_everywhere(recorded: tuple[Run, list[LogEvent]]) -> None:
    """From the samples of that data set, from the snippet and from the widget; public samples stay."""
    usage = Usage(examples=("a secret row", "b"), widget=({"text": "a secret row"},))
    open_rows = Dataset(role="train", hub_id="org/open", samples=(("an open row",),))
    run = _with(recorded, open_rows, Dataset(role="eval", samples=ROWS), usage=usage)
    card = render(without_rows(run, private_rows(run, lambda hub_id: True)), recorded[1])
    assert "secret" not in card
    assert without_rows(run, private_rows(run, lambda hub_id: True)).datasets[0] == open_rows


def test_homes_and_addresses_are_hidden_in_facts(recorded: tuple[Run, list[LogEvent]]) -> None:
    """And nowhere else: numbers and names stay."""
    values = {"output_dir": "/home/ada/out", "who": ["ada@example.org"], "home": "/homely/x", "rate": 0.1}
    run = dataclasses.replace(recorded[0], hyperparameters=Hyperparameters(values=values))
    hidden = hide(run, ("paths", "emails")).hyperparameters
    assert hidden is not None
    assert hidden.values == {"output_dir": "~/out", "who": ["[e-mail]"], "home": "/homely/x", "rate": 0.1}
    assert hide(run, ()) == run


def test_a_title_that_a_person_put_right_stays(recorded: tuple[Run, list[LogEvent]], registry: Registry) -> None:
    """Also where nobody has the pair: the record knows what was rendered."""
    there = published(recorded, registry, None).text
    title = recorded[0].model.title
    assert title is not None
    card = published(changed(recorded), registry, there.replace(f"# {title}\n", "# Rivers\n"))
    assert "# Rivers\n" in card.text
    assert "org/other" in card.text
