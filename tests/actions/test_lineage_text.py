"""A lineage as text: a tree that is read, a Mermaid chart that nothing in a title can break."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardgen.actions.lineage import LONGEST, mermaid, tree
from cardgen.registry.lineage import Lineage, LineageData, LineageRelease, LineageRun

AT = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
NLI = LineageData(role="train", name="nli", hub_id="org/nli", revision="d" * 40)


def run(name: str, parent: str | None = None, **given: Any) -> LineageRun:
    """A run of a lineage; its id is its name."""
    facts = {"status": "finished", "title": f"the {name}", "model_type": "CrossEncoder", **given}
    return LineageRun(id=name, name=name, parent=parent, **facts)


def release(**given: Any) -> LineageRelease:
    """A published version."""
    facts: dict[str, Any] = {"model": "me/model", "way": "published", "version": 2, "aliases": ("champion",)}
    return LineageRelease(**{**facts, "commit": "c" * 40, "at": AT, **given})


FAMILY = Lineage(
    reference="child",
    asked=("child",),
    runs=(
        run("root", base_model="org/base", base_revision="b" * 40, datasets=(NLI,)),
        run("child", "root", through="me/model@" + "c" * 40, releases=(release(),)),
        run("other", "root", title="CrossEncoder", status="deleted"),
        LineageRun(id="0193", parent="child"),
    ),
)

TREE = """\
org/base@bbbbbbb
└─ root  the root, CrossEncoder, finished
   ├─ train data: nli (org/nli@ddddddd)
   ├─ child  the child, CrossEncoder, finished  from me/model@ccccccc ←
   │  ├─ me/model@2  champion, published in ccccccc, 2026-10-01
   │  └─ 0193  gone
   └─ other  CrossEncoder, deleted
"""

CHART = """\
flowchart LR
    n0["root<br/>the root, CrossEncoder, finished"]
    n1[["child<br/>the child, CrossEncoder, finished"]]
    n2["other<br/>CrossEncoder, deleted"]
    n3["0193<br/>gone"]
    n4(["org/base@bbbbbbb"])
    n4 --> n0
    n5[("nli<br/>org/nli@ddddddd")]
    n5 -.->|"train"| n0
    n0 -->|"me/model@ccccccc"| n1
    n6{{"me/model@2<br/>champion, published in ccccccc"}}
    n1 ==> n6
    n0 --> n2
    n1 --> n3
"""


def test_a_tree() -> None:
    """The base model first, then each run with its data, what it became, and its children; the asked one is marked."""
    assert "".join(f"{drawn}{said}\n" for drawn, said in tree(FAMILY)) == TREE
    plain = TREE.replace("├─", "+-").replace("└─", "`-").replace("│", "|").replace("←", "<-")
    assert "".join(f"{drawn}{said}\n" for drawn, said in tree(FAMILY, ascii_only=True)) == plain


def test_a_chart() -> None:
    """Base models and data lead to runs, runs to runs and to what they became."""
    assert mermaid(FAMILY) == CHART


def test_runs_of_one_base_stand_below_it_once() -> None:
    """A base is one root, other revisions are others, and a run without a base stands by itself."""
    runs = (run("a", base_model="b"), run("c", base_model="b"), run("d", base_model="b", base_revision="x"), run("e"))
    said = [said.split("  ")[0] for _, said in tree(Lineage(reference="b", asked=(), runs=runs))]
    assert said == ["b", "a", "c", "b@x", "d", "e"]
    chart = mermaid(Lineage(reference="b", asked=(), runs=runs))
    assert chart.count('"b"') == chart.count('"b@x"') == 1


def test_what_is_unnamed_is_apart() -> None:
    """Two data sets without a name are two, one that two runs name is one."""
    unnamed = LineageData(role="train", name=None, hub_id=None, revision=None)
    runs = (run("a", datasets=(unnamed, NLI)), run("b", datasets=(unnamed, NLI)))
    chart = mermaid(Lineage(reference="a", asked=(), runs=runs))
    assert chart.count('[("unnamed")]') == 2
    assert chart.count('[("nli<br/>') == 1


def test_a_deep_lineage() -> None:
    """Hundreds of generations are no trouble."""
    runs = tuple(run(f"r{number}", f"r{number - 1}" if number else None) for number in range(500))
    found = Lineage(reference="r0", asked=(), runs=runs)
    assert sum(1 for _ in tree(found)) == 500
    assert mermaid(found).count("-->") == 499


# What a label holds: letters and digits of any script, signs that mean nothing there, and numbers of characters.
LABEL = r'"(?:[^\W]|[ \-./@,+=()]|\#[0-9]+;|<br/>|\?)+"'
LINE = re.compile(
    rf"    (?:n[0-9]+(?:\[{LABEL}\]|\[\[{LABEL}\]\]|\(\[{LABEL}\]\)|\[\({LABEL}\)\]|\{{\{{{LABEL}\}}\}})"
    rf"|n[0-9]+ (?:-->(?:\|{LABEL}\|)?|-\.->\|{LABEL}\||==>) n[0-9]+)"
)
NASTY = [
    '"]; click n0 "javascript:alert(1)"',
    "`**bold**`",
    "#quot; #35; &lt;",
    "<script>alert(1)</script>",
    "%%{init: {'theme': 'x'}}%%",
    "style a:b#c;",
    "end\nsubgraph x",
    "\x1b]0;x\x07\u202e\ud800\0",
    "@{ shape: x }",
    "---",
    "",
    "  ",
]
TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(NASTY)


@given(st.lists(TEXT, min_size=9, max_size=9))
def test_no_text_breaks_a_chart(texts: list[str]) -> None:
    """Whatever stands in names, titles, places and aliases, each line is a node or an edge, and nothing else."""
    one, two, three, four, five, six, seven, eight, nine = texts
    data = LineageData(role=one, name=two, hub_id=three, revision=four)
    made = release(model=five, aliases=(six,), commit=seven)
    first = run(
        "a", title=eight, model_type=nine, base_model=one, base_revision=two, datasets=(data,), releases=(made,)
    )
    found = Lineage(reference="x", asked=("b",), runs=(first, run("b", "a", title=seven, through=eight)))
    head, *lines = mermaid(found).removesuffix("\n").split("\n")
    assert head == "flowchart LR"
    assert [line for line in lines if LINE.fullmatch(line) is None] == []


@pytest.mark.parametrize("text", [*NASTY[:5], "模型 модель é"])
def test_a_text_reads_as_it_was(text: str) -> None:
    """Decoded as Mermaid decodes it, a label is the text."""
    chart = mermaid(Lineage(reference="x", asked=(), runs=(run("a", title=text),)))
    decoded = re.sub(r"#([0-9]+);", lambda found: chr(int(found[1])), chart)
    assert f"<br/>{text}, CrossEncoder" in decoded


def test_long_texts_are_cut() -> None:
    """A title of a thousand characters does not fill the page."""
    found = Lineage(reference="x", asked=(), runs=(run("a", title="x" * 1000),))
    for text in (mermaid(found), "".join(said for _, said in tree(found))):
        assert "x" * LONGEST in text
        assert "x" * (LONGEST + 1) not in text
