"""Merging: what people wrote survives new facts and new layouts."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardgen.card.front_merge import merge_front_matter
from cardgen.card.layout import render
from cardgen.card.matching import Matcher
from cardgen.card.merge import MIDDLE, OURS, THEIRS, Prefer, merge
from cardgen.card.parse.read import parse
from cardgen.card.yaml_text import load as load_yaml
from cardgen.errors import LayoutTooOld
from cardgen.record import LogEvent, Run
from tests.card.edits import EDITS
from tests.golden.facts import folders, load

FOUND = folders(Path(__file__).parent.parent / "golden")
ROOT = Path(__file__).parent.parent / "golden"
SAMPLE = FOUND[::7]
LAYOUTS = ("6.2", "5.4", "5.0", "4.0", "3.0")
CARD = ROOT / "6.2.0" / "st_ir_eval"

Rendered = tuple[str, str, str]
"""What was new, the base, the new rendering."""


def rendered(folder: Path) -> Iterator[Rendered]:
    """A golden run's card, and what it becomes by new facts and in other layouts."""
    run, log = load(folder)
    base = render(run, log)
    yield "nothing", base, base
    yield "a changed fact", base, render(changed(run, title="New title", base_model="org/other"), log)
    if run.evaluations:
        yield "a new evaluation", base, render(evaluated(run), log)
    for layout in LAYOUTS:
        try:
            yield "another layout", base, render(run, log, layout=layout)
        except LayoutTooOld:
            continue


def changed(run: Run, **facts: object) -> Run:
    """The run with other facts of its model."""
    return dataclasses.replace(run, model=dataclasses.replace(run.model, **facts))  # type: ignore[arg-type]


def evaluated(run: Run) -> Run:
    """The run with other results."""
    results = [
        {key: value * 0.9 + 0.01 if isinstance(value, float) else value for key, value in evaluation.metrics.items()}
        for evaluation in run.evaluations
    ]
    evaluations = [
        dataclasses.replace(evaluation, metrics=metrics)
        for evaluation, metrics in zip(run.evaluations, results, strict=True)
    ]
    return dataclasses.replace(run, evaluations=tuple(evaluations))


def outcomes(name: str, found: list[Path]) -> Counter[str]:
    """How an edit fares: `exact` is what the same edit of the new rendering gives, byte for byte."""
    edit = EDITS[name]
    counts: Counter[str] = Counter()
    for folder in found:
        for kind, base, new in rendered(folder):
            text = edit(base)
            if text == base:
                continue
            merged = merge(base, new, text)
            outcome = "conflict" if merged.conflicts else "exact" if merged.text == edit(new) else "clean"
            counts[f"{kind}: {outcome}"] += 1
    return counts


REORDERED = ("a key", "another order of the keys")
"""Edits after which a new key of ours may stand in another place than in the edited rendering."""


@pytest.mark.parametrize("name", [name for name in EDITS if name != "a deleted section"])
def test_an_edit_survives_new_facts_and_layouts(name: str) -> None:
    """The result is what the same edit of the new rendering gives, byte for byte; nothing conflicts."""
    counts = outcomes(name, SAMPLE)
    assert counts.total() >= 180
    assert sum(count for key, count in counts.items() if key.endswith(": conflict")) == 0
    clean = sum(count for key, count in counts.items() if key.endswith(": clean"))
    assert clean <= (0.15 * counts.total() if name in REORDERED else 0), counts


def test_a_deleted_section_is_asked_about_where_it_changed() -> None:
    """New facts elsewhere do not bring it back; a layout that words it otherwise asks."""
    counts = outcomes("a deleted section", SAMPLE)
    assert {key for key in counts if key.endswith(": conflict")} == {"another layout: conflict"}
    assert {key for key in counts if key.endswith(": clean")} <= {"another layout: clean"}
    layouts = {key: count for key, count in counts.items() if key.startswith("another layout")}
    assert 0.5 < layouts["another layout: conflict"] / sum(layouts.values()) < 0.8, counts


@pytest.fixture(name="card")
def _card() -> tuple[Run, list[LogEvent], str]:
    run, log = load(CARD)
    return run, log, render(run, log)


