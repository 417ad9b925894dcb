"""Private: what must not leave, or not without a thought."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from cardgen.card.parse.values import literal
from cardgen.card.yaml_nodes import leaves
from cardgen.check.rule import Hit, Rule, rule
from cardgen.check.subject import Subject, forms
from cardgen.personal import EMAIL, HOME
from cardgen.record import Dataset
from cardgen.redaction import is_secret_name, redact, redact_text

_KEY = "PRIVATE KEY-----"
_ARGUMENT = re.compile(r"- `([^`]{1,200})`: (.*)", re.DOTALL)
_FACTS = ("## Model Details", "## Evaluation", "## Training Details")
_LOADS = re.compile(r"""(?:SentenceTransformer|(?:Cross|Sparse|MultiVector)Encoder)\(\s{0,10}["']""")
_OWN_CONTACT = re.compile(r"\bcontact\b|\bauthors?\b", re.IGNORECASE)
_URL = re.compile(r"\b[a-z][a-z0-9+]{1,20}://(?:[^\s/@]{0,200}@)?\[?([A-Za-z0-9._-]{1,253})", re.IGNORECASE)
_WITH_HOST = re.compile(r"\b(?:https?|ssh|ftp|tcp|ws|wss|grpc|redis|mongodb|postgres(?:ql)?|mysql)\b", re.IGNORECASE)
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)", re.ASCII)
_PRIVATE = ("10.", "172.", "192.168.", "169.254.")
_NETWORKS = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")))
_INTERNAL = (".local", ".internal", ".intranet", ".corp", ".lan", ".home.arpa", ".localdomain", ".cluster.local")


@rule("private", "secret", "error")
def secret(card: Subject) -> Iterator[Hit]:
    """Nowhere is a token, password or private key: known by its form, and in front matter and arguments also by its
    name. If it was published before, revoke it: taking it out of the card is not enough.
    """
    for number in sorted(set(_secret_lines(card))):
        yield Hit(number, "this looks like a token, password or private key")


@rule("private", "home-path", "error", remedy="cardgen publish {run} REPO_ID --redact paths")
def home_path(card: Subject) -> Iterator[Hit]:
    """No metadata and no argument has the path of somebody's home folder, which tells a user's name."""
    yield from (Hit(number, "the path of a home folder") for number in _homes(card)[0])


@rule("private", "home-path-in-text", "warning", remedy="cardgen publish {run} REPO_ID --redact paths")
def home_path_in_text(card: Subject) -> Iterator[Hit]:
    """Rows of data, examples and prose have no path of a home folder."""
    yield from (Hit(number, "the path of a home folder") for number in _homes(card)[1])


@rule("private", "email-address", "warning", remedy="cardgen publish {run} REPO_ID --redact emails")
def email_address(card: Subject) -> Iterator[Hit]:
    """The card has no e-mail address, but for those under a heading about authors or contact."""
    if "@" not in card.dress.body:
        return
    meant: set[int] = set()
    for section in card.sections:
        if _OWN_CONTACT.search(section.title[:200]):
            meant.update(range(section.start + card.body_start + 1, section.end + card.body_start + 1))
    for number, found in card.matches(EMAIL, "@").items():
        if number not in meant and not all(match[0].startswith("git@") for match in found):
            yield Hit(number, "an e-mail address")


@rule("private", "internal-host", "warning")
def internal_host(card: Subject) -> Iterator[Hit]:
    """The card names no machine of a private network: no private address, no URL of a host without a public name, and
    not the machine that the run was made on.
    """
    own = card.run.environment.hostname if card.run is not None else None
    told: dict[int, str] = {}
    if own and len(own) > 3 and own != "localhost":
        told.update(dict.fromkeys(card.matches(re.compile(re.escape(own)), own), "the name of the run's machine"))
    for number, found in card.matches(_URL, "://").items():
        if any(map(_is_internal, found)):
            told.setdefault(number, "the URL of a machine in a private network")
    for number, found in card.matches(_IP, *_PRIVATE).items():
        if any(_is_private_ip(match[0]) for match in found):
            told.setdefault(number, "an address in a private network")
    yield from (Hit(number, message) for number, message in sorted(told.items()))


