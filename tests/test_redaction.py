"""Secrets are told by name and by form; what only looks like one stays."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardgen.record import Dataset, Displayed, Environment, Hyperparameters, Model, Opaque, Run
from cardgen.redaction import REDACTED, is_secret_name, redact, redact_text

# put together at run time, so that no scanner of this repository takes them for real ones
BODY = "a1B2c3D4e5F6g7H8i9J0" * 2
SECRETS = {
    "hugging face": "hf" + "_" + BODY[:34],
    "hugging face organisation": "api" + "_org_" + BODY[:34],
    "openai": "sk" + "-proj-" + BODY,
    "anthropic": "sk" + "-ant-api03-" + BODY,
    "stripe": "sk" + "_live_" + BODY[:24],
    "github": "gh" + "p_" + BODY[:36],
    "github server": "gh" + "s_" + BODY[:36],
    "github fine-grained": "github" + "_pat_" + BODY,
    "gitlab": "glpat" + "-" + BODY[:20],
    "slack": "xox" + "b-123456789012-" + BODY[:24],
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + BODY[:35],
    "google oauth": "ya29." + BODY,
    "npm": "npm" + "_" + BODY[:36],
    "pypi": "pypi" + "-" + BODY * 2,
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "docker": "dckr" + "_pat_" + BODY[:27],
    "sendgrid": "SG." + BODY[:22] + "." + BODY[:40],
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc=\n-----END RSA " + "PRIVATE KEY-----",
    "encrypted pem": "-----BEGIN RSA "
    + "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\nMIIE\n-----END RSA "
    + "PRIVATE KEY-----",
    "cut pem": "-----BEGIN " + "PRIVATE KEY-----\n" + BODY,
}

SECRET_NAMES = (
    "hub_token push_to_hub_token HF_TOKEN api_key apiKey OPENAI_API_KEY openaiApiKey password db.password "
    "--password client_secret aws_secret_access_key private-key credentials passphrase access_token auth "
    "authorization AZURE_CONNECTION_STRING"
)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_token_of_a_known_form_is_replaced_wherever_it_stands(kind: str) -> None:
    """Alone, within a sentence, nested in a value, in a key and in bytes: no trace of it is left."""
    secret = SECRETS[kind]
    assert redact_text(secret) == REDACTED
    assert redact_text(f"use {secret}, please") == f"use {REDACTED}, please"
    assert [redact_text(f"{front}{secret}") for front in ("run-", "x_")] == [f"run-{REDACTED}", f"x_{REDACTED}"]
    value, places = redact({"a": [1, (secret, None)]}, "args")
    assert value == {"a": [1, (REDACTED, None)]}
    assert places == ["args.a.1.0"]
    assert redact(secret.encode())[0] == REDACTED.encode()
    assert redact({secret: 1})[0] == {REDACTED: 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:hunter2@host:5432/db", f"postgresql://me:{REDACTED}@host:5432/db"),
        ("https://:hunter2@host", f"https://:{REDACTED}@host"),
        (f"https://{BODY}@github.com/a/b", f"https://{REDACTED}@github.com/a/b"),
        ("https://host/x?api_key=abcdefgh1&b=2", f"https://host/x?api_key={REDACTED}&b=2"),
        ("Authorization: Bearer abcdef0123456789abcdef", f"Authorization: Bearer {REDACTED}"),
        (
            "DefaultEndpointsProtocol=https;AccountKey=" + BODY + "==",
            f"DefaultEndpointsProtocol=https;AccountKey={REDACTED}",
        ),
    ],
)
def test_only_the_secret_part_of_an_address_goes(text: str, expected: str) -> None:
    """Host, user and path of an address survive."""
    assert redact_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-compatible-estimators-are-nice",
        "ask-the-quick-brown-fox-1234567890",
        "hf_hub_download and hf_transfer",
        "gh-pages, ghosts, ghp_short",
        "https://host/path@v2 and mail me@example.org",
        "ssh://git@github.com/a/b",
        "eyJ is how a JWT starts",
        "AKIA is a prefix",
        "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----",
        "sentence-transformers/all-MiniLM-L6-v2",
        "4283fefc63f0cd0e873a0000c6d07ef7b77e90d3",
        "what is a bearer of bad news?",
        "What is my password? key=value ?key=short",
        "time 12:30://x",
        "",
    ],
)
def test_text_that_is_no_secret_stays(text: str) -> None:
    """Words, names and hashes that resemble tokens are left alone."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    SECRET_NAMES.split(),
)
def test_a_value_under_the_name_of_a_secret_is_replaced(name: str) -> None:
    """The name decides, however short the value is; the place is told."""
    assert redact({name: "hunter2"}, "args") == ({name: REDACTED}, [f"args.{name}"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_tokens", "12345678"),
        ("average_tokens_across_devices", True),
        ("include_num_input_tokens_seen", "no"),
        ("include_num_input_tokens_seen", "non_padding"),
        ("pad_token", "[PAD]"),
        ("eos_token", "<|endoftext|>"),
        ("mask_token", "mask12345"),
        ("query_token", "[Q] "),
        ("token", "[unused0]"),
        ("token", "hello"),
        ("additional_special_tokens", ["[Q]", "[D]"]),
        ("hub_token", None),
        ("hub_token", "<HUB_TOKEN>"),
        ("hub_token", ""),
        ("use_auth_token", True),
        ("password", 5),
        ("author", "Tom"),
        ("authority", "someone"),
        ("secretary", "Ann"),
        ("key", "value"),
        ("keys", ["a"]),
        ("tokenizer", "bert"),
        ("passages", "text"),
        ("compass", "north"),
        ("sort_key", "length"),
        ("hidden_act", "gelu"),
    ],
)
def test_names_that_only_sound_secret_keep_their_value(name: str, value: Any) -> None:
    """Vocabulary, counts, switches and placeholders are facts that a card shows."""
    assert redact({name: value}) == ({name: value}, [])