def test_a_deleted_section_is_asked_once_and_then_remembered(card: tuple[Run, list[LogEvent], str]) -> None:
    """A deletion is kept where nothing changed, asked where something did, and not asked again."""
    run, log, base = card
    text = EDITS["a deleted section"](base)
    heading = "## Training Details"
    kept = merge(base, base, text)
    assert (kept.text, kept.conflicts, kept.deleted) == (text, (), frozenset({heading}))
    new = render(run, log, layout="5.0")
    asked = merge(base, new, text)
    assert [conflict.place for conflict in asked.conflicts] == [f"{heading} (deleted)"]
    assert heading not in asked.text
    again = merge(base, new, text, deleted=[heading])
    assert (again.conflicts, again.deleted) == ((), frozenset({heading}))
    assert heading not in again.text
    # it is remembered though our own text had no such section for a while
    without = EDITS["a deleted section"](base)
    assert heading not in merge(without, new, EDITS["a word in fixed text"](without), deleted=[heading]).text
    # and forgotten when it stands again
    assert merge(base, new, base + "\n", deleted=[heading]).deleted == frozenset()


@pytest.mark.parametrize("prefer", ["ours", "theirs", "markers"])
def test_a_deleted_section_comes_back_whole_if_ours_is_preferred(
    prefer: Prefer, card: tuple[Run, list[LogEvent], str]
) -> None:
    """With `theirs` it stays away; between markers it stands as a whole."""
    run, log, base = card
    text = EDITS["a deleted section"](base)
    new = render(run, log, layout="5.0")
    merged = merge(base, new, text, prefer=prefer)
    assert merged.conflicts == ()
    section = new.removeprefix(before := new[: new.index("## Training Details")])
    section = section[: section.index("\n## ") + 1]
    wanted = {"ours": new, "theirs": EDITS["a deleted section"](new)}
    if prefer == "markers":
        wanted["markers"] = f"{before}{OURS}\n{section}{MIDDLE}\n{THEIRS}\n{new[len(before) + len(section) :]}"
    assert merged.text == wanted[prefer]
    assert merged.deleted == ({"## Training Details"} if prefer == "theirs" else frozenset())


@pytest.mark.parametrize(
    ("prefer", "kept", "gone"),
    [
        (None, ["0.77"], ["0.55", OURS]),
        ("theirs", ["0.77"], ["0.55", OURS]),
        ("ours", ["0.55"], ["0.77", OURS]),
        ("markers", ["0.55", "0.77", OURS, MIDDLE, THEIRS], []),
    ],
)
def test_both_changed_one_number(prefer: Prefer | None, kept: list[str], gone: list[str]) -> None:
    """It is a conflict, named by its section; without a preference what stands is kept, and nothing is mixed."""
    base, new, text = (f"# T\n\n## Metrics\n\nThe score is {score}.\n\nEnd" for score in ("0.33", "0.55", "0.77"))
    merged = merge(base, new, text, prefer=prefer)
    assert all(part in merged.text for part in kept)
    assert not any(part in merged.text for part in gone)
    if prefer is None:
        (conflict,) = merged.conflicts
        assert (conflict.place, conflict.ours, conflict.theirs) == (
            "## Metrics",
            "The score is 0.55.",
            "The score is 0.77.",
        )
    else:
        assert merged.conflicts == ()


def test_words_of_one_line_are_merged() -> None:
    """A person's word and our number in the same line are no conflict."""
    merged = merge(
        "# T\n\nThe score is 0.33 today.", "# T\n\nThe score is 0.55 today.", "# T\n\nThe score was 0.33 today."
    )
    assert (merged.text, merged.conflicts) == ("# T\n\nThe score was 0.55 today.", ())


def test_a_line_that_was_deleted_and_changed_is_a_conflict() -> None:
    """We changed it, the person deleted it: that is asked, and no empty line is left in its place."""
    base, new, text = "# T\n\na\nscore 1\nb", "# T\n\na\nscore 2\nb", "# T\n\na\nb"
    merged = merge(base, new, text)
    assert merged.text == text
    assert len(merged.conflicts) == 1
    assert merge(base, new, text, prefer="ours").text == new


FRONT = "language:\n- en\ntags:\n- a\n- b\nlicense: mit"