@rule("private", "private-rows", "warning", remedy="cardgen publish {run} REPO_ID --samples omit")
def private_rows(card: Subject) -> Iterator[Hit]:
    """Rows are shown only of data sets that are known to be public: those with an id on the Hub. A card for a private
    repository may show all.
    """
    if not card.public:
        return
    run = card.parsed.run
    datasets = run.datasets if run is not None else ()
    private = [dataset for dataset in datasets if not _is_public(card, dataset)]
    lines = card.lines
    shown = [number for number, line in enumerate(lines, 1) if line.startswith("* Samples:")]
    with_rows = [dataset for dataset in datasets if dataset.samples is not None]
    exact = len(shown) == len(with_rows)
    for dataset in private:
        if dataset.samples:
            number = shown[with_rows.index(dataset)] if exact else next(iter(shown), None)
            yield Hit(number, f"rows of {dataset.name or 'a data set without a name'}, which is not known to be public")
    if (private or not datasets) and card.front.get("widget") is not None:
        entries = list(leaves(card.front.get("widget")))
        if entries:
            line = card.front_line(card.front.keys["widget"])
            yield Hit(line, "the widget shows texts of data that is not known to be public")
    if private and run is not None and run.usage.examples:
        loading = next((number for number, line in card.body_lines() if _LOADS.search(line)), None)
        yield Hit(loading, "the snippet shows texts of data that is not known to be public")


RULES: tuple[Rule, ...] = (secret, home_path, home_path_in_text, email_address, internal_host, private_rows)


def _secret_lines(card: Subject) -> Iterator[int]:
    lines = list(enumerate(card.lines, 1))
    escaped = [(number, form) for number, line in lines if "\\" in line for form in forms(line)[1:]]
    for numbered, text in ((lines, card.dress.body), (escaped, "\n".join(line for _, line in escaped))):
        if redact_text(text) != text:
            for number, line in numbered:
                # a key goes over several lines
                if redact_text(line) != line or (_KEY in line and "-----BEGIN " in line):
                    yield number
    for path, scalar in leaves(card.front):
        if path[0] != "widget" and scalar.kind == "str" and _is_named_secret(path[-1], scalar.text):
            yield card.front_line(scalar.line)
    rows = [scalar for _, scalar in leaves(card.front.get("widget"))]  # where names are those of columns
    if redact(" \n".join(scalar.text for scalar in rows), by_name=False)[1]:
        yield from (card.front_line(scalar.line) for scalar in rows if redact_text(scalar.text) != scalar.text)
    for number, line in card.body_lines():
        found = _ARGUMENT.fullmatch(line) if line.startswith("- `") else None
        if found is not None and _is_named_secret(found[1], literal(found[2])):
            yield number


def _is_named_secret(name: str, value: Any) -> bool:
    """Whether a value is a secret by its name, or has one in it; the look at both spares most of them the search."""
    if not isinstance(value, str | dict | list | tuple) or not value:
        return False
    plain = isinstance(value, str) and "=" not in value and '"' not in value and "'" not in value
    if plain and "token" not in name.lower() and not is_secret_name(name):
        return False
    return bool(redact(value, name.replace(".", "_"))[1])


@functools.lru_cache(maxsize=1)
def _homes(card: Subject) -> tuple[list[int], list[int]]:
    """The lines with the path of a home folder: those of metadata and arguments, and all others."""
    found = set(card.matches(HOME, "/home/", "Users", "/users/", "/root/"))
    if not found:
        return [], []
    facts = {number for number, _ in _fact_lines(card)} | set(range(1, card.body_start + 1))
    widget = card.front.get("widget")
    if widget is not None:
        below = [line for key, line in card.front.keys.items() if line > card.front.keys["widget"]]
        first = card.front_line(card.front.keys["widget"])
        last = card.front_line(min(below)) if below else card.body_start
        facts -= set(range(first, last))
    return sorted(found & facts), sorted(found - facts)


def _fact_lines(card: Subject) -> Iterator[tuple[int, str]]:
    """The lines of the body that tell metadata and arguments, title and introduction among them: no rows of tables, and
    not what people wrote."""
    inside = True
    for number, line in card.body_lines():
        if line.startswith("## "):
            inside = line.startswith(_FACTS)
        if (inside and not line.lstrip().startswith("|")) or _LOADS.search(line):
            yield number, line


def _is_public(card: Subject, dataset: Dataset) -> bool:
    return dataset.hub_id is not None and (card.known_public is None or dataset.hub_id in card.known_public)


def _is_internal(found: re.Match[str]) -> bool:
    host = found[1].lower().rstrip(".")
    if host == "localhost":
        return False
    if _IP.fullmatch(host):
        return _is_private_ip(host)
    if host.endswith(_INTERNAL):
        return True
    return "." not in host and not host.isdigit() and _WITH_HOST.match(found[0]) is not None


def _is_private_ip(text: str) -> bool:
    """Whether an address is one of RFC 1918 or link-local; loopback tells nothing, and what else is private is rare."""
    try:
        return text.startswith(_PRIVATE) and any(ipaddress.IPv4Address(text) in network for network in _NETWORKS)
    except ValueError:
        return False
