"""Blocks of code, by the rules of CommonMark for fences."""

from __future__ import annotations

import pytest

from cardgen.card.parse.document import sections
from cardgen.card.parse.fences import closes, opening
from cardgen.card.parse.page import fenced


@pytest.mark.parametrize(
    ("line", "fence"),
    [
        ("```", "```"),
        ("~~~", "~~~"),
        ("`````python", "`````"),
        ("   ```python {.x}", "```"),
        ("~~~ a `b` ~", "~~~"),
        ("``` a`b", ""),
        ("```a```", ""),
        ("    ```", ""),
        ("\t```", ""),
        ("``", ""),
        ("> ```", ""),
        ("x ```", ""),
        ("", ""),
    ],
)
def test_what_opens_a_block(line: str, fence: str) -> None:
    """Three backticks or tildes at least, up to three blanks before them; an info string has no backtick."""
    assert opening(line) == fence


@pytest.mark.parametrize(
    ("line", "fence", "closed"),
    [
        ("```", "```", True),
        ("`````", "```", True),
        ("   ``` \t", "```", True),
        ("```\r", "```", True),
        ("```", "````", False),
        ("~~~", "```", False),
        ("```~", "```", False),
        ("``` x", "```", False),
        ("``` `", "```", False),
        ("    ```", "```", False),
        ("\t```", "```", False),
        ("", "```", False),
    ],
)
def test_what_closes_a_block(line: str, fence: str, closed: bool) -> None:
    """The same characters, at least as many, and nothing behind them."""
    assert closes(line, fence) is closed


@pytest.mark.parametrize(
    "code",
    [
        "~~~\n# no\n```\n## no\n~~~",
        "````md\n```\n# no\n```\n## no\n````",
        "```\n~~~\n# no\n```",
        "  ```\n# no\n    ```\n# no\n ```",
        "``` \n# no\n```a```\n# no\n```",
    ],
)
def test_a_comment_in_code_is_no_heading(code: str) -> None:
    """Whatever the fence; what follows the block is read again."""
    lines = f"# One\n{code}\n## Two\ntext".split("\n")
    assert [section.title for section in sections(lines)] == ["One", "Two"]
    found = fenced(lines)
    assert found is not None
    assert found[0] == code.split("\n")[1:-1]
    assert lines[found[1]] == "## Two"


def test_code_in_a_line_opens_nothing() -> None:
    """Three backticks around words are a span of code."""
    assert [section.title for section in sections(["```x```", "# One"])] == ["One"]


def test_a_block_that_is_never_closed_goes_on_to_the_end() -> None:
    """Its headings are code, and it is no block to be read."""
    lines = ["# One", "~~~", "# no", "```", "# no"]
    assert [section.title for section in sections(lines)] == ["One"]
    assert fenced(lines) is None