@pytest.mark.parametrize(
    ("new", "text", "wanted"),
    [
        # comments of a key that we drop move on, comments inside of a list stay
        (FRONT.replace("license: mit", ""), FRONT.replace("license", "# really\nlicense"), "tags:\n- a\n- b\n# really"),
        (FRONT.replace("- a", "- c\n- a"), FRONT.replace("- b", "- b\n# mine\n- m"), "- c\n- a\n- b\n# mine\n- m"),
        (FRONT.replace("- b", "- b\n- c"), FRONT.replace("tags:", "tags: # all"), "tags: # all\n- a\n- b\n- c"),
        # lists are sets: added on both sides, removed on one
        (FRONT.replace("- b", "- b\n- c"), FRONT.replace("- a", "- a\n- m"), "tags:\n- a\n- m\n- b\n- c"),
        (FRONT.replace("- a\n", ""), FRONT.replace("- b", "- b\n- m"), "tags:\n- b\n- m"),
        # another way of writing is kept while nothing changes
        (FRONT.replace("mit", "gpl"), FRONT.replace("- a\n- b", "[a, b]").replace("tags:\n", "tags: "), "tags: [a, b]"),
        (FRONT.replace("mit", "gpl"), FRONT.replace("- en", "- 'en'"), "- 'en'"),
        # unknown keys, however odd
        (FRONT.replace("mit", "gpl"), FRONT + "\nmodel-index: !odd\n  x: *y", "model-index: !odd\n  x: *y"),
        (FRONT.replace("mit", "gpl"), '"quoted key" : 1\n' + FRONT, '"quoted key" : 1\n'),
        (FRONT.replace("mit", "gpl"), "no: 1\nno: 2\n" + FRONT, "no: 1\nno: 2\n"),
        (FRONT.replace("mit", "gpl"), "\n\n" + FRONT + "\n\n# end", "\n\nlanguage"),
        # a list of text where it was one text
        (FRONT.replace("- en", "- en\n- nl"), FRONT.replace("\n- en", " en"), "- en\n- nl"),
    ],
)  # fmt: skip
def test_front_matters_merge_by_key(new: str, text: str, wanted: str) -> None:
    """Order, comments, quoting and what is unknown stay; what we changed comes."""
    merged, conflicts = merge_front_matter(FRONT, new, text)
    assert conflicts == []
    assert merged is not None
    assert wanted in merged
    assert ("license: gpl" in merged) == ("gpl" in new)


@pytest.mark.parametrize(
    ("new", "text", "key"),
    [
        (FRONT.replace("mit", "gpl"), FRONT.replace("mit", "apache-2.0"), "license"),
        (FRONT.replace("mit", "gpl"), FRONT.replace("mit", "mit # as agreed with the lawyers"), "license"),
        (FRONT.replace("\nlicense: mit", ""), FRONT.replace("mit", "apache-2.0"), "license"),
        (FRONT.replace("mit", "gpl"), FRONT.replace("\nlicense: mit", ""), "license"),
        (FRONT.replace("- b", "- b\n- c"), FRONT.replace("- a\n- b", "- {a: b}"), "tags"),
        (FRONT.replace("- b", "- b\n- c"), FRONT.replace("- b", "- b\n# mine\n- m"), "tags"),
    ],
)
def test_front_matters_conflict_where_both_changed_a_key(new: str, text: str, key: str) -> None:
    """Theirs stands until it is decided; a decision for ours is ours."""
    merged, conflicts = merge_front_matter(FRONT, new, text)
    assert [conflict[0] for conflict in conflicts] == [key]
    assert merged == text
    resolved, _ = merge_front_matter(FRONT, new, text, resolve=lambda ours, _: ours)
    assert resolved is not None
    assert ("license: gpl" in resolved) == ("license: gpl" in new)


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("", "license: mit\ntags:\n- a"),
        ("{}", "license: mit\ntags:\n- a"),
        ("# ours\n\n# too", "# ours\n\n# too\nlicense: mit\ntags:\n- a"),
        ("# For reference\n# Doc\n{ }", "# For reference\n# Doc\nlicense: mit\ntags:\n- a"),
        ("  # ours", "  # ours\nlicense: mit\ntags:\n- a"),
    ],
)
@pytest.mark.parametrize("base", ["", "{}"])
def test_keys_come_into_a_front_matter_without_any(base: str, text: str, merged: str) -> None:
    """Below its comments, as YAML that can be read; the braces of other tools go."""
    if text == base:
        assert merge_front_matter(base, "license: mit\ntags:\n- a", text) == ("license: mit\ntags:\n- a", [])
        return
    found, conflicts = merge_front_matter(base, "license: mit\ntags:\n- a", text)
    assert (found, conflicts) == (merged, [])
    assert load_yaml(found or "") == {"license": "mit", "tags": ["a"]}


