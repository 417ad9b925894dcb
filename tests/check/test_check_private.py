"""The rules about what must not leave, and about what a card does to those who look at it."""

from __future__ import annotations

import pytest

from cardgen.record import Environment, Model, Run
from tests.check.cards import CARD, GOLDEN, body, found, front, line_of, report

KEY = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aumsbv",
    "-----END RSA PRIVATE KEY-----",
]
HF = "hf_" + "aB3dE5gH7j" * 3
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
ARGUMENTS = "#### All Hyperparameters\n"
UNNAMED = (GOLDEN / "6.2.0" / "st_unnamed" / "README.md").read_bytes().decode()


def argument(line: str) -> str:
    """The card with another argument."""
    return CARD.replace(ARGUMENTS, f"{ARGUMENTS}- {line}\n", 1)


SECRETS: list[tuple[str, list[int]]] = [
    (body("text", HF), [6]),
    (body(f"`{HF}`", "```", AWS, "```"), [5, 7]),
    (body(f"| <code>{HF}</code> |"), [5]),
    (body("ghp_" + "a1" * 18, "sk-proj-" + "a1" * 12, "xoxb-123456789012-abcdef"), [5, 6, 7]),
    (body(*KEY), [5]),
    (body("https://me:pa55word@example.com/x"), [5]),
    (body(f"'a\\n{HF}'"), [5]),
    (front("license: mit", f"x: {HF}"), [3]),
    (front("license: mit", "hub_token: abcdefgh1234"), [3]),
    (front("license: mit", "a:", "- b:", "    api_key: abc"), [5]),
    (front("widget:", f'- text: "a\\n{HF}"'), [3]),
    (f"<!-- {HF} -->", [1]),
]


@pytest.mark.parametrize(("text", "lines"), SECRETS)
def test_secrets_are_found_wherever_they_are(text: str, lines: list[int]) -> None:
    """Tokens by their form anywhere, by their name in the front matter; each on its line."""
    assert found(text, "secret") == lines
    assert [finding.severity for finding in report(text).findings if finding.rule == "secret"] == ["error"] * len(lines)


@pytest.mark.parametrize(
    "line", ["`hub_token`: abcdefgh1234", "`report_to`: {'api_key': 'abc'}", "`x`: ['--password', 'password=x']"]
)
def test_an_argument_is_a_secret_by_its_name(line: str) -> None:
    """Arguments in the body count as those in a record do."""
    text = argument(line)
    assert found(text, "secret") == [line_of(text, line)]


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        front("tokenizer: bert", "hub_token: '[redacted]'", "widget:", "- password: hunter2"),
        argument("`include_num_input_tokens_seen`: no"),
        argument("`hub_token`: <HUB_TOKEN>"),
        argument("`push_to_hub_token`: None"),
        body("hf_hub_download", "sk-learn and risk-averse people", "the token is a word", "eyJ"),
    ],
)
def test_words_about_secrets_are_none(text: str) -> None:
    """Placeholders, columns of data and names of arguments are left alone."""
    assert found(text, "secret") == []


def test_no_finding_repeats_what_is_private() -> None:
    """A report may be printed in a public log: it has the line, not the secret, path or address."""
    text = body(HF, "/home/anna/x", "anna@example.org", "http://10.1.2.3/x")
    said = " ".join(finding.message for finding in report(text).findings)
    assert not any(word in said for word in (HF, "anna", "10.1"))


@pytest.mark.parametrize("path", ["/home/anna/data", "/Users/anna/x", "C:\\Users\\anna\\x", "/root/out"])
def test_home_paths_in_metadata_and_arguments_are_errors(path: str) -> None:
    """The user's name is in metadata, arguments, or the line that loads the model."""
    loads = CARD.replace("sentence_transformers_model_id", path.replace("\\", "\\\\"))
    for text, line in (
        (front("license: mit", f"base_model: {path}"), 3),
        (argument(f"`output_dir`: {path}"), line_of(CARD, "#### All Hyperparameters") + 1),
        (loads, line_of(CARD, "sentence_transformers_model_id")),
    ):
        assert found(text, "home-path") == [line]
        assert found(text, "home-path-in-text") == []


def test_home_paths_in_rows_and_prose_are_warnings() -> None:
    """Samples, the widget and what people write are their own affair."""
    cell = "<code>The garden answers the stone before sunrise</code>"
    for text, line in (
        (CARD.replace(cell, f"<code>{'/home/anna/x':44}</code>"), line_of(CARD, cell)),
        (front("license: mit", "widget:", "- text: see /home/anna/x", "tags: [a]"), 4),
        (body("## Notes", "", "I keep it in /home/anna/x."), 7),
    ):
        assert found(text, "home-path") == []
        assert found(text, "home-path-in-text") == [line]
    assert found(body("~/x, /home, /homepage/x, https://a.org/home/x"), "home-path-in-text") == []


