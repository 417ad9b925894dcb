"""Secrets are replaced before anything is stored.

A value is a secret by its *name* (the key it stands under, the command-line option before it, or what it is assigned
to within a text, as in `{"api_key": "…"}` or `api_key=…`) or by its *pattern* (the forms that tokens of well-known
services have). Names are compared word by word, so that `hub_token` and `apiKey` are secrets while `num_tokens`,
`author` and `pad_token: [PAD]` are not. Only text is ever a secret: None, bools and numbers stay.

Every pattern is looked for only where its fixed part occurs, and none of them can backtrack far: the time is
linear in the length of the text.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

from cardgen.record import Displayed, Opaque

REDACTED = "[redacted]"
"""What stands in the place of a secret."""

DATA_FIELDS = frozenset({"samples", "examples", "widget"})
"""Fields of records that hold rows of data: a column named `password` there is no setting, so only patterns count."""


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SECRET_WORDS = _listed(
    "password passwords passwd passphrase pwd secret secrets credential credentials apikey apikeys authorization cookie"
)
_SECRET_PHRASES = tuple(
    tuple(phrase.split("_"))
    for phrase in _listed(
        "api_key api_keys access_key access_keys secret_key private_key account_key encryption_key signing_key "
        "ssh_key auth_key master_key access_tokens api_tokens auth_tokens connection_string sas_url"
    )
)
_TOKEN_OWNERS = _listed(
    "hub hf huggingface api access auth oauth bearer refresh session bot github gh gitlab wandb security personal "
    "deploy login slack npm pypi jwt csrf aws azure gcp sas id"
)
_VOCABULARY = _listed(
    "pad bos eos sep cls mask unk image audio video start end first last decoder encoder new special stop query "
    "document separator class begin boundary word sub next prev text prompt system user assistant tool"
)

_PLACEHOLDER = re.compile(r"<[A-Z0-9_]+>")
_BRACKETED = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_OPTION = re.compile(r"(-{0,2}[A-Za-z][\w.-]{0,100})=(.*)", re.DOTALL)
_FLAG = re.compile(r"--?[A-Za-z][\w.-]{0,100}")
_ASSIGNMENT = re.compile(
    r"""(?<![\w.-])(?P<name>-{0,2}[A-Za-z][\w.-]{0,100})["']?"""
    r"""(?:\s{0,4}[:=]\s{0,4}(?P<quote>["'])(?P<quoted>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)"""
    r"""|=(?P<bare>[^\s"'`,;&<>()\[\]{}]+))""",
    re.DOTALL,
)


def redact(value: Any, name_path: str = "", *, by_name: bool = True) -> tuple[Any, list[str]]:
    """Replace the secrets in a value of any nesting.

    Dictionaries, lists, tuples and frozen dataclasses are rebuilt where something in them changed; a value
    without secrets is returned as it is.

    Args:
        value: a plain value, or a dataclass of plain values.
        name_path: the dotted place of the value, in front of every place returned; its last part is its name.
        by_name: whether names count; patterns always do.

    Returns:
        the value without its secrets, and the dotted places where one was.
    """
    places: list[str] = []
    name = name_path.rpartition(".")[2] if by_name else ""
    return _redact(value, name_path, name, by_name, False, places), places


def redact_text(text: str) -> str:
    """A text without the secrets that can be told by their form."""
    for marker, pattern, replace in _PATTERNS:
        if marker in text:
            text = pattern.sub(replace, text)
    return text


