"""Writing a card into a file that people edit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardgen.actions.render import RUN_TARGET, Form, render_card
from cardgen.actions.write import file_target, write_card
from cardgen.errors import CardConflict, FileConflict, FileProblem
from cardgen.record import Model, Run
from cardgen.registry import Registry
from tests.golden.facts import load

FOLDER = Path(__file__).parents[1] / "golden" / "6.2.0" / "st_named_eval"
STUB = "<!--\n## Bias, Risks and Limitations\n"


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with a golden run."""
    run, log = load(FOLDER)
    with Registry(tmp_path / "cards.db") as registry:
        registry.save(run)
        registry.append(run.id, log)
        yield registry


@pytest.fixture(name="run")
def _run(registry: Registry) -> Run:
    """The golden run."""
    return registry.run("golden-st_named_eval-6.2.0")


def changed(registry: Registry, run: Run) -> Run:
    """The run after another evaluation."""
    (first, *rest) = run.evaluations
    metrics = dict.fromkeys(first.metrics, 0.875)
    return registry.save(dataclasses.replace(run, evaluations=(dataclasses.replace(first, metrics=metrics), *rest)))


def test_a_card_is_written_whole_without_a_newline_added(registry: Registry, run: Run, tmp_path: Path) -> None:
    """The first time it is created, the second it is unchanged, and nothing is left beside it."""
    path = tmp_path / "out" / "README.md"
    path.parent.mkdir()
    assert write_card(run, path, registry=registry).outcome == "created"
    assert path.read_bytes() == (FOLDER / "README.md").read_bytes()
    assert write_card(run.name, path, registry=registry).outcome == "unchanged"
    assert os.listdir(path.parent) == ["README.md"]


def test_new_facts_replace_a_card_that_nobody_touched(registry: Registry, run: Run, tmp_path: Path) -> None:
    """Without edits the file is the new rendering."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry)
    run = changed(registry, run)
    assert write_card(run, path, registry=registry).outcome == "replaced"
    assert path.read_text() == render_card(run, registry=registry)
    assert "0.875" in path.read_text()


def test_a_persons_words_survive_new_facts(registry: Registry, run: Run, tmp_path: Path) -> None:
    """Prose, a badge, a key and a comment stay while the numbers change."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry)
    text = path.read_text()
    text = text.replace("tags:\n", "# mine\nthumbnail: https://x/y.png\ntags:\n", 1)
    text = text.replace(STUB, "## A heading of mine\n\nWith words.\n\n" + STUB)
    path.write_text(text)
    run = changed(registry, run)
    assert write_card(run, path, registry=registry).outcome == "merged"
    after = path.read_text()
    assert "0.875" in after
    assert "# mine\nthumbnail: https://x/y.png\ntags:" in after
    assert "## A heading of mine\n\nWith words.\n" in after


def test_a_licence_in_the_front_matter_reaches_the_body(registry: Registry, run: Run, tmp_path: Path) -> None:
    """Licence and language of the metadata box carry to their lines."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry)
    path.write_text(path.read_text().replace("license: mit", "license: gpl-3.0\nlanguage: [nl, en]"))
    write_card(run, path, registry=registry)
    assert "- **License:** gpl-3.0\n" in path.read_text()
    assert "- **Languages:** nl, en\n" in path.read_text()
    assert "language: [nl, en]" in path.read_text()


def test_two_changes_of_one_place_are_a_conflict(registry: Registry, run: Run, tmp_path: Path) -> None:
    """Nothing is written until somebody chooses; the choice is remembered."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry)
    label = f"| **spearman_cosine** | **{round(run.evaluations[0].metrics['sts-dev_spearman_cosine'], 4)}** |"
    assert label in path.read_text()
    edited = path.read_text().replace(label, "| **spearman_cosine** | **0.999** |")
    path.write_text(edited)
    run = changed(registry, run)
    with pytest.raises(CardConflict) as caught:
        write_card(run, path, registry=registry)
    assert path.read_text() == edited
    assert any("0.999" in theirs and "0.875" in ours for _, ours, theirs in caught.value.conflicts)
    write_card(run, path, registry=registry, form=Form(prefer="theirs"))
    assert "**0.999**" in path.read_text()
    assert write_card(run, path, registry=registry).outcome == "unchanged"


def test_a_library_card_of_the_same_run_is_merged(registry: Registry, run: Run, tmp_path: Path) -> None:
    """A generated card that was not written from here is read, and what a person changed in it stays."""
    path = tmp_path / "README.md"
    text = (
        (FOLDER / "README.md").read_text().replace("- **Model Type:** Sentence Transformer", "- **Model Type:** Mine")
    )
    path.write_text(text)
    run = changed(registry, run)
    write_card(run, path, registry=registry)
    assert "- **Model Type:** Mine" in path.read_text()
    assert "0.875" in path.read_text()