def test_everything_below_a_secret_name_goes() -> None:
    """Lists and dictionaries under such a name lose their texts and keep their numbers."""
    value, places = redact({"credentials": {"user": "me", "retries": 3, "keys": ["a", ("b",)]}})
    assert value == {"credentials": {"user": REDACTED, "retries": 3, "keys": [REDACTED, (REDACTED,)]}}
    assert places == ["credentials.user", "credentials.keys.0", "credentials.keys.1.0"]


def test_command_line_options_are_understood() -> None:
    """`--token X`, `--token=X` and `TOKEN=X` are redacted, other options are not."""
    words = ("train.py", "--hub_token", "abc", "--password=hunter2", "API_KEY=x", "--lr", "1e-5", "--push", "--token")
    value, places = redact(words, "command_line")
    assert value == (
        "train.py", "--hub_token", REDACTED, f"--password={REDACTED}", f"API_KEY={REDACTED}", "--lr", "1e-5", "--push",
        "--token",
    )  # fmt: skip
    assert places == ["command_line.2", "command_line.3", "command_line.4"]
    assert redact(("--token", "sesame", "--token=sesame", "--pad_token", "[PAD]"), "")[0] == (
        "--token", REDACTED, f"--token={REDACTED}", "--pad_token", "[PAD]",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"api_key": "hunter2", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
        ("{'set': {1}, 'password':'a\\'b c'}", "{'set': {1}, 'password':'[redacted]'}"),
        ("Config(api_key='hunter2', scale=2)", "Config(api_key='[redacted]', scale=2)"),
        ("lr=1,hub_token=abc,eps=1", "lr=1,hub_token=[redacted],eps=1"),
        ('--config={"a": {"client_secret": "x"}}', '--config={"a": {"client_secret": "[redacted]"}}'),
    ],
)
def test_a_name_within_a_text_counts(text: str, expected: str) -> None:
    """JSON, what Python prints, and lists of assignments lose the value of a secret's name and nothing else."""
    assert redact({"a": text}) == ({"a": expected}, ["a"])
    assert redact({"a": expected}) == ({"a": expected}, [])