@pytest.mark.parametrize("text", ["{license: mit}", "- a", "# x\n{a: [b],\n c: d}", "  license: mit", "nonsense"])
def test_a_front_matter_that_has_no_place_for_a_key_is_a_conflict(text: str) -> None:
    """Keys in braces, a list or no YAML stays as it is until a person decides."""
    found, conflicts = merge_front_matter("", "tags:\n- a", text)
    assert (found, conflicts) == (text, [("all of it", "tags:\n- a", text)])
    resolved, _ = merge_front_matter("", "tags:\n- a", text, resolve=lambda ours, theirs: ours)
    assert resolved == "tags:\n- a"


@pytest.mark.parametrize("front", ["", "\n", "# mine\n", "\n\n"])
def test_an_empty_front_matter_stays_byte_for_byte(front: str) -> None:
    """New facts of the body do not touch it, and new keys come into it."""
    base = "---\n---\n\n# T\n\nWords.\n\nEnd.\n"
    text = base.replace("---\n---", f"---\n{front}---").replace("End.\n", "End.\n\nMine.\n")
    merged = merge(base, base.replace("# T", "# New"), text)
    assert (merged.text, merged.conflicts) == (text.replace("# T", "# New"), ())
    keyed = merge(base, base.replace("---\n---", "---\nlicense: mit\n---"), text)
    assert keyed.conflicts == ()
    _, above, body = keyed.text.split("---\n", 2)
    assert (load_yaml(above), body) == ({"license": "mit"}, text.split("---\n", 2)[2])
    assert ("# mine" in above) == ("# mine" in front)


def test_a_front_matter_that_was_taken_away_stays_away(card: tuple[Run, list[LogEvent], str]) -> None:
    """A card without one gets none back, and its body is merged."""
    run, log, base = card
    text = base[base.index("\n# ") + 1 :]
    merged = merge(base, render(changed(run, title="New title"), log), text)
    assert merged.text.startswith("# New title\n")
    assert all(conflict.place.startswith("front matter") for conflict in merged.conflicts)


def test_delimiters_and_mixed_line_ends_stay_as_they_are(card: tuple[Run, list[LogEvent], str]) -> None:
    """Blanks behind the dashes and single CRLF lines are the text's own."""
    run, log, base = card
    text = base.replace("---\n", "---  \r\n", 1).replace("\n## Usage\n", "\n## Usage\r\n")
    merged = merge(base, render(changed(run, title="New title"), log), text)
    assert merged.conflicts == ()
    assert merged.text.startswith("---  \r\n")
    assert "\n## Usage\r\n" in merged.text
    assert "\n# New title\n" in merged.text


PROFILE = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
LINES = st.lists(st.sampled_from(["a", "b", "c", "", "## x", "### y", "a b c", "a b d", "```", "- k: v"]), max_size=14)


@settings(PROFILE, max_examples=300)
@given(LINES, LINES, LINES)
def test_merging_is_sound_for_any_texts(base: list[str], new: list[str], text: list[str]) -> None:
    """Nothing new leaves the text; a text that nobody edited becomes the new one; preferring leaves nothing open."""
    was, now, stands = ("\n".join(["# T", *lines, "end"]) for lines in (base, new, text))
    assert merge(was, was, stands).text == stands
    assert merge(was, now, was).text == now
    assert merge(was, now, now).text == now
    for prefer in ("ours", "theirs", "markers"):
        assert merge(was, now, stands, prefer=prefer).conflicts == ()


@settings(PROFILE, max_examples=60)
@given(st.data())
def test_no_line_that_a_person_added_is_lost(data: st.DataObject) -> None:
    """Lines and comments put anywhere into a card stand in the merge with another layout, unless a conflict says so."""
    folder = data.draw(st.sampled_from(SAMPLE))
    run, log = load(folder)
    base = render(run, log)
    lines = base.split("\n")
    added = [f"# added {number}" for number in range(data.draw(st.integers(1, 6)))]
    for line in added:
        lines.insert(data.draw(st.integers(1, len(lines))), line)
    new = render(evaluated(changed(run, title="Other")), log[:-2], layout=data.draw(st.sampled_from(["6.2", None])))
    merged = merge(base, new, "\n".join(lines))
    there = Counter(merged.text.split("\n"))
    assert all(there[line] == 1 for line in added)