@functools.lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a value of this name is a secret whatever it looks like."""
    words = _words(name)
    if _SECRET_WORDS.intersection(words) or words in (("auth",), ("http", "auth"), ("basic", "auth")):
        return True
    if words and words[-1] == "token" and len(words) > 1 and _TOKEN_OWNERS.intersection(words[:-1]):
        return True
    return any(
        words[start : start + len(phrase)] == phrase
        for phrase in _SECRET_PHRASES
        for start in range(len(words) - len(phrase) + 1)
    )


@functools.lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name[:200]))


def _is_secret(name: str, text: str) -> bool:
    """Whether a text under a name is a secret by that name."""
    if not text or text == REDACTED or _PLACEHOLDER.fullmatch(text):
        return False
    words = _words(name)
    is_token = bool(words) and words[-1] == "token"
    if is_token and _BRACKETED.fullmatch(text):
        return False
    if is_secret_name(name) or (words == ("token",) and name.startswith("-")):
        return True
    if not is_token or _VOCABULARY.intersection(words[:-1]):
        return False
    # a token of unknown kind: only what looks like a credential and not like a word
    return len(text) >= 8 and not re.search(r"\s", text) and any(letter.isdigit() for letter in text)


def _redact(value: Any, path: str, name: str, by_name: bool, inside: bool, places: list[str]) -> Any:
    """`inside`: something above has a secret's name, so every text in here is one."""
    if isinstance(value, str):
        return _redact_string(value, path, name, by_name, inside, places)
    if value is None or isinstance(value, _NEVER_SECRET):
        return value
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        changed = _redact_string(text, path, name, by_name, inside, places)
        return value if changed is text else changed.encode("latin-1")
    if isinstance(value, Opaque):
        changed = _redact_string(value.text, path, name, by_name, inside, places)
        return value if changed is value.text else Opaque(changed)
    if isinstance(value, dict):
        return _redact_dict(value, path, by_name, inside, places)
    if isinstance(value, (list, tuple)):
        return _redact_sequence(value, path, name, by_name, inside, places)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _redact_record(value, path, by_name, inside, places)
    return value


def _redact_string(text: str, path: str, name: str, by_name: bool, inside: bool, places: list[str]) -> str:
    below = inside and bool(text) and text != REDACTED and not _PLACEHOLDER.fullmatch(text)
    if below or (by_name and name and _is_secret(name, text)):
        result = REDACTED
    elif by_name and "=" in text[:104] and (option := _OPTION.fullmatch(text)) and _is_secret(option[1], option[2]):
        result = f"{option[1]}={REDACTED}"
    else:
        result = redact_text(_ASSIGNMENT.sub(_assigned, text) if by_name else text)
    if result == text:
        return text
    places.append(path)
    return result


def _assigned(match: re.Match[str]) -> str:
    """An assignment within a text, without its value if the name says that this is a secret."""
    group = "bare" if match["quote"] is None else "quoted"
    if not _is_secret(match["name"], match[group]):
        return match[0]
    start, end = match.start(), match.end()
    return match.string[start : match.start(group)] + REDACTED + match.string[match.end(group) : end]


