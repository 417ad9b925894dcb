"""Checking runs, files and folders: what is found about which, and what stops nothing."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

import cardgen
from cardgen.actions.check import check_all, check_card
from cardgen.actions.import_ import store_card
from cardgen.actions.render import RUN_TARGET
from cardgen.actions.sources import read_source
from cardgen.actions.write import write_card
from cardgen.card.layout import render
from cardgen.card.parse.read import parse
from cardgen.check.report import Report
from cardgen.check.valid import LARGEST
from cardgen.errors import FileProblem, RegistryNotFound, RunNotFound
from cardgen.record import Run
from cardgen.registry import Registry
from cardgen.registry.codec import encode_run
from tests.check.cards import CARD, line_of

ID = "0193b5b0-0000-7000-8000-000000000001"


def recorded() -> Run:
    """A captured run whose card is the golden one."""
    run = parse(CARD).run
    assert run is not None
    return dataclasses.replace(run, id=ID, name="amber-otter", origin="captured")


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Path:
    """A registry with that run."""
    path = tmp_path / "cards.db"
    with Registry(path) as opened:
        opened.save(recorded())
    return path


def rules(report: Report) -> set[str]:
    """The rules that stop a card or warn."""
    return {finding.rule for finding in report.stopping(strict=True)}


def by_file(reports: list[Report]) -> dict[str, set[str]]:
    """Those of each file, by its name."""
    return {Path(report.file).name: rules(report) for report in reports}


def test_a_text_a_file_and_a_folder_need_no_registry(tmp_path: Path) -> None:
    """And none is made for them."""
    (tmp_path / "README.md").write_text(CARD)
    for card in (CARD, tmp_path / "README.md", str(tmp_path / "README.md"), tmp_path, parse(CARD).run):
        assert card is not None
        report = cardgen.check_card(card)
        assert (rules(report), report.score) == (set(), 72)
    assert not Path(os.environ["CARDGEN_REGISTRY"]).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md"]


def test_a_run_is_checked_as_it_would_be_rendered(registry: Path) -> None:
    """A person's words are part of it; what they changed of the facts is found."""
    assert rules(check_card("amber-otter", registry=registry)) == set()
    run = recorded()
    text = (
        CARD.replace("0.1122 ", "0.9122 ")
        .replace("0.11223762214575789", "0.9122")
        .replace("# Sent", "# <script>\n# Sent")
    )
    with Registry(registry) as opened:
        opened.save_card_text(run.id, RUN_TARGET, base=CARD, text=text)
        report = check_card("amber-otter", registry=opened)
        assert check_card(run, registry=opened) == report
    assert report.file == "amber-otter"
    assert rules(report) == {"stale-number", "active-content"}
    assert all(finding.remedy for finding in report.stopping())


def test_a_file_is_held_against_the_run_it_was_written_from(registry: Path, tmp_path: Path) -> None:
    """Its numbers are stale once the record has others; that is known by the file, not by its text."""
    path = tmp_path / "model" / "README.md"
    path.parent.mkdir()
    run = recorded()
    with Registry(registry) as opened:
        write_card(run, path, registry=opened)
        assert rules(check_card(path, registry=opened)) == set()
        metrics = {**run.evaluations[0].metrics, "sts-dev_pearson_cosine": 0.5}
        later = dataclasses.replace(run, evaluations=(dataclasses.replace(run.evaluations[0], metrics=metrics),))
        opened.save(later)
        report = check_card(path, registry=opened)
    [finding] = report.stopping()
    assert (finding.rule, finding.line) == ("stale-number", line_of(CARD, "| pearson_cosine "))
    assert finding.message.endswith("the record has changed since")
    assert finding.remedy == f"cardgen render amber-otter -o {path} --conflict ours"


def test_a_folder_knows_its_run_without_a_registry(tmp_path: Path) -> None:
    """The record in `cardgen.json` is enough; a card beside it that says otherwise is found."""
    run = recorded()
    (tmp_path / "cardgen.json").write_text(f'{{"run_id": "{run.id}", "record": {encode_run(run)}}}')
    (tmp_path / "README.md").write_text(render(run, parse(CARD).log))
    assert rules(check_card(tmp_path)) == set()
    (tmp_path / "README.md").write_text(CARD.replace("- `learning_rate`: 2e-05", "- `learning_rate`: 1.0"))
    assert rules(check_card(tmp_path)) == {"changed-fact"}