@settings(PROFILE, max_examples=200)
@given(LINES, LINES)
def test_matching_blocks_are_sound(a: list[str], b: list[str]) -> None:
    """Blocks are equal lines, in order on both sides, and end with an empty one."""
    blocks = Matcher(None, a, b).get_matching_blocks()
    assert blocks[-1] == (len(a), len(b), 0)
    assert all(a[i : i + n] == b[j : j + n] for i, j, n in blocks)
    assert all(i + n <= k and j + n <= m for (i, j, n), (k, m, _) in itertools.pairwise(blocks))


def test_the_same_section_on_both_sides_stands_once() -> None:
    """Also where the other side changed something else near it, so that its lines are matched in another way."""
    base = "# T\n\n<!--\n## Bias\n\n*What?*\n-->\n\n<!--\n## Other\n\n*Which?*\n-->\n\n## End\n"
    mine = base.replace("## End", "## Mine\n\nWords.\n\n## End")
    both = mine.replace("<!--\n## Bias\n\n*What?*\n-->", "## Bias\n\nOnly rivers.")
    assert merge(base, mine, both) == merge(base, both, mine)
    assert merge(base, mine, both).text == both


@pytest.mark.parametrize(
    ("a", "b"),
    [("x y x y", "x y x y x y"), ("a a a", "a a"), ("- c -", "- c - b -"), ("p q", "q p q p"), ("", "a"), ("a b", "")],
)
def test_what_was_added_is_found_as_far_down_as_it_fits(a: str, b: str) -> None:
    """Whatever the lines, the blocks match and what lies between them cannot be moved down."""
    one, other = a.split(), b.split()
    for first, second in ((one, other), (other, one)):
        blocks = Matcher(None, first, second).get_matching_blocks()
        for start, there, length in blocks:
            assert first[start : start + length] == second[there : there + length]
        for (start, there, length), (after, later, size) in itertools.pairwise(blocks):
            if size and start + length == after and there + length < later:
                assert second[there + length] != second[later]


def test_half_a_comment_of_each_side_is_a_conflict() -> None:
    """Words that fit together are not put together where they would hide or show what neither side does."""
    base = "# T\n\n<!-- one two three four five six -->\n\nEnd."
    ours = base.replace("three", "three -->").replace(" six -->", " six")
    theirs = base.replace("<!-- ", "").replace(" -->", "")
    merged = merge(base, ours, theirs)
    assert len(merged.conflicts) == 1
    assert merged.text == theirs


@pytest.mark.parametrize("most", ["\r\n", "\n"])
def test_lines_that_end_otherwise_are_read_and_kept(card: tuple[Run, list[LogEvent], str], most: str) -> None:
    """Words put into a file with other line ends: the record is whole, and where lines are merged they end alike."""
    run, log, base = card
    whole = base.replace("\n", most)
    other = "\n" if most == "\r\n" else "\r\n"
    text = whole.replace("## Training Details", f"## Mine{other}{other}Words.{other}{other}## Training Details")
    found, plain = parse(text), parse(whole)
    assert (found.run, found.log) == (plain.run, plain.log)
    assert merge(whole, whole, text).text == text
    merged = merge(whole, render(changed(run, title="New title"), log), text)
    assert merged.conflicts == ()
    assert "## Mine\r\n" in merged.text  # where most lines end at LF, a CR is content
    assert f"# New title{most}" in merged.text


def test_a_filled_section_below_new_results(card: tuple[Run, list[LogEvent], str]) -> None:
    """The section of risks stands right below the evaluation, where another evaluator's results come in."""
    run, log, base = card
    text = EDITS["a filled stub"](base)
    (result,) = run.evaluations
    more = dataclasses.replace(run, evaluations=(result, dataclasses.replace(result, dataset_name="other")))
    new = render(more, log)
    merged = merge(base, new, text)
    assert (merged.text, merged.conflicts) == (EDITS["a filled stub"](new), ())
    assert merge(text, text, new).conflicts == ()
    first = render(dataclasses.replace(run, evaluations=()), log)
    assert merge(first, base, EDITS["a filled stub"](first)).text == text