def _redact_dict(value: dict[Any, Any], path: str, by_name: bool, inside: bool, places: list[str]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    changed = False
    for key, entry in value.items():
        new_key = _redact_key(key) if isinstance(key, str) else key
        if type(entry) in _NUMBERS and new_key == key:  # nearly all that is logged while training
            result[key] = entry
            continue
        place = _join(path, str(new_key))
        if new_key != key:
            places.append(place)
        name = key if isinstance(key, str) else ""
        under = inside or (by_name and isinstance(entry, dict | list | tuple) and is_secret_name(name))
        new = _redact(entry, place, name, by_name, under, places)
        result[new_key] = new
        changed = changed or new is not entry or new_key != key
    return result if changed else value


_NUMBERS = (float, int)
_NEVER_SECRET = (bool, int, float, Displayed)


@functools.lru_cache(maxsize=4096)
def _redact_key(key: str) -> str:
    return redact_text(key)


def _redact_sequence(
    value: list[Any] | tuple[Any, ...], path: str, name: str, by_name: bool, inside: bool, places: list[str]
) -> list[Any] | tuple[Any, ...]:
    result = []
    for index, entry in enumerate(value):
        place = _join(path, str(index))
        option = value[index - 1] if by_name and index else None
        if (
            isinstance(entry, str)
            and isinstance(option, str)
            and _FLAG.fullmatch(option)
            and not _FLAG.fullmatch(entry)
        ):
            result.append(_redact(entry, place, option, by_name, inside, places))
        else:
            result.append(_redact(entry, place, name, by_name, inside, places))
    if all(new is old for new, old in zip(result, value, strict=True)):
        return value
    return type(value)(result)


def _redact_record(value: Any, path: str, by_name: bool, inside: bool, places: list[str]) -> Any:
    changes = {}
    for field in dataclasses.fields(value):
        entry = getattr(value, field.name)
        names_count = by_name and field.name not in DATA_FIELDS
        new = _redact(entry, _join(path, field.name), "", names_count, inside, places)
        if new is not entry:
            changes[field.name] = new
    return dataclasses.replace(value, **changes) if changes else value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _with_digit(match: re.Match[str]) -> str:
    """Words with hyphens have the form of some tokens; a token has a digit as well."""
    text = match[0]
    return REDACTED if any(letter.isdigit() for letter in text) else text


def _keep_first(match: re.Match[str]) -> str:
    return f"{match[1]}{REDACTED}"


def _keep_first_with_digit(match: re.Match[str]) -> str:
    return f"{match[1]}{REDACTED}" if any(letter.isdigit() for letter in match[2]) else match[0]


_Replace = str | Callable[[re.Match[str]], str]
_START = r"(?<![A-Za-z0-9])"

_RULES: tuple[tuple[str, str, _Replace], ...] = (
    (
        "PRIVATE KEY-----",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
        r"(?:[A-Za-z0-9+/=\s\\:,.]|-(?!-)){0,20000}+-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----"
        r"|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{40,}",
        REDACTED,
    ),
    ("://", r"(://[^\s/:@?#'\"<>]{0,256}:)[^\s/@'\"<>]{1,512}(?=@)", _keep_first),
    ("://", r"(://)([A-Za-z0-9_-]{20,256})(?=@)", _keep_first_with_digit),
    ("hf_", _START + r"hf_[A-Za-z0-9]{20,}", REDACTED),
    ("api_org_", _START + r"api_org_[A-Za-z0-9]{20,}", REDACTED),
    ("sk-", _START + r"sk-[A-Za-z0-9_-]{16,}", _with_digit),
    ("k_live_", _START + r"[rs]k_live_[A-Za-z0-9]{16,}", REDACTED),
    *((f"gh{kind}_", _START + rf"gh{kind}_[A-Za-z0-9]{{20,}}", REDACTED) for kind in "pousr"),
    ("github_pat_", _START + r"github_pat_[A-Za-z0-9_]{20,}", REDACTED),
    ("glpat-", _START + r"glpat-[A-Za-z0-9_.-]{16,}", REDACTED),
    ("npm_", _START + r"npm_[A-Za-z0-9]{30,}", REDACTED),
    ("pypi-", _START + r"pypi-[A-Za-z0-9_-]{50,}", REDACTED),
    ("dckr_pat_", _START + r"dckr_pat_[A-Za-z0-9_-]{20,}", REDACTED),
    ("xox", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,}", _with_digit),
    ("AKIA", r"(?<![A-Za-z0-9])AKIA[A-Z0-9]{16}(?![A-Za-z0-9])", REDACTED),
    ("ASIA", r"(?<![A-Za-z0-9])ASIA[A-Z0-9]{16}(?![A-Za-z0-9])", _with_digit),
    ("AIza", _START + r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", REDACTED),
    ("ya29.", _START + r"ya29\.[A-Za-z0-9_-]{20,}", REDACTED),
    ("SG.", _START + r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", REDACTED),
    ("eyJ", _START + r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", REDACTED),
    ("AccountKey=", r"(AccountKey=)[A-Za-z0-9+/]{20,}={0,2}", _keep_first),
    ("earer ", r"([Bb]earer +)([A-Za-z0-9._~+/=-]{16,})", _keep_first_with_digit),
    (
        "=",
        r"([?&](?:token|api_key|apikey|access_token|auth_token|key|secret|password|sig|signature)=)"
        r"[^\s&#'\"<>]{8,}",
        _keep_first,
    ),
)
_PATTERNS = tuple((marker, re.compile(pattern), replace) for marker, pattern, replace in _RULES)