def test_the_next_run_inherits_the_words(registry: Registry, run: Run, tmp_path: Path) -> None:
    """Another run written to the same file keeps what the person wrote there."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry)
    path.write_text(path.read_text().replace(STUB, "## Thanks\n\nTo all.\n\n" + STUB))
    other = registry.save(dataclasses.replace(run, id="018f0000-0000-7000-8000-00000000000a", name="second"))
    other = changed(registry, other)
    write_card(other, path, registry=registry)
    assert "## Thanks\n\nTo all.\n" in path.read_text()
    assert "0.875" in path.read_text()
    pair = registry.card_text(None, file_target(path))
    assert pair is not None
    assert pair.run_id == other.id


def test_a_runs_own_text_is_in_every_rendering(registry: Registry, run: Run, tmp_path: Path) -> None:
    """What was written into the run is there in each layout and each file."""
    base = render_card(run, registry=registry)
    text = base.replace(STUB, "## Notes\n\nOnly rivers.\n\n" + STUB)
    registry.save_card_text(run.id, RUN_TARGET, base=base, text=text)
    assert render_card(run, registry=registry) == text
    assert "## Notes\n\nOnly rivers.\n" in render_card(run, registry=registry, layout="3.4")
    write_card(run, tmp_path / "README.md", registry=registry)
    assert (tmp_path / "README.md").read_text() == text


@pytest.mark.parametrize("content", [b"not a card", b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_card_is_left_alone(registry: Registry, run: Run, tmp_path: Path, content: bytes) -> None:
    """Only `ours` replaces it, and only if it is text."""
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(FileConflict):
        write_card(run, path, registry=registry)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_a_clear_error(registry: Registry, run: Run, tmp_path: Path) -> None:
    """No traceback for a mistyped path, and none for a folder in the file's place."""
    with pytest.raises(FileProblem):
        write_card(run, tmp_path / "no" / "where.md", registry=registry)
    with pytest.raises(FileProblem):
        write_card(run, tmp_path, registry=registry)


def test_an_empty_run_has_a_card_too(registry: Registry, tmp_path: Path) -> None:
    """A run without facts is written like any other."""
    bare = registry.save(Run(id="018f0000-0000-7000-8000-00000000000b", name="bare", model=Model(type="CrossEncoder")))
    assert write_card(bare, tmp_path / "README.md", registry=registry).outcome == "created"


def test_a_carried_licence_stays_when_a_choice_was_made(registry: Registry, run: Run) -> None:
    """A licence that a person set in the front matter is there in every later rendering, decided conflicts or not."""
    base = render_card(run, registry=registry)
    registry.save_card_text(run.id, RUN_TARGET, base=base, text=base.replace("license: mit", "license: gpl-3.0"))
    for prefer in (None, "ours", None, "theirs", None):
        card = render_card(run, registry=registry, prefer=prefer)
        assert "license: gpl-3.0\n" in card
        assert "- **License:** gpl-3.0\n" in card


def test_a_licence_that_both_changed_is_a_conflict(registry: Registry, run: Run, tmp_path: Path) -> None:
    """One in the file and another one among the facts: neither is taken for the other."""
    path = tmp_path / "README.md"
    write_card(run, path, registry=registry)
    path.write_text(path.read_text().replace("license: mit", "license: gpl-3.0"))
    run = registry.set_facts(run.id, {"license": "apache-2.0"})
    with pytest.raises(CardConflict) as caught:
        write_card(run, path, registry=registry)
    assert [place for place, _, _ in caught.value.conflicts] == ["front matter: license"]
    write_card(run, path, registry=registry, form=Form(prefer="theirs"))
    assert "license: gpl-3.0\n" in path.read_text()


@pytest.mark.parametrize("layout", [None, "6.2", "4.1"])
def test_what_a_person_put_right_in_a_card_of_unknown_past_stays(
    registry: Registry, run: Run, tmp_path: Path, layout: str | None
) -> None:
    """A title, a sample, a licence and a section: new facts come in beside them, and where both changed it is asked."""
    path = tmp_path / "README.md"
    text = render_card(run, registry=registry, layout=layout)
    title = next(line for line in text.split("\n") if line.startswith("# "))
    edits = {title: "# Mein Modell", "<code>The ": "<code>DER ", "license: mit": "license: gpl-3.0"}
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new, 1)
    text = text.replace("## Training Details\n", "## Mine\n\nWords.\n\n## Training Details\n")
    path.write_text(text)
    changed(registry, run)
    run = registry.set_facts(run.id, {"base_model": "org/other"})
    write_card(run.id, path, registry=registry, form=Form(layout=layout))
    after = path.read_text()
    for words in (*edits.values(), "## Mine\n\nWords.\n", "0.875", "org/other"):
        assert words in after
    path.write_text(text)
    registry.set_facts(run.id, {"title": "Another title"})
    (tmp_path / "other.md").write_text(text)
    with pytest.raises(CardConflict):
        write_card(run.id, tmp_path / "other.md", registry=registry, form=Form(layout=layout))


def test_a_fact_that_was_set_reaches_the_card_that_the_library_wrote(
    registry: Registry, run: Run, tmp_path: Path
) -> None:
    """Nobody edited the file, so nothing in it is a person's."""
    path = tmp_path / "README.md"
    path.write_text((FOLDER / "README.md").read_text())
    registry.set_facts(run.id, {"license": "apache-2.0", "title": "Other"})
    write_card(run.id, path, registry=registry)
    assert path.read_text() == render_card(run.id, registry=registry)
    assert "\n# Other\n" in path.read_text()


def test_a_card_of_another_run_gives_its_words_only(registry: Registry, run: Run, tmp_path: Path) -> None:
    """What the record of that run says is no edit of this one's."""
    path = tmp_path / "README.md"
    other = FOLDER.parents[1] / "5.1.0" / "st_ir_eval" / "README.md"
    path.write_text(other.read_text() + "\n\n## Thanks\n\nTo all.\n")
    write_card(run, path, registry=registry)
    assert path.read_text() == render_card(run, registry=registry) + "\n\n## Thanks\n\nTo all.\n"