def test_email_addresses_are_warnings_but_for_a_contact() -> None:
    """An address that somebody put under a heading for it is meant to be there."""
    text = body("Ask anna@example.org.", "", "## Model Card Contact", "", "anna@example.org", "", "## More", "x@y.org")
    assert found(text, "email-address") == [5, 12]
    assert found(body("git@github.com:a/b", "a @b c@d", "@decorator"), "email-address") == []
    assert found(front("x: anna@example.org"), "email-address") == [2]


@pytest.mark.parametrize(
    "text",
    ["10.11.12.13", "see http://gpu01/x", "http://wiki.corp/x", "ssh://node7.cluster.local", "https://10.0.0.7:80"],
)
def test_machines_of_a_private_network_are_warnings(text: str) -> None:
    """Private addresses, and URLs of hosts without a public name."""
    assert found(body("x", text), "internal-host") == [6]


@pytest.mark.parametrize(
    "text",
    ["http://localhost:8080", "127.0.0.1", "8.8.8.8", "https://sbert.net", "version 10.2.1.3.4", "s3://bucket/x"],
)
def test_public_machines_and_this_one_are_not(text: str) -> None:
    """What everybody can reach, or only oneself, tells nothing."""
    assert found(body(text), "internal-host") == []


def test_the_machine_of_the_run_is_found_by_its_name() -> None:
    """The record knows where the run was made; the card need not."""
    run = Run(id="1", name="r", model=Model(type="SentenceTransformer"), environment=Environment(hostname="gpu-box-7"))
    assert found(body("made on gpu-box-7"), "internal-host", run=run) == [5]
    assert found(body("made on gpu-box-7"), "internal-host") == []


def test_rows_of_data_that_is_not_known_to_be_public_are_warnings() -> None:
    """Rows, widget and snippet of a data set without an id; with one, none; into a private repository, none."""
    assert found(UNNAMED, "private-rows") == [
        line_of(UNNAMED, "widget:"),
        line_of(UNNAMED, "= SentenceTransformer("),
        line_of(UNNAMED, "* Samples:"),
    ]
    assert found(UNNAMED, "private-rows", public=False) == []
    assert found(CARD, "private-rows") == []
    lines = [number for number, line in enumerate(CARD.split("\n"), 1) if line == "* Samples:"]
    known = found(CARD, "private-rows", known_public={"tinyorg/river-pairs"})
    assert lines[1] in known
    assert lines[0] not in known
    assert found(CARD, "private-rows", known_public=[])[-2:] == lines


ACTIVE = [
    "<script>alert(1)</script>",
    "<SCRIPT src=x>",
    "| <code><script>x</script></code> |",
    "<iframe src='https://a.b'></iframe>",
    "<img src=x onerror=alert(1)>",
    "<img alt='>' src=x onerror='alert(1)'>",
    "<img alt=it's src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x]( JaVaScRiPt:alert(1))",
    "[x](data:text/html,<b>)",
    "[x]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<form action=x>",
    "<meta http-equiv=refresh content=0>",
    "` <script> ``",
]


@pytest.mark.parametrize("line", ACTIVE)
def test_active_content_is_an_error(line: str) -> None:
    """However it is written, on its line."""
    assert found(body("x", "", line), "active-content") == [7]


def test_active_content_over_several_lines_is_found_where_it_begins() -> None:
    """A tag may go over several lines."""
    assert found(body("x", "<img", "src=x", "onerror=alert(1)>"), "active-content") == [6]


@pytest.mark.parametrize(
    "lines",
    [
        ["```html", "<script>x</script>", "```"],
        ["~~~", "```", "<script>", "~~~"],
        ["Use `<script>` and ``a ` <iframe>``."],
        ["<details><summary>Click</summary>", "<br><b>x</b>", "</details>"],
        ["a < b and once = 1", "x <code>on_click = 3</code>"],
        ["[javascript](https://a.b) ![badge](https://img.shields.io/x.svg)"],
        ["<a href='https://a.b/javascript:x'>x</a>", "<img src='https://a.b/x.png'>"],
    ],
)
def test_code_and_plain_markup_are_not_active(lines: list[str]) -> None:
    """What is shown and not run is left alone."""
    assert found(body(*lines), "active-content") == []


def test_what_follows_a_code_block_is_looked_at() -> None:
    """A block ends where a browser sees its end, and not later."""
    assert found(body("```", "x", "```", "<script>"), "active-content") == [8]
    assert found(body("````", "```", "<script>", "````", "<script>"), "active-content") == [9]


def test_remote_images_in_cells_are_warnings() -> None:
    """A row of data that loads an image tells somebody who reads the card; a badge in the text does not."""
    row = "| <code>![x](https://a.b/x.png)</code> |"
    assert found(
        body("![x](https://a.b/x.png)", row, "| <img src=//a.b/x> |", "| ![x](x.png) |"), "remote-image-in-cell"
    ) == [
        6,
        7,
    ]