def test_an_imported_card_is_known_by_its_bytes(registry: Path, tmp_path: Path) -> None:
    """The run's name is in what mends it, wherever the file lies."""
    text = CARD.replace("license: mit", "license: nope")
    (tmp_path / "a.md").write_text(text)
    (tmp_path / "b.md").write_text(text)
    with Registry(registry) as opened:
        imported = store_card(dataclasses.replace(read_source(tmp_path / "a.md"), target=None), opened).run
        assert imported is not None
        [finding] = check_card(tmp_path / "b.md", registry=opened).stopping()
    assert finding.remedy is not None
    assert finding.remedy.startswith(f"cardgen runs set {imported.name} license=LICENSE && cardgen render")


def test_all_cards_of_a_folder_are_checked(tmp_path: Path) -> None:
    """README.md at any depth and other Markdown with front matter; no code, no links, nothing hidden."""
    for name in ("README.md", "a/README.md", "a/b/card.md", "a/notes.md", ".git/README.md", "a/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# notes\n" if name.endswith(("notes.md", "txt")) else CARD)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path)
    reports = list(check_all([str(tmp_path)]))
    assert [os.path.relpath(report.file, tmp_path) for report in reports] == ["README.md", "a/README.md", "a/b/card.md"]


def test_what_cannot_be_read_is_a_finding_and_stops_no_other(tmp_path: Path) -> None:
    """A binary file, one too large, one in another encoding, a folder in the place of a file, a pipe, a missing run."""
    (tmp_path / "README.md").write_text(CARD)
    for name, data in {
        "binary": b"\x7fELF\0\1",
        "large": b"x" * (LARGEST + 1),
        "latin": CARD.encode() + b"\n\xe9",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_bytes(data)
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "README.md").mkdir()
    os.mkfifo(tmp_path / "pipe.md")
    names = [str(tmp_path / name) for name in ("binary", "large", "latin", "dir", "pipe.md", "gone.md", "README.md")]
    reports = list(check_all([*names, "no-such-run"]))
    assert [sorted(rules(report)) for report in reports] == [
        ["not-text"],
        ["card-too-large"],
        ["not-utf8"],
        ["unreadable"],
        ["unreadable"],
        ["unreadable"],
        [],
        ["unreadable"],
    ]
    assert next(f.line for f in reports[2].findings if f.rule == "not-utf8") == CARD.count("\n") + 2


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_finding(tmp_path: Path) -> None:
    """And so is a folder that may not be entered."""
    (tmp_path / "a.md").write_text(CARD)
    (tmp_path / "README.md").write_text(CARD)
    (tmp_path / "README.md").chmod(0)
    (tmp_path / "shut").mkdir(mode=0)
    assert by_file(list(check_all([str(tmp_path)]))) == {
        "README.md": {"unreadable"},
        "a.md": set(),
        "shut": {"unreadable"},
    }


def test_a_single_name_that_is_nothing_is_an_error(tmp_path: Path, registry: Path) -> None:
    """With one name there is nothing else to go on with."""
    with pytest.raises(RunNotFound):
        list(check_all(["no-such-run"], registry=registry))
    with pytest.raises(RegistryNotFound):
        check_card("no-such-run")
    with pytest.raises(FileProblem):
        list(check_all([str(tmp_path / "no.md")]))
    (tmp_path / "README.md").write_text(CARD)
    with pytest.raises(RegistryNotFound):  # a registry that was named is not passed over
        check_card(tmp_path, registry=tmp_path / "no.db")


def test_a_folder_of_thousands_of_files_is_one_pass(tmp_path: Path) -> None:
    """Weights and other files are not opened."""
    for number in range(3000):
        (tmp_path / f"{number}.bin").touch()
    assert by_file(list(check_all([str(tmp_path)]))) == {tmp_path.name: {"unreadable"}}
    (tmp_path / "README.md").write_text(CARD)
    assert by_file(list(check_all([str(tmp_path)]))) == {"README.md": set()}