@pytest.mark.parametrize(
    "text",
    [
        "Given a password: find the user",
        "{'pad_token': '[PAD]', 'num_tokens': '12', 'author': 'Tom'}",
        "password = 5, token=None",
        "if secret == other:",
        "(0): Transformer({'max_seq_length': 32, 'architecture': 'BertModel'})",
        '{"api_key": ""}',
    ],
)
def test_text_without_assigned_secrets_stays(text: str) -> None:
    """Prose, vocabulary, numbers and comparisons are no secrets."""
    assert redact({"a": text}) == ({"a": text}, [])


def test_samples_are_redacted_by_form_only() -> None:
    """A column's text that reads like a setting stays; a real token in a row does not."""
    rows = (("password=abc", SECRETS["hugging face"]),)
    data = Dataset(role="train", samples=rows)
    value, places = redact(data, "datasets.0")
    assert value.samples == (("password=abc", REDACTED),)
    assert places == ["datasets.0.samples.0.1"]


def test_records_are_rebuilt_and_values_without_secrets_are_the_same_object() -> None:
    """A frozen record keeps its type; what needs no change is not copied."""
    run = Run(
        id="i",
        name="n",
        model=Model(type="CrossEncoder"),
        hyperparameters=Hyperparameters(values={"a": 1, "hub_token": "xyz", "o": Opaque("tok " + SECRETS["github"])}),
        environment=Environment(command_line=("x", "--api-key", "k")),
    )
    value, places = redact(run)
    assert isinstance(value, Run)
    assert value.model is run.model
    assert value.hyperparameters is not None
    assert value.hyperparameters.values == {"a": 1, "hub_token": REDACTED, "o": Opaque(f"tok {REDACTED}")}
    assert places == ["hyperparameters.values.hub_token", "hyperparameters.values.o", "environment.command_line.2"]
    clean = dataclasses.replace(run, hyperparameters=None, environment=Environment())
    assert redact(clean)[0] is clean
    shown = Displayed("0.5", 0.5)
    assert redact({"password": shown})[0]["password"] is shown


def test_redacting_twice_changes_nothing_more() -> None:
    """What was redacted is no secret any more."""
    once, _ = redact({"hub_token": "abc", "c": ["--token=abc12345", "https://u:p@h"], "t": SECRETS["jwt"]})
    assert redact(once) == (once, [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_any_value_keeps_its_shape(value: Any) -> None:
    """Types, lengths and numbers survive, whatever the value."""

    def shape(entry: Any) -> Any:
        if isinstance(entry, dict):
            return [shape(inner) for inner in entry.values()]
        if isinstance(entry, list):
            return [shape(inner) for inner in entry]
        return type(entry).__name__ if isinstance(entry, str | bytes) else entry

    assert shape(redact(value)[0]) == shape(value)


@pytest.mark.parametrize(
    "unit",
    ["a", "sk-", "eyJa.", "-----BEGIN PRIVATE KEY-----aaa\n", "://a:", "?key=", "bearer ", "x=", "xox", "a:'", "a='\\"],
)
def test_time_is_linear_in_the_length_of_a_text(unit: str) -> None:
    """A hostile text of 3 MB takes about ten times as long as one of 300 kB, not a hundred times."""

    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        best = float("inf")
        for _ in range(2):
            start = time.process_time()
            redact({"a": text})
            best = min(best, time.process_time() - start)
        return best

    assert seconds(3_000_000) < 40 * max(seconds(300_000), 0.01)


def test_a_name_is_compared_by_words() -> None:
    """Case, hyphens and dots do not matter; parts of words do not count."""
    assert is_secret_name("My-API.Key")
    assert not is_secret_name("monkey")
    assert not is_secret_name("")
